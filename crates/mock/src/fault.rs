//! What can go wrong on demand.

mod text;

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

pub use self::text::UnknownFault;
use crate::settings::{humane, humane_option};

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
        /// More headers, in place of the provider's own of the same names.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        headers: BTreeMap<String, String>,
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
    /// Headers at once and nothing after them: `headers`.
    HeadersOnly,
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
    /// The answer stops and the connection stays open: `stall:20`; `stall:20;30s` closes it then.
    StallAfter {
        /// Outputs sent before.
        events: usize,
        /// How long the connection stays open; absent = until the client closes it.
        #[serde(default, with = "humane_option", skip_serializing_if = "Option::is_none")]
        closes: Option<Duration>,
    },
    /// The answer pauses and goes on: `pause:20;30s`.
    PauseAfter {
        /// Outputs sent before.
        events: usize,
        /// For how long nothing comes.
        #[serde(with = "humane")]
        pause: Duration,
    },
    /// One event too many that is not JSON: `malformed:5`.
    MalformedEvent {
        /// Outputs sent before.
        at: usize,
    },
    /// The provider's error inside a 200, then the end: `error:3`, `error:3;429`.
    ErrorEvent {
        /// Outputs sent before.
        at: usize,
        /// The status whose error it is; absent = what the provider says most often there.
        #[serde(default)]
        status: Option<u16>,
    },
    /// What opens a stream, then its end or the provider's error: `lifecycle`, `lifecycle;529`.
    LifecycleOnly {
        /// The status whose error comes before the end; absent = none comes.
        #[serde(default)]
        status: Option<u16>,
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
    /// An error body or a first error event under status 200: `error-in-200`, `error-in-200;429`.
    ErrorIn200 {
        /// The status whose error it is; absent = what the provider says most often there.
        #[serde(default)]
        status: Option<u16>,
    },
    /// A 200 whose body ends in the middle, properly framed: `truncated`.
    TruncatedJson,
    /// The answer under another media type: `type:text/plain`.
    ContentType {
        /// What the `content-type` header says.
        media_type: String,
    },
    /// The answer compressed although nobody asked for it: `gzip`, or `gzip-unnamed` without a header that says so.
    Gzip {
        /// Whether `content-encoding` says so.
        named: bool,
    },
    /// The answer as it is under a `content-encoding` that it does not have: `gzip-claimed`.
    GzipClaimed,
    /// A `content-length` that is too long or too short by so many bytes: `length:+10`, `length:-10`.
    Length {
        /// What is added to the true length.
        off: i64,
    },
    /// All of the answer, but not the chunk that ends it: `no-end`.
    NoEnd,
}

impl Fault {
    /// A status with the provider's own body.
    pub fn status(status: u16) -> Self {
        Self::Status { status, retry_after: None, body: None, headers: BTreeMap::new() }
    }

    /// A status with a `retry-after` header, in seconds.
    pub fn status_after(status: u16, retry_after: u64) -> Self {
        let retry_after = Some(retry_after.to_string());
        Self::Status { status, retry_after, body: None, headers: BTreeMap::new() }
    }
}
