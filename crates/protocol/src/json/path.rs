//! Finds, sets and removes single values inside a JSON text by their path, and leaves every other byte as it is.

use std::{borrow::Cow, fmt, iter::Peekable, ops::Range, str::Chars};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// Most steps of a path.
const MAX_STEPS: usize = 32;

/// Where a value stands: names joined by dots, places in lists as `[n]` or as a number between dots, and a backslash
/// before a dot that is part of a name: `messages[0].content`, `a.0.b`, `metadata.team\.id`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path(Vec<Step>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// A member's name; in a list its place, if it is a number.
    Name(String),
    /// A place in a list.
    Place(usize),
}

/// Why a text is no path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoPath(pub(super) &'static str);

impl fmt::Display for NoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for NoPath {}

impl Path {
    /// Reads a path.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, NoPath> {
        let mut steps = Vec::new();
        let mut rest = text.chars().peekable();
        loop {
            let name = name(&mut rest)?;
            if name.is_empty() {
                return Err(NoPath("it has an empty name"));
            }
            steps.push(Step::Name(name));
            while rest.next_if_eq(&'[').is_some() {
                let digits: String = rest.by_ref().take_while(|c| *c != ']').collect();
                let place = digits.parse().map_err(|_| NoPath("between [ and ] stands no number"))?;
                steps.push(Step::Place(place));
            }
            match rest.next() {
                None if steps.len() > MAX_STEPS => return Err(NoPath("it has too many steps")),
                None => return Ok(Self(steps)),
                Some('.') => {}
                Some(_) => return Err(NoPath("a dot is missing behind a ]")),
            }
        }
    }

    /// The path of these steps.
    pub(super) fn of(before: &[Step], last: Step) -> Self {
        Self(before.iter().cloned().chain([last]).collect())
    }

    /// Where the value stands in `text`, if it does.
    pub fn find(&self, text: &str) -> Option<Range<usize>> {
        let mut range = 0..text.len();
        for step in &self.0 {
            let inner = Container::read(&text[range.clone()])?.value(step)?;
            range = range.start + inner.start..range.start + inner.end;
        }
        Some(range)
    }

    /// `text` with `value` (JSON) at this path; what is missing on the way there is made. `None` where something else than
    /// an object or a list is in the way, or the list is too short.
    pub fn set(&self, text: &str, value: &str) -> Option<String> {
        set(text, &self.0, value)
    }

    /// `text` without the value at this path; `None` if there is none.
    pub fn remove(&self, text: &str) -> Option<String> {
        let (last, before) = self.0.split_last()?;
        let outer = Self(before.to_vec()).find(text)?;
        let hole = Container::read(&text[outer.clone()])?.hole(last, &text[outer.clone()])?;
        let hole = outer.start + hole.start..outer.start + hole.end;
        Some([&text[..hole.start], &text[hole.end..]].concat())
    }
}

/// A name up to the next dot or bracket that no backslash stands before.
fn name(rest: &mut Peekable<Chars<'_>>) -> Result<String, NoPath> {
    let mut name = String::new();
    while let Some(c) = rest.next_if(|c| !matches!(c, '.' | '[')) {
        name.push(if c == '\\' { rest.next().ok_or(NoPath("it ends in a backslash"))? } else { c });
    }
    Ok(name)
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Name(name) => {
                    let dot = if at == 0 { "" } else { "." };
                    write!(f, "{dot}{}", name.replace('\\', r"\\").replace('.', r"\.").replace('[', r"\["))?;
                }
                Step::Place(place) => write!(f, "[{place}]")?,
            }
        }
        Ok(())
    }
}

fn set(text: &str, steps: &[Step], value: &str) -> Option<String> {
    let Some((step, rest)) = steps.split_first() else { return Some(value.to_owned()) };
    let container = Container::read(text)?;
    if let Some(range) = container.value(step) {
        let inner = set(&text[range.clone()], rest, value)?;
        return Some([&text[..range.start], &inner, &text[range.end..]].concat());
    }
    let new = rest.iter().rev().try_fold(value.to_owned(), |inner, step| match step {
        Step::Name(name) => Some(format!("{{{}:{inner}}}", serde_json::to_string(name).ok()?)),
        Step::Place(0) => Some(format!("[{inner}]")),
        Step::Place(_) => None,
    })?;
    let member = match (&container, step) {
        (Container::Object(_), Step::Name(name)) => format!("{}:{new}", serde_json::to_string(name).ok()?),
        (Container::List(items), step) if step.place() == Some(items.len()) => new,
        _ => return None,
    };
    let close = text.rfind(['}', ']'])?;
    let comma = if container.is_empty() { "" } else { "," };
    Some([&text[..close], comma, &member, &text[close..]].concat())
}

