//! Writes JSON straight into the outgoing bytes, member by member, so that nothing is built up only to be printed.

use serde::Serialize;

use crate::ir::Members;

/// An object that is being written.
pub(super) struct Object<'o> {
    out: &'o mut Vec<u8>,
    start: usize,
}

/// An array that is being written.
pub(super) struct Array<'o> {
    out: &'o mut Vec<u8>,
    start: usize,
}

/// Appends one object.
pub(super) fn object(out: &mut Vec<u8>, members: impl FnOnce(&mut Object<'_>)) {
    out.push(b'{');
    let start = out.len();
    members(&mut Object { out, start });
    out.push(b'}');
}

/// Appends members without the braces around them.
pub(super) fn members(out: &mut Vec<u8>, members: impl FnOnce(&mut Object<'_>)) {
    let start = out.len();
    members(&mut Object { out, start });
}

/// Takes the line ends out of the JSON that begins at `start`: an event's data is one line. In valid JSON they only
/// stand between tokens, where raw JSON that somebody indented has them.
pub(super) fn one_line(out: &mut Vec<u8>, start: usize) {
    let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
    if memchr::memchr2(b'\n', b'\r', &out[start..]).is_some() {
        let json = out.split_off(start);
        out.extend(json.into_iter().filter(|byte| !is_end(byte)));
    }
}

/// Appends one value. Writing to memory cannot fail, and the types of this crate have no value that JSON lacks.
fn value<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    let start = out.len();
    if serde_json::to_writer(&mut *out, value).is_err() {
        out.truncate(start);
        out.extend_from_slice(b"null");
    }
}

/// Appends a comma, unless what is written here is the first.
fn separate(out: &mut Vec<u8>, start: usize) {
    if out.len() > start {
        out.push(b',');
    }
}

impl Object<'_> {
    fn key(&mut self, key: &str) -> &mut Vec<u8> {
        separate(self.out, self.start);
        value(self.out, key);
        self.out.push(b':');
        self.out
    }

    /// One member.
    pub(super) fn put<T: Serialize + ?Sized>(&mut self, key: &str, member: &T) {
        value(self.key(key), member);
    }

    /// One member, if there is a value.
    pub(super) fn some<T: Serialize>(&mut self, key: &str, member: Option<&T>) {
        if let Some(member) = member {
            self.put(key, member);
        }
    }

    /// Members as they were spelled.
    pub(super) fn extra(&mut self, extra: &Members<'_>) {
        for (key, member) in extra {
            self.put(key, member);
        }
    }

    /// One member that is JSON already; nothing of it is checked.
    pub(super) fn json(&mut self, key: &str, json: &[u8]) {
        self.key(key).extend_from_slice(json);
    }

    /// One member whose elements are JSON already, with their commas.
    pub(super) fn list(&mut self, key: &str, elements: &[u8]) {
        let out = self.key(key);
        out.push(b'[');
        out.extend_from_slice(elements);
        out.push(b']');
    }

    /// Members that are JSON already, with their commas.
    pub(super) fn splice(&mut self, members: &[u8]) {
        if !members.is_empty() {
            separate(self.out, self.start);
            self.out.extend_from_slice(members);
        }
    }

    /// One member that is an object.
    pub(super) fn object(&mut self, key: &str, members: impl FnOnce(&mut Object<'_>)) {
        object(self.key(key), members);
    }

    /// One member that is an array.
    pub(super) fn array(&mut self, key: &str, elements: impl FnOnce(&mut Array<'_>)) {
        let out = self.key(key);
        out.push(b'[');
        let start = out.len();
        elements(&mut Array { out, start });
        out.push(b']');
    }
}

impl Object<'_> {
    /// One member that is an array, taken back if nothing is put into it; true if it is there.
    pub(super) fn array_of_some(&mut self, key: &str, elements: impl FnOnce(&mut Array<'_>)) -> bool {
        let before = self.out.len();
        let mut is_there = false;
        self.array(key, |array| {
            elements(array);
            is_there = !array.is_empty();
        });
        if !is_there {
            self.out.truncate(before);
        }
        is_there
    }
}

impl<'o> Array<'o> {
    /// Elements appended to `out`, without the brackets around them; what `out` holds already are others' elements
    /// of the same array.
    pub(super) fn onto(out: &'o mut Vec<u8>) -> Self {
        Self { out, start: 0 }
    }

    /// True as long as it has no element.
    pub(super) fn is_empty(&self) -> bool {
        self.out.len() == self.start
    }

    /// One element.
    pub(super) fn put<T: Serialize + ?Sized>(&mut self, element: &T) {
        separate(self.out, self.start);
        value(self.out, element);
    }

    /// One element that is JSON already.
    pub(super) fn json(&mut self, json: &[u8]) {
        separate(self.out, self.start);
        self.out.extend_from_slice(json);
    }

    /// One element that is an object.
    pub(super) fn object(&mut self, members: impl FnOnce(&mut Object<'_>)) {
        separate(self.out, self.start);
        object(self.out, members);
    }

    /// One element that is an object, taken back if `members` says that it came to nothing.
    pub(super) fn object_if(&mut self, members: impl FnOnce(&mut Object<'_>) -> bool) {
        let before = self.out.len();
        let mut is_kept = false;
        self.object(|o| is_kept = members(o));
        if !is_kept {
            self.out.truncate(before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_stand_between_and_nowhere_else() {
        let mut out = b"x".to_vec();
        object(&mut out, |o| {
            o.splice(b"");
            o.put("a", "\"");
            o.some("b", None::<&u8>);
            o.array("c", |a| {
                a.object(|_| {});
                a.put(&1);
            });
            o.list("d", b"1,2");
            o.splice(b"\"e\":0,\"f\":1");
            o.object("g", |o| o.json("h", b"[]"));
        });
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#"x{"a":"\"","c":[{},1],"d":[1,2],"e":0,"f":1,"g":{"h":[]}}"#
        );
    }

    #[test]
    fn what_comes_to_nothing_is_taken_back() {
        let mut out = Vec::new();
        object(&mut out, |o| {
            o.put("a", &1);
            assert!(!o.array_of_some("b", |_| {}));
            assert!(o.array_of_some("c", |a| {
                a.object_if(|o| {
                    o.put("x", &1);
                    false
                });
                a.put(&2);
                a.object_if(|_| false);
                a.object_if(|_| true);
            }));
        });
        assert_eq!(String::from_utf8(out).unwrap(), r#"{"a":1,"c":[2,{}]}"#);
    }

    #[test]
    fn lines_are_joined_from_the_start_on() {
        let mut out = b"\n{\r\n  \"a\": \"\\n\"\n}".to_vec();
        one_line(&mut out, 1);
        assert_eq!(String::from_utf8(out).unwrap(), "\n{  \"a\": \"\\n\"}");
    }
}
