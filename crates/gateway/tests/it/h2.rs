//! Providers that speak HTTP/2: as many connections as the requests under way need, and no answer lost with one of them.

use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Request, Response, Version};
use http_body::Frame;
use http_body_util::{BodyExt, combinators::BoxBody};
use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use crate::{
    house::{CHAT, CHAT_PATH, House, STREAM, eventually, secret},
    tls::{Authority, Identity, acceptor},
};

/// A server that speaks HTTP/2 over TLS.
struct Many {
    address: SocketAddr,
    authority: Authority,
    seen: Arc<Seen>,
    /// Streams end once this is true.
    gate: watch::Sender<bool>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    requests: AtomicUsize,
    /// Answers that have begun and not ended.
    open: AtomicUsize,
    /// Requests that were given up before their answer was over.
    given_up: AtomicUsize,
}

/// How such a server behaves.
#[derive(Clone, Copy)]
struct Manners {
    /// How many streams it takes on a connection.
    streams: u32,
    /// After so many requests it wants no more on a connection.
    last: Option<usize>,
    answers: Answers,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Answers {
    /// At once.
    Whole,
    /// A stream that has said something and ends when the gate opens.
    Held,
    /// Not before the gate opens.
    Late,
    /// A stream without an end, unless the request is not one for a stream.
    Endless,
}

const USUAL: Manners = Manners { streams: 100, last: None, answers: Answers::Whole };

const ANSWER: &str = r#"{"id":"c","object":"chat.completion","created":1,"model":"gpt-4o-mini","choices":[{"index":0,"message":{"role":"assistant","content":"well"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}"#;
const WORD: &str = "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"gpt-4o-mini\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"well\"},\"finish_reason\":null}]}\n\n";
const END: &str = "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"gpt-4o-mini\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

impl Many {
    async fn start(manners: Manners) -> Self {
        let authority = Authority::new();
        let identity = authority.signed(&["localhost"], |_| ());
        let acceptor = acceptor(&identity, None, &["h2", "http/1.1"]);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::<Seen>::default();
        let (gate, open) = watch::channel(false);
        let watched = Arc::clone(&seen);
        #[allow(clippy::disallowed_methods, reason = "aborted on drop")]
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                watched.connections.fetch_add(1, Ordering::SeqCst);
                let (acceptor, seen, open) = (acceptor.clone(), Arc::clone(&watched), open.clone());
                #[allow(clippy::disallowed_methods, reason = "ends with its connection")]
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
                        serve(TokioIo::new(stream), seen, open, manners).await;
                    }
                });
            }
        });
        Self { address, authority, seen, gate, task }
    }

    fn base_url(&self) -> String {
        format!("https://localhost:{}/v1", self.address.port())
    }

    async fn house(&self) -> House {
        house(&self.base_url(), &format!("ca_file: \"{}\"", self.authority.file())).await
    }

    fn count(&self, of: fn(&Seen) -> &AtomicUsize) -> usize {
        of(&self.seen).load(Ordering::SeqCst)
    }

    fn connections(&self) -> usize {
        self.count(|seen| &seen.connections)
    }

    /// Waits until so many answers are under way.
    async fn until_open(&self, count: usize) {
        eventually(|| (self.count(|seen| &seen.open) == count).then_some(())).await;
    }
}

