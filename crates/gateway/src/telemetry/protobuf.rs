//! Protobuf, as far as OTLP needs it to be written (<https://protobuf.dev/programming-guides/encoding/>).

/// A message that is being written. What has its default value is left out, as proto3 wants it.
#[derive(Debug, Default)]
pub(super) struct Message(Vec<u8>);

/// How a field's value is told from the next one.
const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const LENGTH: u32 = 2;
const FIXED32: u32 = 5;

impl Message {
    /// The bytes of it.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn key(&mut self, field: u32, kind: u32) {
        self.varint(u64::from(field << 3 | kind));
    }

    /// A number, an enumeration's or a truth value.
    pub(super) fn number(&mut self, field: u32, value: u64) {
        if value != 0 {
            self.always_number(field, value);
        }
    }

    /// The same of a field whose presence says something.
    pub(super) fn always_number(&mut self, field: u32, value: u64) {
        self.key(field, VARINT);
        self.varint(value);
    }

    pub(super) fn fixed64(&mut self, field: u32, value: u64) {
        self.key(field, FIXED64);
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub(super) fn fixed32(&mut self, field: u32, value: u32) {
        self.key(field, FIXED32);
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub(super) fn double(&mut self, field: u32, value: f64) {
        self.fixed64(field, value.to_bits());
    }

    pub(super) fn bytes(&mut self, field: u32, value: &[u8]) {
        if !value.is_empty() {
            self.always_bytes(field, value);
        }
    }

    /// The same of a field whose presence says something.
    pub(super) fn always_bytes(&mut self, field: u32, value: &[u8]) {
        self.key(field, LENGTH);
        self.varint(value.len() as u64);
        self.0.extend_from_slice(value);
    }

    pub(super) fn text(&mut self, field: u32, value: &str) {
        self.bytes(field, value.as_bytes());
    }

    /// A message inside it.
    pub(super) fn message(&mut self, field: u32, write: impl FnOnce(&mut Self)) {
        let mut inner = Self::default();
        write(&mut inner);
        self.always_bytes(field, &inner.0);
    }

    /// Numbers of eight bytes in a row.
    pub(super) fn packed(&mut self, field: u32, values: impl Iterator<Item = u64>) {
        let packed: Vec<u8> = values.flat_map(u64::to_le_bytes).collect();
        self.bytes(field, &packed);
    }

    /// An attribute with a text, of OTLP's `KeyValue`.
    pub(super) fn attribute(&mut self, field: u32, key: &str, value: &str) {
        self.message(field, |pair| {
            pair.text(1, key);
            pair.message(2, |any| any.always_bytes(1, value.as_bytes()));
        });
    }

    /// An attribute with a number.
    pub(super) fn attribute_number(&mut self, field: u32, key: &str, value: u64) {
        self.message(field, |pair| {
            pair.text(1, key);
            pair.message(2, |any| any.always_number(3, value));
        });
    }

    /// An attribute with a truth value.
    pub(super) fn attribute_bool(&mut self, field: u32, key: &str, value: bool) {
        self.message(field, |pair| {
            pair.text(1, key);
            pair.message(2, |any| any.always_number(2, u64::from(value)));
        });
    }

    /// An attribute with a fraction.
    pub(super) fn attribute_double(&mut self, field: u32, key: &str, value: f64) {
        self.message(field, |pair| {
            pair.text(1, key);
            pair.message(2, |any| any.double(4, value));
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_specification() {
        let mut message = Message::default();
        message.number(1, 150);
        message.text(2, "testing");
        message.message(3, |inner| inner.number(1, 150));
        message.number(4, 0);
        message.text(5, "");
        message.fixed32(6, 1);
        let mut expect = b"\x08\x96\x01\x12\x07testing\x1a\x03\x08\x96\x01".to_vec();
        expect.extend_from_slice(b"\x35\x01\x00\x00\x00");
        assert_eq!(message.into_bytes(), expect);
    }
}
