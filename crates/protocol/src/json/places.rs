//! Takes out or renames a member wherever it stands inside a JSON text, and leaves every other byte as it is.

use std::{fmt, ops::Range};

use serde::Deserialize;

use super::path::{Container, NoPath, Path, Step};

/// Where a member may stand: a path in which `[]` stands for every place of a list, `messages[].name`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Places {
    steps: Vec<Part>,
    last: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Member(String),
    Every,
}

/// A JSON text without some of its members, and their paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// The text.
    pub text: String,
    /// Where the members stood that are gone, each as [`Path`] writes it.
    pub gone: Vec<String>,
}

impl Places {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, NoPath> {
        let mut steps = Vec::new();
        for name in text.split('.') {
            let bare = name.trim_end_matches("[]");
            if bare.contains(['[', ']', '\\']) {
                return Err(NoPath("it has more than names and `[]` in it"));
            }
            Path::parse(bare)?;
            steps.push(Part::Member(bare.to_owned()));
            steps.extend((0..(name.len() - bare.len()) / 2).map(|_| Part::Every));
        }
        match steps.pop() {
            Some(Part::Member(last)) => Ok(Self { steps, last }),
            _ => Err(NoPath("it ends in a list's places, and not in a member")),
        }
    }

    /// Whether the member may be in these bytes. One whose name is spelled with escapes is not seen.
    pub fn may_be_in(&self, bytes: &[u8]) -> bool {
        memchr::memmem::find(bytes, format!("\"{}\"", self.last).as_bytes()).is_some()
    }

    /// `text` without the member; `None` if it stands nowhere.
    pub fn remove(&self, text: &str) -> Option<Changed> {
        self.change(text, None)
    }

    /// `text` with the member under `name`; where there is one of that name already, or its own is spelled with escapes,
    /// the member goes. `None` if it stands nowhere.
    pub fn rename(&self, text: &str, name: &str) -> Option<Changed> {
        self.change(text, Some(name))
    }

    fn change(&self, text: &str, name: Option<&str>) -> Option<Changed> {
        let mut found = Found { name, edits: Vec::new(), gone: Vec::new() };
        found.look(text, 0, &self.steps, &self.last, &mut Vec::new());
        if found.edits.is_empty() {
            return None;
        }
        let mut changed = String::with_capacity(text.len());
        let mut from = 0;
        for (range, new) in found.edits {
            changed.push_str(&text[from..range.start]);
            changed.push_str(&new);
            from = range.end;
        }
        changed.push_str(&text[from..]);
        Some(Changed { text: changed, gone: found.gone })
    }
}

/// What has to change, in the order of the text.
struct Found<'n> {
    name: Option<&'n str>,
    edits: Vec<(Range<usize>, String)>,
    gone: Vec<String>,
}

impl Found<'_> {
    /// Looks in `text`, which begins at `base` and stands at `path`.
    fn look(&mut self, text: &str, base: usize, steps: &[Part], last: &str, path: &mut Vec<Step>) {
        let Some(container) = Container::read(text) else { return };
        let Some((step, rest)) = steps.split_first() else {
            return self.member(&container, text, base, last, path);
        };
        let inner = match step {
            Part::Member(name) => {
                let step = Step::Name(name.clone());
                container.value(&step).map(|range| (step, range)).into_iter().collect()
            }
            Part::Every => container.places(),
        };
        for (step, range) in inner {
            path.push(step);
            self.look(&text[range.clone()], base + range.start, rest, last, path);
            path.pop();
        }
    }

    fn member(&mut self, container: &Container<'_>, text: &str, base: usize, last: &str, path: &[Step]) {
        let step = Step::Name(last.to_owned());
        // A list may have such a place, but no such member.
        let Some(hole) = container.hole(&step, text).filter(|_| container.is_object()) else { return };
        let named = |name: &&str| container.value(&Step::Name((*name).to_owned())).is_none();
        let renamed = self.name.filter(named).and_then(|name| {
            let at = container.name_of(&step, text)?;
            Some((at, serde_json::to_string(name).ok()?))
        });
        let (range, new) = renamed.unwrap_or_else(|| {
            self.gone.push(Path::of(path, step).to_string());
            (hole, String::new())
        });
        self.edits.push((base + range.start..base + range.end, new));
    }
}

