//! What a value must be, as shapes of AWS's API description, and the one walk that checks them in its words.

use std::fmt;

use serde_json::Value;

use super::{ApiError, Object};

/// A member of a structure.
pub(super) struct Member {
    name: &'static str,
    kind: Kind,
    is_required: bool,
}

/// What a value must be. Bounds are inclusive.
pub(super) enum Kind {
    /// Any JSON at all.
    Document,
    Bool,
    Integer(i64),
    Float(f64, f64),
    /// Characters at least and at most.
    Text(usize, usize),
    Pattern(usize, &'static Pattern),
    /// Base64.
    Blob,
    OneOf(&'static [&'static str]),
    List(&'static Kind, Bounds),
    /// An object whose keys are the caller's own.
    Map(Bounds),
    Structure(&'static [Member]),
    /// A structure with exactly one member, and its name.
    Union(&'static str, &'static [Member]),
}

/// How many items there may be.
pub(super) struct Bounds(pub(super) usize, pub(super) usize);

/// A regular expression and what it means.
pub(super) struct Pattern {
    pub(super) text: &'static str,
    pub(super) fits: fn(&str) -> bool,
}

pub(super) const ANY: Bounds = Bounds(0, usize::MAX);
pub(super) const STRING: Kind = Kind::Text(0, usize::MAX);

pub(super) const fn required(name: &'static str, kind: Kind) -> Member {
    Member { name, kind, is_required: true }
}

pub(super) const fn optional(name: &'static str, kind: Kind) -> Member {
    Member { name, kind, is_required: false }
}

/// Where in the body a value is.
#[derive(Clone, Copy)]
enum Place<'a> {
    Body,
    Member(&'a Place<'a>, &'a str),
    Item(&'a Place<'a>, usize),
}

/// `messages.1.member.content`: the services' own way, which counts from one.
struct Coral<'a>(&'a Place<'a>);

impl fmt::Display for Coral<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Place::Body => Ok(()),
            Place::Member(Place::Body, name) => f.write_str(name),
            Place::Member(parent, name) => write!(f, "{}.{name}", Coral(parent)),
            Place::Item(parent, index) => write!(f, "{}.{}.member", Coral(parent), index + 1),
        }
    }
}

/// `/messages/0/content`: a JSON pointer.
struct Pointer<'a>(&'a Place<'a>);

impl fmt::Display for Pointer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Place::Body => Ok(()),
            Place::Member(parent, name) => write!(f, "{}/{name}", Pointer(parent)),
            Place::Item(parent, index) => write!(f, "{}/{index}", Pointer(parent)),
        }
    }
}

/// `messages.0.content`: Bedrock's own way.
struct Dotted<'a>(&'a Place<'a>);

impl fmt::Display for Dotted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Place::Body => Ok(()),
            Place::Member(Place::Body, name) => f.write_str(name),
            Place::Member(parent, name) => write!(f, "{}.{name}", Dotted(parent)),
            Place::Item(parent, index) => write!(f, "{}.{index}", Dotted(parent)),
        }
    }
}

/// Checks a body: types and names one at a time, constraints all at once.
pub(super) fn check(members: &[Member], body: &Object) -> Result<(), ApiError> {
    let mut faults = Vec::new();
    structure(members, body, &Place::Body, &mut faults)?;
    match faults.len() {
        0 => Ok(()),
        1 => Err(ApiError::invalid(format!("1 validation error detected: {}", faults[0]))),
        count => Err(ApiError::invalid(format!("{count} validation errors detected: {}", faults.join("; ")))),
    }
}

fn structure(
    members: &[Member],
    object: &Object,
    place: &Place<'_>,
    faults: &mut Vec<String>,
) -> Result<(), ApiError> {
    if let Some(unknown) = object.keys().find(|key| !members.iter().any(|member| member.name == *key)) {
        return Err(ApiError::extraneous(Pointer(place), unknown));
    }
    for member in members {
        let place = Place::Member(place, member.name);
        match object.get(member.name) {
            None | Some(Value::Null) if member.is_required => faults.push(format!(
                "Value null at '{}' failed to satisfy constraint: Member must not be null",
                Coral(&place)
            )),
            None | Some(Value::Null) => {}
            Some(value) => member.kind.check(value, &place, faults)?,
        }
    }
    Ok(())
}

