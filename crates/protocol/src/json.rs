//! Scans a JSON object once: strict about its grammar, blind to what its values mean.
//!
//! The gateway and the provider must see the same `model`, so the scan is a full check of the grammar (RFC 8259), with
//! bounds on depth and on top-level members. It builds no tree: what it keeps is where the top-level members stand.

pub(crate) mod glance;
mod path;
mod places;
mod plain;

use std::{borrow::Cow, fmt, ops::Range};

use bytes::Bytes;
use serde::Serialize;

pub use path::{NoPath, Path};
pub use places::{Changed, Places};
pub(crate) use plain::run as plain_run;

/// Deepest nesting that is accepted; one bit of the scanner's stack each.
pub const MAX_DEPTH: u32 = 128;
/// Most top-level members that are accepted; real requests have fewer than sixty.
pub const MAX_MEMBERS: usize = 1024;

/// Why a body is not a JSON object that the gateway may pass on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// Byte offset of the first byte that is wrong.
    pub at: usize,
    /// What is wrong there.
    pub what: What,
}

/// The kinds of wrong that a body can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// The body ends inside a value.
    Ends,
    /// Something else was expected.
    Expected(&'static str),
    /// The bytes are not UTF-8.
    NotUtf8,
    /// Nested deeper than [`MAX_DEPTH`].
    TooDeep,
    /// More top-level members than [`MAX_MEMBERS`].
    TooManyMembers,
    /// A member the gateway reads stands there twice, and two readers could differ on which one counts.
    Twice(String),
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::Ends => write!(f, "the JSON ends too early, at byte {}", self.at),
            What::Expected(what) => write!(f, "expected {what} at byte {}", self.at),
            What::NotUtf8 => write!(f, "the text is not UTF-8 from byte {}", self.at),
            What::TooDeep => write!(f, "nested deeper than {MAX_DEPTH} levels at byte {}", self.at),
            What::TooManyMembers => {
                write!(f, "more than {MAX_MEMBERS} top-level members at byte {}", self.at)
            }
            What::Twice(name) => write!(f, "`{name}` is given twice, again at byte {}", self.at),
        }
    }
}

/// One top-level member: where its key and its value stand.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Member {
    key: Range<usize>,
    key_has_escapes: bool,
    value: Range<usize>,
}

/// A JSON object whose grammar was checked and whose top-level members can be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    members: Vec<Member>,
    /// Offset just behind the opening brace: where a member can be put in front.
    pub inside: usize,
}

impl Object {
    /// Checks all of `body` and notes its top-level members.
    pub fn scan(body: &[u8]) -> Result<Self, Malformed> {
        if let Err(error) = std::str::from_utf8(body) {
            return Err(Malformed { at: error.valid_up_to(), what: What::NotUtf8 });
        }
        let mut cursor = Cursor { body, at: 0 };
        let object = cursor.object()?;
        cursor.blanks();
        if cursor.at == body.len() { Ok(object) } else { Err(cursor.expected("the end of the body")) }
    }

    /// Where the value of the member `name` stands in the body that was scanned; a member given twice is refused.
    pub fn get(&self, body: &[u8], name: &str) -> Result<Option<Range<usize>>, Malformed> {
        let mut found: Option<&Member> = None;
        for member in self.members.iter().filter(|member| member.is_named(body, name)) {
            if found.is_some() {
                return Err(Malformed { at: member.key.start, what: What::Twice(name.to_owned()) });
            }
            found = Some(member);
        }
        Ok(found.map(|member| member.value.clone()))
    }

    /// The raw keys (quotes included) and values of all members, in order.
    pub fn members<'a>(&self, body: &'a [u8]) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a, '_> {
        self.members.iter().map(|member| (&body[member.key.clone()], &body[member.value.clone()]))
    }

    /// What has to be cut out of the body so that it no longer has the members `names`: ranges in order that do not
    /// overlap, each with the comma that goes with its member; and how many members stay. `{}` keeps its braces.
    pub fn without(&self, body: &[u8], names: &[&str]) -> (Vec<Range<usize>>, usize) {
        let goes = |member: &Member| names.iter().any(|name| member.is_named(body, name));
        let last_kept = self.members.iter().rposition(|member| !goes(member));
        let mut cuts = Vec::new();
        for (place, member) in self.members.iter().enumerate().filter(|(_, member)| goes(member)) {
            let next = self.members.get(place + 1).filter(|_| last_kept.is_some_and(|last| last > place));
            cuts.push(match (next, place.checked_sub(1)) {
                (Some(next), _) => member.key.start..next.key.start,
                (None, Some(before)) => self.members[before].value.end..member.value.end,
                (None, None) => member.key.start..member.value.end,
            });
        }
        let kept = self.members.len() - cuts.len();
        (cuts, kept)
    }

    /// True for `{}`.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }
}

impl Member {
    fn is_named(&self, body: &[u8], name: &str) -> bool {
        let key = &body[self.key.clone()];
        if self.key_has_escapes {
            text(key).is_some_and(|key| key == name)
        } else {
            &key[1..key.len() - 1] == name.as_bytes()
        }
    }
}

/// `value` as JSON. What cannot be spelled (a map with keys that are not text) is empty; no type of this crate is so.
pub fn bytes(value: &impl Serialize) -> Bytes {
    serde_json::to_vec(value).map_or_else(|_| Bytes::new(), Bytes::from)
}

