//! Rules for parameters as tables: name, kind, bounds; and the one function that checks them.

use serde_json::Value;

use super::{ApiError, Object};

/// A rule for one parameter.
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
    Decimal(f64, f64),
    /// With the greatest length in characters.
    Text(usize),
    OneOf(&'static [&'static str]),
    Object,
    /// What it is an array of, least and greatest length.
    Array(&'static str, usize, usize),
    /// A string, or an array with these bounds.
    TextOrArray(&'static str, usize, usize),
    /// A string or an object.
    TextOrObject,
}

/// No greatest length.
pub(super) const ANY: usize = usize::MAX;

pub(super) const fn required(name: &'static str, kind: Kind) -> Param {
    Param { name, kind, need: Need::Required }
}

pub(super) const fn optional(name: &'static str, kind: Kind) -> Param {
    Param { name, kind, need: Need::Optional }
}

pub(super) const fn nullable(name: &'static str, kind: Kind) -> Param {
    Param { name, kind, need: Need::Nullable }
}

/// Checks an object whose place in the body is `at` (empty for the body itself): nothing missing, nothing
/// unknown, everything of its kind.
pub(super) fn check(params: &[Param], object: &Object, at: &str) -> Result<(), ApiError> {
    check_names(params, object, at)?;
    check_values(params, object, at)
}

/// Nothing missing, nothing unknown.
pub(super) fn check_names(params: &[Param], object: &Object, at: &str) -> Result<(), ApiError> {
    for param in params.iter().filter(|param| param.need == Need::Required) {
        if !object.contains_key(param.name) {
            return Err(ApiError::missing(&place(at, param.name)));
        }
    }
    match object.keys().find(|key| params.iter().all(|param| param.name != key.as_str())) {
        Some(unknown) => Err(ApiError::unknown(&place(at, unknown))),
        None => Ok(()),
    }
}

/// Everything of its kind.
pub(super) fn check_values(params: &[Param], object: &Object, at: &str) -> Result<(), ApiError> {
    for param in params {
        match object.get(param.name) {
            None => {}
            Some(Value::Null) if param.need == Need::Nullable => {}
            Some(value) => param.kind.check(&place(at, param.name), value)?,
        }
    }
    Ok(())
}

/// `tools[0]` and `name` make `tools[0].name`.
pub(super) fn place(at: &str, name: &str) -> String {
    if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") }
}

impl Kind {
    pub(super) fn check(&self, at: &str, value: &Value) -> Result<(), ApiError> {
        match (self, value) {
            (Self::Anything, _) | (Self::Bool, Value::Bool(_)) | (Self::Object, Value::Object(_)) => Ok(()),
            (Self::TextOrObject, Value::String(_) | Value::Object(_)) => Ok(()),
            (Self::Text(limit), Value::String(text)) => check_length(at, text, *limit),
            (Self::TextOrArray(..), Value::String(_)) => Ok(()),
            (Self::OneOf(allowed), Value::String(text)) => match allowed.contains(&text.as_str()) {
                true => Ok(()),
                false => Err(ApiError::not_one_of(at, text, allowed)),
            },
            (Self::Array(_, least, most) | Self::TextOrArray(_, least, most), Value::Array(items)) => {
                check_count(at, items.len(), *least, *most)
            }
            (Self::Integer(least, most), Value::Number(number)) => match number.as_i64() {
                Some(number) if number < *least => {
                    Err(out_of_range(at, "integer", "below min", least, &number))
                }
                Some(number) if number > *most => {
                    Err(out_of_range(at, "integer", "above max", most, &number))
                }
                Some(_) => Ok(()),
                None if number.is_u64() => Err(out_of_range(at, "integer", "above max", most, number)),
                None => Err(self.wrong_type(at, value)),
            },
            (Self::Decimal(least, most), Value::Number(number)) => {
                match number.as_f64().unwrap_or(f64::NAN) {
                    decimal if decimal < *least => {
                        Err(out_of_range(at, "decimal", "below min", least, number))
                    }
                    decimal if decimal > *most => Err(out_of_range(at, "decimal", "above max", most, number)),
                    _ => Ok(()),
                }
            }
            _ => Err(self.wrong_type(at, value)),
        }
    }

    fn wrong_type(&self, at: &str, value: &Value) -> ApiError {
        let expected = match self {
            Self::Anything => "a value",
            Self::Bool => "a boolean",
            Self::Integer(..) => "an integer",
            Self::Decimal(..) => "a decimal",
            Self::Text(_) | Self::OneOf(_) => "a string",
            Self::Object => "an object",
            Self::Array(of, ..) => return ApiError::wrong_type(at, &format!("an array of {of}"), value),
            Self::TextOrArray(of, ..) => {
                return ApiError::wrong_type(at, &format!("one of a string or array of {of}"), value);
            }
            Self::TextOrObject => "one of a string or object",
        };
        ApiError::wrong_type(at, expected, value)
    }
}

/// `Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got 3 instead.`
fn out_of_range(
    at: &str,
    number: &str,
    side: &str,
    bound: &dyn std::fmt::Display,
    given: &dyn std::fmt::Display,
) -> ApiError {
    let (sign, code) = match side {
        "below min" => (">=", format!("{number}_below_min_value")),
        _ => ("<=", format!("{number}_above_max_value")),
    };
    let message = format!(
        "Invalid '{at}': {number} {side}imum value. Expected a value {sign} {bound}, but got {given} instead."
    );
    ApiError::bad(message).param(at.to_owned()).code(code)
}

fn check_length(at: &str, text: &str, limit: usize) -> Result<(), ApiError> {
    if text.len() <= limit || text.chars().count() <= limit {
        return Ok(());
    }
    let length = text.chars().count();
    let message = format!(
        "Invalid '{at}': string too long. Expected a string with maximum length {limit}, but got a string with \
         length {length} instead."
    );
    Err(ApiError::bad(message).param(at.to_owned()).code("string_above_max_length"))
}

fn check_count(at: &str, count: usize, least: usize, most: usize) -> Result<(), ApiError> {
    let (message, code) = if count == 0 && least > 0 {
        let message = format!(
            "empty array. Expected an array with minimum length {least}, but got an empty array instead."
        );
        (message, "empty_array")
    } else if count > most {
        let message = format!(
            "array too long. Expected an array with maximum length {most}, but got an array with length {count} \
             instead."
        );
        (message, "array_above_max_length")
    } else {
        return Ok(());
    };
    Err(ApiError::bad(format!("Invalid '{at}': {message}")).param(at.to_owned()).code(code))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(kind: &Kind, value: &Value, expected: Result<(), (&str, &str)>) {
        let result = kind.check("p", value);
        let seen =
            result.as_ref().copied().map_err(|e| (e.message.as_ref(), e.code.as_deref().unwrap_or("")));
        assert_eq!(seen, expected, "{value}");
    }

    #[test]
    fn each_kind() {
        check(&Kind::Decimal(0.0, 2.0), &json!(2), Ok(()));
        check(
            &Kind::Decimal(0.0, 2.0),
            &json!(2.5),
            Err((
                "Invalid 'p': decimal above maximum value. Expected a value <= 2, but got 2.5 instead.",
                "decimal_above_max_value",
            )),
        );
        check(
            &Kind::Integer(1, 128),
            &json!(0),
            Err((
                "Invalid 'p': integer below minimum value. Expected a value >= 1, but got 0 instead.",
                "integer_below_min_value",
            )),
        );
        check(
            &Kind::Integer(1, 128),
            &json!(u64::MAX),
            Err((
                "Invalid 'p': integer above maximum value. Expected a value <= 128, but got 18446744073709551615 instead.",
                "integer_above_max_value",
            )),
        );
        check(
            &Kind::Integer(1, 128),
            &json!(1.5),
            Err(("Invalid type for 'p': expected an integer, but got a decimal instead.", "invalid_type")),
        );
        check(
            &Kind::Bool,
            &json!("true"),
            Err(("Invalid type for 'p': expected a boolean, but got a string instead.", "invalid_type")),
        );
        check(&Kind::Text(2), &json!("éé"), Ok(()));
        check(
            &Kind::Text(2),
            &json!("abc"),
            Err((
                "Invalid 'p': string too long. Expected a string with maximum length 2, but got a string with length 3 instead.",
                "string_above_max_length",
            )),
        );
        check(
            &Kind::OneOf(&["a", "b", "c"]),
            &json!("d"),
            Err(("Invalid value: 'd'. Supported values are: 'a', 'b', and 'c'.", "invalid_value")),
        );
        check(
            &Kind::Array("objects", 1, 4),
            &json!("x"),
            Err((
                "Invalid type for 'p': expected an array of objects, but got a string instead.",
                "invalid_type",
            )),
        );
        check(
            &Kind::TextOrArray("strings", 1, 2),
            &json!(["a", "b", "c"]),
            Err((
                "Invalid 'p': array too long. Expected an array with maximum length 2, but got an array with length 3 instead.",
                "array_above_max_length",
            )),
        );
        check(
            &Kind::TextOrArray("strings", 1, 4),
            &json!({}),
            Err((
                "Invalid type for 'p': expected one of a string or array of strings, but got an object instead.",
                "invalid_type",
            )),
        );
        check(
            &Kind::Object,
            &json!([]),
            Err((
                "Invalid type for 'p': expected an object, but got an empty array instead.",
                "invalid_type",
            )),
        );
    }
}
