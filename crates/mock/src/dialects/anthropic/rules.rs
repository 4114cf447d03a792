//! What a value must be, as tables, and the one function that checks it in the API's own words.

use std::fmt;

use serde_json::Value;

use super::{ApiError, Object};

/// A rule for one field.
pub(super) struct Param {
    pub(super) name: &'static str,
    kind: Kind,
    need: Need,
}

#[derive(PartialEq, Eq)]
enum Need {
    Required,
    Optional,
    /// Optional, and `null` means absent.
    Nullable,
}

/// What a value must be. Bounds are inclusive.
pub(super) enum Kind {
    Anything,
    Bool,
    Integer(i64, i64),
    Number(f64, f64),
    Text,
    /// An id that tool calls and their results have in common.
    ToolId,
    ToolName,
    OneOf(&'static [&'static str]),
    /// An object whose fields are the caller's own.
    Map,
    /// An object with these fields and no others.
    Object(&'static [Param]),
    List(&'static Kind),
    TextOrList(&'static Kind),
    /// An object whose `type` says which of these it is.
    Tagged(&'static [Variant]),
    /// The same, where no `type` means the first.
    TaggedOr(&'static [Variant]),
}

/// One form of an object that has several.
pub(super) struct Variant {
    pub(super) tag: &'static str,
    /// Absent = any field may be there.
    pub(super) params: Option<&'static [Param]>,
}

pub(super) const fn required(name: &'static str, kind: Kind) -> Param {
    Param { name, kind, need: Need::Required }
}

pub(super) const fn optional(name: &'static str, kind: Kind) -> Param {
    Param { name, kind, need: Need::Optional }
}

pub(super) const fn nullable(name: &'static str, kind: Kind) -> Param {
    Param { name, kind, need: Need::Nullable }
}

pub(super) const fn variant(tag: &'static str, params: &'static [Param]) -> Variant {
    Variant { tag, params: Some(params) }
}

pub(super) const fn open_variant(tag: &'static str) -> Variant {
    Variant { tag, params: None }
}

/// Where in the body a value is; written as `messages.0.content`.
#[derive(Clone, Copy)]
pub(super) enum Place<'a> {
    Body,
    Field(&'a Place<'a>, &'a str),
    Item(&'a Place<'a>, usize),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Body => Ok(()),
            Self::Field(Self::Body, name) => f.write_str(name),
            Self::Field(parent, name) => write!(f, "{parent}.{name}"),
            Self::Item(parent, index) => write!(f, "{parent}.{index}"),
        }
    }
}

impl Place<'_> {
    pub(super) fn error(&self, why: impl fmt::Display) -> ApiError {
        ApiError::bad(format!("{self}: {why}"))
    }

    pub(super) fn extra(&self) -> ApiError {
        self.error("Extra inputs are not permitted")
    }
}

/// Nothing missing, everything of its kind, nothing unknown; `tag` is a field that was looked at before.
pub(super) fn check_fields(
    params: &[Param],
    tag: Option<&str>,
    object: &Object,
    place: &Place<'_>,
) -> Result<(), ApiError> {
    for param in params {
        let place = Place::Field(place, param.name);
        match object.get(param.name) {
            None if param.need == Need::Required => return Err(place.error("Field required")),
            None => {}
            Some(Value::Null) if param.need == Need::Nullable => {}
            Some(value) => param.kind.check(value, &place)?,
        }
    }
    let known = |key: &str| Some(key) == tag || params.iter().any(|param| param.name == key);
    match object.keys().find(|key| !known(key)) {
        Some(unknown) => Err(Place::Field(place, unknown).extra()),
        None => Ok(()),
    }
}

impl Kind {
    pub(super) fn check(&self, value: &Value, place: &Place<'_>) -> Result<(), ApiError> {
        match (self, value) {
            (Self::Anything, _) | (Self::Bool, Value::Bool(_)) | (Self::Map, Value::Object(_)) => Ok(()),
            (Self::Text, Value::String(_)) | (Self::TextOrList(_), Value::String(_)) => Ok(()),
            (Self::ToolId, Value::String(id)) => check_pattern(id, "+", usize::MAX, place),
            (Self::ToolName, Value::String(name)) => check_pattern(name, "{1,128}", 128, place),
            (Self::OneOf(allowed), Value::String(text)) if allowed.contains(&text.as_str()) => Ok(()),
            (Self::OneOf(allowed), _) => {
                Err(place.error(format_args!("Input should be {}", Choice(allowed))))
            }
            (Self::Integer(least, most), Value::Number(number)) => match number.as_i64() {
                Some(number) if number < *least => Err(place.error(at_least(least))),
                Some(number) if number > *most => Err(place.error(at_most(most))),
                Some(_) => Ok(()),
                None => Err(place.error("Input should be a valid integer")),
            },
            (Self::Number(least, most), Value::Number(number)) => match number.as_f64().unwrap_or(f64::NAN) {
                number if number < *least => Err(place.error(at_least(least))),
                number if number > *most => Err(place.error(at_most(most))),
                _ => Ok(()),
            },
            (Self::List(kind) | Self::TextOrList(kind), Value::Array(items)) => {
                let mut items = items.iter().enumerate();
                items.try_for_each(|(index, item)| kind.check(item, &Place::Item(place, index)))
            }
            (Self::Object(params), Value::Object(object)) => check_fields(params, None, object, place),
            (Self::Tagged(variants), Value::Object(object)) => check_tagged(variants, None, object, place),
            (Self::TaggedOr(variants), Value::Object(object)) => {
                check_tagged(variants, variants.first(), object, place)
            }
            _ => Err(place.error(self.wrong_type())),
        }
    }

    fn wrong_type(&self) -> &'static str {
        match self {
            Self::Anything | Self::OneOf(_) | Self::Text | Self::ToolId | Self::ToolName => {
                "Input should be a valid string"
            }
            Self::Bool => "Input should be a valid boolean",
            Self::Integer(..) => "Input should be a valid integer",
            Self::Number(..) => "Input should be a valid number",
            Self::Map => "Input should be a valid dictionary",
            Self::List(_) | Self::TextOrList(_) => "Input should be a valid list",
            Self::Object(_) | Self::Tagged(_) | Self::TaggedOr(_) => {
                "Input should be a valid dictionary or object to extract fields from"
            }
        }
    }
}

