//! What can go wrong on demand: the first rows of the catalogue of faults.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

use crate::settings::humane;

/// One fault for one request. `events` and `at` count outputs (words, pieces of tool arguments) already sent;
/// a number beyond the answer's end means just before its terminator. Faults of a stream do the nearest thing to
/// a reply that is not one. A request the provider refuses is refused, whatever fault was due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Fault {
    /// Another status: `429`, `503;retry-after=2`.
    Status {
        /// The HTTP status.
        status: u16,
        /// The `retry-after` header, seconds or whatever nonsense is wanted.
        #[serde(default)]
        retry_after: Option<String>,
        /// The body; absent = what the provider says with that status.
        #[serde(default)]
        body: Option<String>,
    },
    /// A 429 that no waiting cures: `quota`.
    Quota,
    /// A 400 because the prompt is too long: `context-length`.
    ContextLength,
    /// A 400 because of what the prompt says: `content-filter`.
    ContentFilter,
    /// TCP reset in place of an answer: `reset`.
    Reset,
    /// The request is read and never answered: `silent`.
    Silent,
    /// Headers at once, first output late: `late:20s`.
    LateFirstToken {
        /// From the headers to the first output.
        #[serde(with = "humane")]
        after: Duration,
    },
    /// The connection closes inside the answer: `cut:40`.
    CutAfter {
        /// Outputs sent before.
        events: usize,
    },
    /// The answer stops and the connection stays open: `stall:20`.
    StallAfter {
        /// Outputs sent before.
        events: usize,
    },
    /// One event too many that is not JSON: `malformed:5`.
    MalformedEvent {
        /// Outputs sent before.
        at: usize,
    },
    /// The provider's error inside a 200, then the end: `error:3`.
    ErrorEvent {
        /// Outputs sent before.
        at: usize,
    },
    /// A whole answer without its terminator: `no-done`.
    NoDone,
    /// A 200 with nothing in it: `empty`.
    EmptyStream,
    /// A web page where JSON should be: `html` (502) or `html:200`.
    Html {
        /// The HTTP status.
        status: u16,
    },
    /// An error body or a first error event under status 200: `error-in-200`.
    ErrorIn200,
    /// A 200 whose body ends in the middle, properly framed: `truncated`.
    TruncatedJson,
}

/// A fault text nobody knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no fault, use one of {KNOWN}")]
pub struct UnknownFault(String);

const KNOWN: &str = "`429`, `503;retry-after=2`, `quota`, `context-length`, `content-filter`, `reset`, \
`silent`, `late:20s`, `cut:40`, `stall:20`, `malformed:5`, `error:3`, `no-done`, `empty`, `html`, `html:200`, \
`error-in-200`, `truncated`";

impl Fault {
    /// A status with the provider's own body.
    pub fn status(status: u16) -> Self {
        Self::Status { status, retry_after: None, body: None }
    }

    /// A status with a `retry-after` header, in seconds.
    pub fn status_after(status: u16, retry_after: u64) -> Self {
        Self::Status { status, retry_after: Some(retry_after.to_string()), body: None }
    }
}

impl FromStr for Fault {
    type Err = UnknownFault;

    fn from_str(text: &str) -> Result<Self, UnknownFault> {
        let unknown = || UnknownFault(text.to_owned());
        let count = |number: &str| number.parse::<usize>().map_err(|_| unknown());
        let (head, options) = text.split_once(';').map_or((text, None), |(head, rest)| (head, Some(rest)));
        if let Ok(status) = head.parse::<u16>()
            && (200..1000).contains(&status)
        {
            let retry_after = match options {
                None => None,
                Some(option) => Some(option.strip_prefix("retry-after=").ok_or_else(unknown)?.to_owned()),
            };
            return Ok(Self::Status { status, retry_after, body: None });
        }
        match text.split_once(':').unwrap_or((text, "")) {
            ("quota", "") => Ok(Self::Quota),
            ("context-length", "") => Ok(Self::ContextLength),
            ("content-filter", "") => Ok(Self::ContentFilter),
            ("reset", "") => Ok(Self::Reset),
            ("silent", "") => Ok(Self::Silent),
            ("late", after) => humantime::parse_duration(after)
                .map(|after| Self::LateFirstToken { after })
                .map_err(|_| unknown()),
            ("cut", events) => Ok(Self::CutAfter { events: count(events)? }),
            ("stall", events) => Ok(Self::StallAfter { events: count(events)? }),
            ("malformed", at) => Ok(Self::MalformedEvent { at: count(at)? }),
            ("error", at) => Ok(Self::ErrorEvent { at: count(at)? }),
            ("no-done", "") => Ok(Self::NoDone),
            ("empty", "") => Ok(Self::EmptyStream),
            ("html", "") => Ok(Self::Html { status: 502 }),
            ("html", status) => {
                let status = status.parse().ok().filter(|s| (200..600).contains(s)).ok_or_else(unknown)?;
                Ok(Self::Html { status })
            }
            ("error-in-200", "") => Ok(Self::ErrorIn200),
            ("truncated", "") => Ok(Self::TruncatedJson),
            _ => Err(unknown()),
        }
    }
}

/// The short text form. A `Status` body has no place in it and is left out.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status { status, retry_after: None, .. } => write!(f, "{status}"),
            Self::Status { status, retry_after: Some(after), .. } => {
                write!(f, "{status};retry-after={after}")
            }
            Self::Quota => f.write_str("quota"),
            Self::ContextLength => f.write_str("context-length"),
            Self::ContentFilter => f.write_str("content-filter"),
            Self::Reset => f.write_str("reset"),
            Self::Silent => f.write_str("silent"),
            Self::LateFirstToken { after } => write!(f, "late:{}", humantime::format_duration(*after)),
            Self::CutAfter { events } => write!(f, "cut:{events}"),
            Self::StallAfter { events } => write!(f, "stall:{events}"),
            Self::MalformedEvent { at } => write!(f, "malformed:{at}"),
            Self::ErrorEvent { at } => write!(f, "error:{at}"),
            Self::NoDone => f.write_str("no-done"),
            Self::EmptyStream => f.write_str("empty"),
            Self::Html { status: 502 } => f.write_str("html"),
            Self::Html { status } => write!(f, "html:{status}"),
            Self::ErrorIn200 => f.write_str("error-in-200"),
            Self::TruncatedJson => f.write_str("truncated"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_form_reads_back() {
        for text in KNOWN.split(", ").map(|quoted| quoted.trim_matches('`')) {
            let fault: Fault = text.parse().unwrap();
            assert_eq!(fault.to_string(), text);
            let json = serde_json::to_string(&fault).unwrap();
            assert_eq!(serde_json::from_str::<Fault>(&json).unwrap(), fault, "{json}");
        }
    }

    #[test]
    fn nonsense_is_named() {
        for text in
            ["", "cut", "cut:x", "late:soon", "503;retry=2", "html:99", "99", "100", "0", "reset:1", "banana"]
        {
            let why = text.parse::<Fault>().unwrap_err().to_string();
            assert!(why.starts_with(&format!("`{text}` is no fault, use one of `429`")), "{why}");
        }
    }
}
