//! What a receiver is sent at once: one notice, or several that came together.

use std::sync::Arc;

use crate::{Kind, Notice, Status};

/// How messages begin. Some receivers take only messages with a word that was agreed on: this is one.
const NAME: &str = "Lockgate";

/// What a receiver is sent at once; there is at least one notice.
#[derive(Debug, Clone)]
pub struct Message {
    /// What it tells, the oldest first.
    pub notices: Vec<Arc<Notice>>,
    /// How many older ones found no room.
    pub left_out: u64,
}

/// A message as a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// What tells it from all others.
    pub id: String,
    /// Its subject line.
    pub subject: String,
    /// Its text.
    pub text: String,
}

// === impl Message ===

impl Message {
    /// What tells it from all others, and is the same however often it is sent.
    #[must_use]
    pub fn id(&self) -> &str {
        self.notices.first().map_or("", |first| &first.id)
    }

    /// What a person reads first.
    #[must_use]
    pub fn title(&self) -> String {
        match &self.notices[..] {
            [one] => format!("{NAME}: {}", one.title()),
            several => {
                let counts: Vec<_> =
                    counts(several).map(|(title, count)| format!("{count} {title}")).collect();
                format!("{NAME}: {} alerts ({})", several.len(), counts.join(", "))
            }
        }
    }

    /// What is below the title, a line for each notice, in at most `room` bytes and with a word of what is not there.
    #[must_use]
    pub fn text(&self, room: usize) -> String {
        let lines = self.notices.iter().map(|notice| match &self.notices[..] {
            [_] => format!("{}\n{}", notice.text, notice.time()),
            _ => format!("{} {}: {}", notice.time(), notice.title(), notice.text),
        });
        // The end always fits.
        let room = room.saturating_sub(80);
        let (mut text, mut told) = (String::new(), 0);
        for line in lines {
            if text.len() + line.len() + 1 > room {
                break;
            }
            text.push_str(&line);
            text.push('\n');
            told += 1;
        }
        let rest = self.left_out + (self.notices.len() - told) as u64;
        if rest > 0 {
            text.push_str(&format!("and {rest} more: see the log, or `lockgate alerts`"));
        }
        text.trim_end().to_owned()
    }

    /// Title and text.
    #[must_use]
    pub fn whole(&self, room: usize) -> String {
        let title = self.title();
        format!("{title}\n{}", self.text(room.saturating_sub(title.len() + 1)))
    }

    /// As a mail.
    #[must_use]
    pub fn letter(&self) -> Letter {
        /// Bytes of its text.
        const ROOM: usize = 64 << 10;
        Letter { id: self.id().to_owned(), subject: self.title(), text: self.text(ROOM) }
    }
}

/// How many there are of each, in the order of the kinds.
fn counts(notices: &[Arc<Notice>]) -> impl Iterator<Item = (&'static str, usize)> + '_ {
    let both = |kind| [(kind, Status::Raised), (kind, Status::Resolved)];
    let count = |(kind, status): (Kind, Status)| {
        let of_it = |notice: &&Arc<Notice>| notice.kind == kind && notice.status == status;
        (kind.title(status), notices.iter().filter(of_it).count())
    };
    Kind::all().flat_map(both).map(count).filter(|(_, count)| *count > 0)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::Alert;

    fn message(subjects: usize, left_out: u64) -> Message {
        let notice = |number: usize| {
            let alert = Alert::new(Kind::Deployment, format!("p/{number}#1"), "it fails");
            let status = if number == 0 { Status::Resolved } else { Status::Raised };
            Arc::new(Notice::new(number.to_string(), SystemTime::UNIX_EPOCH, status, alert))
        };
        Message { notices: (0..subjects).map(notice).collect(), left_out }
    }

    #[test]
    fn one_is_told_in_full() {
        let one = message(1, 0);
        assert_eq!(one.whole(2000), "Lockgate: deployment back: p/0#1\nit fails\n1970-01-01T00:00:00Z");
    }

    #[test]
    fn several_are_one_message_with_its_bounds() {
        let several = message(3, 0);
        let title = "Lockgate: 3 alerts (2 deployment ejected, 1 deployment back)";
        assert_eq!(several.title(), title);
        assert_eq!(several.text(2000).lines().count(), 3);
        for room in [200, 500, 2048] {
            let whole = message(200, 7).whole(room);
            assert!(whole.len() <= room, "{} in {room}", whole.len());
            assert!(whole.ends_with("more: see the log, or `lockgate alerts`"), "{whole}");
        }
        assert!(message(1, 7).text(2000).ends_with("and 7 more: see the log, or `lockgate alerts`"));
    }
}
