//! What a load generator is told to do.

use std::net::SocketAddr;
use std::time::Duration;

use lockgate_testkit::http::Request;
use memchr::memmem;
use serde::{Deserialize, Serialize};

use crate::bench::asks::{TONGUES, Tongue};
use crate::workspace::Failure;

/// How requests follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Load {
    /// Each connection asks again as soon as it has its answer.
    Closed {
        /// Kept-alive connections.
        connections: usize,
    },
    /// Requests are due at fixed times, and their latency counts from then on, whoever was late.
    Due {
        /// Kept-alive connections, each of which has its turn.
        connections: usize,
        /// Requests in a second, of all of them together.
        rate: f64,
    },
    /// The same with many connections and times in milliseconds, where a refusal is an answer too.
    Flood {
        /// Kept-alive connections.
        connections: usize,
        /// Requests in a second, of all of them together.
        rate: f64,
    },
    /// So many streams are opened, a line says when all of them have begun, and all of them are read to their ends.
    Hold {
        /// Streams, each on a connection of its own.
        streams: usize,
    },
}

/// One run of load.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    /// Where to send it; must be loopback.
    pub(crate) target: SocketAddr,
    /// The dialect.
    pub(crate) tongue: String,
    /// The path, where it is not the dialect's.
    pub(crate) path: Option<String>,
    /// Headers beside the dialect's, or in place of those of the same name.
    pub(crate) headers: Vec<(String, String)>,
    /// The model to ask for.
    pub(crate) model: String,
    /// Length of the request body, nearly.
    pub(crate) bytes: usize,
    /// Whether most of the body is a picture.
    pub(crate) picture: bool,
    /// Whether answers are streamed.
    pub(crate) stream: bool,
    /// What a right answer holds.
    pub(crate) expected: Expected,
    /// How requests follow one another.
    pub(crate) load: Load,
    /// After how long no new request is sent.
    pub(crate) milliseconds: u64,
}

/// What a right answer holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Expected {
    /// The text of an answer that is not streamed, as JSON spells it.
    pub(crate) text: String,
    /// The least and the most events of one that is, the closing one included.
    pub(crate) events: (usize, usize),
}

impl Order {
    /// The dialect.
    ///
    /// # Errors
    /// When there is none of that name.
    pub(crate) fn tongue(&self) -> Result<&'static Tongue, Failure> {
        let found = TONGUES.iter().find(|tongue| tongue.name == self.tongue);
        found.copied().ok_or_else(|| format!("the load speaks no `{}`", self.tongue).into())
    }

    /// The same to another path, where there is one, and with these headers.
    #[must_use]
    pub(crate) fn with(self, path: Option<String>, headers: Vec<(String, String)>) -> Self {
        Self { path, headers, ..self }
    }

    /// The request as it goes over the wire.
    ///
    /// # Errors
    /// When the dialect is unknown.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, Failure> {
        let tongue = self.tongue()?;
        let body = tongue.body(&self.model, self.bytes, self.stream, self.picture);
        let usual = tongue.request(&body);
        let mut headers: Vec<(&str, &str)> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let own = |name: &str| self.headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
        headers.extend(usual.headers.iter().filter(|(name, _)| !own(name)));
        let path = self.path.as_deref().unwrap_or(usual.path);
        Ok(Request { path, headers: &headers, ..usual }.encode(self.target))
    }

    /// How long requests are sent; never more than an hour.
    pub(crate) fn time(&self) -> Duration {
        Duration::from_millis(self.milliseconds.min(3_600_000))
    }
}

impl Expected {
    /// The events of an answer with status 200, 0 where nothing is streamed.
    ///
    /// # Errors
    /// When it is not the right answer.
    pub(crate) fn verify(&self, tongue: &Tongue, stream: bool, body: &[u8]) -> Result<usize, String> {
        if !stream {
            return match memmem::find(body, self.text.as_bytes()) {
                Some(_) => Ok(0),
                None => Err("the answer lacks its text".to_owned()),
            };
        }
        let events = tongue.events(body)?;
        let (least, most) = self.events;
        if (least..=most).contains(&events) {
            Ok(events)
        } else {
            Err(format!("{events} events, {least} to {most} expected"))
        }
    }
}
