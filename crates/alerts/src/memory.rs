//! Who was told what, and when it is told again.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use crate::{Kind, Status};

/// Most subjects of one kind that are remembered; clients make up the names of some.
const ROOM: usize = 10_000;

/// What was told so far: a subject of a kind once in a while, and its end once.
#[derive(Debug)]
pub struct Memory {
    kinds: [HashMap<Box<str>, Told>; Kind::COUNT],
    /// How many of each kind were told of, and not yet their end.
    open: [usize; Kind::COUNT],
}

#[derive(Debug)]
struct Told {
    at: Instant,
    is_open: bool,
}

/// What has just happened to a subject.
#[derive(Debug, Clone, Copy)]
pub struct News<'s> {
    /// What it is about.
    pub kind: Kind,
    /// Whom it concerns.
    pub subject: &'s str,
    /// Whether it begins or is over.
    pub status: Status,
}

// === impl Memory ===

impl Default for Memory {
    fn default() -> Self {
        Self { kinds: std::array::from_fn(|_| HashMap::new()), open: [0; Kind::COUNT] }
    }
}

impl Memory {
    /// Whether these news are to be told, which is then remembered: a beginning unless the last one of the same subject was
    /// told within `cooldown`, an end if its beginning was told and no end since.
    pub fn admit(&mut self, news: News<'_>, cooldown: Duration, now: Instant) -> bool {
        match news.status {
            Status::Raised => self.raise(news.kind, news.subject, cooldown, now),
            Status::Resolved => self.resolve(news.kind, news.subject),
        }
    }

    /// How many subjects of that kind were told of, and not yet their end.
    #[must_use]
    pub const fn open(&self, kind: Kind) -> usize {
        self.open[kind.place()]
    }

    fn raise(&mut self, kind: Kind, subject: &str, cooldown: Duration, now: Instant) -> bool {
        let (told, open) = (&mut self.kinds[kind.place()], &mut self.open[kind.place()]);
        let is_fresh = |told: &Told| now.saturating_duration_since(told.at) < cooldown;
        if let Some(before) = told.get_mut(subject) {
            if is_fresh(before) {
                return false;
            }
            *open += usize::from(!before.is_open);
            *before = Told { at: now, is_open: true };
            return true;
        }
        if told.len() >= ROOM {
            told.retain(|_, told| told.is_open || is_fresh(told));
        }
        // An end that is never told is the lesser evil: without room nothing of this kind would be told any more.
        if told.len() >= ROOM {
            told.retain(|_, told| is_fresh(told));
            *open = told.values().filter(|told| told.is_open).count();
        }
        if told.len() >= ROOM {
            return false;
        }
        told.insert(subject.into(), Told { at: now, is_open: true });
        *open += 1;
        true
    }

    fn resolve(&mut self, kind: Kind, subject: &str) -> bool {
        let told = self.kinds[kind.place()].get_mut(subject);
        let Some(told) = told.filter(|told| told.is_open) else { return false };
        told.is_open = false;
        self.open[kind.place()] -= 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn left(memory: &mut Memory, subject: &str, at: Instant) -> bool {
        memory.admit(News { kind: Kind::Deployment, subject, status: Status::Raised }, MINUTE, at)
    }

    fn back(memory: &mut Memory, subject: &str, at: Instant) -> bool {
        memory.admit(News { kind: Kind::Deployment, subject, status: Status::Resolved }, MINUTE, at)
    }

    /// Some time; the clock is the gateway's.
    #[allow(
        clippy::disallowed_methods,
        reason = "there is no other way to an `Instant`, and only differences count"
    )]
    fn start() -> Instant {
        Instant::now()
    }

    #[test]
    fn each_is_told_once_in_a_while() {
        let (mut memory, start) = (Memory::default(), start());
        let (a, b, memory) = ("p/a#1", "p/b#1", &mut memory);
        assert!(!back(memory, a, start), "nothing was told of it");
        assert!(left(memory, a, start));
        assert!(left(memory, b, start));
        assert!(!left(memory, a, start + MINUTE / 2));
        assert!(back(memory, a, start + MINUTE / 2));
        assert!(!back(memory, a, start + MINUTE / 2), "once");
        assert!(!left(memory, a, start + MINUTE / 2));
        assert!(!back(memory, a, start + MINUTE / 2), "it was not told that it was away again");
        assert!(left(memory, a, start + MINUTE));
        assert!(left(memory, a, start + MINUTE * 2), "it is away all the time");
        assert_eq!(memory.open(Kind::Deployment), 2);
        assert!(back(memory, a, start + MINUTE * 2) && back(memory, b, start + MINUTE * 2));
        assert_eq!(memory.open(Kind::Deployment), 0);
    }

    #[test]
    fn a_subject_of_another_kind_is_another_one() {
        let (mut memory, start) = (Memory::default(), start());
        assert!(left(&mut memory, "p", start));
        let quota = News { kind: Kind::Quota, subject: "p", status: Status::Raised };
        assert!(memory.admit(quota, MINUTE, start));
        assert!(!memory.admit(quota, MINUTE, start));
    }

    #[test]
    fn made_up_names_find_an_end() {
        let (mut memory, start) = (Memory::default(), start());
        let memory = &mut memory;
        for number in 0..ROOM {
            assert!(left(memory, &format!("p/{number}#1"), start));
        }
        assert!(!left(memory, "p/more#1", start));
        assert!(left(memory, "p/0#1", start + MINUTE), "known ones are told of as ever");
        assert!(left(memory, "p/more#1", start + MINUTE), "there is room again");
        assert_eq!(memory.open(Kind::Deployment), 2, "the others were forgotten");
        assert!(back(memory, "p/0#1", start + MINUTE));
        assert!(!back(memory, "p/1#1", start + MINUTE));
    }
}
