//! `${...}` as the YAML parser may see it.

use std::borrow::Cow;

/// What stands for the braces of `${...}` while YAML is parsed: characters that no text may have.
const SHIELDS: [char; 2] = ['\u{fdd0}', '\u{fdd1}'];

/// Hides the braces of `${NAME}` from the YAML parser, to which `{ key: ${NAME} }` would be a mapping
/// that begins after a `$`. Each is replaced by one character, so that places stay what they are.
pub(crate) fn shield(text: &str) -> Cow<'_, str> {
    if !text.contains("${") || text.contains(SHIELDS) {
        return Cow::Borrowed(text);
    }
    let mut shielded = String::with_capacity(text.len() + text.len() / 8);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        shielded.push_str(before);
        let (inside, closing) = after.split_at(after.find(['}', '\n', '\r']).unwrap_or(after.len()));
        match closing.strip_prefix('}') {
            Some(closed) => {
                shielded.extend(['$', SHIELDS[0]]);
                shielded.push_str(inside);
                shielded.push(SHIELDS[1]);
                rest = closed;
            }
            // No brace closes on the rest of this line, so no reference in it has an end.
            None => {
                shielded.push_str("${");
                shielded.push_str(inside);
                rest = closing;
            }
        }
    }
    shielded.push_str(rest);
    Cow::Owned(shielded)
}

/// The text as it was written.
pub(crate) fn unshield(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            c if c == SHIELDS[0] => '{',
            c if c == SHIELDS[1] => '}',
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{shield, unshield};

    #[test]
    fn only_closed_references_are_hidden_and_all_come_back() {
        for (text, braces) in [("{ a: ${B}, c: ${D:-{e} }", 3), ("${A\n}", 2), ("$${A}}", 1), ("é${é}", 0)]
        {
            let shielded = shield(text);
            assert_eq!(shielded.matches(['{', '}']).count(), braces, "{shielded:?}");
            assert_eq!(shielded.chars().count(), text.chars().count());
            assert_eq!(unshield(&shielded), text);
        }
    }
}
