//! What the admin API says of calls.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// One call, as it stands in a list.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CallLine {
    /// The id that the client saw as `x-request-id`.
    pub id: String,
    /// When the request's head was read (RFC 3339, UTC).
    pub started: String,
    /// The same in milliseconds since 1970.
    pub started_ms: u64,
    /// From then to the end, in milliseconds.
    pub took_ms: f64,
    /// The gateway's own part of it, in microseconds.
    pub overhead_us: u64,
    /// From the request's head to the first output, in milliseconds; none where there was no output.
    pub first_token_ms: Option<f64>,
    /// The name of the client's key; none for a call without one.
    pub key: Option<String>,
    /// The model that the client asked for.
    pub model: Option<String>,
    /// The deployment that answered, `provider/model#credential`; none if none did.
    pub deployment: Option<String>,
    /// The dialect that the client spoke.
    pub dialect: String,
    /// The path that the client called, without its query.
    pub path: String,
    /// The tags of the key, `name:value`.
    pub tags: Vec<String>,
    /// The gateway that answered, where there are several.
    pub node: Option<String>,
    /// The HTTP status that the client got; 499 where the client went away, 0 where nobody knows.
    pub status: u16,
    /// `answered`, `refused` (the client was sent an error), `broken` (off, after the answer had begun), `client_gone` or
    /// `interrupted` (the gateway ended first).
    pub ended: String,
    /// Whether a streamed answer was asked for.
    pub stream: bool,
    /// How often a deployment was asked.
    pub attempts: u64,
    /// What was used; none where nothing is known of it.
    pub tokens: Option<CallTokens>,
    /// What it cost, in millionths of a dollar; none where the price is unknown or nothing was used.
    pub cost_micro_usd: Option<u64>,
    /// Whether nobody knows what the deployment charges: then its cost is missing, and not nothing.
    pub is_unpriced: bool,
    /// What went wrong, the client's error or else the last fault of a provider's; none where nothing did.
    pub error: Option<String>,
    /// Whether what was said in it is kept.
    pub has_bodies: bool,
}

/// What a call used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CallTokens {
    /// Input that came from no cache.
    pub input: u64,
    /// Input from the provider's cache.
    pub cache_read: u64,
    /// Input to the provider's cache.
    pub cache_write: u64,
    /// Output, reasoning included.
    pub output: u64,
    /// The part of the output that was reasoning.
    pub reasoning: u64,
    /// Whether some of it is estimated.
    pub is_estimated: bool,
}

/// `GET /admin/v1/requests`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Calls {
    /// The calls, newest first.
    pub requests: Vec<CallLine>,
    /// What `before` takes to go on; none at the end. A page may be short and go on all the same, where a search would take
    /// too long.
    pub next: Option<String>,
    /// `journal`, or `memory` where `log.journal` is off: then there are the last calls since the start and no more.
    pub source: String,
}

/// `GET /admin/v1/requests/{id}`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CallDetail {
    /// As in the list.
    #[serde(flatten)]
    pub line: CallLine,
    /// Where the client is: IP address and port, or `unix`.
    pub peer: String,
    /// Every try, in order.
    pub tries: Vec<CallTry>,
    /// What could not be said in the provider's dialect, or of its answer in the client's: `path: reason`.
    pub losses: Vec<String>,
    /// What was said, where it is kept.
    pub bodies: Option<CallBodies>,
}

/// One try at one deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CallTry {
    /// The deployment.
    pub deployment: String,
    /// What went wrong; none for the one that answered.
    pub fault: Option<String>,
    /// How long it took to an answer or a fault, in microseconds.
    pub took_us: u64,
}

/// What was said in a call.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CallBodies {
    /// What the client sent.
    pub request: Option<CallBody>,
    /// What the client was answered: whole, also where it was streamed.
    pub answer: Option<CallBody>,
    /// Whether a part of either is missing, because it was longer than what is kept.
    pub truncated: bool,
}

/// One body; one of the three is there.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct CallBody {
    /// JSON, as it was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<serde_json::Value>")]
    pub json: Option<Box<RawValue>>,
    /// Text that is no JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What is no text, in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
}

/// An event `missed` of `GET /admin/v1/requests/live`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Missed {
    /// How many calls went by unseen; none where that is not known.
    pub count: Option<u64>,
}
