//! Reads JSON objects in one pass, known members into typed fields and unknown ones as they are; writes them likewise.

use std::{borrow::Cow, fmt, marker::PhantomData};

use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::value::RawValue;

use crate::ir::{Members, Raw, Text};

/// Declares an object of the wire: each member is an `Option` (null is as good as absent), members nobody listed are
/// in `extra`. An error names the member it was met in.
macro_rules! object {
    ($(#[$meta:meta])* $name:ident<$a:lifetime> { $($field:ident = $key:literal: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Default)]
        pub(super) struct $name<$a> {
            $(pub(super) $field: Option<$type>,)*
            pub(super) extra: $crate::ir::Members<$a>,
        }

        impl<'de: $a, $a> serde::Deserialize<'de> for $name<$a> {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;

                impl<'de> serde::de::Visitor<'de> for Visitor {
                    type Value = $name<'de>;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<M: serde::de::MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                        let mut object = $name::default();
                        while let Some(key) = map.next_key::<$crate::ir::Text<'de>>()? {
                            match &*key {
                                $($key => object.$field = $crate::dialects::openai_chat::object::at($key, map.next_value())?,)*
                                _ => $crate::dialects::openai_chat::object::keep(&mut object.extra, key, map.next_value()?),
                            }
                        }
                        Ok(object)
                    }
                }

                deserializer.deserialize_map(Visitor)
            }
        }
    };
}
pub(super) use object;

/// The same result; an error says in which member it was met.
pub(super) fn at<T, E: de::Error>(member: &str, result: Result<T, E>) -> Result<T, E> {
    result.map_err(|error| E::custom(format_args!("`{member}`: {error}")))
}

/// Keeps a member nobody knows, unless it is null.
pub(super) fn keep<'a>(extra: &mut Members<'a>, name: Text<'a>, raw: &'a RawValue) {
    if raw.get() != "null" {
        extra.push((name, Cow::Borrowed(raw)));
    }
}

/// Moves what is left of an object inside an object into the outer one's `extra`, under `outer.inner`.
pub(super) fn keep_inner<'a>(extra: &mut Members<'a>, outer: &str, inner: Members<'a>) {
    extra.extend(inner.into_iter().map(|(name, raw)| (format!("{outer}.{name}").into(), raw)));
}

/// A list; an error says at which place it was met.
#[derive(Debug)]
pub(super) struct List<T>(pub(super) Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> de::Visitor<'de> for Visitor<T> {
            type Value = List<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<S: de::SeqAccess<'de>>(self, mut seq: S) -> Result<List<T>, S::Error> {
                let mut list = Vec::new();
                while let Some(item) = seq
                    .next_element()
                    .map_err(|error| de::Error::custom(format_args!("item {}: {error}", list.len())))?
                {
                    list.push(item);
                }
                Ok(List(list))
            }
        }

        deserializer.deserialize_seq(Visitor(PhantomData))
    }
}

/// A text, or a list of something: message content and stop sequences.
#[derive(Debug)]
pub(super) enum TextOr<'a, T> {
    /// The short form.
    Text(Text<'a>),
    /// The long form.
    List(Vec<T>),
}

impl<'de: 'a, 'a, T: Deserialize<'de>> Deserialize<'de> for TextOr<'a, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> de::Visitor<'de> for Visitor<T> {
            type Value = TextOr<'de, T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a list")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(TextOr::Text(text.into()))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(TextOr::Text(text.to_owned().into()))
            }

            fn visit_seq<S: de::SeqAccess<'de>>(self, seq: S) -> Result<Self::Value, S::Error> {
                List::deserialize(de::value::SeqAccessDeserializer::new(seq)).map(|list| TextOr::List(list.0))
            }
        }

        deserializer.deserialize_any(Visitor(PhantomData))
    }
}

