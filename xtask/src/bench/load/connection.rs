//! A kept-alive connection of the loads that run in one thread.

use std::io;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::reading::{Plan, Reading, closed, too_late};
use super::tally::Tally;

/// An answer that takes longer is an error.
const PATIENCE: Duration = Duration::from_secs(120);
/// Room for one read.
const ROOM: usize = 16 * 1024;

/// A connection, open or not.
#[derive(Default)]
pub(super) struct Connection {
    socket: Option<TcpStream>,
    reading: Reading,
}

impl Connection {
    /// Asks once and notes what came of it, times counted from `since`.
    pub(super) async fn ask(&mut self, plan: &Plan, since: Instant, tally: &mut Tally) {
        let asked = async {
            self.begin(plan).await?;
            self.finish().await
        };
        let outcome = tokio::time::timeout(PATIENCE, asked).await;
        self.note(plan, since, outcome.unwrap_or_else(|_| Err(too_late(PATIENCE))), tally);
    }

    /// Sends the request and returns with the first byte of the answer's body, or its end.
    ///
    /// # Errors
    /// When the connection fails.
    pub(super) async fn begin(&mut self, plan: &Plan) -> io::Result<()> {
        let socket = match &mut self.socket {
            Some(socket) => socket,
            none => {
                let stream = TcpStream::connect(plan.target).await?;
                stream.set_nodelay(true)?;
                none.insert(stream)
            }
        };
        self.reading.clear();
        socket.write_all(&plan.request).await?;
        while !self.reading.take()? && !self.reading.has_begun() {
            more(socket, &mut self.reading.received).await?;
        }
        Ok(())
    }

    /// Reads the answer to its end.
    ///
    /// # Errors
    /// When the connection fails.
    pub(super) async fn finish(&mut self) -> io::Result<()> {
        let Some(socket) = &mut self.socket else { return Err(closed()) };
        while !self.reading.take()? {
            more(socket, &mut self.reading.received).await?;
        }
        Ok(())
    }

    /// Notes what came of the request; after an error the connection is made anew.
    pub(super) fn note(&mut self, plan: &Plan, since: Instant, outcome: io::Result<()>, tally: &mut Tally) {
        if !self.reading.note(plan, since, outcome, tally) {
            self.socket = None;
        }
    }
}

async fn more(socket: &mut TcpStream, received: &mut Vec<u8>) -> io::Result<()> {
    received.reserve(ROOM);
    match socket.read_buf(received).await? {
        0 => Err(closed()),
        _ => Ok(()),
    }
}
