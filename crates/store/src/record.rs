//! The record of one call: one request, one record, whatever ended it.

use std::{borrow::Cow, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::Bodies;

/// How a call ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
    /// The gateway ended first: found at its next start. So is everything of which nothing else is known.
    #[default]
    Interrupted,
}

impl Ended {
    /// Every way, with its name on record.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::Answered, "answered"),
        (Self::Refused, "refused"),
        (Self::Broken, "broken"),
        (Self::ClientGone, "client_gone"),
        (Self::Interrupted, "interrupted"),
    ];

    /// Its name on record.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(ended, _)| *ended == self).map_or("interrupted", |(_, name)| name)
    }
}

/// One try at one deployment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tokens {
    /// Input that came from no cache.
    pub input: u64,
    /// Input read from the provider's cache.
    #[serde(skip_serializing_if = "is_zero")]
    pub cache_read: u64,
    /// Input written to the provider's cache, however long it lives there.
    #[serde(skip_serializing_if = "is_zero")]
    pub cache_write: u64,
    /// The part of `cache_write` that lives an hour.
    #[serde(skip_serializing_if = "is_zero")]
    pub cache_write_1h: u64,
    /// Output, reasoning included.
    pub output: u64,
    /// The part of the output that was reasoning.
    #[serde(skip_serializing_if = "is_zero")]
    pub reasoning: u64,
    /// The part of the input that was audio.
    #[serde(skip_serializing_if = "is_zero")]
    pub audio_input: u64,
    /// The part of the output that was audio.
    #[serde(skip_serializing_if = "is_zero")]
    pub audio_output: u64,
    /// The part of the input that was pictures.
    #[serde(skip_serializing_if = "is_zero")]
    pub image_input: u64,
    /// The part of the output that was pictures.
    #[serde(skip_serializing_if = "is_zero")]
    pub image_output: u64,
    /// Whether some of it is estimated, because the provider did not get to say it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_estimated: bool,
}

/// Whether a call could be priced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Price {
    /// What it cost is on record, or it used nothing that costs.
    #[default]
    Known,
    /// Nobody knows what the deployment charges: its cost is missing, and not zero.
    Unknown,
}

impl Price {
    fn is_known(&self) -> bool {
        *self == Self::Known
    }
}

/// One call. Fields of a later version are ignored when a record is read; what is absent is its default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CallRecord {
    /// The id the client saw as `x-request-id`. First, so that a line's id is found without reading all of it.
    pub id: String,
    /// When the request's head was read, in milliseconds since 1970.
    pub started_ms: u64,
    /// From then to the end, in microseconds.
    pub micros: u64,
    /// The part of `micros` in which the gateway did not wait for the provider or the client's reading.
    pub overhead_micros: u64,
    /// From the request's head to the first meaningful output, in microseconds; absent if there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_token_micros: Option<u64>,
    /// The name of the client's key; absent where no keys are configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Arc<str>>,
    /// Where the client is: its IP address and port, as the proxy before the gateway says it where one is told to; `unix` on
    /// a socket in the file system.
    #[serde(skip_serializing_if = "is_nobody")]
    pub peer: Arc<str>,
    /// The dialect the client spoke.
    pub dialect: Cow<'static, str>,
    /// The path the client called, without its query.
    pub path: String,
    /// What it asked for there: `generate`, `embed`, ...; empty where that did not become known.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub operation: Cow<'static, str>,
    /// The model the client asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The deployment that answered; absent if none did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment: Option<Arc<str>>,
    /// True if a streamed answer was asked for.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub stream: bool,
    /// The HTTP status the client got; 0 where nobody knows.
    pub status: u16,
    /// How it ended.
    pub ended: Ended,
    /// What the client was told instead of an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Cow<'static, str>>,
    /// Every try, in order.
    pub attempts: Vec<AttemptRecord>,
    /// What the provider reported; absent if it reported nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Tokens>,
    /// What it cost, in millionths of a dollar; absent where `price` is unknown or nothing was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<u64>,
    /// Whether its price is known.
    #[serde(skip_serializing_if = "Price::is_known")]
    pub price: Price,
    /// What the operator sorts calls by: the tags of the key.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Arc<str>>,
    /// What could not be said in the provider's dialect, or of its answer in the client's: `path: reason`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub losses: Vec<String>,
    /// The gateway that answered, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<Arc<str>>,
    /// Whether it is to be a line of the training files; then its bodies are whole.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub training: bool,
    /// What was said, where it is kept. Last, so that all before it can be read alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bodies: Option<Bodies>,
}

impl CallRecord {
    /// When it ended, in milliseconds since 1970.
    pub fn ended_ms(&self) -> u64 {
        self.started_ms.saturating_add(self.micros / 1000)
    }
}

/// The beginning of a call: what is known of it should the gateway end first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Begin {
    /// The id the client will see.
    pub id: String,
    /// When the request's head was read, in milliseconds since 1970.
    pub started_ms: u64,
    /// The name of the client's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Arc<str>>,
    /// The model the client asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

impl Begin {
    /// The record of a call that has begun and of which nothing was heard any more.
    pub fn interrupted(self, node: Option<Arc<str>>) -> CallRecord {
        CallRecord {
            id: self.id,
            started_ms: self.started_ms,
            key: self.key,
            model: self.model,
            node,
            ended: Ended::Interrupted,
            ..CallRecord::default()
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands fields over by reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

fn is_nobody(peer: &Arc<str>) -> bool {
    peer.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_end_has_its_name_once() {
        for (ended, name) in Ended::ALL {
            assert_eq!(serde_json::to_string(&ended).unwrap(), format!("\"{name}\""));
            assert_eq!(ended.name(), name);
        }
    }
}
