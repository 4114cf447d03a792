//! Writes JSON straight into the outgoing bytes: an object or array is closed when it goes out of scope.

use std::io::Write;

use serde::Serialize;

use crate::{
    framing::sse,
    ir::{Members, Text},
};

/// A JSON object that is being written.
pub(super) struct Object<'o> {
    out: &'o mut Vec<u8>,
    is_empty: bool,
}

/// A JSON array that is being written.
pub(super) struct Array<'o> {
    out: &'o mut Vec<u8>,
    is_empty: bool,
}

impl<'o> Object<'o> {
    /// Opens an object at the end of `out`.
    pub(super) fn new(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, is_empty: true }
    }

    /// The place of a member that somebody else writes.
    pub(super) fn place(&mut self, name: &str) -> &mut Vec<u8> {
        if !std::mem::replace(&mut self.is_empty, false) {
            self.out.push(b',');
        }
        value(self.out, name);
        self.out.push(b':');
        self.out
    }

    /// A member of any type that serde knows.
    pub(super) fn value<T: Serialize + ?Sized>(&mut self, name: &str, member: &T) {
        value(self.place(name), member);
    }

    /// A member that is there only if there is a value.
    pub(super) fn maybe<T: Serialize>(&mut self, name: &str, member: Option<&T>) {
        if let Some(member) = member {
            self.value(name, member);
        }
    }

    /// A member whose value is JSON already.
    pub(super) fn json(&mut self, name: &str, json: &str) {
        self.place(name).extend_from_slice(json.as_bytes());
    }

    /// A member that is an object.
    pub(super) fn object(&mut self, name: &str) -> Object<'_> {
        Object::new(self.place(name))
    }

    /// A member that is an array.
    pub(super) fn array(&mut self, name: &str) -> Array<'_> {
        Array::new(self.place(name))
    }

    /// All of `members`.
    pub(super) fn members(&mut self, members: &Members<'_>) {
        for (name, member) in members {
            self.json(name, member.get());
        }
    }
}

impl Drop for Object<'_> {
    fn drop(&mut self) {
        self.out.push(b'}');
    }
}

impl<'o> Array<'o> {
    /// Opens an array at the end of `out`.
    pub(super) fn new(out: &'o mut Vec<u8>) -> Self {
        out.push(b'[');
        Self { out, is_empty: true }
    }

    /// The place of an element that somebody else writes.
    pub(super) fn place(&mut self) -> &mut Vec<u8> {
        if !std::mem::replace(&mut self.is_empty, false) {
            self.out.push(b',');
        }
        self.out
    }

    /// An element that is an object.
    pub(super) fn object(&mut self) -> Object<'_> {
        Object::new(self.place())
    }

    /// An element that is JSON already.
    pub(super) fn json(&mut self, json: &str) {
        self.place().extend_from_slice(json.as_bytes());
    }

    /// An element that is text.
    pub(super) fn text(&mut self, text: &Text<'_>) {
        value(self.place(), text);
    }
}

impl Drop for Array<'_> {
    fn drop(&mut self) {
        self.out.push(b']');
    }
}

/// One value at the end of `out`. Nothing that this dialect writes has keys that are not text, so it cannot fail; if it
/// ever did, a `null` would keep the rest readable.
fn value<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    let start = out.len();
    if serde_json::to_writer(&mut *out, value).is_err() {
        out.truncate(start);
        out.extend_from_slice(b"null");
    }
}

/// One server-sent event whose data is an object with its name as `type`.
pub(super) fn event(out: &mut Vec<u8>, name: &str, fill: impl FnOnce(&mut Object<'_>)) {
    // Writing to a `Vec` does not fail.
    let _ = write!(out, "event: {name}\ndata: ");
    let start = out.len();
    let mut object = Object::new(out);
    object.value("type", name);
    fill(&mut object);
    drop(object);
    sse::one_line(out, start);
    out.extend_from_slice(b"\n\n");
}
