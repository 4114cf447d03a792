//! Covers the words of one request, and turns the placeholders in its answer back.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    fmt,
    ops::Range,
    sync::Arc,
};

use super::{
    Parts,
    key::Key,
    placeholder::{self, LENGTH, Placeholder},
    words::Words,
};

/// How often the places of a text may grow before all of it becomes one: only text that was made for it gets there.
const MAX_ROUNDS: usize = 8;
/// How often a placeholder is drawn anew because a word is in it.
const MAX_DRAWS: u32 = 64;

/// What one request leaves for its answer: which placeholder stands for which spelling.
#[derive(Debug)]
pub struct Mask {
    pub(super) parts: Arc<Parts>,
    /// Beside the usual spellings.
    own: Table,
}

/// Spellings and their placeholders. Its `Debug` shows none.
#[derive(Clone, Default)]
pub(super) struct Table {
    placeholders: HashMap<Box<str>, Placeholder>,
    spellings: BTreeMap<Placeholder, Box<str>>,
}

impl Table {
    /// The spellings that a model may know from earlier turns which the client has since shortened.
    pub(super) fn usual(list: &[String], words: &Words, key: &Key) -> Self {
        let mut table = Self::default();
        for word in list.iter().filter(|word| !word.is_empty()) {
            let lower = word.to_lowercase();
            let mut rest = lower.chars();
            let capital: String = rest.next().into_iter().flat_map(char::to_uppercase).chain(rest).collect();
            for spelling in [word.clone(), lower.clone(), word.to_uppercase(), capital] {
                // Case can change what a text is, and then it is not found again.
                if !table.placeholders.contains_key(&*spelling) && words.are_in(&spelling) {
                    let drawn = draw(key, words, &spelling, &|drawn| table.spellings.contains_key(drawn));
                    table.put(&spelling, drawn);
                }
            }
        }
        table
    }

    fn put(&mut self, spelling: &str, placeholder: Placeholder) {
        self.placeholders.insert(spelling.into(), placeholder);
        self.spellings.insert(placeholder, spelling.into());
    }

    /// Whether one of the placeholders begins with `front`.
    fn has_front(&self, front: &[u8]) -> bool {
        let mut least = [0; LENGTH];
        least[..front.len()].copy_from_slice(front);
        self.spellings.range(least..).next().is_some_and(|(first, _)| first.starts_with(front))
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Table(<redacted>)")
    }
}

/// The placeholder of `spelling`: the first that is not `taken` and has no word in it.
fn draw(key: &Key, words: &Words, spelling: &str, taken: &dyn Fn(&Placeholder) -> bool) -> Placeholder {
    let mut count = 0;
    loop {
        let drawn = placeholder::of(key.number("placeholder", spelling, count));
        let is_clean = count >= MAX_DRAWS || !words.are_in(&text_of(&drawn));
        if is_clean && !taken(&drawn) {
            return drawn;
        }
        count += 1;
    }
}

fn text_of(placeholder: &Placeholder) -> Cow<'_, str> {
    String::from_utf8_lossy(placeholder)
}

impl Mask {
    pub(super) fn new(parts: Arc<Parts>) -> Self {
        Self { parts, own: Table::default() }
    }

    /// True if nothing can be covered, so that nothing is to be turned back either.
    pub(super) fn is_idle(&self) -> bool {
        self.parts.words.is_empty()
    }

    /// The text with placeholders; `None` if it has nothing to cover.
    pub(super) fn cover(&mut self, text: &str) -> Option<String> {
        if self.is_idle() {
            return None;
        }
        let looks = placeholder::lookalikes(text).map(|(place, _)| place);
        let mut places = merged(self.parts.words.places(text).into_iter().chain(looks).collect());
        if places.is_empty() {
            return None;
        }
        for _ in 0..MAX_ROUNDS {
            let covered = self.fill(text, &places);
            if !self.parts.words.may_straddle() {
                return Some(covered);
            }
            let leaks = self.parts.words.places(&covered);
            let grown =
                merged(leaks.iter().map(|leak| origin(leak, &places)).chain(places.clone()).collect());
            if grown == places {
                return Some(covered);
            }
            places = grown;
        }
        let whole = 0..text.len();
        Some(self.fill(text, std::slice::from_ref(&whole)))
    }

