//! A part of something: all, nothing, or a number between.

use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, de::Error};

use crate::units;

/// The whole, in millionths.
const WHOLE: u32 = 1_000_000;

/// Which part of something: `true` is all of it, `false` nothing, `0.1` one in ten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share(u32);

impl Share {
    /// All.
    pub const ALL: Self = Self(WHOLE);
    /// Nothing.
    pub const NONE: Self = Self(0);

    /// How much it is, from 0 to 1.
    #[must_use]
    pub fn part(self) -> f64 {
        f64::from(self.0) / f64::from(WHOLE)
    }

    /// Whether a throw in `0.0..1.0` falls into it.
    #[must_use]
    pub fn takes(self, dice: f64) -> bool {
        dice * f64::from(WHOLE) < f64::from(self.0)
    }
}

impl FromStr for Share {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "true" => Ok(Self::ALL),
            "false" => Ok(Self::NONE),
            text => {
                let part: f64 = text.parse().map_err(drop)?;
                // Not a number is no part either.
                (0.0..=1.0).contains(&part).then(|| Self((part * f64::from(WHOLE)).round() as u32)).ok_or(())
            }
        }
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(|()| D::Error::custom("no part"))
    }
}

impl JsonSchema for Share {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Share".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        units::ShareOrAll::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, takes: Option<[bool; 3]>) {
        let share = text.parse::<Share>().ok();
        assert_eq!(share.map(|share| [0.0, 0.25, 0.999_999].map(|dice| share.takes(dice))), takes, "{text}");
    }

    #[test]
    fn a_part_is_a_word_or_a_number() {
        check("true", Some([true; 3]));
        check("1", Some([true; 3]));
        check("1.0", Some([true; 3]));
        check("false", Some([false; 3]));
        check("0", Some([false; 3]));
        check("0.25", Some([true, false, false]));
        check("0.3", Some([true, true, false]));
        for text in ["", "yes", "1.1", "-0.1", "NaN", "10%"] {
            check(text, None);
        }
    }
}
