//! What is asked, how often at a time, for how long: one table.

use std::time::Duration;

use super::asks::{ANTHROPIC, OPENAI_CHAT, OPENAI_RESPONSES, Tongue};
use super::house::{CLAUDE, GEMINI, OPENAI, Upstream};

const KB: usize = 1024;
const MB: usize = 1024 * KB;

/// One question.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    /// The client's dialect.
    pub(crate) tongue: &'static Tongue,
    /// The model, and with it the provider's dialect.
    pub(crate) upstream: &'static Upstream,
    /// Length of the request body, nearly.
    pub(crate) bytes: usize,
    /// Whether most of it is a picture.
    pub(crate) picture: bool,
    pub(crate) stream: bool,
    /// Words of the answer; in a stream each is an event.
    pub(crate) words: usize,
    /// What the mock provider is told about its answers.
    pub(crate) behaviour: &'static str,
    /// Whether the gateway is asked with other features too.
    pub(crate) variants: bool,
}

/// How a scenario's requests follow one another.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// So many connections, each asking again as soon as it has its answer.
    Closed(usize),
    /// So many connections with requests due at fixed times, so many in a second.
    Due(usize, f64),
    /// The same at a part of what the gateway can do in the scenario `chat`.
    Part(usize, f64),
}

/// One kind of load.
#[derive(Debug)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) ask: Ask,
    pub(crate) pace: Pace,
    /// The least that a run takes, where its answers are paced.
    pub(crate) least: Duration,
    /// The scenario whose figure of nginx is the yardstick.
    pub(crate) yardstick: &'static str,
}