fn at_least(bound: impl fmt::Display) -> String {
    format!("Input should be greater than or equal to {bound}")
}

fn at_most(bound: impl fmt::Display) -> String {
    format!("Input should be less than or equal to {bound}")
}

fn check_pattern(text: &str, count: &str, most: usize, place: &Place<'_>) -> Result<(), ApiError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if (1..=most).contains(&text.len()) && text.bytes().all(allowed) {
        return Ok(());
    }
    Err(place.error(format_args!("String should match pattern '^[a-zA-Z0-9_-]{count}$'")))
}

/// The tag is part of the place: `messages.0.content.0.text.text`.
fn check_tagged(
    variants: &[Variant],
    default: Option<&Variant>,
    object: &Object,
    place: &Place<'_>,
) -> Result<(), ApiError> {
    let variant = match (object.get("type"), default) {
        (None | Some(Value::Null), Some(default)) => default,
        (None, None) => return Err(Place::Field(place, "type").error("Field required")),
        (Some(tag), _) => match variants.iter().find(|variant| tag == variant.tag) {
            Some(variant) => variant,
            None => {
                return Err(unknown_tag(tag, variants.iter().map(|variant| variant.tag).collect(), place));
            }
        },
    };
    match variant.params {
        Some(params) => check_fields(params, Some("type"), object, &Place::Field(place, variant.tag)),
        None => Ok(()),
    }
}

/// A `type` nobody knows; the API lists those it does, by the alphabet.
pub(super) fn unknown_tag(tag: &Value, mut known: Vec<&str>, place: &Place<'_>) -> ApiError {
    known.sort_unstable();
    let known = known.iter().map(|tag| format!("'{tag}'")).collect::<Vec<_>>().join(", ");
    let tag = tag.as_str().map_or_else(|| tag.to_string(), str::to_owned);
    place.error(format_args!(
        "Input tag '{tag}' found using 'type' does not match any of the expected tags: {known}"
    ))
}

/// `'a', 'b' or 'c'`.
struct Choice<'a>(&'a [&'a str]);

impl fmt::Display for Choice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, value) in self.0.iter().enumerate() {
            let between = match index {
                0 => "",
                index if index + 1 == self.0.len() => " or ",
                _ => ", ",
            };
            write!(f, "{between}'{value}'")?;
        }
        Ok(())
    }
}
