//! Told to stop, the gateway finishes what runs and takes nothing new.

use std::time::Duration;

use http::Request;
use http_body_util::Full;
use lockgate_mock::Behaviour;
use tokio::net::TcpStream;

use crate::house::{CHAT_PATH, House, STREAM, config, mock, read};

async fn slow_stream(pause: u64) -> (lockgate_mock::Mock, House, http::Response<hyper::body::Incoming>) {
    let mock = mock().await;
    let between_events = Duration::from_millis(pause);
    mock.set_behaviour(Behaviour { between_events, words: Some(20), ..Behaviour::default() });
    let house = House::new(&config(&[&mock.base_url()], "").replace("drain: 5s", "drain: 2s")).await;
    let request = Request::post(house.url(CHAT_PATH))
        .header("content-type", "application/json")
        .body(Full::from(STREAM));
    let answer = house.send(request.unwrap()).await;
    (mock, house, answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_stream_finishes_and_nothing_new_is_accepted() {
    let (_mock, house, answer) = slow_stream(20).await;
    let address = house.serving.address;
    let (drained, answer) = tokio::join!(house.serving.stop(), read(answer));
    assert!(drained);
    assert!(answer.text.ends_with("data: [DONE]\n\n"), "{}", answer.text);
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_outlasts_the_drain_is_cut() {
    let (_mock, house, _answer) = slow_stream(1000).await;
    assert!(!house.serving.stop().await);
}
