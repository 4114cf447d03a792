//! Writes JSON straight into the outgoing body, so that media are copied once.

use std::fmt::Display;

use serde_json::value::RawValue;

use crate::ir::Members;

/// An object whose members are being written.
pub(super) struct Object<'o> {
    out: &'o mut Vec<u8>,
    is_empty: bool,
}

/// An array whose items are being written.
pub(super) struct Array<'o> {
    out: &'o mut Vec<u8>,
    length: usize,
}

/// Writes an object.
pub(super) fn object(out: &mut Vec<u8>, write: impl FnOnce(&mut Object<'_>)) {
    out.push(b'{');
    write(&mut Object { out, is_empty: true });
    out.push(b'}');
}

/// Writes an array.
pub(super) fn array(out: &mut Vec<u8>, write: impl FnOnce(&mut Array<'_>)) {
    out.push(b'[');
    write(&mut Array { out, length: 0 });
    out.push(b']');
}

/// Writes a string literal.
pub(super) fn string(out: &mut Vec<u8>, text: &str) {
    // Writing a string into memory cannot fail.
    let _ = serde_json::to_writer(out, text);
}

/// An object as a value of its own.
pub(super) fn raw_object(write: impl FnOnce(&mut Object<'_>)) -> Box<RawValue> {
    let mut out = Vec::new();
    object(&mut out, write);
    String::from_utf8(out).ok().and_then(|text| RawValue::from_string(text).ok()).unwrap_or_default()
}

/// What `write` writes, if it is one item.
pub(super) fn raw_item(write: impl FnOnce(&mut Array<'_>)) -> Option<Box<RawValue>> {
    let mut out = Vec::new();
    write(&mut Array { out: &mut out, length: 0 });
    RawValue::from_string(String::from_utf8(out).ok()?).ok()
}

impl Object<'_> {
    /// Writes the key and gives the place of its value.
    pub(super) fn key(&mut self, key: &str) -> &mut Vec<u8> {
        if !std::mem::replace(&mut self.is_empty, false) {
            self.out.push(b',');
        }
        string(self.out, key);
        self.out.push(b':');
        self.out
    }

    /// Writes a string.
    pub(super) fn text(&mut self, key: &str, text: &str) {
        string(self.key(key), text);
    }

    pub(super) fn raw(&mut self, key: &str, raw: &RawValue) {
        self.key(key).extend_from_slice(raw.get().as_bytes());
    }

    /// Writes a value whose display form is JSON: numbers and truth values.
    pub(super) fn plain(&mut self, key: &str, value: impl Display) {
        self.key(key).extend_from_slice(value.to_string().as_bytes());
    }

    pub(super) fn object(&mut self, key: &str, write: impl FnOnce(&mut Object<'_>)) {
        object(self.key(key), write);
    }

    /// Writes an object, or nothing if no member is written into it.
    pub(super) fn object_if_any(&mut self, key: &str, write: impl FnOnce(&mut Object<'_>)) {
        let (start, was_empty) = (self.out.len(), self.is_empty);
        let mut wrote = false;
        object(self.key(key), |inner| {
            write(inner);
            wrote = !inner.is_empty;
        });
        if !wrote {
            self.out.truncate(start);
            self.is_empty = was_empty;
        }
    }

    pub(super) fn array(&mut self, key: &str, write: impl FnOnce(&mut Array<'_>)) {
        array(self.key(key), write);
    }

    /// Writes an array, or nothing if no item is written into it; true if there is one.
    pub(super) fn array_if_any(&mut self, key: &str, write: impl FnOnce(&mut Array<'_>)) -> bool {
        let (start, was_empty) = (self.out.len(), self.is_empty);
        let mut wrote = false;
        array(self.key(key), |inner| {
            write(inner);
            wrote = !inner.is_empty();
        });
        if !wrote {
            self.out.truncate(start);
            self.is_empty = was_empty;
        }
        wrote
    }

    pub(super) fn texts<'t>(&mut self, key: &str, texts: impl IntoIterator<Item = &'t str>) {
        self.array(key, |array| texts.into_iter().for_each(|text| string(array.item(), text)));
    }

    /// Writes all of `members` as they are.
    pub(super) fn members(&mut self, members: &Members<'_>) {
        members.iter().for_each(|(key, value)| self.raw(key, value));
    }

    /// Writes those members whose key starts with `prefix`, without it.
    pub(super) fn members_under(&mut self, prefix: &str, members: &Members<'_>) {
        for (key, value) in members {
            if let Some(key) = key.strip_prefix(prefix).filter(|key| !key.contains('.')) {
                self.raw(key, value);
            }
        }
    }
}

impl Array<'_> {
    /// Gives the place of the next item.
    pub(super) fn item(&mut self) -> &mut Vec<u8> {
        if self.length > 0 {
            self.out.push(b',');
        }
        self.length += 1;
        self.out
    }

    /// True if no item was written yet.
    pub(super) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// How many items were written.
    pub(super) fn len(&self) -> usize {
        self.length
    }

    pub(super) fn object(&mut self, write: impl FnOnce(&mut Object<'_>)) {
        object(self.item(), write);
    }

    /// Writes an object unless `write` says that it came to nothing; true if it is there.
    pub(super) fn object_if(&mut self, write: impl FnOnce(&mut Object<'_>) -> bool) -> bool {
        self.all_or_none(|array| {
            let mut keep = false;
            array.object(|inner| keep = write(inner));
            keep
        })
    }

    /// Writes items unless `write` says that they came to nothing; true if they are there.
    pub(super) fn all_or_none(&mut self, write: impl FnOnce(&mut Self) -> bool) -> bool {
        let (start, length) = (self.out.len(), self.length);
        let keep = write(self);
        if !keep {
            self.out.truncate(start);
            self.length = length;
        }
        keep
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_to_nothing_leaves_no_trace() {
        let raw = raw_object(|object| {
            object.object_if_any("a", |_| {});
            object.text("b", "\"\n");
            object.object_if_any("c", |inner| inner.plain("d", 1));
            assert!(!object.array_if_any("x", |_| {}));
            assert!(object.array_if_any("f", |array| array.object(|_| {})));
            object.array("e", |array| {
                array.object_if(|_| false);
                array.object(|_| {});
                array.all_or_none(|array| {
                    array.object(|_| {});
                    array.object_if(|_| false)
                });
                array.object(|_| {});
            });
        });
        assert_eq!(raw.get(), r#"{"b":"\"\n","c":{"d":1},"f":[{}],"e":[{},{}]}"#);
    }
}
