//! What befalls connections while the port is shut in one way or the other.

use std::{
    io::ErrorKind,
    time::{Duration, Instant},
};

use lockgate_mock::{Door, Mock};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::wire::{chat, mock, request, send, ten_words};

/// Long enough that nothing in between is late.
const WHILE: Duration = Duration::from_millis(500);

/// What a client that connects now and asks meets within a while.
async fn meets(mock: &Mock) -> Result<usize, ErrorKind> {
    let mut socket = TcpStream::connect(mock.addr()).await.map_err(|error| error.kind())?;
    socket.write_all(chat(false).as_bytes()).await.map_err(|error| error.kind())?;
    let mut buffer = [0; 16];
    let read = tokio::time::timeout(WHILE / 5, socket.read(&mut buffer)).await;
    read.map_err(|_| ErrorKind::TimedOut)?.map_err(|error| error.kind())
}

/// Shuts the door and checks that connections that were open are reset, what new ones meet, and that it opens again.
async fn check(door: Door, expected: &[ErrorKind]) {
    let mock = mock(ten_words()).await;
    let mut open = TcpStream::connect(mock.addr()).await.unwrap();
    open.write_all(chat(false).replace("connection: close\r\n", "").as_bytes()).await.unwrap();
    let mut buffer = [0; 8192];
    assert!(open.read(&mut buffer).await.unwrap() > 0);
    let start = Instant::now();
    mock.shut(door, WHILE).await;
    while open.read(&mut buffer).await.is_ok_and(|count| count > 0) {}
    let met = meets(&mock).await.unwrap_err();
    assert!(expected.contains(&met), "{door:?}: {met}");
    tokio::time::sleep(WHILE.saturating_sub(start.elapsed()) + Duration::from_millis(50)).await;
    assert_eq!(send(&mock, &chat(false)).await.status, 200, "{door:?}");
    mock.shut(Door::Refuse, WHILE * 100).await;
    mock.shut(Door::Open, Duration::ZERO).await;
    assert_eq!(send(&mock, &chat(false)).await.status, 200, "{door:?}");
    mock.stop().await;
}

#[tokio::test]
async fn nobody_listens() {
    check(Door::Refuse, &[ErrorKind::ConnectionRefused]).await;
}

#[tokio::test]
async fn connections_are_reset_at_once() {
    check(Door::Reset, &[ErrorKind::ConnectionReset, ErrorKind::BrokenPipe]).await;
}

#[tokio::test]
async fn connections_are_never_answered() {
    check(Door::Hold, &[ErrorKind::TimedOut]).await;
}

#[tokio::test]
async fn the_order_may_come_through_the_door() {
    let mock = mock(ten_words()).await;
    let order = json!({ "door": "refuse", "for": "300ms" }).to_string();
    let seen = send(&mock, &request("PUT", "/_mock/door", &order)).await;
    assert_eq!(
        (seen.status, serde_json::from_slice::<Value>(&seen.body).unwrap()),
        (200, json!({ "ok": true }))
    );
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(meets(&mock).await, Err(ErrorKind::ConnectionRefused));
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(send(&mock, &chat(false)).await.status, 200);
    mock.stop().await;
}
