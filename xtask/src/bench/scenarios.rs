//! What is asked, how often at a time, and what a right answer holds.

use memchr::memmem;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The client key that the gateway checks on every request. It guards nothing.
pub(crate) const CLIENT_KEY: &str = "lockgate-bench-client-key";
const KB: usize = 1024;

/// One kind of load.
#[derive(Debug)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// Kept-alive connections, each asking again as soon as it has its answer.
    pub(crate) connections: u16,
    /// Size of the request body in bytes, nearly.
    pub(crate) body: usize,
    /// What the mock provider is told about its answers; in a stream each word is an event.
    pub(crate) behaviour: &'static str,
    pub(crate) stream: bool,
}

/// What a right answer holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Expected {
    /// The answer's text as it is spelled in the JSON of an unstreamed answer.
    pub(crate) text: String,
    /// Events of a streamed answer, the closing `[DONE]` included.
    pub(crate) events: usize,
}

/// About 1.2 KB as one answer.
const LONG_ANSWER: &str = r#"{"words": 150}"#;
/// A hundred events of some 300 bytes, each in a network write of its own, as a provider sends them.
const EVENT_BY_EVENT: &str = r#"{"words": 100, "chunk_bytes": 300}"#;

/// Every scenario, the plainest first.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "chat",
        about: "1 KB in, 1.2 KB out",
        connections: 64,
        body: KB,
        behaviour: LONG_ANSWER,
        stream: false,
    },
    Scenario {
        name: "stream",
        about: "1 KB in, 100 events as fast as taken",
        connections: 32,
        body: KB,
        behaviour: EVENT_BY_EVENT,
        stream: true,
    },
    Scenario {
        name: "megabyte",
        about: "1 MB in, 1.2 KB out",
        connections: 8,
        body: KB * KB,
        behaviour: LONG_ANSWER,
        stream: false,
    },
];

impl Scenario {
    /// The request body, for the model as `model`.
    pub(crate) fn request(&self, model: &str) -> Vec<u8> {
        let sentence = "A lock lets boats pass between waters that stand at different levels. ";
        let text: String = sentence.chars().cycle().take(self.body.saturating_sub(100)).collect();
        let mut request = json!({ "model": model, "messages": [{ "role": "user", "content": text }] });
        if self.stream {
            request["stream"] = Value::Bool(true);
        }
        request.to_string().into_bytes()
    }
}

/// Server-sent events of a body whose events are one `data` line each.
pub(crate) fn count_events(body: &[u8]) -> usize {
    memmem::find_iter(body, b"\n\n").count()
}
