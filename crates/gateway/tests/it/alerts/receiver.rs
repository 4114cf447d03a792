//! A receiver of alerts by HTTP that keeps what it was sent and answers as it is told to.

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use crate::house::loopback;

/// How long a message may take: the couriers wait for seconds, and so does a busy machine.
const PATIENCE: Duration = Duration::from_secs(40);

/// What it was sent.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    /// The path and the query.
    pub(crate) target: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

#[derive(Default)]
struct State {
    sent: Vec<Sent>,
    /// Status and body of the next answers; then it takes everything.
    answers: VecDeque<(u16, String)>,
}

/// A receiver.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

impl Receiver {
    /// One that answers 200 with `usual`.
    pub(crate) async fn saying(usual: &'static str) -> Self {
        let listener = TcpListener::bind(loopback()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let known = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let known = Arc::clone(&known);
                tokio::spawn(async move { serve(stream, &known, usual).await });
            }
        });
        Self { address, state, task }
    }

    pub(crate) fn url(&self, target: &str) -> String {
        format!("http://{}{target}", self.address)
    }

    /// Has it answer that first.
    pub(crate) fn answers(&self, answers: &[(u16, &str)]) {
        let answers = answers.iter().map(|(status, body)| (*status, (*body).to_owned()));
        self.state.lock().unwrap().answers.extend(answers);
    }

    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.state.lock().unwrap().sent.clone()
    }

    /// Waits for so many messages.
    pub(crate) async fn messages(&self, count: usize) -> Vec<Sent> {
        let arrived = async {
            loop {
                let sent = self.sent();
                if sent.len() >= count {
                    return sent;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let arrived = tokio::time::timeout(PATIENCE, arrived).await;
        arrived.unwrap_or_else(|_| panic!("{} of {count} messages: {:?}", self.sent().len(), self.sent()))
    }

    /// Waits until it was told of that: `kind status subject`.
    pub(crate) async fn told(&self, wanted: &str) -> Value {
        let told = async {
            loop {
                if let Some(found) = self.alerts().into_iter().find(|alert| line(alert) == wanted) {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let told = tokio::time::timeout(PATIENCE, told).await;
        told.unwrap_or_else(|_| panic!("not told of `{wanted}` but of {:?}", self.lines()))
    }

    /// All alerts of all messages, of one that is sent Lockgate's own JSON.
    fn alerts(&self) -> Vec<Value> {
        let sent = self.sent();
        let rows = sent.iter().map(|sent| sent.json()["alerts"].as_array().unwrap().clone());
        rows.flatten().collect()
    }

    /// The same as `kind status subject`.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.alerts().iter().map(line).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Sent {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

fn line(alert: &Value) -> String {
    let text = |name: &str| alert[name].as_str().unwrap().to_owned();
    format!("{} {} {}", text("kind"), text("status"), text("subject"))
}

async fn serve(stream: TcpStream, state: &Mutex<State>, usual: &str) {
    let mut stream = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return;
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let mut lines = lines.into_iter();
    let first = lines.next().unwrap();
    assert!(first.starts_with("POST "), "{first}");
    let target = first.split(' ').nth(1).unwrap().to_owned();
    let pairs = lines.filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_ascii_lowercase(), value.trim().to_owned()))
    });
    let headers: HashMap<_, _> = pairs.collect();
    let mut body = vec![0; headers.get("content-length").map_or(0, |length| length.parse().unwrap())];
    if stream.read_exact(&mut body).await.is_err() {
        return;
    }
    let (status, said) = {
        let mut state = state.lock().unwrap();
        state.sent.push(Sent { target, headers, body });
        state.answers.pop_front().unwrap_or_else(|| (200, usual.to_owned()))
    };
    let length = said.len();
    let answer =
        format!("HTTP/1.1 {status} x\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{said}");
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}
