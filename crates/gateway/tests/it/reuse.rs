//! Connections that are kept: a provider may close them at any time, and no client is to notice.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::{StreamExt, stream};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use crate::house::{CHAT, CHAT_PATH, House, config, mock};

/// What a provider does with a connection, by how many requests it has had and which number of all requests this is.
type Manners = fn(on_this: usize, of_all: usize) -> Then;

/// What becomes of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    /// It is answered, and the connection kept.
    Keep,
    /// It is answered, and the connection closed some time later, although nothing in the answer says so.
    Close(Duration),
    /// The same with a reset.
    Reset(Duration),
    /// It is read and not answered: the connection is closed.
    Vanish,
    /// It is read and not answered: the connection is reset.
    Drop,
    /// The first bytes of an answer come, and then the end.
    Begin,
}

/// A provider that keeps its connections as it likes.
struct Keeper {
    address: SocketAddr,
    seen: Arc<Seen>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    requests: AtomicUsize,
    /// How often each request was answered, by its text.
    answered: Mutex<HashMap<String, usize>>,
}

impl Keeper {
    async fn start(manners: Manners) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::<Seen>::default();
        let watched = Arc::clone(&seen);
        #[allow(clippy::disallowed_methods, reason = "aborted on drop")]
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                watched.connections.fetch_add(1, Ordering::SeqCst);
                #[allow(clippy::disallowed_methods, reason = "ends with its connection")]
                tokio::spawn(serve(stream, Arc::clone(&watched), manners));
            }
        });
        Self { address, seen, task }
    }

    fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    fn requests(&self) -> usize {
        self.seen.requests.load(Ordering::SeqCst)
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.task.abort();
    }
}

const ANSWER: &str = r#"{"id":"c","object":"chat.completion","created":1,"model":"gpt-4o-mini","choices":[{"index":0,"message":{"role":"assistant","content":"well"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}"#;

async fn serve(mut stream: TcpStream, seen: Arc<Seen>, manners: Manners) {
    stream.set_nodelay(true).unwrap();
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{ANSWER}",
        ANSWER.len()
    );
    for on_this in 0.. {
        let Some(body) = request(&mut stream).await else { return };
        let then = manners(on_this, seen.requests.fetch_add(1, Ordering::SeqCst));
        if matches!(then, Then::Keep | Then::Close(_) | Then::Reset(_)) {
            *seen.answered.lock().unwrap().entry(body).or_default() += 1;
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
        match then {
            Then::Keep => {}
            Then::Close(after) => return tokio::time::sleep(after).await,
            Then::Reset(after) => {
                tokio::time::sleep(after).await;
                return stream.set_zero_linger().unwrap();
            }
            Then::Vanish => return,
            Then::Drop => return stream.set_zero_linger().unwrap(),
            Then::Begin => {
                stream.write_all(&answer.as_bytes()[..12]).await.unwrap();
                return;
            }
        }
    }
}

