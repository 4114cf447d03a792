//! An answer being read, in buffers that the next one reuses. No sockets, so that any loop of reads can drive it.

use std::io;
use std::time::{Duration, Instant};

use lockgate_testkit::clock;
use lockgate_testkit::http::{Body, parse_head};

use super::order::{Expected, Order};
use super::tally::Tally;
use crate::bench::asks::Tongue;
use crate::workspace::Failure;

/// What every connection of a run shares.
pub(super) struct Plan {
    pub(super) target: std::net::SocketAddr,
    pub(super) request: Vec<u8>,
    tongue: &'static Tongue,
    stream: bool,
    expected: Expected,
    /// Whether a 429 or 503 is an answer.
    refusals: bool,
}

impl Plan {
    pub(super) fn of(order: &Order, refusals: bool) -> Result<Self, Failure> {
        Ok(Self {
            target: order.target,
            request: order.encode()?,
            tongue: order.tongue()?,
            stream: order.stream,
            expected: order.expected.clone(),
            refusals,
        })
    }
}

/// One answer after the other.
#[derive(Default)]
pub(super) struct Reading {
    /// What was received and is not decoded yet.
    pub(super) received: Vec<u8>,
    body: Vec<u8>,
    head: Option<Head>,
    first_byte: Option<Instant>,
}

struct Head {
    status: u16,
    closes: bool,
    framing: Body,
}

impl Reading {
    /// Makes room for the next answer.
    pub(super) fn clear(&mut self) {
        self.received.clear();
        self.body.clear();
        self.head = None;
        self.first_byte = None;
    }

    /// Decodes what was received; whether the answer is complete.
    ///
    /// # Errors
    /// When it is no HTTP/1.1.
    pub(super) fn take(&mut self) -> io::Result<bool> {
        let Self { received, body, head, first_byte } = self;
        let mut used = 0;
        let head = match head {
            Some(head) => head,
            none => {
                let Some((parsed, length)) = parse_head(received).map_err(io::Error::other)? else {
                    return Ok(false);
                };
                used = length;
                let framing = Body::of(&parsed).map_err(io::Error::other)?;
                none.insert(Head { status: parsed.status, closes: parsed.closes(), framing })
            }
        };
        while head.framing != Body::Complete {
            let step = head.framing.decode(&received[used..]).map_err(io::Error::other)?;
            body.extend_from_slice(step.data);
            used += step.used;
            if step.used == 0 {
                break;
            }
        }
        received.drain(..used);
        if first_byte.is_none() && !body.is_empty() {
            *first_byte = Some(clock::now());
        }
        Ok(head.framing == Body::Complete)
    }

    /// Whether a byte of the body is there.
    pub(super) fn has_begun(&self) -> bool {
        self.first_byte.is_some()
    }

    /// Notes what came of a request, times counted from `since`; whether its connection can be used again.
    pub(super) fn note(
        &self,
        plan: &Plan,
        since: Instant,
        outcome: io::Result<()>,
        tally: &mut Tally,
    ) -> bool {
        let now = clock::now();
        let took = now.saturating_duration_since(since);
        let head = match (outcome, &self.head) {
            (Ok(()), Some(head)) => head,
            (Ok(()), None) => {
                tally.wrong("no answer".to_owned());
                return false;
            }
            (Err(error), _) => {
                tally.wrong(error.to_string());
                return false;
            }
        };
        match head.status {
            200 => match plan.expected.verify(plan.tongue, plan.stream, &self.body) {
                Ok(events) => {
                    let first_byte = self.first_byte.unwrap_or(now).saturating_duration_since(since);
                    tally.right(took, first_byte, events);
                }
                Err(why) => tally.wrong(why),
            },
            429 | 503 if plan.refusals => tally.refused(head.status, took),
            status => {
                let shown = String::from_utf8_lossy(&self.body[..self.body.len().min(300)]);
                tally.wrong(format!("status {status}: {shown}"));
            }
        }
        !head.closes
    }
}

/// The error of a connection that closes too early.
pub(super) fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "connection closed inside an answer")
}

/// The error of an answer that takes too long.
pub(super) fn too_late(patience: Duration) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("no whole answer within {patience:?}"))
}
