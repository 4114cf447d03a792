//! What the check made of the file: typed, in the file's order, ready for serde.
//!
//! Not `serde_json::Value`, whose maps are sorted unless a feature changes them for the whole build.

use serde::de::value::{Error, MapDeserializer, SeqDeserializer};
use serde::de::{Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use crate::Config;
use crate::finding::Findings;
use crate::tree::{Kind, Node};

/// A value whose type the schema has confirmed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Boolean(bool),
    Integer(i64),
    String(String),
    Sequence(Vec<Value>),
    Mapping(Vec<(String, Value)>),
}

/// Makes the config. What the schema let through and serde refuses is reported at its place.
pub(crate) fn deserialize(value: Value, root: &Node, findings: &mut Findings) -> Option<Config> {
    let outcome = serde_path_to_error::deserialize::<_, Config>(value);
    outcome
        .map_err(|error| {
            let mut node = root;
            for segment in error.path() {
                let inner = match (segment, &node.kind) {
                    (serde_path_to_error::Segment::Seq { index }, Kind::Sequence(items)) => items.get(*index),
                    (serde_path_to_error::Segment::Map { key }, _) => node.get(key),
                    _ => None,
                };
                node = inner.unwrap_or(node);
            }
            // Serde's own message may quote the value, so it is not passed on.
            let message = format!("`{}` has a value that does not fit", error.path());
            findings.report(node.span, &error.path().to_string(), message, None);
        })
        .ok()
}

// === impl Value ===

impl IntoDeserializer<'_, Error> for Value {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Value {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Self::Null => visitor.visit_unit(),
            Self::Boolean(value) => visitor.visit_bool(value),
            Self::Integer(value) => visitor.visit_i64(value),
            Self::String(text) => visitor.visit_string(text),
            Self::Sequence(items) => visitor.visit_seq(SeqDeserializer::new(items.into_iter())),
            Self::Mapping(entries) => visitor.visit_map(MapDeserializer::new(entries.into_iter())),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Self::Null => visitor.visit_none(),
            value => visitor.visit_some(value),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self {
            Self::String(text) => text.into_deserializer().deserialize_enum(name, variants, visitor),
            value => value.deserialize_any(visitor),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}