/// A whole number that is not negative; some clients spell it with a fraction of zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Count(pub(super) u64);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Count;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number that is not negative")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Count, E> {
                Ok(Count(number))
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Count, E> {
                // Above 2^53 a float is not exact any more; no count comes near.
                if number.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&number) {
                    #[expect(
                        clippy::cast_possible_truncation,
                        clippy::cast_sign_loss,
                        reason = "checked above"
                    )]
                    return Ok(Count(number as u64));
                }
                Err(E::invalid_value(de::Unexpected::Float(number), &self))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

/// What a server may spell in a way nobody documented: what does not fit is as good as absent.
#[derive(Debug)]
pub(super) struct Lax<T>(pub(super) Option<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Lax<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        lax(deserializer).map(Self)
    }
}

/// Reads what a server may spell in a way nobody documented: what does not fit is as good as absent.
pub(super) fn lax<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Ok(Option::<&'de RawValue>::deserialize(deserializer)?.and_then(read))
}

/// The value of a raw member, if it has the form of `T`.
pub(super) fn read<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Option<T> {
    serde_json::from_str(raw.get()).ok()
}

/// Tool arguments: the text of a string; some servers send the object itself, which is its own text.
pub(super) fn arguments(raw: &RawValue) -> Text<'_> {
    match raw.get() {
        "null" => Text::default(),
        text => read(raw).unwrap_or_else(|| text.into()),
    }
}

/// Writes an object member by member.
pub(super) struct Writer<'o> {
    out: &'o mut Vec<u8>,
    is_empty: bool,
}

impl<'o> Writer<'o> {
    /// Opens an object.
    pub(super) fn open(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, is_empty: true }
    }

    /// Writes a member's name; its value has to be appended to what is returned.
    pub(super) fn value(&mut self, name: &str) -> &mut Vec<u8> {
        if !self.is_empty {
            self.out.push(b',');
        }
        self.is_empty = false;
        put(self.out, name);
        self.out.push(b':');
        self.out
    }

    /// Writes a member.
    pub(super) fn put<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) {
        put(self.value(name), value);
    }

    /// Writes a member if there is a value for it.
    pub(super) fn put_some<T: Serialize>(&mut self, name: &str, value: Option<&T>) {
        if let Some(value) = value {
            self.put(name, value);
        }
    }

    /// Writes a member that is an object.
    pub(super) fn object(&mut self, name: &str, write: impl FnOnce(&mut Writer<'_>)) {
        object_into(self.value(name), write);
    }

    /// Writes the members that were kept of an object, but not those of the objects `inside` it.
    pub(super) fn extra(&mut self, extra: &Members<'_>, inside: &[&str]) {
        for (name, raw) in extra {
            let is_inner = name.split_once('.').is_some_and(|(outer, _)| inside.contains(&outer));
            if !is_inner {
                self.put(name, raw);
            }
        }
    }

    /// Writes the members that were kept of the inner object `outer`.
    pub(super) fn inner_extra(&mut self, extra: &Members<'_>, outer: &str) {
        for (name, raw) in inner(extra, outer) {
            self.put(name, raw);
        }
    }

    /// What has been written so far, to go on with a value by hand.
    pub(super) fn raw(&mut self) -> &mut Vec<u8> {
        self.out
    }

    /// Closes the object.
    pub(super) fn close(self) {
        self.out.push(b'}');
    }
}

/// What was kept of the inner object `outer`.
pub(super) fn inner<'m, 'a>(
    extra: &'m Members<'a>,
    outer: &'m str,
) -> impl Iterator<Item = (&'m str, &'m Raw<'a>)> + use<'m, 'a> {
    extra.iter().filter_map(move |(name, raw)| {
        name.strip_prefix(outer).and_then(|rest| rest.strip_prefix('.')).map(|name| (name, raw))
    })
}

/// Appends a value. Writing to memory does not fail, and no value here has keys that are not text.
pub(super) fn put<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    if serde_json::to_writer(&mut *out, value).is_err() {
        out.extend_from_slice(b"null");
    }
}

