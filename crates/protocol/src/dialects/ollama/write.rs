//! Writes JSON objects member by member, straight into the outgoing body.

use serde::Serialize;

/// An object that is being written; closed by [`Object::write`].
pub(super) struct Object<'o> {
    out: &'o mut Vec<u8>,
    is_empty: bool,
}

/// A list that is being written.
pub(super) struct List<'o> {
    out: &'o mut Vec<u8>,
    is_empty: bool,
}

/// A value spelled as JSON; none of ours can fail to be.
fn put<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    let start = out.len();
    if serde_json::to_writer(&mut *out, value).is_err() {
        out.truncate(start);
        out.extend_from_slice(b"null");
    }
}

impl Object<'_> {
    /// Appends one object with the members that `members` writes.
    pub(super) fn write(out: &mut Vec<u8>, members: impl FnOnce(&mut Object<'_>)) {
        out.push(b'{');
        members(&mut Object { out, is_empty: true });
        out.push(b'}');
    }

    fn key(&mut self, key: &str) -> &mut Vec<u8> {
        if !std::mem::replace(&mut self.is_empty, false) {
            self.out.push(b',');
        }
        put(self.out, key);
        self.out.push(b':');
        self.out
    }

    /// Writes a member.
    pub(super) fn member<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) {
        put(self.key(key), value);
    }

    /// Writes a member if there is a value.
    pub(super) fn maybe<T: Serialize>(&mut self, key: &str, value: Option<T>) {
        if let Some(value) = value {
            self.member(key, &value);
        }
    }

    /// Writes a member that is an object.
    pub(super) fn object(&mut self, key: &str, members: impl FnOnce(&mut Object<'_>)) {
        Object::write(self.key(key), members);
    }

    /// Writes a member that is a list.
    pub(super) fn list(&mut self, key: &str, items: impl FnOnce(&mut List<'_>)) {
        let out = self.key(key);
        out.push(b'[');
        items(&mut List { out, is_empty: true });
        out.push(b']');
    }
}

impl List<'_> {
    /// Writes an item that is an object.
    pub(super) fn object(&mut self, members: impl FnOnce(&mut Object<'_>)) {
        if !std::mem::replace(&mut self.is_empty, false) {
            self.out.push(b',');
        }
        Object::write(self.out, members);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_and_items_are_parted() {
        let mut out = Vec::new();
        Object::write(&mut out, |object| {
            object.member("a\"", "é\n");
            object.maybe("none", None::<u64>);
            object.object("b", |_| {});
            object.list("c", |list| {
                list.object(|item| item.member("d", &1));
                list.object(|_| {});
            });
        });
        assert_eq!(String::from_utf8(out).unwrap(), "{\"a\\\"\":\"é\\n\",\"b\":{},\"c\":[{\"d\":1},{}]}");
    }
}
