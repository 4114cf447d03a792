//! The record of one call: one request, one record, whatever ended it.

use std::{borrow::Cow, sync::Arc};

use serde::Serialize;

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// The client was sent a whole answer.
    Answered,
    /// The client was sent an error.
    Refused,
    /// The answer broke off after it had begun, and the client was told so.
    Broken,
    /// The client went away first.
    ClientGone,
}

/// One try at one deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AttemptRecord {
    /// The deployment, as `provider/upstream-model#credential`.
    pub deployment: Arc<str>,
    /// The fault's kind and words for the log; absent for the attempt that answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<Cow<'static, str>>,
    /// How long it took to an answer or a fault, in microseconds.
    pub micros: u64,
}

/// What the provider reported to have consumed, in tokens; the parts of the input do not overlap.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tokens {
    /// Input that came from no cache.
    pub input: u64,
    /// Input read from the provider's cache.
    pub cache_read: u64,
    /// Input written to the provider's cache.
    pub cache_write: u64,
    /// Output, reasoning included.
    pub output: u64,
    /// The part of the output that was reasoning.
    pub reasoning: u64,
    /// Whether some of it is estimated, because the provider did not get to say it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_estimated: bool,
}

/// One call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CallRecord {
    /// The id the client saw as `x-request-id`.
    pub id: String,
    /// When the request's head was read, in milliseconds since 1970.
    pub started_ms: u64,
    /// From then to the end, in microseconds.
    pub micros: u64,
    /// The part of `micros` in which the gateway did not wait for the provider or the client's reading.
    pub overhead_micros: u64,
    /// The name of the client's key; absent where no keys are configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Arc<str>>,
    /// Where the client is: its IP address and port, as the proxy before the gateway says it where one is told to; `unix` on
    /// a socket in the file system.
    pub peer: Arc<str>,
    /// The dialect the client spoke.
    pub dialect: &'static str,
    /// The path the client called, without its query.
    pub path: String,
    /// The model the client asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// True if a streamed answer was asked for.
    pub stream: bool,
    /// The HTTP status the client got.
    pub status: u16,
    /// How it ended.
    pub ended: Ended,
    /// Every try, in order.
    pub attempts: Vec<AttemptRecord>,
    /// What the provider reported; absent if it reported nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Tokens>,
    /// What could not be said in the provider's dialect, or of its answer in the client's: `path: reason`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub losses: Vec<String>,
}