/// About 1.2 KB as one answer.
const CHAT: Ask = Ask {
    tongue: &OPENAI_CHAT,
    upstream: &OPENAI,
    bytes: KB,
    picture: false,
    stream: false,
    words: 150,
    behaviour: r#"{"words": 150}"#,
    variants: false,
};
/// A hundred events of some 300 bytes, each in a network write of its own, as a provider sends them.
const STREAM: Ask =
    Ask { stream: true, words: 100, behaviour: r#"{"words": 100, "chunk_bytes": 300}"#, ..CHAT };
/// The same from Anthropic, whose events are shorter.
const STREAM_OF_CLAUDE: Ask =
    Ask { upstream: &CLAUDE, behaviour: r#"{"words": 100, "chunk_bytes": 130}"#, ..STREAM };
const NONE: Duration = Duration::ZERO;

/// Every scenario, the plainest first.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "chat",
        about: "1 KB in, 1.2 KB out, 64 connections as fast as they go",
        ask: Ask { variants: true, ..CHAT },
        pace: Pace::Closed(64),
        least: NONE,
        yardstick: "chat",
    },
    Scenario {
        name: "one",
        about: "the same on one connection, 500 requests a second, times from when they were due",
        ask: CHAT,
        pace: Pace::Due(1, 500.0),
        least: NONE,
        yardstick: "one",
    },
    Scenario {
        name: "half",
        about: "the same on 64 connections, at half of what the gateway can do, times from when they were due",
        ask: CHAT,
        pace: Pace::Part(64, 0.5),
        least: NONE,
        yardstick: "half",
    },
    Scenario {
        name: "stream",
        about: "1 KB in, 100 events as fast as taken, 32 connections",
        ask: STREAM,
        pace: Pace::Closed(32),
        least: NONE,
        yardstick: "stream",
    },
    Scenario {
        name: "stream-paced",
        about: "1 KB in, 50 events 20 ms apart, 32 connections",
        ask: Ask { words: 50, behaviour: r#"{"words": 50, "between_events": "20ms"}"#, ..STREAM },
        pace: Pace::Closed(32),
        least: Duration::from_secs(1),
        yardstick: "stream-paced",
    },
    Scenario {
        name: "fan-out-1000",
        about: "1,000 streams at once, 40 events 100 ms apart",
        ask: Ask { words: 40, behaviour: r#"{"words": 40, "between_events": "100ms"}"#, ..STREAM },
        pace: Pace::Closed(1000),
        least: Duration::from_secs(4),
        yardstick: "fan-out-1000",
    },
    Scenario {
        name: "fan-out-5000",
        about: "5,000 streams at once, 20 events 500 ms apart",
        ask: Ask { words: 20, behaviour: r#"{"words": 20, "between_events": "500ms"}"#, ..STREAM },
        pace: Pace::Closed(5000),
        least: Duration::from_secs(10),
        yardstick: "fan-out-5000",
    },
    Scenario {
        name: "1mb",
        about: "1 MB in, 1.2 KB out, 8 connections",
        ask: Ask { bytes: MB, ..CHAT },
        pace: Pace::Closed(8),
        least: NONE,
        yardstick: "1mb",
    },
    Scenario {
        name: "10mb",
        about: "10 MB in, 1.2 KB out, 2 connections",
        ask: Ask { bytes: 10 * MB, ..CHAT },
        pace: Pace::Closed(2),
        least: NONE,
        yardstick: "10mb",
    },
    Scenario {
        name: "anthropic-openai",
        about: "anthropic to openai-chat, as `chat`",
        ask: Ask { tongue: &ANTHROPIC, ..CHAT },
        pace: Pace::Closed(64),
        least: NONE,
        yardstick: "chat",
    },
    Scenario {
        name: "openai-anthropic",
        about: "openai-chat to anthropic, as `chat`",
        ask: Ask { upstream: &CLAUDE, ..CHAT },
        pace: Pace::Closed(64),
        least: NONE,
        yardstick: "chat",
    },
    Scenario {
        name: "openai-gemini",
        about: "openai-chat to gemini, as `chat`",
        ask: Ask { upstream: &GEMINI, ..CHAT },
        pace: Pace::Closed(64),
        least: NONE,
        yardstick: "chat",
    },
    Scenario {
        name: "responses-anthropic",
        about: "openai-responses to anthropic, as `chat`",
        ask: Ask { tongue: &OPENAI_RESPONSES, upstream: &CLAUDE, ..CHAT },
        pace: Pace::Closed(64),
        least: NONE,
        yardstick: "chat",
    },
    Scenario {
        name: "anthropic-openai-stream",
        about: "anthropic to openai-chat, as `stream`",
        ask: Ask { tongue: &ANTHROPIC, ..STREAM },
        pace: Pace::Closed(32),
        least: NONE,
        yardstick: "stream",
    },
    Scenario {
        name: "openai-anthropic-stream",
        about: "openai-chat to anthropic, as `stream`",
        ask: STREAM_OF_CLAUDE,
        pace: Pace::Closed(32),
        least: NONE,
        yardstick: "stream",
    },
    Scenario {
        name: "openai-gemini-stream",
        about: "openai-chat to gemini, as `stream`",
        ask: Ask { upstream: &GEMINI, ..STREAM },
        pace: Pace::Closed(32),
        least: NONE,
        yardstick: "stream",
    },
    Scenario {
        name: "responses-anthropic-stream",
        about: "openai-responses to anthropic, as `stream`",
        ask: Ask { tongue: &OPENAI_RESPONSES, ..STREAM_OF_CLAUDE },
        pace: Pace::Closed(32),
        least: NONE,
        yardstick: "stream",
    },
];

/// Four questions that are asked apart from the scenarios.
pub(crate) mod apart {
    use super::{ANTHROPIC, Ask, CHAT, KB, MB, STREAM};

    /// What a steady load is made of.
    pub(crate) const STEADY: Ask = CHAT;
    /// A large body as it goes through untouched.
    pub(crate) const LARGE: Ask = Ask { bytes: 10 * MB, ..CHAT };
    /// A large picture as it is translated.
    pub(crate) const LARGE_PICTURE: Ask = Ask { tongue: &ANTHROPIC, picture: true, ..LARGE };
    /// A stream that is silent for half a minute after its first word.
    pub(crate) const IDLE: Ask =
        Ask { words: 3, behaviour: r#"{"words": 3, "pauses": [{"after": 1, "pause": "30s"}]}"#, ..STREAM };
    /// Enough work for the gateway that the load generator can offer three times as much as it can do.
    pub(crate) const WORK: Ask = Ask { tongue: &ANTHROPIC, bytes: 16 * KB, ..CHAT };
}

impl Ask {
    /// Whether client and provider speak different dialects.
    pub(crate) fn is_translated(&self) -> bool {
        self.tongue.name != self.upstream.dialect
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_single_and_yardsticks_exist() {
        let names: BTreeSet<&str> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
        assert_eq!(names.len(), SCENARIOS.len());
        for scenario in SCENARIOS {
            let yardstick = SCENARIOS.iter().find(|other| other.name == scenario.yardstick).unwrap();
            assert!(!yardstick.ask.is_translated(), "nginx does not translate: {}", scenario.name);
        }
    }

    #[test]
    fn the_mock_is_told_as_many_words_as_are_expected() {
        let apart = [apart::STEADY, apart::LARGE, apart::LARGE_PICTURE, apart::IDLE, apart::WORK];
        for ask in SCENARIOS.iter().map(|scenario| scenario.ask).chain(apart) {
            let told: serde_json::Value = serde_json::from_str(ask.behaviour).unwrap();
            assert_eq!(told["words"], ask.words, "{ask:?}");
        }
    }
}