/// The body of the next request; nothing if the connection is over.
async fn request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..end].to_ascii_lowercase()).unwrap();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.unwrap().parse().unwrap();
            let body = &bytes[end + 4..];
            if body.len() == length {
                return Some(String::from_utf8(body.to_vec()).unwrap());
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

/// Asks so many times, so many at once; every answer is the first attempt's, and every request is answered once.
async fn check(manners: Manners, count: usize, at_once: usize) -> Keeper {
    let keeper = Keeper::start(manners).await;
    let house = House::new(&config(&[&keeper.base_url()], "")).await;
    stream::iter(0..count)
        .for_each_concurrent(at_once, |call| {
            let house = &house;
            async move {
                let answer = house.post(CHAT_PATH, CHAT.replace("hello", &format!("call {call}"))).await;
                assert_eq!(answer.status, 200, "call {call}: {}", answer.text);
                assert_eq!(answer.header("x-lockgate-attempts"), "1", "call {call}");
            }
        })
        .await;
    let answered = keeper.seen.answered.lock().unwrap();
    let twice: Vec<_> = answered.iter().filter(|(_, times)| **times != 1).collect();
    assert!(answered.len() == count && twice.is_empty(), "{} answered, {twice:?}", answered.len());
    drop(answered);
    println!("{count} requests, {} connections", keeper.connections());
    keeper
}

/// Some time within two milliseconds, about that in which the next request comes.
fn soon(of_all: usize) -> Duration {
    Duration::from_micros((of_all as u64).wrapping_mul(2_654_435_761) % 2000)
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_kept_are_few() {
    let keeper = check(|_, _| Then::Keep, 1000, 1).await;
    assert_eq!(keeper.connections(), 1);
    let keeper = check(|_, _| Then::Keep, 1000, 16).await;
    assert!(keeper.connections() <= 32, "{}", keeper.connections());
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_right_after_each_answer_is_not_noticed() {
    check(|_, _| Then::Close(Duration::ZERO), 1500, 1).await;
    check(|_, _| Then::Close(Duration::ZERO), 2000, 16).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_at_any_time_is_not_noticed() {
    check(|_, of_all| Then::Close(soon(of_all)), 1500, 1).await;
    check(|_, of_all| Then::Close(soon(of_all)), 2000, 16).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn resets_between_requests_are_not_noticed() {
    check(|_, of_all| Then::Reset(soon(of_all)), 1500, 1).await;
    check(|_, of_all| Then::Reset(soon(of_all)), 1500, 16).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_used_connection_that_takes_a_request_with_it_is_not_noticed() {
    for then in
        [(|on_this, _| if on_this % 3 == 2 { Then::Vanish } else { Then::Keep }) as Manners, |on_this, _| {
            if on_this % 3 == 2 { Then::Drop } else { Then::Keep }
        }]
    {
        let keeper = check(then, 400, 8).await;
        assert!(keeper.requests() > 500, "{} requests seen", keeper.requests());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_connection_that_ends_is_a_fault_and_asked_again_only_by_routing() {
    for manners in [(|_, _| Then::Vanish) as Manners, |_, _| Then::Drop] {
        let keeper = Keeper::start(manners).await;
        let house = House::new(&config(&[&keeper.base_url()], "")).await;
        let answer = house.post(CHAT_PATH, CHAT).await;
        assert_eq!((answer.status.as_u16(), answer.header("x-lockgate-attempts")), (502, "3"));
        assert_eq!((keeper.connections(), keeper.requests()), (3, 3));
        let record = house.records(1).await.remove(0);
        assert!(record.attempts.iter().all(|attempt| attempt.fault.is_some()), "{record:?}");

        let well = mock().await;
        let house = House::new(&config(&[&keeper.base_url(), &well.base_url()], "")).await;
        let answer = house.post(CHAT_PATH, CHAT).await;
        assert_eq!((answer.status.as_u16(), answer.header("x-lockgate-attempts")), (200, "2"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_ends_again_is_a_fault() {
    // The first request is answered; then whatever comes, on old connections and new ones, is not.
    let keeper = Keeper::start(|_, of_all| if of_all == 0 { Then::Keep } else { Then::Vanish }).await;
    let house = House::new(&config(&[&keeper.base_url()], "")).await;
    assert_eq!(house.post(CHAT_PATH, CHAT).await.status, 200);
    let answer = house.post(CHAT_PATH, CHAT).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-lockgate-attempts")), (502, "3"));
    assert_eq!(keeper.requests(), 1 + 1 + 3, "once more for the connection, three times by routing");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_has_begun_is_not_asked_for_again_in_silence() {
    let keeper = Keeper::start(|_, of_all| if of_all == 1 { Then::Begin } else { Then::Keep }).await;
    let house = House::new(&config(&[&keeper.base_url()], "")).await;
    assert_eq!(house.post(CHAT_PATH, CHAT).await.status, 200);
    let answer = house.post(CHAT_PATH, CHAT).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-lockgate-attempts")), (200, "2"));
}