impl Drop for Many {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A gateway before that provider.
async fn house(base_url: &str, tls: &str) -> House {
    let key = secret("upstream key");
    House::new(&format!(
        "server: {{ listen: \"127.0.0.1:0\", drain: 5s }}\nproviders:\n  a: {{ kind: openai, base_url: \"{base_url}\", \
         api_key: {key}, tls: {{ {tls} }} }}\nmodels:\n  fast: {{ targets: [a/gpt-4o-mini] }}\n"
    ))
    .await
}

async fn serve(
    io: TokioIo<tokio_rustls::server::TlsStream<tokio::net::TcpStream>>,
    seen: Arc<Seen>,
    gate: watch::Receiver<bool>,
    manners: Manners,
) {
    let on_this = Arc::new(AtomicUsize::new(0));
    let (enough, mut had_enough) = watch::channel(false);
    let service = service_fn(move |request: Request<Incoming>| {
        let had = on_this.fetch_add(1, Ordering::SeqCst) + 1;
        if Some(had) == manners.last {
            let _ = enough.send(true);
        }
        answer(request, Arc::clone(&seen), gate.clone(), manners.answers)
    });
    let connection = http2::Builder::new(TokioExecutor::new())
        .max_concurrent_streams(manners.streams)
        .serve_connection(io, service);
    let mut connection = std::pin::pin!(connection);
    let is_over = tokio::select! {
        _ = connection.as_mut() => true,
        Ok(_) = had_enough.wait_for(|enough| *enough) => false,
    };
    if !is_over {
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }
}

/// Counts an answer while it is under way.
struct Open {
    seen: Arc<Seen>,
    is_over: bool,
}

impl Open {
    fn new(seen: Arc<Seen>) -> Self {
        seen.open.fetch_add(1, Ordering::SeqCst);
        Self { seen, is_over: false }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.seen.open.fetch_sub(1, Ordering::SeqCst);
        if !self.is_over {
            self.seen.given_up.fetch_add(1, Ordering::SeqCst);
        }
    }
}

async fn answer(
    request: Request<Incoming>,
    seen: Arc<Seen>,
    mut gate: watch::Receiver<bool>,
    answers: Answers,
) -> Result<Response<BoxBody<Bytes, Infallible>>, Infallible> {
    assert_eq!((request.version(), request.headers().contains_key("host")), (Version::HTTP_2, false));
    let mut open = Open::new(Arc::clone(&seen));
    let Ok(body) = request.into_body().collect().await else {
        // It was taken back before it was whole, so there is nobody for an answer.
        return std::future::pending().await;
    };
    seen.requests.fetch_add(1, Ordering::SeqCst);
    let is_stream = String::from_utf8_lossy(&body.to_bytes()).contains("\"stream\":true");
    if answers == Answers::Late {
        gate.wait_for(|is_open| *is_open).await.unwrap();
    }
    if !is_stream {
        open.is_over = true;
        let body = http_body_util::Full::from(ANSWER).boxed();
        return Ok(Response::builder().header("content-type", "application/json").body(body).unwrap());
    }
    let words = stream::once(async { WORD });
    let pieces: Pin<Box<dyn futures_util::Stream<Item = &'static str> + Send + Sync>> = match answers {
        Answers::Endless => Box::pin(stream::repeat(WORD)),
        _ => Box::pin(words.chain(stream::once(async move {
            gate.wait_for(|is_open| *is_open).await.unwrap();
            END
        }))),
    };
    let body = Counted { pieces, open }.boxed();
    Ok(Response::builder().header("content-type", "text/event-stream").body(body).unwrap())
}

struct Counted {
    pieces: Pin<Box<dyn futures_util::Stream<Item = &'static str> + Send + Sync>>,
    open: Open,
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = self.pieces.poll_next_unpin(cx);
        self.open.is_over |= matches!(next, Poll::Ready(Some(END)));
        next.map(|piece| piece.map(|piece| Ok(Frame::data(Bytes::from_static(piece.as_bytes())))))
    }
}

