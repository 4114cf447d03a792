//! The request that asks a provider to go on.

use super::{Manner, Said};
use crate::ir::{Content, Message, Request, Role, Text};

/// How much of the end of the text is quoted, in characters.
const QUOTED: usize = 200;
/// Longest last word that the model is asked to begin with, in characters; of a longer one only the end.
const WORD: usize = 40;
/// Bytes of text that cost about a token, at the most: what is left of the client's limit is not made too small.
const BYTES_PER_TOKEN: u64 = 6;

impl Said {
    /// What was asked, to be gone on with. The text stands in it without the blanks at its end, which some providers refuse
    /// and most cut off.
    pub fn request<'a>(&'a self, asked: &Request<'a>, manner: Manner) -> Request<'a> {
        let mut request = asked.clone();
        if manner == Manner::Afresh {
            return request;
        }
        let text = self.text().trim_end();
        begin(&mut request, text);
        if manner == Manner::Instruction {
            let message = instruction(self.text());
            request.messages.push(Message::new(Role::User, vec![Content::text(message).into()]));
        }
        shorten(&mut request, text);
        request
    }
}

/// Has the conversation end with the beginning of the answer. A client may have given the model its first words.
fn begin<'a>(request: &mut Request<'a>, text: &'a str) {
    let last = request.messages.last_mut().filter(|last| last.role == Role::Assistant);
    match last.map(|last| &mut last.blocks) {
        Some(blocks) => match blocks.last_mut().map(|block| &mut block.content) {
            Some(Content::Text { text: before, .. }) => before.0.to_mut().push_str(text),
            _ => blocks.push(Content::text(text).into()),
        },
        None => request.messages.push(Message::new(Role::Assistant, vec![Content::text(text).into()])),
    }
}

/// Leaves of the client's limit what the text has not used up. A limit that holds a budget for reasoning stays: what is
/// left could be less than the budget.
fn shorten(request: &mut Request<'_>, text: &str) {
    let has_budget = request.reasoning.as_ref().is_some_and(|reasoning| reasoning.budget().is_some());
    if let Some(limit) = request.max_tokens.as_mut().filter(|_| !has_budget) {
        *limit = limit.saturating_sub(text.len() as u64 / BYTES_PER_TOKEN).max(1);
    }
}

/// Says where the text ends. The model is asked to repeat the last word, because only then it is known whether its first
/// one is another or the rest of that.
fn instruction(text: &str) -> Text<'static> {
    let quoted = ending(text, QUOTED);
    let begin = match last_word(text) {
        "" => "Begin with what comes next.".to_owned(),
        word => {
            format!("Begin with its last word, `{word}`, which may be unfinished, and go on from there.")
        }
    };
    format!(
        "Your answer was cut off. What the reader has of it ends like this:\n\n<end>\n{quoted}\n</end>\n\nWrite only the \
         rest of the same answer, in the same language and form, so that it fits exactly where this ends: no \
         introduction, no remark about the interruption, nothing again that comes before. {begin}"
    )
    .into()
}

/// The last word of a text, as far as a model is asked to repeat it: empty if the text ends with a blank.
pub(super) fn last_word(text: &str) -> &str {
    let start = text
        .rfind(char::is_whitespace)
        .map_or(0, |at| at + text[at..].chars().next().map_or(0, char::len_utf8));
    ending(&text[start..], WORD)
}

/// The last characters of a text.
pub(super) fn ending(text: &str, characters: usize) -> &str {
    let start = text.char_indices().rev().nth(characters.saturating_sub(1)).map_or(0, |(at, _)| at);
    &text[start..]
}
