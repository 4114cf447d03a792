//! What is wrong with a cloak.

use super::{Validator, field, item};
use crate::check::shown_key;
use crate::span::Span;
use crate::tree::Node;
use crate::{Cloak, CloakMode};

/// Most words: each text of each request is searched for all of them.
const MAX_WORDS: usize = 1000;
/// Longest word, in characters.
const LONGEST_WORD: usize = 200;
/// Shortest secret, in characters.
const SHORTEST_SECRET: usize = 16;

impl Validator<'_> {
    /// Reports what cannot be meant.
    pub(super) fn cloak(&mut self, cloak: Option<&Cloak>, node: Option<&Node>, path: &str) {
        let Some(cloak) = cloak else { return };
        self.native(cloak, node, path);
        self.cloak_headers(cloak, field(node, "headers"), &format!("{path}.headers"));
        if cloak.system.as_ref().is_some_and(|system| system.text.trim().is_empty()) {
            let at = field(field(node, "system"), "text");
            self.report(at, &format!("{path}.system.text"), &format!("`{path}.system.text` is empty"), None);
        }
        if cloak.words.len() > MAX_WORDS {
            let message = format!("`{path}.words` has more than {MAX_WORDS} words");
            self.report(field(node, "words"), &format!("{path}.words"), &message, None);
        }
        for (index, word) in cloak.words.iter().enumerate() {
            if let Some(fault) = word_fault(word.expose()) {
                let path = format!("{path}.words[{index}]");
                self.report(item(field(node, "words"), index), &path, &format!("`{path}` {fault}"), None);
            }
        }
        let is_short = |secret: &str| secret.trim().chars().count() < SHORTEST_SECRET;
        if cloak.secret.as_ref().is_some_and(|secret| is_short(secret.expose())) {
            let message = format!("`{path}.secret` has less than {SHORTEST_SECRET} characters");
            let hint = Some("take what `openssl rand -hex 32` prints".to_owned());
            self.report(field(node, "secret"), &format!("{path}.secret"), &message, hint);
        }
    }

    fn native(&mut self, cloak: &Cloak, node: Option<&Node>, path: &str) {
        let at = field(node, "native");
        let list = format!("{path}.native");
        match cloak.mode {
            // A list that is there and did not come through has its own report.
            CloakMode::Auto if cloak.native.is_empty() && at.is_none_or(Node::is_empty) => {
                let message = format!("`{path}.mode` is `auto`, but `native` names no client to leave alone");
                let hint = "name some by their `User-Agent`, or write `mode: always`".to_owned();
                self.report(field(node, "mode"), &list, &message, Some(hint));
            }
            CloakMode::Always if !cloak.native.is_empty() => {
                let message = format!("`{list}` names clients to leave alone, but `mode` is `always`");
                self.report(at, &list, &message, Some("write `mode: auto`".to_owned()));
            }
            _ => {}
        }
        for (index, _) in cloak.native.iter().enumerate().filter(|(_, glob)| glob.trim().is_empty()) {
            let path = format!("{list}[{index}]");
            self.report(item(at, index), &path, &format!("`{path}` is empty"), None);
        }
    }

    fn cloak_headers(&mut self, cloak: &Cloak, node: Option<&Node>, path: &str) {
        for (name, value) in &cloak.headers {
            if let Err(fault) = lockgate_provider::fixed_header(name, value.expose()) {
                let shown = shown_key(name, true);
                let span =
                    node.and_then(|node| node.entry(name)).map_or(Span::default(), |entry| entry.key_span);
                self.findings.report(
                    span,
                    &format!("{path}.{shown}"),
                    format!("header `{shown}` {fault}"),
                    None,
                );
            }
        }
    }
}

/// Why a word cannot be looked for. A short one would be found inside placeholders themselves.
fn word_fault(word: &str) -> Option<&'static str> {
    let count = word.chars().count();
    if word.trim() != word {
        Some("begins or ends with a space or line break")
    } else if count < 2 || (count < 3 && word.is_ascii()) {
        Some("is too short: a word has three characters or more, two outside ASCII")
    } else if count > LONGEST_WORD {
        Some("is longer than 200 characters")
    } else {
        None
    }
}
