//! How strict, how fast and how talkative the mock is.

use std::time::Duration;

use serde::{Deserialize, Serialize};

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
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            behaviour: Behaviour::default(),
            strict: true,
            require_key: true,
            keep_bodies: false,
            ledger_entries: 10_000,
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
    /// Send response bodies in network writes of this many bytes.
    pub chunk_bytes: Option<usize>,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behaviour_is_written_for_people() {
        let behaviour: Behaviour =
            serde_json::from_str(r#"{"latency": "250ms", "between_events": "1s", "words": 7}"#).unwrap();
        assert_eq!(behaviour.latency, Duration::from_millis(250));
        assert_eq!(behaviour.words, Some(7));
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
