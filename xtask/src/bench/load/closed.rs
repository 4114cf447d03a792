//! The closed loop: each connection asks again as soon as it has its answer.

use std::rc::Rc;
use std::time::Instant;

use lockgate_testkit::clock;
use tokio::task::{JoinSet, LocalSet};

use super::connection::Connection;
use super::order::Order;
use super::reading::Plan;
use super::tally::{Figures, Tally};
use crate::workspace::Failure;

/// No run sends more requests than this, however fast the answers come.
const MOST_REQUESTS: usize = 5_000_000;

/// Sends the load.
///
/// # Errors
/// When the order makes no sense.
pub(super) fn send(order: &Order, connections: usize) -> Result<Figures, Failure> {
    let plan = Rc::new(Plan::of(order, false)?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let most = MOST_REQUESTS / connections.max(1);
    let began = clock::now();
    let until = began + order.time();
    let tallies = LocalSet::new().block_on(&runtime, async {
        let mut asking = JoinSet::new();
        for _ in 0..connections {
            asking.spawn_local(ask_until_done(Rc::clone(&plan), until, most));
        }
        asking.join_all().await
    });
    Ok(Figures::of(tallies, clock::now().duration_since(began)))
}

async fn ask_until_done(plan: Rc<Plan>, until: Instant, most: usize) -> Tally {
    let (mut tally, mut connection) = (Tally::default(), Connection::default());
    loop {
        let now = clock::now();
        if now >= until || !tally.goes_on(most) {
            return tally;
        }
        connection.ask(&plan, now, &mut tally).await;
    }
}

#[cfg(test)]
mod tests {
    use super::super::order::{Expected, Load};
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpListener;

    /// Sends one connection's load to a server that answers every request with `answer`.
    fn figures_of(stream: bool, answer: &'static str) -> Figures {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let target = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for socket in listener.incoming() {
                let mut socket = socket.unwrap();
                let mut asked = [0; 4096];
                while socket.read(&mut asked).is_ok_and(|count| count > 0) {
                    socket.write_all(answer.as_bytes()).unwrap();
                }
            }
        });
        let order = Order {
            target,
            tongue: "openai-chat".to_owned(),
            path: None,
            headers: Vec::new(),
            model: "fast".to_owned(),
            bytes: 300,
            picture: false,
            stream,
            expected: Expected { text: "ahoi".to_owned(), events: (2, 2) },
            load: Load::Closed { connections: 1 },
            milliseconds: 30,
        };
        send(&order, 1).unwrap()
    }

    #[track_caller]
    fn check(stream: bool, answer: &'static str, error: Option<&str>) {
        let figures = figures_of(stream, answer);
        assert_eq!(figures.first_error.as_deref(), error);
        assert_eq!(figures.requests == 0, error.is_some());
        assert_eq!(figures.events, if stream { figures.requests * 2 } else { 0 });
    }

    #[test]
    fn only_a_right_answer_counts() {
        check(false, "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n\"ahoi!!\"", None);
        check(false, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", Some("the answer lacks its text"));
        check(false, "HTTP/1.1 502 Bad\r\ncontent-length: 4\r\n\r\nahoi", Some("status 502: ahoi"));
    }

    #[test]
    fn only_a_whole_stream_counts() {
        check(true, "HTTP/1.1 200 OK\r\ncontent-length: 23\r\n\r\ndata: 1\n\ndata: [DONE]\n\n", None);
        check(
            true,
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\ndata: 1\n\n",
            Some("the stream lacks its last event"),
        );
        check(
            true,
            "HTTP/1.1 200 OK\r\ncontent-length: 14\r\n\r\ndata: [DONE]\n\n",
            Some("1 events, 2 to 2 expected"),
        );
    }
}
