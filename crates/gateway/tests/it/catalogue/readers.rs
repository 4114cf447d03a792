//! Clients that read slowly, or stop reading.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use lockgate_store::Ended;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    task::JoinHandle,
};

use crate::house::{CHAT_PATH, House, STREAM, UPSTREAM_KEY, config, eventually, tell};

/// How long a client may take nothing here.
const STALL: Duration = Duration::from_secs(1);
/// What the kernel keeps for one end of a connection, where a test says it.
const SOCKET: u32 = 32 * 1024;
/// A request whose answer is translated.
const MESSAGES: &str =
    r#"{"model":"fast","stream":true,"max_tokens":900,"messages":[{"role":"user","content":"hello"}]}"#;

/// A provider whose answer has no end and comes as fast as it is taken.
struct Endless {
    address: SocketAddr,
    answers: Arc<Mutex<Vec<Sent>>>,
    task: JoinHandle<()>,
}

/// What became of one answer.
#[derive(Debug, Clone, Default)]
struct Sent {
    bytes: usize,
    /// When nobody took any more.
    ended: Option<Instant>,
}

impl Endless {
    async fn start() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_send_buffer_size(SOCKET).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener: TcpListener = socket.listen(64).unwrap();
        let address = listener.local_addr().unwrap();
        let answers = Arc::<Mutex<Vec<Sent>>>::default();
        let kept = Arc::clone(&answers);
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let answers = Arc::clone(&kept);
                tokio::spawn(async move {
                    // Requests are small here.
                    assert!(stream.read(&mut vec![0; SOCKET as usize]).await.unwrap() > 0);
                    let place = {
                        let mut answers = answers.lock().unwrap();
                        answers.push(Sent::default());
                        answers.len() - 1
                    };
                    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
                    stream.write_all(head.as_bytes()).await.unwrap();
                    let event = event();
                    while stream.write_all(&event).await.is_ok() {
                        answers.lock().unwrap()[place].bytes += event.len();
                    }
                    answers.lock().unwrap()[place].ended = Some(Instant::now());
                });
            }
        });
        Self { address, answers, task }
    }

    fn sent(&self, place: usize) -> Sent {
        self.answers.lock().unwrap().get(place).cloned().unwrap_or_default()
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An event of a kilobyte and a bit, as a chunk.
fn event() -> Vec<u8> {
    let words = "ahoi ".repeat(200);
    let event = format!(
        "data: {{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{{\"index\":0,\
         \"delta\":{{\"content\":\"{words}\"}},\"finish_reason\":null}}]}}\n\n"
    );
    format!("{:x}\r\n{event}\r\n", event.len()).into_bytes()
}

/// A gateway before it that asks it for one answer at a time.
async fn house(upstream: &Endless, write_stall: &str) -> House {
    let yaml = config(&[&format!("http://{}/v1", upstream.address)], "");
    let key = format!("api_key: {}", *UPSTREAM_KEY);
    let yaml = yaml.replace(&key, &format!("credentials: [{{ {key}, max_concurrent: 1 }}]"));
    House::new(&yaml.replace("drain: 5s", &format!("drain: 5s, write_stall: {write_stall}"))).await
}

/// A client that has read the head of its answer and a little more.
async fn reader(house: &House, path: &str, body: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(SOCKET).unwrap();
    let mut stream = socket.connect(house.serving.address).await.unwrap();
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut buffer = [0; 1024];
    let count = stream.read(&mut buffer).await.unwrap();
    let head = String::from_utf8_lossy(&buffer[..count]);
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn f23_a_client_that_stops_reading_is_closed() {
    for (path, body) in [(CHAT_PATH, STREAM), ("/v1/messages", MESSAGES)] {
        let upstream = Endless::start().await;
        let house = house(&upstream, "1s").await;
        let start = Instant::now();
        let client = reader(&house, path, body).await;
        let ended = eventually(|| upstream.sent(0).ended).await - start;
        assert!((STALL..STALL * 2).contains(&ended), "{path}: the provider was rid of it after {ended:?}");
        let record = house.records(1).await.remove(0);
        assert_eq!((record.ended, record.status), (Ended::ClientGone, 499), "{path}: {record:?}");
        // 64 KiB for the client, and what the kernel keeps on both ways.
        let bytes = upstream.sent(0).bytes;
        tell(&format!("{path}: {bytes} bytes were taken of a provider for a client that reads nothing"));
        assert!(bytes < 640 << 10, "{path}: {bytes} bytes wait for a client that reads nothing");
        // Its place among those that run is free.
        let next = reader(&house, path, body).await;
        drop((client, next));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f23_a_slow_reader_is_not_closed() {
    let upstream = Endless::start().await;
    let house = house(&upstream, "1s").await;
    let mut client = reader(&house, CHAT_PATH, STREAM).await;
    let start = Instant::now();
    let mut buffer = [0; 16 * 1024];
    while start.elapsed() < STALL * 4 {
        client.read_exact(&mut buffer).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(upstream.sent(0).ended.is_none() && house.journal.all().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn f23_nobody_is_closed_where_the_limit_is_off() {
    let upstream = Endless::start().await;
    let house = house(&upstream, "off").await;
    let client = reader(&house, CHAT_PATH, STREAM).await;
    tokio::time::sleep(STALL * 2).await;
    assert!(upstream.sent(0).ended.is_none() && house.journal.all().is_empty());
    drop(client);
    eventually(|| upstream.sent(0).ended).await;
}