/// So many streams at once, over a server that takes so many on a connection; how many connections that needed.
async fn at_once(count: usize, streams: u32) -> usize {
    let server = Many::start(Manners { streams, answers: Answers::Held, ..USUAL }).await;
    let house = server.house().await;
    let asked = futures_util::future::join_all((0..count).map(|_| house.post(CHAT_PATH, STREAM)));
    let opened = async {
        server.until_open(count).await;
        server.gate.send(true).unwrap();
    };
    let (answers, ()) = tokio::join!(asked, opened);
    for answer in answers {
        assert!(answer.status == 200 && answer.text.ends_with("[DONE]\n\n"), "{answer:?}");
        assert_eq!(answer.header("x-lockgate-attempts"), "1");
    }
    assert_eq!(server.count(|seen| &seen.requests), count, "each was asked once");
    println!("{count} streams at once, {streams} a connection: {} connections", server.connections());
    server.connections()
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_streams_are_under_way_at_once() {
    let connections = at_once(500, 100).await;
    assert!((5..=7).contains(&connections), "{connections}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_takes_few_streams_is_asked_over_more_connections() {
    let connections = at_once(60, 10).await;
    assert!((6..=9).contains(&connections), "{connections}");
    // More than a hundred are not put on one connection, whatever the server takes.
    assert!((2..=4).contains(&at_once(150, 1000).await));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_requests_one_after_the_other_need_one_connection() {
    let server = Many::start(USUAL).await;
    let house = server.house().await;
    for _ in 0..1000 {
        assert_eq!(house.post(CHAT_PATH, CHAT).await.status, 200);
    }
    assert_eq!((server.connections(), server.count(|seen| &seen.requests)), (1, 1000));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_wants_no_more_on_a_connection_is_not_noticed() {
    for (last, at_once, count) in [(1, 1, 200), (20, 32, 1000), (50, 64, 1000)] {
        let server = Many::start(Manners { last: Some(last), ..USUAL }).await;
        let house = server.house().await;
        stream::iter(0..count)
            .for_each_concurrent(at_once, |call| {
                let house = &house;
                async move {
                    let answer = house.post(CHAT_PATH, CHAT).await;
                    assert_eq!(answer.status, 200, "call {call}: {}", answer.text);
                    assert_eq!(answer.header("x-lockgate-attempts"), "1", "call {call}");
                }
            })
            .await;
        println!("goodbye after {last}, {at_once} at once: {} connections", server.connections());
        // Where the machine is busy the connection may close before an answer has left; that request goes out once more.
        let seen = server.count(|seen| &seen.requests);
        assert!((count..=count + count / 10).contains(&seen), "{count} requests were looked at {seen} times");
    }
}

/// Goes away while the answer is under way; the server knows soon, and the connection serves others.
async fn leave(answers: Answers) {
    let server = Many::start(Manners { answers, ..USUAL }).await;
    let house = server.house().await;
    let stays = house.post(CHAT_PATH, STREAM);
    let other = server.house().await;
    let leaves = async {
        server.until_open(1).await;
        let request = Request::post(house.url(CHAT_PATH)).header("content-type", "application/json");
        let request = request.body(http_body_util::Full::from(STREAM)).unwrap();
        let left = async {
            let mut body = other_client().request(request).await.unwrap().into_body();
            while body.frame().await.is_some() {}
        };
        let left = async { tokio::time::timeout(Duration::from_millis(300), left).await };
        assert!(left.await.is_err(), "nothing ends before the gate opens");
        let since = Instant::now();
        eventually(|| (server.count(|seen| &seen.given_up) == 1).then_some(())).await;
        assert!(since.elapsed() < Duration::from_secs(1), "{:?}", since.elapsed());
        assert_eq!((server.count(|seen| &seen.open), server.connections()), (1, 1));
        server.gate.send(true).unwrap();
    };
    let (answer, ()) = tokio::join!(stays, leaves);
    assert!(answer.status == 200 && answer.text.ends_with("[DONE]\n\n"), "{answer:?}");
    drop(other);
}

/// A client of its own, whose connections end with it.
fn other_client() -> hyper_util::client::legacy::Client<
    hyper_util::client::legacy::connect::HttpConnector,
    http_body_util::Full<Bytes>,
> {
    hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build_http()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_takes_its_stream_with_it_and_no_other() {
    leave(Answers::Held).await;
    leave(Answers::Late).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_do_not_read_hold_up_nobody() {
    let server = Many::start(Manners { answers: Answers::Endless, ..USUAL }).await;
    let house = server.house().await;
    let mut slow = Vec::new();
    for _ in 0..20 {
        let request = Request::post(house.url(CHAT_PATH)).header("content-type", "application/json");
        slow.push(house.send(request.body(http_body_util::Full::from(STREAM)).unwrap()).await);
    }
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let answer = tokio::time::timeout(Duration::from_secs(5), house.post(CHAT_PATH, CHAT)).await.unwrap();
    assert_eq!((answer.status.as_u16(), server.connections()), (200, 1));
    drop(slow);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_of_ten_megabytes_arrives() {
    let server = Many::start(USUAL).await;
    let house = server.house().await;
    let answer = house.post(CHAT_PATH, CHAT.replace("hello", &"hello ".repeat(1_700_000))).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn http_2_is_not_spoken_where_it_is_not_wanted() {
    let authority = Authority::new();
    let identity: Identity = authority.signed(&["localhost"], |_| ());
    let mock = crate::house::mock().await;
    for (offered, wanted, expected) in [
        (&["h2", "http/1.1"][..], true, "HTTP/2.0"),
        (&["h2", "http/1.1"], false, "HTTP/1.1"),
        (&["http/1.1"], true, "HTTP/1.1"),
        (&[], true, "HTTP/1.1"),
    ] {
        let front = crate::tls::Front::offering(mock.addr(), &identity, None, offered).await;
        let tls = format!("ca_file: \"{}\", http2: {wanted}", authority.file());
        let house = house(&front.base_url("localhost"), &tls).await;
        for answer in futures_util::future::join_all((0..20).map(|_| house.post(CHAT_PATH, CHAT))).await {
            assert_eq!(answer.status, 200, "{}", answer.text);
        }
        let spoken = front.spoken();
        assert!(spoken.iter().all(|spoken| spoken == expected), "{offered:?} {wanted}: {spoken:?}");
        // One connection is enough where requests share it; where they do not, each has its own.
        let many = if expected == "HTTP/2.0" { 1..=1 } else { 2..=20 };
        assert!(many.contains(&spoken.len()), "{expected}: {}", spoken.len());
    }
}
