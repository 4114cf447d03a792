//! A client that closes its connection is noticed at once, whatever the mock is doing.

use std::time::Duration;

use lockgate_mock::{Behaviour, Ended, Fault};
use tokio::{io::AsyncWriteExt, net::TcpStream, time::sleep};

use crate::wire::{chat, ended, mock, ten_words};

const HOUR: Duration = Duration::from_secs(3600);

/// Sends a request, waits a little, closes, and wants the ledger to know within 200 ms.
async fn leave(behaviour: Behaviour, fault: Option<&str>, stream: bool) {
    let mock = mock(behaviour).await;
    mock.script(fault.map(|fault| fault.parse::<Fault>().unwrap()));
    let mut socket = TcpStream::connect(mock.addr()).await.unwrap();
    socket.write_all(chat(stream).replace("connection: close\r\n", "").as_bytes()).await.unwrap();
    sleep(Duration::from_millis(50)).await;
    assert_eq!(mock.ledger()[0].ended, Ended::InFlight);
    assert_eq!(mock.open_connections(), 1);
    drop(socket);
    let (how, after) = ended(&mock).await;
    assert!(after < Duration::from_millis(200), "noticed after {after:?}");
    match how {
        Ended::ClientGone { after } => {
            assert!((40..1000).contains(&after.as_millis()), "{after:?}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(mock.counts().in_flight, 0);
    mock.stop().await;
}

#[tokio::test]
async fn before_the_headers() {
    leave(Behaviour { latency: HOUR, ..ten_words() }, None, false).await;
}

#[tokio::test]
async fn before_the_first_token() {
    leave(Behaviour { first_token: HOUR, ..ten_words() }, None, true).await;
}

#[tokio::test]
async fn between_tokens() {
    leave(Behaviour { between_events: HOUR, ..ten_words() }, None, true).await;
}

#[tokio::test]
async fn during_silence() {
    leave(ten_words(), Some("silent"), false).await;
}

#[tokio::test]
async fn during_a_stall() {
    leave(ten_words(), Some("stall:3"), true).await;
    leave(ten_words(), Some("stall:3"), false).await;
}