/// Appends an object.
pub(super) fn object_into(out: &mut Vec<u8>, write: impl FnOnce(&mut Writer<'_>)) {
    let mut object = Writer::open(out);
    write(&mut object);
    object.close();
}

/// Appends a list, one item per call of `write`.
pub(super) fn list_into<T>(
    out: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut Vec<u8>, T),
) {
    out.push(b'[');
    for (place, item) in items.into_iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write(out, item);
    }
    out.push(b']');
}

/// Base64 with the prefix that makes it a URL (RFC 2397); written in one go.
pub(super) struct DataUrl<'a> {
    /// E.g. `image/png`.
    pub(super) media_type: &'a str,
    /// Base64.
    pub(super) data: &'a str,
}

impl Serialize for DataUrl<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("data:{};base64,{}", self.media_type, self.data))
    }
}

/// Takes a base64 data URL apart: media type and data. `None` if it is another kind of URL.
pub(super) fn split_data_url<'a>(url: &Text<'a>) -> Option<(Option<Text<'a>>, Text<'a>)> {
    let (head, data) = url.strip_prefix("data:")?.split_once(',')?;
    let media_type = head.strip_suffix(";base64")?;
    let (start, end) = (5, 5 + media_type.len());
    let data_start = url.len() - data.len();
    let part = |from: usize, to: usize| -> Text<'a> {
        match &url.0 {
            Cow::Borrowed(text) => text[from..to].into(),
            Cow::Owned(text) => text[from..to].to_owned().into(),
        }
    };
    let media_type = (!media_type.is_empty()).then(|| part(start, end));
    Some((media_type, part(data_start, url.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    object! {
        Probe<'a> {
            name = "name": Text<'a>,
            inner = "inner": List<Count>,
        }
    }

    #[test]
    fn unknown_members_are_kept_and_null_is_absence() {
        let probe: Probe<'_> = serde_json::from_str(r#"{"x": 1.50,"name":null,"y":null}"#).unwrap();
        assert!(probe.name.is_none());
        assert_eq!(serde_json::to_string(&probe.extra).unwrap(), r#"[["x",1.50]]"#);
    }

    #[test]
    fn an_error_says_where() {
        let error = serde_json::from_str::<Probe<'_>>(r#"{"inner":[1,2.0,-3]}"#).unwrap_err().to_string();
        assert!(error.starts_with("`inner`: item 2: invalid"), "{error}");
        assert_eq!(error.matches("line").count(), 1, "{error}");
    }

    #[test]
    fn data_urls_come_apart_without_a_copy() {
        let url = Text::from("data:image/png;base64,iVBO/=");
        let (media_type, data) = split_data_url(&url).unwrap();
        assert_eq!(media_type.unwrap(), "image/png");
        assert!(matches!(data.0, Cow::Borrowed("iVBO/=")));
        let mut out = Vec::new();
        put(&mut out, &DataUrl { media_type: "image/png", data: &data });
        assert_eq!(out, b"\"data:image/png;base64,iVBO/=\"");
        for other in ["https://x/a,b", "data:text/plain,x", "data:"] {
            assert!(split_data_url(&other.into()).is_none(), "{other}");
        }
        let (media_type, data) = split_data_url(&"data:;base64,QQ==".into()).unwrap();
        assert!(media_type.is_none());
        assert_eq!(data, "QQ==");
    }

    #[test]
    fn what_was_kept_of_an_inner_object_goes_back_into_it() {
        let mut extra = Members::new();
        keep(&mut extra, "a".into(), RawValue::TRUE);
        keep_inner(&mut extra, "in", vec![("b".into(), Cow::Borrowed(RawValue::FALSE))]);
        let mut out = Vec::new();
        object_into(&mut out, |object| {
            object.extra(&extra, &["in"]);
            object.object("in", |object| object.inner_extra(&extra, "in"));
        });
        assert_eq!(String::from_utf8(out).unwrap(), r#"{"a":true,"in":{"b":false}}"#);
    }
}
