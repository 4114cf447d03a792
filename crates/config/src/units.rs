//! Texts with a form of their own: durations, sizes, addresses, targets.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::Duration;

use bytesize::ByteSize;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// One form of text: how the schema calls it, what it must be, and whether a text is one.
pub(crate) struct Format {
    /// The schema's `format`.
    pub(crate) name: &'static str,
    /// What a person is told to write.
    pub(crate) expected: &'static str,
    /// Judges a text.
    pub(crate) judge: fn(&str) -> Verdict,
}

/// Whether a text has its form.
pub(crate) enum Verdict {
    /// It has.
    Good,
    /// It has not.
    Bad,
    /// It has not, and this is what to do.
    BadBecause(String),
}

/// Every format of the schema. A format that is not here is refused by a test.
pub(crate) const FORMATS: &[Format] = &[
    Format {
        name: "human-duration",
        expected: "a duration with a unit, such as `30s` or `10m`",
        judge: time,
    },
    Format { name: "byte-size", expected: "a size with a unit, such as `64MiB`", judge: bytes },
    Format {
        name: "socket-address",
        expected: "an IP address and port, such as `127.0.0.1:8317`",
        judge: address,
    },
    Format { name: "target", expected: "`provider/upstream-model`", judge: target },
];

/// Finds a format by the schema's word for it.
pub(crate) fn format(name: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| format.name == name)
}

// === the judges ===

fn time(text: &str) -> Verdict {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Verdict::BadBecause("it must be longer than nothing".to_owned()),
        Ok(_) => Verdict::Good,
        Err(_) if is_number(text) => {
            Verdict::BadBecause(format!("give it a unit: `{text}s`, `{text}m` or `{text}h`"))
        }
        Err(_) => Verdict::Bad,
    }
}

fn bytes(text: &str) -> Verdict {
    if is_number(text) {
        return Verdict::BadBecause(format!("give it a unit: `{text}KiB`, `{text}MiB` or `{text}GiB`"));
    }
    match text.parse::<ByteSize>() {
        Ok(ByteSize(0)) => Verdict::BadBecause("it must be more than nothing".to_owned()),
        Ok(_) => Verdict::Good,
        Err(_) => Verdict::Bad,
    }
}

fn address(text: &str) -> Verdict {
    if text.parse::<SocketAddr>().is_ok() {
        return Verdict::Good;
    }
    match text.rsplit_once(':') {
        Some(("localhost", port)) => Verdict::BadBecause(format!("write `127.0.0.1:{port}`")),
        Some(("" | "*", port)) => Verdict::BadBecause(format!(
            "write `127.0.0.1:{port}`, or `0.0.0.0:{port}` to be reached by others"
        )),
        None if text.parse::<std::net::IpAddr>().is_ok() => {
            Verdict::BadBecause(format!("add a port: `{text}:8317`"))
        }
        _ => Verdict::Bad,
    }
}

fn target(text: &str) -> Verdict {
    if target_sides(text).is_some() { Verdict::Good } else { Verdict::Bad }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

// === what the schema says of them ===

/// Defines the schema of one format: a string, its `format`, and a pattern for other validators.
macro_rules! text_schema {
    ($(#[doc = $doc:literal] $name:ident: $format:literal, $pattern:literal;)*) => {$(
        #[doc = $doc]
        pub(crate) struct $name;

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "format": $format, "pattern": $pattern })
            }
        }
    )*};
}

text_schema! {
    /// The schema of a duration.
    Time: "human-duration", r"^\s*[0-9]+(\.[0-9]+)?\s*[a-zµ]+(\s*[0-9]+(\.[0-9]+)?\s*[a-zµ]+)*\s*$";
    /// The schema of a size.
    Size: "byte-size", r"^\s*[0-9]+(\.[0-9]+)?\s*[A-Za-z]+\s*$";
    /// The schema of an address to listen on.
    Address: "socket-address", r"^(\[[0-9A-Fa-f:.%]+\]|[0-9.]+):[0-9]+$";
    /// The schema of a target without a weight.
    TargetName: "target", r"^[^/]+/.+$";
}

// === how they are read ===

/// The provider and the model of `provider/upstream-model`; `None` when a side is missing.
pub(crate) fn target_sides(text: &str) -> Option<(&str, &str)> {
    text.split_once('/').filter(|(provider, model)| !provider.is_empty() && !model.is_empty())
}

/// Reads a duration such as `10m`.
pub(crate) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    humantime::parse_duration(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// Reads a duration such as `10m`, or nothing.
pub(crate) fn optional_duration<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    Option::<String>::deserialize(deserializer)?
        .map(|text| humantime::parse_duration(&text).map_err(D::Error::custom))
        .transpose()
}

/// Reads a size such as `64MiB`.
pub(crate) fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ByteSize, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}