impl fmt::Display for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, part) in self.steps.iter().enumerate() {
            match part {
                Part::Member(name) if at == 0 => f.write_str(name)?,
                Part::Member(name) => write!(f, ".{name}")?,
                Part::Every => f.write_str("[]")?,
            }
        }
        let dot = if self.steps.is_empty() { "" } else { "." };
        write!(f, "{dot}{}", self.last)
    }
}

impl TryFrom<String> for Places {
    type Error = NoPath;

    fn try_from(text: String) -> Result<Self, NoPath> {
        Self::parse(&text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(pattern: &str, text: &str, removed: Option<(&str, &[&str])>, renamed: Option<(&str, &[&str])>) {
        let places = Places::parse(pattern).expect("a pattern");
        let plain = |changed: Option<Changed>| changed.map(|changed| (changed.text, changed.gone));
        let owned = |(text, gone): (&str, &[&str])| {
            (text.to_owned(), gone.iter().map(|&path| path.to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(plain(places.remove(text)), removed.map(owned), "remove {pattern}");
        assert_eq!(plain(places.rename(text, "z")), renamed.map(owned), "rename {pattern}");
        assert!(removed.is_none() || text.contains('\\') || places.may_be_in(text.as_bytes()));
    }

    #[test]
    fn a_member_goes_or_is_renamed_wherever_it_stands() {
        check("a", r#"{"a":1 ,"b":2}"#, Some((r#"{"b":2}"#, &["a"])), Some((r#"{"z":1 ,"b":2}"#, &[])));
        check("a", r#"{"b":{"a":1}}"#, None, None);
        check(
            "m[].a",
            r#"{"m":[{"a":1,"b":2},{"b":3}, {"b":4, "a" : "x"},7],"a":5}"#,
            Some((r#"{"m":[{"b":2},{"b":3}, {"b":4},7],"a":5}"#, &["m[0].a", "m[2].a"])),
            Some((r#"{"m":[{"z":1,"b":2},{"b":3}, {"b":4, "z" : "x"},7],"a":5}"#, &[])),
        );
        check(
            "o.m[][].a",
            r#"{"o":{"m":[[],[{"a":[1]}],{"a":2}]}}"#,
            Some((r#"{"o":{"m":[[],[{}],{"a":2}]}}"#, &["o.m[1][0].a"])),
            Some((r#"{"o":{"m":[[],[{"z":[1]}],{"a":2}]}}"#, &[])),
        );
        // What has the new name already stays, and the other goes.
        check("a", r#"{"a":1,"z":2}"#, Some((r#"{"z":2}"#, &["a"])), Some((r#"{"z":2}"#, &["a"])));
        check("a", r#"{"\u0061":1}"#, Some(("{}", &["a"])), Some(("{}", &["a"])));
        check("m[].a", r#"{"m":{"a":1}}"#, None, None);
        check("m.0", r#"{"m":[1]}"#, None, None);
        check("a", "[1", None, None);
    }

    #[test]
    fn what_is_no_pattern_says_why() {
        for text in ["", "a.", ".a", "a[]", "[].a", "a[x].b", "a[0].b"] {
            assert!(Places::parse(text).is_err(), "{text}");
        }
        assert_eq!(Places::parse("m[]"), Err(NoPath("it ends in a list's places, and not in a member")));
        for text in ["a", "a.b", "m[].a", "o.m[][].a.b"] {
            assert_eq!(Places::parse(text).map(|places| places.to_string()).as_deref(), Ok(text));
        }
        let broken: Result<Places, _> = serde_json::from_str("\"a..b\"");
        assert!(broken.is_err());
    }

    proptest! {
        #[test]
        fn what_is_left_is_json(text in r#"\{("[ab]":(1|"a"|\[\{("[ab]":2)?\}\])(,"[cd]" : \{\})?)?\}"#) {
            for places in ["a", "b[].a", "a[].b"].map(|text| Places::parse(text).expect("a pattern")) {
                for changed in [places.remove(&text), places.rename(&text, "z")].into_iter().flatten() {
                    prop_assert!(serde_json::from_str::<serde_json::Value>(&changed.text).is_ok(), "{}", changed.text);
                    prop_assert_eq!(places.remove(&changed.text), None);
                }
            }
        }
    }
}