impl Step {
    fn place(&self) -> Option<usize> {
        match self {
            Self::Place(place) => Some(*place),
            Self::Name(name) => name.parse().ok(),
        }
    }
}

/// An object or a list, as far as its values stand in it.
pub(super) enum Container<'t> {
    Object(Vec<(Cow<'t, str>, Range<usize>)>),
    List(Vec<Range<usize>>),
}

impl<'t> Container<'t> {
    pub(super) fn read(text: &'t str) -> Option<Self> {
        // Offsets instead of slices, so that what stands between the values can be found too.
        let range = |raw: &RawValue| {
            let start = raw.get().as_ptr() as usize - text.as_ptr() as usize;
            start..start + raw.get().len()
        };
        match text.trim_start().as_bytes().first()? {
            b'{' => {
                let Members(members) = serde_json::from_str(text).ok()?;
                Some(Self::Object(members.into_iter().map(|(name, raw)| (name, range(raw))).collect()))
            }
            b'[' => {
                let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
                Some(Self::List(items.into_iter().map(range).collect()))
            }
            _ => None,
        }
    }

    fn is_empty(&self) -> bool {
        self.ranges().is_empty()
    }

    fn ranges(&self) -> Vec<Range<usize>> {
        match self {
            Self::Object(members) => members.iter().map(|(_, range)| range.clone()).collect(),
            Self::List(items) => items.clone(),
        }
    }

    fn position(&self, step: &Step) -> Option<usize> {
        match (self, step) {
            (Self::Object(members), Step::Name(name)) => members.iter().position(|(known, _)| known == name),
            (Self::Object(_), Step::Place(_)) => None,
            (Self::List(items), step) => step.place().filter(|place| *place < items.len()),
        }
    }

    pub(super) fn is_object(&self) -> bool {
        matches!(self, Self::Object(_))
    }

    /// The values of a list, each with its place.
    pub(super) fn places(&self) -> Vec<(Step, Range<usize>)> {
        match self {
            Self::Object(_) => Vec::new(),
            Self::List(items) => {
                items.iter().enumerate().map(|(at, range)| (Step::Place(at), range.clone())).collect()
            }
        }
    }

    pub(super) fn value(&self, step: &Step) -> Option<Range<usize>> {
        self.position(step).map(|at| self.ranges().swap_remove(at))
    }

    /// Where a member's name stands, quotes and all, if it is spelled without escapes.
    pub(super) fn name_of(&self, step: &Step, text: &str) -> Option<Range<usize>> {
        let (Self::Object(_), Step::Name(name)) = (self, step) else { return None };
        let before = text[..self.value(step)?.start].trim_end().strip_suffix(':')?.trim_end();
        let spelled = serde_json::to_string(name).ok()?;
        before.ends_with(&spelled).then(|| before.len() - spelled.len()..before.len())
    }

    /// What has to go so that a value goes: with its name, and with the comma before or behind it.
    pub(super) fn hole(&self, step: &Step, text: &str) -> Option<Range<usize>> {
        let at = self.position(step)?;
        let ranges = self.ranges();
        let end = ranges[at].end;
        if let Some(before) = at.checked_sub(1) {
            return Some(ranges[before].end..end);
        }
        let start = text.find(['{', '['])? + 1;
        let comma = text[end..].find(|c: char| !c.is_ascii_whitespace()).map(|gap| end + gap);
        let end = comma.filter(|at| text.as_bytes().get(*at) == Some(&b',')).map_or(end, |at| at + 1);
        Some(start..end)
    }
}

/// The members of an object in their order; of a name that is there twice both.
struct Members<'t>(Vec<(Cow<'t, str>, &'t RawValue)>);

/// A name, borrowed where it has no escapes.
#[derive(Deserialize)]
struct Name<'t>(#[serde(borrow)] Cow<'t, str>);