/// The text of a JSON string literal, quotes included in `literal`; `None` if it is not one.
pub fn text(literal: &[u8]) -> Option<Cow<'_, str>> {
    let inner = literal.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if memchr::memchr(b'\\', inner).is_none() {
        return std::str::from_utf8(inner).ok().map(Cow::Borrowed);
    }
    serde_json::from_slice::<String>(literal).ok().map(Cow::Owned)
}

struct Cursor<'a> {
    body: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn object(&mut self) -> Result<Object, Malformed> {
        self.blanks();
        self.take(b'{', "a JSON object")?;
        let mut object = Object { members: Vec::with_capacity(16), inside: self.at };
        self.blanks();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(object);
        }
        loop {
            self.blanks();
            let start = self.at;
            let (end, key_has_escapes) = self.key()?;
            let key = start..end;
            self.blanks();
            let start = self.at;
            self.value()?;
            if object.members.len() == MAX_MEMBERS {
                return Err(Malformed { at: start, what: What::TooManyMembers });
            }
            object.members.push(Member { key, key_has_escapes, value: start..self.at });
            self.blanks();
            match self.next()? {
                b',' => {}
                b'}' => return Ok(object),
                _ => return Err(self.expected_before("`,` or `}`")),
            }
        }
    }

    /// Passes `"key" :`; where the key ends, and whether it has escapes.
    fn key(&mut self) -> Result<(usize, bool), Malformed> {
        if self.peek() != Some(b'"') {
            return Err(self.expected("a member's name in double quotes"));
        }
        let has_escapes = self.string()?;
        let end = self.at;
        self.blanks();
        self.take(b':', "`:`")?;
        Ok((end, has_escapes))
    }

    /// Passes one value of any kind. Iterative: the stack of open containers is one bit a level.
    fn value(&mut self) -> Result<(), Malformed> {
        let mut objects: u128 = 0;
        let mut depth: u32 = 0;
        loop {
            self.blanks();
            match self.peek().ok_or_else(|| self.ends())? {
                open @ (b'{' | b'[') => {
                    // The top-level object, which is not on the stack, is a level too.
                    if depth + 1 >= MAX_DEPTH {
                        return Err(Malformed { at: self.at, what: What::TooDeep });
                    }
                    self.at += 1;
                    self.blanks();
                    let is_object = open == b'{';
                    if self.peek() == Some(if is_object { b'}' } else { b']' }) {
                        self.at += 1;
                    } else {
                        objects = objects << 1 | u128::from(is_object);
                        depth += 1;
                        if is_object {
                            self.key()?;
                        }
                        continue;
                    }
                }
                b'"' => drop(self.string()?),
                b't' => self.literal(b"true")?,
                b'f' => self.literal(b"false")?,
                b'n' => self.literal(b"null")?,
                b'-' | b'0'..=b'9' => self.number()?,
                _ => return Err(self.expected("a JSON value")),
            }
            // A value just ended: close every container that ends with it, or go on to the next value.
            loop {
                if depth == 0 {
                    return Ok(());
                }
                self.blanks();
                let in_object = objects & 1 == 1;
                match self.next()? {
                    b',' => {
                        if in_object {
                            self.blanks();
                            self.key()?;
                        }
                        break;
                    }
                    b'}' if in_object => {}
                    b']' if !in_object => {}
                    _ => {
                        return Err(self.expected_before(if in_object {
                            "`,` or `}`"
                        } else {
                            "`,` or `]`"
                        }));
                    }
                }
                objects >>= 1;
                depth -= 1;
            }
        }
    }

    /// Passes a string, the cursor on its opening quote; true if it has escapes.
    fn string(&mut self) -> Result<bool, Malformed> {
        let mut has_escapes = false;
        self.at += 1;
        loop {
            self.at += plain_run(&self.body[self.at..]);
            match self.next()? {
                b'"' => return Ok(has_escapes),
                b'\\' => has_escapes = true,
                _ => return Err(self.expected_before("an escape instead of a control character")),
            }
            match self.next()? {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                b'u' => {
                    for _ in 0..4 {
                        if !self.next()?.is_ascii_hexdigit() {
                            return Err(self.expected_before("four hexadecimal digits"));
                        }
                    }
                }
                _ => return Err(self.expected_before("a known escape")),
            }
        }
    }

    fn number(&mut self) -> Result<(), Malformed> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Malformed> {
        let run = self.body[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if run == 0 {
            return Err(self.expected("a digit"));
        }
        self.at += run;
        Ok(())
    }

    fn literal(&mut self, word: &'static [u8]) -> Result<(), Malformed> {
        if !self.body[self.at..].starts_with(word) {
            return Err(self.expected("`true`, `false` or `null`"));
        }
        self.at += word.len();
        Ok(())
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.body.get(self.at).copied()
    }

    fn next(&mut self) -> Result<u8, Malformed> {
        let byte = self.peek().ok_or_else(|| self.ends())?;
        self.at += 1;
        Ok(byte)
    }

    fn take(&mut self, byte: u8, what: &'static str) -> Result<(), Malformed> {
        if self.peek() == Some(byte) {
            self.at += 1;
            return Ok(());
        }
        Err(self.expected(what))
    }

    fn ends(&self) -> Malformed {
        Malformed { at: self.at, what: What::Ends }
    }

    fn expected(&self, what: &'static str) -> Malformed {
        Malformed {
            at: self.at,
            what: if self.at < self.body.len() { What::Expected(what) } else { What::Ends },
        }
    }

    fn expected_before(&self, what: &'static str) -> Malformed {
        Malformed { at: self.at - 1, what: What::Expected(what) }
    }
}

#[cfg(test)]
mod tests;
