//! Text and raw JSON that borrow from the bytes they were read from wherever they can.

use std::{borrow::Cow, fmt, ops::Deref};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::value::RawValue;

/// Text that borrows if it was spelled without escapes. Unlike `Cow<str>` it does so inside `Option` and `Vec` too.
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Text<'a>(pub Cow<'a, str>);

/// A JSON value as it was spelled.
pub type Raw<'a> = Cow<'a, RawValue>;

/// A number as it was spelled; refuses any other JSON value.
#[derive(Debug, Clone)]
pub struct Number<'a>(pub Raw<'a>);

/// Members of a JSON object that only its own dialect understands, in their order.
pub type Members<'a> = Vec<(Text<'a>, Raw<'a>)>;

/// A value spelled as JSON. What cannot be spelled (a map with keys that are not text) becomes `null`; no type of this
/// crate is like that.
pub fn raw<T: Serialize + ?Sized>(value: &T) -> Raw<'static> {
    Cow::Owned(serde_json::value::to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned()))
}

impl<'a> Text<'a> {
    /// The text, borrowed for as long as the original lives if it was borrowed.
    pub fn into_cow(self) -> Cow<'a, str> {
        self.0
    }

    /// A view of the same text.
    pub fn borrowed(&self) -> Text<'_> {
        Text(Cow::Borrowed(&self.0))
    }

    /// The same text on its own.
    pub fn into_owned(self) -> Text<'static> {
        Text(Cow::Owned(self.0.into_owned()))
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text))
    }
}

impl PartialEq<str> for Text<'_> {
    fn eq(&self, other: &str) -> bool {
        *self.0 == *other
    }
}

impl PartialEq<&str> for Text<'_> {
    fn eq(&self, other: &&str) -> bool {
        *self.0 == **other
    }
}

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(text.into())
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(text.to_owned().into())
            }

            fn visit_string<E: de::Error>(self, text: String) -> Result<Text<'de>, E> {
                Ok(text.into())
            }
        }

        deserializer.deserialize_str(Visitor)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Number<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        if raw.get().starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
            Ok(Self(Cow::Borrowed(raw)))
        } else {
            Err(de::Error::custom("expected a number"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_without_escapes_is_not_copied() {
        let read: Vec<Option<Text<'_>>> = serde_json::from_str(r#"["plain", "esc\u0061ped", null]"#).unwrap();
        assert!(matches!(read[0], Some(Text(Cow::Borrowed("plain")))));
        assert!(matches!(&read[1], Some(Text(Cow::Owned(text))) if text == "escaped"));
        assert_eq!(serde_json::to_string(&read).unwrap(), r#"["plain","escaped",null]"#);
    }
}
