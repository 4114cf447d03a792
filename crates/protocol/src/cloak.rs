//! Makes requests uniform before they leave, and undoes in the answers what the client must not notice.
//!
//! Everything happens between decoding and encoding, on the conversation model, so that it is written once for all
//! dialects: the operator's system prompt is put before the client's or in its place, the end user's id is dropped or
//! replaced by a pseudonym, and sensitive words become placeholders. A [`Mask`] is what one request leaves behind: it
//! turns the placeholders in its answer, whole or streamed, back into the very words they stand for.
//!
//! # Placeholders
//!
//! A placeholder is an ASCII word such as `Zq7kd3fm2x`: it survives Markdown, JSON, URLs, shells and the names of
//! variables, has no vowels to be taken for a word, and begins with the only `Z` and ends with the only `x` in it, so
//! that it is found wherever it stands, and never two of them at one place. It follows from the key and the very
//! spelling that it stands for: the same word gives the same placeholder in every turn, so that the provider's prompt
//! cache still hits, and the word's case comes back.
//!
//! Text of the client that merely looks like a placeholder is treated as a sensitive word. So each placeholder in a
//! request is one of ours, and any text at all comes back as it was.
//!
//! # Proofs of reasoning
//!
//! Reasoning is signed as the provider wrote it, with placeholders; the client sees and returns it with the words. As
//! placeholders follow from the words alone, covering it again gives the signed text. The exception is a model that
//! writes a sensitive word by itself: the text as it was signed then travels through the client inside the proof, and
//! takes the place of the client's text on its way back. See [`proof`].

mod answer;
mod json;
mod key;
mod mask;
mod other;
mod placeholder;
mod proof;
mod request;
mod stream;
mod user;
mod words;

use std::sync::Arc;

pub use key::Key;
pub use mask::Mask;
pub use stream::Unmask;

use crate::ir::{Fault, Request};
use mask::Table;
use words::Words;

/// What a cloak does. Has no `Debug`: the words are secrets.
#[derive(Clone)]
pub struct Settings {
    /// What placeholders and pseudonyms are derived from.
    pub key: Key,
    /// The operator's system prompt.
    pub system: Option<System>,
    /// What becomes of the end user's id.
    pub user: User,
    /// The words that are replaced by placeholders.
    pub words: Vec<String>,
}

/// The operator's system prompt.
#[derive(Debug, Clone)]
pub struct System {
    /// What it says.
    pub text: String,
    /// True if the client's system prompt and developer messages make way for it; else it stands before them.
    pub replaces: bool,
}

/// What becomes of the end user's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum User {
    /// It is left out.
    Drop,
    /// A name takes its place that is always the same for the same id.
    Pseudonym,
    /// It stays.
    Keep,
}

/// A cloak, ready for use.
#[derive(Debug, Clone)]
pub struct Cloak {
    parts: Arc<Parts>,
}

/// What all requests under one cloak share.
#[derive(Debug)]
struct Parts {
    key: Key,
    system: Option<System>,
    user: User,
    words: Words,
    /// The placeholders of the usual spellings.
    usual: Table,
}

impl Cloak {
    /// A cloak that does what `settings` say.
    ///
    /// # Errors
    /// The words are too many or too long to be looked for.
    pub fn new(settings: Settings) -> Result<Self, String> {
        let words = Words::new(&settings.words)?;
        let usual = Table::usual(&settings.words, &words, &settings.key);
        let Settings { key, system, user, .. } = settings;
        Ok(Self { parts: Arc::new(Parts { key, system, user, words, usual }) })
    }

    /// The request as it may leave, and what turns its answer back.
    pub fn request<'a>(&self, request: &Request<'a>) -> (Request<'a>, Mask) {
        let mut mask = Mask::new(Arc::clone(&self.parts));
        let mut covered = request.clone();
        self.parts.put_system(&mut covered);
        self.parts.put_user(&mut covered);
        mask.cover_request(&mut covered);
        (covered, mask)
    }

    /// The body of a request that is no conversation (embeddings, counts, moderation, ...) as it may leave, and what
    /// turns its answer back. `None` instead of a body leaves the client's as it is.
    ///
    /// # Errors
    /// A body that is no JSON object while there is something to replace in it.
    pub fn body(&self, body: &[u8]) -> Result<(Option<String>, Mask), Fault> {
        let mut mask = Mask::new(Arc::clone(&self.parts));
        let body = mask.cover_body(body)?;
        Ok((body, mask))
    }

    /// Whether answers may have placeholders in them.
    pub fn has_words(&self) -> bool {
        !self.parts.words.is_empty()
    }

    /// What takes the place of an id of the end user's or of a session: `None` if nothing does.
    pub fn named(&self, id: &str) -> Option<String> {
        self.parts.named(id)
    }
}

#[cfg(test)]
mod tests;
