//! Texts with a form of their own: durations, sizes, addresses, targets.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

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

/// How a limit that there shall not be is written.
pub(crate) const OFF: &str = "off";
/// The whole of what a share is of, in millionths.
const WHOLE: u64 = 1_000_000;
/// Most digits behind an amount's point: amounts are kept in millionths.
const MOST_DECIMALS: usize = 6;

/// Every format of the schema. A format that is not here is refused by a test.
pub(crate) const FORMATS: &[Format] = &[
    Format {
        name: "human-duration",
        expected: "a duration with a unit, such as `30s` or `10m`",
        judge: time,
    },
    Format {
        name: "human-duration-or-off",
        expected: "a duration with a unit, such as `15s`, or `off`",
        judge: |text| if text == OFF { Verdict::Good } else { time(text) },
    },
    Format {
        name: "date-or-time",
        expected: "a day or a time in UTC, such as `2027-01-01` or `2027-01-01T08:00:00Z`",
        judge: |text| if time_of_day(text).is_some() { Verdict::Good } else { Verdict::Bad },
    },
    Format { name: "share", expected: "a share from 0 to 1, such as `0.25`", judge: part },
    Format { name: "us-dollars", expected: "an amount of dollars, such as `0.15`", judge: dollars },
    Format {
        name: "share-or-all",
        expected: "`true`, `false`, or a part between 0 and 1 such as `0.1`",
        judge: |text| if text.parse::<crate::types::Share>().is_ok() { Verdict::Good } else { Verdict::Bad },
    },
    Format { name: "byte-size", expected: "a size with a unit, such as `64MiB`", judge: bytes },
    Format {
        name: "listen-address",
        expected: "an IP address and port, such as `127.0.0.1:8317`, or a socket, such as `unix:/run/lockgate.sock`",
        judge: address,
    },
    Format { name: "file-mode", expected: "the mode of a file, such as `0660`", judge: mode },
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

fn dollars(text: &str) -> Verdict {
    match micros(text) {
        Some(_) => Verdict::Good,
        None if text.starts_with('$') => Verdict::BadBecause("leave the `$` out".to_owned()),
        None if text.split_once('.').is_some_and(|(_, decimals)| decimals.len() > MOST_DECIMALS) => {
            Verdict::BadBecause(format!("at most {MOST_DECIMALS} digits count behind the point"))
        }
        None => Verdict::Bad,
    }
}

fn part(text: &str) -> Verdict {
    match micros(text) {
        Some(micros) if micros <= WHOLE => Verdict::Good,
        None if text.ends_with('%') => Verdict::BadBecause("a percent is `0.01`".to_owned()),
        _ => Verdict::Bad,
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
    match text.parse::<crate::Address>() {
        Ok(crate::Address::Unix(path)) if path.as_os_str().is_empty() || text.contains('\0') => {
            return Verdict::BadBecause("name the socket: `unix:/run/lockgate.sock`".to_owned());
        }
        Ok(_) => return Verdict::Good,
        Err(_) if text.starts_with('/') => return Verdict::BadBecause(format!("write `unix:{text}`")),
        Err(_) => {}
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

fn mode(text: &str) -> Verdict {
    if octal(text).is_some() { Verdict::Good } else { Verdict::Bad }
}

/// The mode of a file: three octal digits, perhaps behind a `0`.
fn octal(text: &str) -> Option<u32> {
    let digits = text.strip_prefix('0').filter(|digits| digits.len() == 3).unwrap_or(text);
    let is_mode = digits.len() == 3 && digits.bytes().all(|digit| digit.is_ascii_digit());
    is_mode.then(|| u32::from_str_radix(digits, 8).ok()).flatten()
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
    /// The schema of a duration that may be off.
    TimeOrOff: "human-duration-or-off",
        r"^\s*(off|[0-9]+(\.[0-9]+)?\s*[a-zµ]+(\s*[0-9]+(\.[0-9]+)?\s*[a-zµ]+)*)\s*$";
    /// The schema of a day or a time.
    TimeOfDay: "date-or-time", r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z?)?$";
    /// The schema of a share.
    Share: "share", r"^(0(\.[0-9]{1,6})?|1(\.0{1,6})?)$";
    /// The schema of an amount of money.
    Dollars: "us-dollars", r"^[0-9]+(\.[0-9]{1,6})?$";
    /// The schema of a share that may be all or nothing.
    ShareOrAll: "share-or-all", r"^(true|false|0(\.[0-9]+)?|1(\.0+)?)$";
    /// The schema of a size.
    Size: "byte-size", r"^\s*[0-9]+(\.[0-9]+)?\s*[A-Za-z]+\s*$";
    /// The schema of an address to listen on.
    Address: "listen-address", r"^((\[[0-9A-Fa-f:.%]+\]|[0-9.]+):[0-9]+|unix:.+)$";
    /// The schema of the mode of a file.
    Mode: "file-mode", r"^0?[0-7]{3}$";
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

/// Reads a duration, or `off`: then it is the longest there is.
pub(crate) fn duration_or_off<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    optional_duration_or_off(deserializer).map(|duration| duration.unwrap_or(Duration::MAX))
}

/// Reads a duration, `off` as the longest there is, or nothing.
pub(crate) fn optional_duration_or_off<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    let read = |text: String| match text.as_str() {
        OFF => Ok(Duration::MAX),
        text => humantime::parse_duration(text).map_err(D::Error::custom),
    };
    Option::<String>::deserialize(deserializer)?.map(read).transpose()
}

/// Reads a day, which is its beginning, or a time, or nothing.
pub(crate) fn optional_time_of_day<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<SystemTime>, D::Error> {
    let read = |text: String| time_of_day(&text).ok_or_else(|| D::Error::custom("no time"));
    Option::<String>::deserialize(deserializer)?.map(read).transpose()
}

fn time_of_day(text: &str) -> Option<SystemTime> {
    let whole = if text.len() == "2027-01-01".len() { format!("{text}T00:00:00Z") } else { text.to_owned() };
    humantime::parse_rfc3339_weak(&whole).ok()
}

/// The millionths of an amount such as `0.15`; `None` if it is none.
pub(crate) fn micros(text: &str) -> Option<u64> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = is_number(whole) && is_number(decimals) && decimals.len() <= MOST_DECIMALS;
    let micros = || format!("{decimals:0<MOST_DECIMALS$}").parse::<u64>().ok();
    is_number.then_some(whole.parse::<u64>().ok()?.checked_mul(1_000_000)?.checked_add(micros()?)).flatten()
}

/// Reads a share of a whole, from 0 to 1.
pub(crate) fn share<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    part_of(&String::deserialize(deserializer)?)
}

/// Reads a share of a whole, from 0 to 1, or nothing.
pub(crate) fn optional_share<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    Option::<String>::deserialize(deserializer)?.map(|text| part_of(&text)).transpose()
}

fn part_of<E: Error>(text: &str) -> Result<f64, E> {
    let micros = micros(text).filter(|micros| *micros <= WHOLE);
    micros.map(|micros| micros as f64 / WHOLE as f64).ok_or_else(|| E::custom("no share"))
}

/// Reads the mode of a file, or nothing.
pub(crate) fn optional_mode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let read = |text: String| octal(&text).ok_or_else(|| D::Error::custom("not the mode of a file"));
    Option::<String>::deserialize(deserializer)?.map(read).transpose()
}

/// Reads a size such as `64MiB`.
pub(crate) fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ByteSize, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}
