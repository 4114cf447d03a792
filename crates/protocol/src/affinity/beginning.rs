//! How a conversation begins: what stays the same from its first turn to its last, however it is spelled.
//!
//! Clients move the marks of the prompt cache from turn to turn, make lists of texts and texts of lists, and write members
//! in another order. So only texts count, and of other values all but those marks, in any order.

use super::{Signs, hash};
use crate::json::glance;

/// How much of what stands before a conversation counts, in bytes: it is shared by many.
const SYSTEM: usize = 4 << 10;
/// How much of what the user says first: it tells them apart, even behind what a program puts in front of it.
const USER: usize = 16 << 10;
/// How much of any other text counts.
const OTHER: usize = 256;
/// How many turns are looked at.
const MAX_TURNS: usize = 64;
/// How deep other values are looked into.
const MAX_DEPTH: u32 = 8;

/// The member of a turn that says whose it is, in all dialects.
const ROLE: &str = "role";
/// The member of a block that is its text, in all dialects.
const TEXT: &str = "text";
/// The members and blocks that mark where the prompt cache shall end, without quotes.
const MARKS: &[&[u8]] = &[b"cache_control", b"cachePoint"];

/// Between the system's words and the user's.
const BORDER: u8 = 0xff;

/// The key of the conversation whose members `member` gives; `None` if its user says nothing.
pub(super) fn key<'b>(signs: &Signs, member: impl Fn(&str) -> Option<&'b [u8]>) -> Option<u64> {
    if member(signs.continues).is_some_and(|id| id != b"null") {
        return None;
    }
    let turns = member(signs.turns)?;
    let mut system = Words::new(signs, SYSTEM);
    let mut user = Words::new(signs, USER);
    for name in signs.system {
        system.add(member(name).unwrap_or_default());
    }
    if turns.first() == Some(&b'"') {
        user.add(turns);
    }
    for turn in glance::elements(turns).take(MAX_TURNS) {
        let content = glance::member(turn, signs.content).unwrap_or_default();
        match glance::member(turn, ROLE) {
            Some(br#""system""# | br#""developer""#) if user.out.is_empty() => system.add(content),
            Some(br#""user""#) => user.add(content),
            None if signs.nobody_is_user => user.add(content),
            // What follows is not there yet on the first turn.
            _ if !user.out.is_empty() => break,
            _ => {}
        }
    }
    let Words { mut out, .. } = system;
    out.push(BORDER);
    out.extend_from_slice(&user.out);
    (!user.out.is_empty()).then(|| hash::of(hash::BEGINNING, &out))
}

/// What is said by one side.
struct Words<'s> {
    signs: &'s Signs,
    limit: usize,
    out: Vec<u8>,
}

impl<'s> Words<'s> {
    fn new(signs: &'s Signs, limit: usize) -> Self {
        Self { signs, limit, out: Vec::new() }
    }

    /// Adds a content: a text, a block, or a list of them.
    fn add(&mut self, content: &[u8]) {
        let blocks = match content.first() {
            Some(b'[') => content,
            // Some dialects have the list in an object.
            Some(b'{') => match glance::member(content, self.signs.content) {
                Some(blocks) => blocks,
                None => return self.block(content),
            },
            _ => return self.text(content),
        };
        for block in glance::elements(blocks) {
            if self.out.len() >= self.limit {
                break;
            }
            self.block(block);
        }
    }

    fn block(&mut self, block: &[u8]) {
        match glance::member(block, TEXT) {
            Some(text) => self.text(text),
            None if block.first() == Some(&b'"') => self.text(block),
            None => self.out.extend(value(block, MAX_DEPTH).into_iter().flat_map(u64::to_le_bytes)),
        }
    }

    fn text(&mut self, literal: &[u8]) {
        glance::text(literal, self.limit.saturating_sub(self.out.len()), &mut self.out);
    }
}

/// A hash of any value but for marks; `None` if it is nothing but one.
fn value(raw: &[u8], depth: u32) -> Option<u64> {
    match raw.first()? {
        b'"' => {
            let mut text = Vec::with_capacity(OTHER + 8);
            glance::text(raw, OTHER, &mut text);
            // Pictures of one kind and size begin alike.
            text.extend(raw.len().to_le_bytes());
            Some(hash::of(hash::VALUE, &text))
        }
        b'{' | b'[' if depth == 0 => Some(0),
        b'[' => {
            let inner = glance::elements(raw).filter_map(|entry| value(entry, depth - 1));
            Some(hash::of(hash::VALUE, &inner.flat_map(u64::to_le_bytes).collect::<Vec<_>>()))
        }
        b'{' => {
            let members = glance::members(raw).filter(|(name, _)| !is_mark(name));
            let hashes = members.map(|(name, inner)| {
                let inner = value(inner, depth - 1).unwrap_or_default();
                hash::of(hash::VALUE, &[name, &inner.to_le_bytes()].concat())
            });
            // A sum, so that the order does not count.
            hashes.reduce(u64::wrapping_add)
        }
        _ => Some(hash::of(hash::VALUE, raw)),
    }
}

fn is_mark(name: &[u8]) -> bool {
    MARKS.iter().any(|mark| name.get(1..name.len() - 1) == Some(mark))
}