impl Kind {
    fn check(&self, value: &Value, place: &Place<'_>, faults: &mut Vec<String>) -> Result<(), ApiError> {
        let mut must = |what: fmt::Arguments<'_>| {
            let shown = match value {
                Value::String(text) => format!("Value '{text}' at"),
                Value::Number(number) => format!("Value '{number}' at"),
                _ => "Value at".to_owned(),
            };
            faults
                .push(format!("{shown} '{}' failed to satisfy constraint: Member must {what}", Coral(place)));
        };
        match (self, value) {
            (Self::Document, _) | (Self::Bool, Value::Bool(_)) => {}
            (Self::Integer(least), Value::Number(number)) => match number.as_i64() {
                Some(number) if number < *least => {
                    must(format_args!("have value greater than or equal to {least}"));
                }
                Some(_) => {}
                None => {
                    return Err(ApiError::serialization("NUMBER_VALUE can not be converted to an Integer"));
                }
            },
            (Self::Float(least, most), Value::Number(number)) => match number.as_f64().unwrap_or(f64::NAN) {
                number if number < *least => {
                    must(format_args!("have value greater than or equal to {least}"))
                }
                number if number > *most => must(format_args!("have value less than or equal to {most}")),
                _ => {}
            },
            (Self::Text(least, most), Value::String(text)) => {
                if let Some(what) = length(text.chars().count(), *least, *most) {
                    must(format_args!("{what}"));
                }
            }
            (Self::Pattern(most, pattern), Value::String(text)) => {
                if let Some(what) = length(text.chars().count(), 1, *most) {
                    must(format_args!("{what}"));
                } else if !(pattern.fits)(text) {
                    must(format_args!("satisfy regular expression pattern: {}", pattern.text));
                }
            }
            (Self::Blob, Value::String(text)) => {
                if text.is_empty() {
                    must(format_args!("have length greater than or equal to 1"));
                } else if crate::text::from_base64(text).is_none() {
                    return Err(ApiError::serialization("Unable to decode base64 content"));
                }
            }
            (Self::OneOf(allowed), Value::String(text)) => {
                if !allowed.contains(&text.as_str()) {
                    must(format_args!("satisfy enum value set: [{}]", allowed.join(", ")));
                }
            }
            (Self::List(kind, Bounds(least, most)), Value::Array(items)) => {
                if let Some(what) = length(items.len(), *least, *most) {
                    must(format_args!("{what}"));
                }
                for (index, item) in items.iter().enumerate() {
                    kind.check(item, &Place::Item(place, index), faults)?;
                }
            }
            (Self::Map(Bounds(least, most)), Value::Object(object)) => {
                if let Some(what) = length(object.len(), *least, *most) {
                    must(format_args!("{what}"));
                }
            }
            (Self::Structure(members), Value::Object(object)) => structure(members, object, place, faults)?,
            (Self::Union(name, members), Value::Object(object)) => {
                structure(members, object, place, faults)?;
                let given = object.values().filter(|value| !value.is_null()).count();
                if given != 1 {
                    let only = if given == 0 { "" } else { "only " };
                    let keys: Vec<_> = members.iter().map(|member| member.name).collect();
                    return Err(ApiError::invalid(format!(
                        "{name} object at {} must set {only}one of the following keys: {}.",
                        Dotted(place),
                        keys.join(", ")
                    )));
                }
            }
            _ => return Err(self.wrong_type(value)),
        }
        Ok(())
    }

    fn wrong_type(&self, value: &Value) -> ApiError {
        let token = match value {
            Value::String(_) => "STRING_VALUE",
            Value::Number(_) => "NUMBER_VALUE",
            Value::Bool(true) => "TRUE_VALUE",
            Value::Bool(false) => "FALSE_VALUE",
            Value::Null => "NULL_VALUE",
            Value::Array(_) => return ApiError::serialization("Start of list found where not expected"),
            Value::Object(_) => {
                return ApiError::serialization("Start of structure or map found where not expected.");
            }
        };
        let wanted = match self {
            Self::Bool => "a Boolean",
            Self::Integer(_) => "an Integer",
            Self::Float(..) => "a Float",
            Self::List(..) => return ApiError::serialization("Expected list or null"),
            Self::Map(_) | Self::Structure(_) | Self::Union(..) | Self::Document => {
                return ApiError::serialization("Unexpected field type");
            }
            Self::Text(..) | Self::Pattern(..) | Self::OneOf(_) => "a String",
            Self::Blob => "a Blob",
        };
        ApiError::serialization(format!("{token} can not be converted to {wanted}"))
    }
}

fn length(length: usize, least: usize, most: usize) -> Option<String> {
    if length < least {
        return Some(format!("have length greater than or equal to {least}"));
    }
    (length > most).then(|| format!("have length less than or equal to {most}"))
}