    fn fill(&mut self, text: &str, places: &[Range<usize>]) -> String {
        let mut filled = String::with_capacity(text.len() + places.len() * LENGTH);
        let mut at = 0;
        for place in places {
            filled.push_str(&text[at..place.start]);
            filled.push_str(&text_of(&self.placeholder(&text[place.clone()])));
            at = place.end;
        }
        filled.push_str(&text[at..]);
        filled
    }

    fn placeholder(&mut self, spelling: &str) -> Placeholder {
        let usual = &self.parts.usual;
        let known = usual.placeholders.get(spelling).or_else(|| self.own.placeholders.get(spelling));
        if let Some(known) = known {
            return *known;
        }
        let taken = |drawn: &Placeholder| {
            usual.spellings.contains_key(drawn) || self.own.spellings.contains_key(drawn)
        };
        let drawn = draw(&self.parts.key, &self.parts.words, spelling, &taken);
        self.own.put(spelling, drawn);
        drawn
    }

    /// The text with its words.
    pub(super) fn restored(&self, text: &str) -> Option<String> {
        self.back(text, |spelling, out| out.push_str(spelling))
    }

    /// JSON text, whole or a part of it, with its words. Placeholders only stand inside strings there.
    pub(super) fn restored_json(&self, text: &str) -> Option<String> {
        self.back(text, |spelling, out| {
            let quoted = crate::ir::raw(spelling);
            out.push_str(&quoted.get()[1..quoted.get().len() - 1]);
        })
    }

    fn back(&self, text: &str, put: impl Fn(&str, &mut String)) -> Option<String> {
        if self.is_idle() {
            return None;
        }
        let mut out = String::new();
        let mut at = 0;
        for (place, looks) in placeholder::lookalikes(text) {
            let Some(spelling) = self.spelling(&looks) else { continue };
            out.push_str(&text[at..place.start]);
            put(spelling, &mut out);
            at = place.end;
        }
        (at > 0).then(|| out + &text[at..])
    }

    fn spelling(&self, placeholder: &Placeholder) -> Option<&str> {
        let known = self.own.spellings.get(placeholder);
        known.or_else(|| self.parts.usual.spellings.get(placeholder)).map(|spelling| &**spelling)
    }

    /// How many bytes at the end of `text` may be the beginning of a placeholder that goes on.
    pub(super) fn open_end(&self, text: &str) -> usize {
        let from = text.len().saturating_sub(LENGTH - 1);
        let tail = &text.as_bytes()[from..];
        let Some(start) = tail.iter().rposition(|byte| *byte == b'Z') else { return 0 };
        let front = &tail[start..];
        let goes_on =
            placeholder::may_begin(front) && (self.own.has_front(front) || self.parts.usual.has_front(front));
        if goes_on { front.len() } else { 0 }
    }

    /// Whether `text`, which a provider wrote, comes back to it unchanged when the client returns it.
    pub(super) fn comes_back(&self, text: &str) -> bool {
        if self.is_idle() {
            return true;
        }
        let shown = self.restored(text);
        let mut next = Self { parts: Arc::clone(&self.parts), own: self.own.clone() };
        let again = next.cover(shown.as_deref().unwrap_or(text));
        again.as_deref().or(shown.as_deref()).unwrap_or(text) == text
    }
}

/// Places in order, those that overlap as one.
fn merged(mut places: Vec<Range<usize>>) -> Vec<Range<usize>> {
    places.sort_unstable_by_key(|place| (place.start, place.end));
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(places.len());
    for place in places {
        match merged.last_mut() {
            Some(last) if place.start < last.end => last.end = last.end.max(place.end),
            _ => merged.push(place),
        }
    }
    merged
}

/// Which part of a text became `part` of what it was filled to, once `places` are placeholders.
fn origin(part: &Range<usize>, places: &[Range<usize>]) -> Range<usize> {
    let at = |wanted: usize, is_end: bool| {
        let (mut text, mut filled) = (0, 0);
        for place in places {
            let gap = place.start - text;
            if wanted < filled + gap || (is_end && wanted == filled + gap) {
                break;
            }
            filled += gap + LENGTH;
            text = place.end;
            if wanted < filled || (is_end && wanted == filled) {
                return if is_end { place.end } else { place.start };
            }
        }
        text + (wanted - filled)
    };
    at(part.start, false)..at(part.end, true)
}
