//! The `.env` beside a config: variables for its references and overrides, where the environment has none.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::interpolate::is_name;
use crate::reading::Reading;
use crate::span::{Place, Span};
use crate::{Env, Names};

/// What the file says.
#[derive(Debug, Default)]
pub(crate) struct DotEnv {
    path: PathBuf,
    text: String,
    values: HashMap<String, String>,
    faults: Vec<Fault>,
}

/// What is wrong, and in which line; line 0 is the file as a whole.
#[derive(Debug, PartialEq, Eq)]
struct Fault {
    line: usize,
    message: String,
    hint: Option<String>,
}

impl DotEnv {
    /// That in the folder of a file. One that is not there has nothing to say.
    pub(crate) fn beside(file: &Path) -> Self {
        let path = file.with_file_name(".env");
        match crate::read(&path) {
            Ok(text) => {
                let (values, faults) = parse(&text);
                Self { path, text, values, faults }
            }
            // A folder of that name is somebody else's.
            Err(_) if !path.is_file() => Self { path, ..Self::default() },
            Err(message) => {
                let fault = Fault { line: 0, message: format!("the file {message}"), hint: None };
                Self { path, faults: vec![fault], ..Self::default() }
            }
        }
    }

    /// A variable: the environment's own before the file's.
    pub(crate) fn or(&self, name: &str, env: Env<'_>) -> Option<String> {
        env(name).or_else(|| self.values.get(name).cloned())
    }

    /// The names of all variables.
    pub(crate) fn names(&self, names: Names<'_>) -> Vec<String> {
        names().into_iter().chain(self.values.keys().cloned()).collect()
    }

    /// Says what is wrong with it, and that it was looked for.
    pub(crate) fn report(&self, reading: &mut Reading<'_>) {
        reading.files.push(self.path.clone());
        let source = reading.sources.add(&self.path.display().to_string(), &self.text);
        for Fault { line, message, hint } in &self.faults {
            let place = Place { line: *line, column: usize::from(*line > 0) };
            let span = Span { source, start: place, end: place };
            reading.findings.report(span, "", message.clone(), hint.clone());
        }
    }
}

/// The variables of a text and what is wrong with it: without any part of a value, since those are secrets.
fn parse(text: &str) -> (HashMap<String, String>, Vec<Fault>) {
    let mut lines = Lines { rest: text.strip_prefix('\u{feff}').unwrap_or(text), line: 0 };
    let mut values = HashMap::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut faults = Vec::new();
    while let Some(line) = lines.next() {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let number = lines.line;
        let mut fault = |message: String, hint: Option<&str>| {
            faults.push(Fault { line: number, message, hint: hint.map(str::to_owned) });
        };
        let line = line.strip_prefix("export ").unwrap_or(line);
        let Some((name, value)) = line.split_once('=').filter(|(name, _)| is_name(name.trim())) else {
            fault("a line must be `NAME=value`".to_owned(), Some("a comment begins with `#`"));
            continue;
        };
        let name = name.trim();
        match self::value(value.trim_start(), &mut lines) {
            Ok(value) => match places.insert(name.to_owned(), number) {
                Some(first) => {
                    fault(format!("`{name}` is given twice"), Some(&format!("it is also at line {first}")))
                }
                None => drop(values.insert(name.to_owned(), value)),
            },
            Err(message) => fault(format!("`{name}`: {message}"), None),
        }
    }
    (values, faults)
}

/// The lines of a text, one at a time, since a text in quotes may go on in the next.
struct Lines<'t> {
    rest: &'t str,
    line: usize,
}

impl<'t> Lines<'t> {
    fn next(&mut self) -> Option<&'t str> {
        if self.rest.is_empty() {
            return None;
        }
        self.line += 1;
        let (line, rest) = self.rest.split_once('\n').unwrap_or((self.rest, ""));
        self.rest = rest;
        Some(line.strip_suffix('\r').unwrap_or(line))
    }
}

/// The value that begins with `text`, which is the rest of a line.
fn value(text: &str, lines: &mut Lines<'_>) -> Result<String, &'static str> {
    let Some(quote) = text.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
        let end = text.find(" #").or_else(|| text.find("\t#")).unwrap_or(text.len());
        let is_comment = text.starts_with('#');
        return Ok(if is_comment { String::new() } else { text[..end].trim_end().to_owned() });
    };
    let mut value = String::new();
    let mut rest = &text[1..];
    loop {
        match unquote(rest, quote, &mut value) {
            Some(after) if after.trim_start().is_empty() || after.trim_start().starts_with('#') => {
                return Ok(value);
            }
            Some(_) => return Err("something follows the closing quote"),
            None => {
                value.push('\n');
                rest = lines.next().ok_or("the quote is not closed")?;
            }
        }
    }
}

/// Adds a line's part of a text in quotes, and returns what follows the closing one, if it is there.
fn unquote<'t>(line: &'t str, quote: char, value: &mut String) -> Option<&'t str> {
    let mut characters = line.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            _ if c == quote => return Some(&line[at + 1..]),
            '\\' if quote == '"' => match characters.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, 'r')) => value.push('\r'),
                Some((_, 't')) => value.push('\t'),
                Some((_, c @ ('\\' | '"' | '$'))) => value.push(c),
                Some((_, c)) => value.extend(['\\', c]),
                None => value.push('\\'),
            },
            _ => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[track_caller]
    fn check(text: &str, expected: &[(&str, &str)]) {
        let (values, faults) = parse(text);
        assert_eq!(faults, []);
        let mut values: Vec<(&str, &str)> =
            values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        values.sort_unstable();
        assert_eq!(values, expected, "{text:?}");
    }

    #[track_caller]
    fn refused(text: &str, line: usize, message: &str) {
        let (_, faults) = parse(text);
        let found: Vec<_> = faults.iter().map(|fault| (fault.line, fault.message.as_str())).collect();
        assert_eq!(found, [(line, message)], "{text:?}");
    }

    #[test]
    fn variables_are_read() {
        check(
            "\u{feff}A=1\r\n# c\n\n  export B = two words # c\nC=\n",
            &[("A", "1"), ("B", "two words"), ("C", "")],
        );
        check("A=a#b=c\nB=# c\n", &[("A", "a#b=c"), ("B", "")]);
        check("A='${B} \\n #' # c\nB=\"a\\n\\\"\\$\\x\"", &[("A", "${B} \\n #"), ("B", "a\n\"$\\x")]);
        check("A=\"one\ntwo\"\nB='x\r\ny'\n", &[("A", "one\ntwo"), ("B", "x\ny")]);
        check("", &[]);
    }

    #[test]
    fn what_is_none_is_refused_without_its_value() {
        refused("A=1\nsecret\n", 2, "a line must be `NAME=value`");
        refused("a secret=1\n", 1, "a line must be `NAME=value`");
        refused("A=1\nA=2\n", 2, "`A` is given twice");
        refused("A='secret", 1, "`A`: the quote is not closed");
        refused("\nA='x' secret\n", 2, "`A`: something follows the closing quote");
    }
}
