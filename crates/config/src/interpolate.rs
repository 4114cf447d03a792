//! `${VAR}`, `${VAR:-default}` and `$$` inside scalars, and `file://` in front of one.
//!
//! It happens after parsing, so that a value can never add keys or lines to the file.

use crate::Env;
use crate::check::{join, shown_key};
use crate::from_file;
use crate::reading::Reading;
use crate::span::{Place, Span};
use crate::tree::{Kind, Node, Scalar};

/// Replaces every reference in the values of the tree; keys stay as they are.
pub(crate) fn interpolate(node: &mut Node, path: &str, reading: &mut Reading<'_>) {
    match &mut node.kind {
        Kind::Sequence(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                interpolate(item, &format!("{path}[{index}]"), reading);
            }
        }
        Kind::Mapping(entries) => {
            for entry in entries {
                interpolate(&mut entry.value, &join(path, &shown_key(&entry.key, true)), reading);
            }
        }
        // What came from elsewhere stands for itself.
        Kind::Scalar(scalar) if scalar.interpolated => {}
        Kind::Scalar(scalar) => {
            let file = scalar.text.strip_prefix(from_file::SCHEME).map(str::to_owned);
            if scalar.text.contains('$') && !replace(node, path, reading) {
                return;
            }
            // What a variable brings is never the name of a file by itself.
            if let Some(written) = file {
                from_file::replace(node, &written, path, reading);
            }
        }
        Kind::Broken => {}
    }
}

/// Replaces the references of one scalar, and says whether that could be done.
fn replace(node: &mut Node, path: &str, reading: &mut Reading<'_>) -> bool {
    let Kind::Scalar(scalar) = &mut node.kind else { return false };
    let env = reading.around.env;
    let referred = std::cell::RefCell::new(&mut reading.referred);
    let env = |name: &str| {
        referred.borrow_mut().insert(name.to_owned());
        env(name)
    };
    match expand(&scalar.text, &env) {
        Ok((text, interpolated)) => {
            *scalar = Scalar { text, interpolated, plain: scalar.plain };
            true
        }
        Err(fault) => {
            let (message, hint) = fault.describe();
            reading.findings.report(fault.span(node.span, scalar.plain), path, message, Some(hint));
            node.kind = Kind::Broken;
            false
        }
    }
}

/// Why a reference cannot be replaced; `at` counts characters of the scalar's text.
#[derive(Debug, PartialEq, Eq)]
enum Fault<'a> {
    Unset { name: &'a str, at: usize },
    Unclosed { at: usize },
    BadName { name: &'a str, at: usize },
    Nested { at: usize },
}

impl Fault<'_> {
    fn describe(&self) -> (String, String) {
        match self {
            Self::Unset { name, .. } => (
                format!("environment variable `{name}` is not set"),
                format!("set it, or give a default: `${{{name}:-...}}`"),
            ),
            Self::Unclosed { .. } => (
                "`${` has no `}`".to_owned(),
                "close it, or write `$${` for the characters themselves".to_owned(),
            ),
            Self::BadName { .. } => (
                "`${...}` does not hold the name of a variable".to_owned(),
                "a name has letters, digits and `_`; write `$${` for the characters themselves".to_owned(),
            ),
            Self::Nested { .. } => (
                "a default cannot hold another `${...}`".to_owned(),
                "write the default out, or set the variable".to_owned(),
            ),
        }
    }

    /// Where the reference is. In a text of one line without quotes its characters are those of the
    /// file; elsewhere escapes and folding may have moved them, and the whole value is meant.
    fn span(&self, value: Span, plain: bool) -> Span {
        if !plain || value.start.line != value.end.line {
            return value;
        }
        let (at, length) = match self {
            Self::Unset { name, at } => (*at, name.chars().count() + "${}".len()),
            Self::Unclosed { at } | Self::Nested { at } => (*at, 2),
            Self::BadName { name, at } => (*at, name.chars().count() + "${}".len()),
        };
        let line = value.start.line;
        let column = value.start.column + at;
        Span { start: Place { line, column }, end: Place { line, column: column + length }, ..value }
    }
}

/// The text with its references replaced, and whether there was any.
fn expand<'a>(text: &'a str, env: Env<'_>) -> Result<(String, bool), Fault<'a>> {
    let mut expanded = String::with_capacity(text.len());
    let mut interpolated = false;
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        expanded.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            expanded.push('$');
            rest = after;
            continue;
        }
        let Some(reference) = after.strip_prefix('{') else {
            // A lone `$` is a character like any other: keys and passwords have it.
            expanded.push('$');
            rest = after;
            continue;
        };
        let at = || text.chars().count() - reference.chars().count() - "${".len();
        let (inside, after) = reference.split_once('}').ok_or_else(|| Fault::Unclosed { at: at() })?;
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        if !is_name(name) {
            return Err(Fault::BadName { name: inside, at: at() });
        }
        if default.is_some_and(|default| default.contains("${")) {
            return Err(Fault::Nested { at: at() });
        }
        // As in a shell, `:-` also stands in for a variable that is set to nothing.
        let value = match (env(name), default) {
            (Some(value), Some(default)) if value.is_empty() => default.to_owned(),
            (Some(value), _) => value,
            (None, Some(default)) => default.to_owned(),
            (None, None) => return Err(Fault::Unset { name, at: at() }),
        };
        expanded.push_str(&value);
        interpolated = true;
        rest = after;
    }
    expanded.push_str(rest);
    Ok((expanded, interpolated))
}

/// Whether a variable can have that name.
pub(crate) fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::{Fault, expand};

    fn env(name: &str) -> Option<String> {
        match name {
            "HOST" => Some("10.0.0.1".to_owned()),
            "EMPTY" => Some(String::new()),
            "TRICKY" => Some("${HOST} $$ a: b".to_owned()),
            _ => None,
        }
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(expand(text, &env).map(|(text, _)| text), Ok(expected.to_owned()));
    }

    #[test]
    fn references_are_replaced_once() {
        check("http://${HOST}/v1", "http://10.0.0.1/v1");
        check("${HOST}${HOST}", "10.0.0.110.0.0.1");
        check("${NONE:-a:-b}", "a:-b");
        check("${NONE:-}", "");
        check("${EMPTY:-full}", "full");
        check("${EMPTY}", "");
        check("${TRICKY}", "${HOST} $$ a: b");
        check("$$ $ $HOST $${HOST}", "$ $ $HOST ${HOST}");
    }

    #[test]
    fn faults_say_where() {
        assert_eq!(expand("é ${NONE}", &env), Err(Fault::Unset { name: "NONE", at: 2 }));
        assert_eq!(expand("${HOST", &env), Err(Fault::Unclosed { at: 0 }));
        assert_eq!(expand("x${1A}", &env), Err(Fault::BadName { name: "1A", at: 1 }));
        assert_eq!(expand("${A:-${HOST}}", &env), Err(Fault::Nested { at: 0 }));
    }
}
