//! Writes JSON straight into the outgoing bytes: no tree in between, raw values as they were spelled.

use crate::ir::Members;

/// JSON in the making. Commas are put where the last byte shows that one is due.
pub(super) struct Json<'o> {
    out: &'o mut Vec<u8>,
    /// Where the JSON begins: what stands before is not JSON.
    start: usize,
}

impl<'o> Json<'o> {
    pub(super) fn new(out: &'o mut Vec<u8>) -> Self {
        let start = out.len();
        Self { out, start }
    }

    /// Where the next byte will stand.
    pub(super) fn mark(&self) -> usize {
        self.out.len()
    }

    /// Takes back what was written since `mark`.
    pub(super) fn forget(&mut self, mark: usize) {
        self.out.truncate(mark);
    }

    /// An object as the next item, or as the whole.
    pub(super) fn object(&mut self, inside: impl FnOnce(&mut Self)) {
        self.comma();
        self.out.push(b'{');
        inside(self);
        self.out.push(b'}');
    }

    /// An array's next item as it is spelled.
    pub(super) fn item(&mut self, raw: &str) {
        self.comma();
        self.out.extend_from_slice(raw.as_bytes());
    }

    /// An array's next item.
    pub(super) fn item_text(&mut self, text: &str) {
        self.comma();
        self.string(text);
    }

    /// A member that is an object.
    pub(super) fn member_object(&mut self, key: &str, inside: impl FnOnce(&mut Self)) {
        self.key(key);
        self.out.push(b'{');
        inside(self);
        self.out.push(b'}');
    }

    /// A member that is an array.
    pub(super) fn member_array(&mut self, key: &str, inside: impl FnOnce(&mut Self)) {
        self.key(key);
        self.out.push(b'[');
        inside(self);
        self.out.push(b']');
    }

    /// A member that is text.
    pub(super) fn member_text(&mut self, key: &str, text: &str) {
        self.key(key);
        self.string(text);
    }

    /// A member that is text, if there is one.
    pub(super) fn member_some(&mut self, key: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.member_text(key, text);
        }
    }

    /// A member that is a number.
    pub(super) fn member_number(&mut self, key: &str, number: u64) {
        self.key(key);
        self.out.extend_from_slice(number.to_string().as_bytes());
    }

    /// A member as it is spelled.
    pub(super) fn member(&mut self, key: &str, raw: &str) {
        self.key(key);
        self.out.extend_from_slice(raw.as_bytes());
    }

    /// Members as they are spelled.
    pub(super) fn members(&mut self, members: &Members<'_>) {
        self.members_but(members, &[]);
    }

    /// Members as they are spelled, but for those written elsewhere.
    pub(super) fn members_but(&mut self, members: &Members<'_>, elsewhere: &[&str]) {
        for (key, raw) in members.iter().filter(|(key, _)| !elsewhere.contains(&&**key)) {
            self.member(key, raw.get());
        }
    }

    /// The members that were kept of the inner object `member`, as `keep_rest` kept them.
    pub(super) fn rest(&mut self, extra: &Members<'_>, member: &str) {
        let kept = extra.iter().find(|(key, _)| key == member);
        let rest = kept.and_then(|(_, raw)| serde_json::from_str::<super::wire::Empty<'_>>(raw.get()).ok());
        if let Some(rest) = rest {
            self.members(&rest.extra);
        }
    }

    fn key(&mut self, key: &str) {
        self.comma();
        self.string(key);
        self.out.push(b':');
    }

    /// Behind an opening bracket or a colon nothing has to be parted.
    fn comma(&mut self) {
        if self.out.len() > self.start && !matches!(self.out.last(), Some(b'{' | b'[' | b':')) {
            self.out.push(b',');
        }
    }

    fn string(&mut self, text: &str) {
        // Writing text into memory cannot fail.
        let _ = serde_json::to_writer(&mut *self.out, text);
    }
}

/// An object on its own that is about as long as `size`.
pub(super) fn object_of(size: usize, inside: impl FnOnce(&mut Json<'_>)) -> Vec<u8> {
    let mut out = Vec::with_capacity(size);
    Json::new(&mut out).object(inside);
    out
}

/// A small object on its own.
pub(super) fn object(inside: impl FnOnce(&mut Json<'_>)) -> Vec<u8> {
    object_of(256, inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_stand_where_they_are_due() {
        let out = object(|json| {
            json.member("a", " true ".trim());
            json.member_array("b", |json| {
                json.item("1");
                json.item_text("{");
                json.object(|_| {});
                json.object(|json| json.member_number("c", 3));
            });
            json.member_object("d", |json| json.member_some("e", Some("x\"")));
        });
        assert_eq!(out, br#"{"a":true,"b":[1,"{",{},{"c":3}],"d":{"e":"x\""}}"#);
    }
}
