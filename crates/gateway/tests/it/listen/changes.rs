//! Another config for a gateway that runs: listeners come, go and stay.

use std::time::Duration;

use lockgate_mock::Behaviour;
use tokio::net::{TcpListener, TcpStream};

use super::client::{Connection, at, listening, tcp};
use crate::house::{CHAT, House, STREAM, mock, read};

/// Has the gateway go on with these listeners.
fn apply(house: &House, upstream: &str, listen: &str, rest: &str) -> Result<(), String> {
    let config = lockgate_config::parse("test.yaml", &listening(upstream, listen, rest), &|_| None).unwrap();
    house.serving.apply(&config).map_err(|error| error.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stays_is_not_touched_and_what_goes_lets_its_connections_finish() {
    let mock = mock().await;
    let url = mock.base_url();
    let between_events = Duration::from_millis(20);
    mock.set_behaviour(Behaviour { between_events, words: Some(40), ..Behaviour::default() });
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("gate.sock");
    let unix = format!("unix:{}", socket.display());
    let house = House::new(&listening(&url, &format!("[127.0.0.1:0, \"[::1]:0\", \"{unix}\"]"), "")).await;
    let (stays, goes) = (at(&house, 0), at(&house, 1));
    let mut kept = Connection::http1(tcp(stays).await).await;
    let mut left = Connection::http1(tcp(goes).await).await;
    let answers = [kept.chat(STREAM).await, left.chat(STREAM).await];

    apply(&house, &url, "[127.0.0.2:0, 127.0.0.1:0]", "").unwrap();
    assert_eq!(at(&house, 1), stays, "the same listener, elsewhere in the list");
    assert_eq!(house.serving.places().len(), 2);
    let comes = at(&house, 0);
    assert_eq!(Connection::http2(tcp(comes).await).await.asked(CHAT).await.status, 200);
    let gone = async {
        for _ in 0..100 {
            if TcpStream::connect(goes).await.is_err() && !socket.exists() {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        false
    };
    assert!(gone.await, "what is no longer written is still listened at");
    for answer in answers {
        assert!(read(answer).await.text.ends_with("data: [DONE]\n\n"));
    }
    assert_eq!(kept.asked(CHAT).await.status, 200);
    assert_eq!(left.asked(CHAT).await.status, 200, "a connection outlives its listener");

    // The terms of a listener change for the connections that come.
    apply(&house, &url, "[127.0.0.2:0, 127.0.0.1:0]", ", proxy_protocol: true").unwrap();
    assert_eq!((at(&house, 0), at(&house, 1)), (comes, stays));
    let mut strict = tcp(stays).await;
    tokio::io::AsyncWriteExt::write_all(&mut strict, b"PROXY UNKNOWN\r\n").await.unwrap();
    assert_eq!(Connection::http1(strict).await.asked(CHAT).await.status, 200);
    assert_eq!(kept.asked(CHAT).await.status, 200);
    assert!(house.serving.stop().await);
    assert!(TcpStream::connect(stays).await.is_err() && TcpStream::connect(comes).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_had_changes_nothing() {
    let mock = mock().await;
    let url = mock.base_url();
    let house = House::new(&listening(&url, "127.0.0.1:0", "")).await;
    let places = house.serving.places();
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let address = taken.local_addr().unwrap();
    let error = apply(&house, &url, &format!("[{free}, {address}]"), ", proxy_protocol: true").unwrap_err();
    assert!(error.starts_with(&format!("cannot listen on {address}: Address already in use")), "{error}");
    let tls = ", tls: { cert: /nowhere.pem, key: /nowhere.pem }";
    assert!(apply(&house, &url, "127.0.0.1:0", tls).unwrap_err().contains("`/nowhere.pem` cannot be read"));

    assert_eq!(house.serving.places(), places);
    assert!(TcpStream::connect(free).await.is_err(), "what was bound for it is closed");
    assert_eq!(Connection::http1(tcp(house.serving.address).await).await.asked(CHAT).await.status, 200);
    drop(taken);
    apply(&house, &url, &format!("[{free}, {address}]"), "").unwrap();
    assert_eq!(Connection::http1(tcp(address).await).await.asked(CHAT).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_passes_from_one_address_to_all_and_back() {
    let mock = mock().await;
    let url = mock.base_url();
    let house = House::new(&listening(&url, "127.0.0.1:0", "")).await;
    let address = house.serving.address;
    // Port 0 means whichever there is; now the same is written.
    let wide = format!("\"0.0.0.0:{}\"", address.port());
    let narrow = format!("\"{address}\"");
    let config = |listen: &str| format!("{}access: {{ open: true }}\n", listening(&url, listen, ""));
    for listen in [&wide, &narrow, &wide] {
        let config = lockgate_config::parse("test.yaml", &config(listen), &|_| None).unwrap();
        house.serving.apply(&config).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(Connection::http1(tcp(address).await).await.asked(CHAT).await.status, 200);
        assert_eq!(house.serving.places().len(), 1);
    }
}