impl<'de: 't, 't> Deserialize<'de> for Members<'t> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some((Name(name), value)) = map.next_entry()? {
                    members.push((name, value));
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Reader)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, path: &str, value: &str, set: Option<&str>, removed: Option<&str>) {
        let path = Path::parse(path).expect("a path");
        assert_eq!(path.set(text, value).as_deref(), set, "set {path}");
        assert_eq!(path.remove(text).as_deref(), removed, "remove {path}");
    }

    #[test]
    fn values_are_set_and_removed_where_they_stand() {
        check("{}", "a", "1", Some(r#"{"a":1}"#), None);
        check(r#"{ "a": 1 }"#, "a", "2", Some(r#"{ "a": 2 }"#), Some("{ }"));
        check(r#"{"a":1,"b":2}"#, "b", "3", Some(r#"{"a":1,"b":3}"#), Some(r#"{"a":1}"#));
        check(r#"{"a":1 , "b":2}"#, "a", "3", Some(r#"{"a":3 , "b":2}"#), Some(r#"{ "b":2}"#));
        check(r#"{"a":1}"#, "b.c[0].d", "true", Some(r#"{"a":1,"b":{"c":[{"d":true}]}}"#), None);
        check(r#"{"a":[1, 2,3]}"#, "a[1]", "{}", Some(r#"{"a":[1, {},3]}"#), Some(r#"{"a":[1,3]}"#));
        check(r#"{"a":[1,2]}"#, "a.0", "9", Some(r#"{"a":[9,2]}"#), Some(r#"{"a":[2]}"#));
        check(r#"{"a":[]}"#, "a[0]", "9", Some(r#"{"a":[9]}"#), None);
        check(r#"{"a":[]}"#, "a[1]", "9", None, None);
        check(r#"{"a":"text"}"#, "a.b", "9", None, None);
        check(r#"{"x.y":1.50,"n":1e5}"#, r"x\.y", "2", Some(r#"{"x.y":2,"n":1e5}"#), Some(r#"{"n":1e5}"#));
        check(r#"{"\u0061":1}"#, "a", "2", Some(r#"{"\u0061":2}"#), Some("{}"));
        check(
            r#"{"s":"}]{[,\"","a":1}"#,
            "a",
            "2",
            Some(r#"{"s":"}]{[,\"","a":2}"#),
            Some(r#"{"s":"}]{[,\""}"#),
        );
    }

    #[test]
    fn what_is_no_path_says_why() {
        for (text, why) in [
            ("", "it has an empty name"),
            ("a..b", "it has an empty name"),
            ("a.", "it has an empty name"),
            (".a", "it has an empty name"),
            ("a.[0]", "it has an empty name"),
            ("a[x]", "between [ and ] stands no number"),
            ("a[0]b", "a dot is missing behind a ]"),
            ("a\\", "it ends in a backslash"),
        ] {
            assert_eq!(Path::parse(text), Err(NoPath(why)), "{text}");
        }
        for text in ["a", "a.b", "a[0]", "a[0][1].b", "a.0.b", r"a\.b.c"] {
            assert_eq!(Path::parse(text).map(|path| path.to_string()).as_deref(), Ok(text));
        }
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf =
            prop_oneof![any::<i32>().prop_map(Into::into), "[a-c\"\\\\{}\\[\\],:]{0,4}".prop_map(Into::into)];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                prop::collection::btree_map("[a-c]", inner, 0..4)
                    .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_was_set_is_found_and_what_was_removed_is_not(
            value in prop::collection::btree_map("[a-c]", json(), 0..4),
            path in "[a-c](\\.[a-c]|\\[[0-2]\\]){0,3}",
        ) {
            let text = serde_json::to_string_pretty(&value).expect("json");
            let path = Path::parse(&path).expect("a path");
            if let Some(set) = path.set(&text, "\"new\"") {
                let whole: serde_json::Value = serde_json::from_str(&set).expect("still JSON");
                prop_assert!(whole.is_object());
                prop_assert_eq!(&set[path.find(&set).expect("found")], "\"new\"");
                let gone = path.remove(&set).expect("removed");
                serde_json::from_str::<serde_json::Value>(&gone).expect("still JSON");
            }
            prop_assert_eq!(path.remove(&text).is_some(), path.find(&text).is_some());
        }
    }
}
