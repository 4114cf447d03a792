//! How strict, how fast and how talkative the mock is.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What is fixed when the mock starts.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Pace and length of the answers; `Mock::set_behaviour` changes it later.
    pub behaviour: Behaviour,
    /// Refuse what the real provider refuses. Without it anything with a model and messages is answered.
    pub strict: bool,
    /// Refuse calls without a key, with the key `invalid`, or with a key that starts with `bad`.
    pub require_key: bool,
    /// Keep request bodies in the ledger, within a bound on their sum.
    pub keep_bodies: bool,
    /// Calls the ledger holds before it drops the oldest; 0 keeps counts only.
    pub ledger_entries: usize,
    /// The one AWS key there is. With it signatures are checked, and keys given out for a while; without it every signature
    /// is believed and no keys are given out.
    pub aws: Option<AwsKey>,
}

/// A key that requests to AWS are signed with.
#[derive(Clone)]
pub struct AwsKey {
    /// Its name.
    pub id: String,
    /// The key itself.
    pub secret: String,
    /// The one region there is.
    pub region: String,
    /// How long the keys count that are given out for it.
    pub lifetime: Duration,
}

impl fmt::Debug for AwsKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsKey").field("id", &self.id).field("region", &self.region).finish_non_exhaustive()
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            behaviour: Behaviour::default(),
            strict: true,
            require_key: true,
            keep_bodies: false,
            ledger_entries: 10_000,
            aws: None,
        }
    }
}

/// Pace and length of the answers. Durations are written `150ms`, `2s`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Behaviour {
    /// From the end of the request to the response headers.
    #[serde(with = "humane")]
    pub latency: Duration,
    /// From the headers of a stream to its first output.
    #[serde(with = "humane")]
    pub first_token: Duration,
    /// Between two outputs of a stream. At zero they share network writes.
    #[serde(with = "humane")]
    pub between_events: Duration,
    /// Length of an answer text in words, each one token and one event; absent = as long as the sentence is.
    pub words: Option<usize>,
    /// The text every text answer has, in place of the sentence that quotes the user.
    pub answer: Option<String>,
    /// Calls made in place of a text, each to a client that offers its tool; all that are due are made at once.
    pub calls: Vec<ScriptedCall>,
    /// Send response bodies in network writes of this many bytes.
    pub chunk_bytes: Option<usize>,
    /// Pauses before single outputs of a stream, in place of the usual one.
    pub pauses: Vec<Pause>,
    /// How lines of server-sent events end, where not as the provider ends them.
    pub line_end: Option<LineEnd>,
    /// Words thought aloud before each chat answer as servers of open models write them, in `reasoning_content`; they are not
    /// billed.
    pub thoughts: Option<usize>,
    /// What becomes of a conversation that ends with words of the assistant.
    pub prefill: Prefill,
    /// Words that an answer which goes on from earlier words says again.
    pub overlap: usize,
    /// What the provider's headers say is left of its limits; absent = much, always the same.
    pub rate_limit: Option<RateLimit>,
}

/// A pause before one output of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pause {
    /// Outputs sent before it.
    pub after: usize,
    /// How long it is.
    #[serde(with = "humane")]
    pub pause: Duration,
}

/// How a line ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LineEnd {
    /// A line feed.
    Lf,
    /// A carriage return and a line feed.
    Crlf,
    /// A carriage return.
    Cr,
}

/// What becomes of a conversation that ends with words of the assistant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Prefill {
    /// It is answered as if nothing stood there, where the model takes such a thing.
    #[default]
    Ignore,
    /// It is refused with a 400, in the provider's words. Where the user's last words quote the end of the text, the answer
    /// goes on behind it.
    Refuse,
    /// The answer goes on behind those words, and where the user's last words quote the end of the text.
    Continue,
}

/// What the provider's headers say of its limits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RateLimit {
    /// Requests.
    pub requests: Option<Window>,
    /// Tokens.
    pub tokens: Option<Window>,
}

/// One limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// What it is when nothing is used.
    pub limit: u64,
    /// What is left of it.
    pub remaining: u64,
    /// Until all of it is there again.
    #[serde(with = "humane")]
    pub reset: Duration,
}

/// A tool call with arguments that the tool really takes, so that an agent can be led through a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptedCall {
    /// The tool's name.
    pub tool: String,
    /// Its arguments: an object, or a text for a tool that takes plain text.
    pub arguments: Value,
    /// What the tool result at the end of the request says, in part, when this call is due; absent = due when no tool
    /// result is at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// Durations as text, `250ms`.
pub(crate) mod humane {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&humantime::format_duration(*duration))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(from)?;
        humantime::parse_duration(&text)
            .map_err(|why| D::Error::custom(format!("`{text}` is not a duration such as `250ms`: {why}")))
    }
}

/// The same where there may be none.
pub(crate) mod humane_option {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Humane(#[serde(with = "super::humane")] Duration);

    pub(crate) fn serialize<S: Serializer>(duration: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
        duration.map(Humane).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<Humane>::deserialize(from)?.map(|Humane(duration)| duration))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behaviour_is_written_for_people() {
        let behaviour: Behaviour = serde_json::from_str(
            r#"{"latency": "250ms", "words": 7, "calls": [{"tool": "sh", "arguments": {"x": 1}}]}"#,
        )
        .unwrap();
        assert_eq!(behaviour.latency, Duration::from_millis(250));
        assert_eq!(behaviour.words, Some(7));
        assert_eq!(behaviour.calls[0].after, None);
        let again: Behaviour = serde_json::from_str(&serde_json::to_string(&behaviour).unwrap()).unwrap();
        assert_eq!(again, behaviour);
    }

    #[test]
    fn a_misspelt_key_or_unit_is_refused() {
        assert!(serde_json::from_str::<Behaviour>(r#"{"latenzy": "1s"}"#).is_err());
        let unit = serde_json::from_str::<Behaviour>(r#"{"latency": "3 parsecs"}"#).unwrap_err().to_string();
        assert!(unit.contains("`3 parsecs` is not a duration such as `250ms`"), "{unit}");
    }
}
