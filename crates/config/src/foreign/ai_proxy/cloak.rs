//! A key's `cloak`: the same means, without another program's identity.

use crate::foreign::section::{Section, text};
use crate::foreign::table::{Table, list, literal, written};
use crate::reading::Reading;
use crate::tree::Node;

/// The client that `mode: auto` left alone, by its `User-Agent`.
const NATIVE: &str = "claude-cli/*";

/// The same here; `None` if nothing is to be cloaked.
pub(super) fn cloak(
    mut section: Section<'_>,
    headers: Option<&Node>,
    reading: &mut Reading<'_>,
) -> Option<Node> {
    let span = section.span;
    let mode = section.text("mode", reading);
    let is_strict = section.truth("strict-mode", reading).unwrap_or(false);
    let keeps_user = section.truth("cache-user-id", reading).unwrap_or(false);
    let mut words = Vec::new();
    for (path, item) in section.items("sensitive-words", reading) {
        words.extend(text(item, &path, reading).map(|word| literal(word.span, word.text)));
    }
    if is_strict {
        let why = "has no meaning here: no other program's prompt is sent; yours is `cloak.system` with `place: replace`";
        reading.note(span, &section.at("strict-mode"), why);
    }
    let why = "the client's own prompt stays";
    section.meaningless("relaxed-system-prompt", why, reading);
    section.close(reading);

    let mode_text = mode.map_or("auto", |mode| mode.text);
    if mode_text == "never" {
        return None;
    }
    let mut own = Table::at(span);
    own.put("mode", literal(mode.map_or(span, |mode| mode.span), mode_text));
    if mode_text == "auto" {
        let comment = "The client that was left alone, as before.";
        own.put_chosen("native", list(span, vec![literal(span, NATIVE)]), comment);
    }
    own.put_some("headers", headers.cloned());
    let (user, comment) = match keeps_user {
        true => ("pseudonym", "A user has one name that stays the same, in place of another program's."),
        false => ("drop", "Nobody is made up: a user has no name at the provider."),
    };
    own.put_chosen("user", written(span, user), comment);
    if !words.is_empty() {
        let comment = "Words become placeholders, and come back in the answer.";
        own.put_chosen("words", list(span, words), comment);
    }
    Some(own.node())
}
