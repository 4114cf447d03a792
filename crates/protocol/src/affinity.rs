//! Knows a client's conversation again, so that all its turns can go to where the provider has them in its cache.
//!
//! A client that names its session is believed; else its conversation is known by how it begins. The key is the same in
//! every process and on every node. It is no proof of anything: two clients that name the same session share it.

mod beginning;
mod hash;

use crate::{dialect::Dialect, envelope::Envelope, json::glance};

/// Headers in which clients name their session, the more exact before the less.
pub const HEADERS: &[&str] = &[
    // Claude Code, Codex and its forks, opencode, OpenRouter's own clients.
    "x-claude-code-session-id",
    "session_id",
    "session-id",
    "x-session-id",
    "x-session-affinity",
    "conversation_id",
    "thread-id",
];

/// Longest id of a session that is one, in bytes.
const MAX_ID: usize = 4096;

/// What in a dialect's requests tells one conversation from another, by the names of their members.
#[derive(Debug)]
pub struct Signs {
    /// Where clients name the session or what ties its turns together, in order.
    pub ids: &'static [Id],
    /// Members that stand before the conversation.
    pub system: &'static [&'static str],
    /// The list of turns; it may be one text instead.
    pub turns: &'static str,
    /// In a turn: its content.
    pub content: &'static str,
    /// Whether a turn of nobody is the user's.
    pub nobody_is_user: bool,
    /// The member that says that the conversation began in another request.
    pub continues: &'static str,
}

/// A place where clients may name a session.
#[derive(Debug)]
pub struct Id {
    /// The names on the way there; what is there is a text.
    pub path: &'static [&'static str],
    /// What has to be part of the text, where others put something else there.
    pub with: &'static str,
}

impl Id {
    /// A place where nothing else is put.
    pub const fn at(path: &'static [&'static str]) -> Self {
        Self { path, with: "" }
    }

    /// The text in a body.
    fn of(&self, body: &[u8], first: impl Fn(&str) -> Option<std::ops::Range<usize>>) -> Option<Vec<u8>> {
        let (name, path) = self.path.split_first()?;
        let start = &body[first(name)?];
        let value = path.iter().try_fold(start, |value, name| glance::member(value, name))?;
        let mut id = Vec::new();
        glance::text(value, MAX_ID, &mut id);
        let is_with = |id: &[u8]| memchr::memmem::find(id, self.with.as_bytes()).is_some();
        Some(id).filter(|id| !id.is_empty() && is_with(id))
    }
}

/// The key of the conversation that a request belongs to; `None` if nothing tells. `header` gives the value of a header by
/// its name in lower case. Reads no further than to the first answer: some microseconds, however long the conversation is.
pub fn key<'h>(
    dialect: &dyn Dialect,
    header: impl Fn(&str) -> Option<&'h str>,
    request: &Envelope,
) -> Option<u64> {
    let named = HEADERS.iter().find_map(|name| header(name).map(str::trim).filter(|id| !id.is_empty()));
    if let Some(id) = named {
        let id = id.as_bytes();
        return Some(hash::of(hash::ID, &id[..id.len().min(MAX_ID)]));
    }
    let signs = dialect.signs()?;
    let (object, body) = request.json()?;
    // What stands there twice is for the provider to refuse.
    let member = |name: &str| object.get(body, name).ok().flatten();
    match signs.ids.iter().find_map(|id| id.of(body, member)) {
        Some(id) => Some(hash::of(hash::ID, &id)),
        None => beginning::key(signs, |name| member(name).map(|range| &body[range])),
    }
}
