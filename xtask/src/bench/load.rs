//! The load generator: a closed loop on kept-alive connections that verifies every answer, as a process of its own.
//!
//! One thread, sockets without an HTTP library, requests encoded once: it shares a core with the mock provider, and what it
//! spends there the program under test does not get as load.

use std::io;
use std::net::SocketAddr;
use std::process::Stdio;
use std::rc::Rc;
use std::time::{Duration, Instant};

use lockgate_testkit::clock;
use lockgate_testkit::http::{Body, Request, parse_head};
use memchr::memmem;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

use super::cores::Cores;
use super::scenarios::{CLIENT_KEY, Expected, SCENARIOS, Scenario, count_events};
use crate::workspace::{self, Failure, Profile};

/// No run sends more requests than this, however fast the answers come.
const MOST_REQUESTS: usize = 2_000_000;
/// An answer that takes longer is an error.
const PATIENCE: Duration = Duration::from_secs(20);

/// One run of load.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Address to send to; must be loopback.
    #[arg(long)]
    target: SocketAddr,
    /// Name of the scenario.
    #[arg(long)]
    scenario: String,
    /// Model to ask for.
    #[arg(long)]
    model: String,
    /// Milliseconds after which no new request is sent.
    #[arg(long)]
    milliseconds: u64,
    /// What a right answer holds, as JSON.
    #[arg(long)]
    expect: String,
}

/// What one run showed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Figures {
    /// Answers that were right.
    pub(crate) requests: usize,
    /// Events in them.
    pub(crate) events: usize,
    /// Answers that were not 200, lacked their text or their last event, or did not come.
    pub(crate) errors: usize,
    /// The first of these.
    pub(crate) first_error: Option<String>,
    pub(crate) seconds: f64,
    pub(crate) p50_us: u64,
    pub(crate) p99_us: u64,
}

/// Runs the release build of this program with the given load, pinned beside the mock provider.
pub(crate) fn in_its_own_process(
    cores: &Cores,
    target: SocketAddr,
    model: &str,
    scenario: &Scenario,
    expected: &Expected,
    time: Duration,
) -> Result<Figures, Failure> {
    let output = Cores::pinned(cores.rest, workspace::binary(Profile::Release, "xtask"))
        .args(["load", "--scenario", scenario.name, "--model", model])
        .args(["--target", &target.to_string()])
        .args(["--milliseconds", &time.as_millis().to_string()])
        .args(["--expect", &serde_json::to_string(expected)?])
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("the load generator ended with {}", output.status).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Sends the load and prints [`Figures`] as JSON.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    if !arguments.target.ip().is_loopback() {
        return Err(format!(
            "{} is not a loopback address: load is sent to this machine only",
            arguments.target
        )
        .into());
    }
    let scenario = SCENARIOS
        .iter()
        .find(|scenario| scenario.name == arguments.scenario)
        .ok_or_else(|| format!("no scenario `{}`", arguments.scenario))?;
    let expected: Expected = serde_json::from_str(&arguments.expect)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let time = Duration::from_millis(arguments.milliseconds.min(120_000));
    let figures = LocalSet::new().block_on(
        &runtime,
        send(arguments.target, &scenario.request(&arguments.model), scenario, expected, time),
    );
    println!("{}", serde_json::to_string(&figures)?);
    Ok(())
}

/// What every connection of a run shares.
struct Plan {
    target: SocketAddr,
    request: Vec<u8>,
    stream: bool,
    expected: Expected,
    until: Instant,
    most: usize,
}

/// What one connection saw.
#[derive(Default)]
struct Tally {
    latencies: Vec<Duration>,
    events: usize,
    errors: Vec<String>,
}

async fn send(
    target: SocketAddr,
    body: &[u8],
    scenario: &Scenario,
    expected: Expected,
    time: Duration,
) -> Figures {
    let authorization = format!("Bearer {CLIENT_KEY}");
    let request = Request {
        method: "POST",
        path: "/v1/chat/completions",
        headers: &[("authorization", &authorization), ("content-type", "application/json")],
        body,
    };
    let started = clock::now();
    let plan = Rc::new(Plan {
        target,
        request: request.encode(target),
        stream: scenario.stream,
        expected,
        until: started + time,
        most: MOST_REQUESTS / usize::from(scenario.connections),
    });
    let mut connections = tokio::task::JoinSet::new();
    for _ in 0..scenario.connections {
        connections.spawn_local(ask_until_done(Rc::clone(&plan)));
    }
    let tallies = connections.join_all().await;
    figures(&tallies, clock::now().duration_since(started))
}

/// One connection's loop. After an error the connection is made anew; an error ends the loop when it comes ten times,
/// so that a server that is down is not hammered.
async fn ask_until_done(plan: Rc<Plan>) -> Tally {
    let mut tally = Tally::default();
    let mut connection = None;
    while clock::now() < plan.until && tally.latencies.len() < plan.most && tally.errors.len() < 10 {
        let began = clock::now();
        match tokio::time::timeout(PATIENCE, ask(&mut connection, &plan)).await {
            Ok(Ok(events)) => {
                tally.events += events;
                tally.latencies.push(clock::now().duration_since(began));
            }
            Ok(Err(error)) => {
                connection = None;
                tally.errors.push(error.to_string());
            }
            Err(_) => {
                connection = None;
                tally.errors.push(format!("no whole answer within {PATIENCE:?}"));
            }
        }
    }
    tally
}

/// A connection with the buffers that its requests reuse.
struct Connection {
    socket: TcpStream,
    received: Vec<u8>,
    body: Vec<u8>,
}

/// Sends the request and reads one answer; returns the number of events in it.
async fn ask(connection: &mut Option<Connection>, plan: &Plan) -> io::Result<usize> {
    if connection.is_none() {
        let socket = TcpStream::connect(plan.target).await?;
        socket.set_nodelay(true)?;
        *connection = Some(Connection { socket, received: Vec::with_capacity(64 * 1024), body: Vec::new() });
    }
    let Some(Connection { socket, received, body }) = connection else {
        return Err(io::Error::other("no connection"));
    };
    socket.write_all(&plan.request).await?;
    received.clear();
    body.clear();

    let (head, mut used) = loop {
        if let Some(found) = parse_head(received).map_err(io::Error::other)? {
            break found;
        }
        more(socket, received).await?;
    };
    let mut framing = Body::of(&head).map_err(io::Error::other)?;
    while framing != Body::Complete {
        let step = framing.decode(&received[used..]).map_err(io::Error::other)?;
        body.extend_from_slice(step.data);
        used += step.used;
        if step.used == 0 {
            received.drain(..used);
            used = 0;
            more(socket, received).await?;
        }
    }
    let events = verify(head.status, body, plan)?;
    if head.closes() {
        *connection = None;
    }
    Ok(events)
}

async fn more(socket: &mut TcpStream, received: &mut Vec<u8>) -> io::Result<()> {
    match socket.read_buf(received).await? {
        0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "connection closed inside an answer")),
        _ => Ok(()),
    }
}

fn verify(status: u16, body: &[u8], plan: &Plan) -> io::Result<usize> {
    if status != 200 {
        let shown = String::from_utf8_lossy(&body[..body.len().min(300)]);
        return Err(io::Error::other(format!("status {status}: {shown}")));
    }
    if !plan.stream {
        return match memmem::find(body, plan.expected.text.as_bytes()) {
            Some(_) => Ok(0),
            None => Err(io::Error::other("the answer lacks its text")),
        };
    }
    if !body.ends_with(b"data: [DONE]\n\n") {
        return Err(io::Error::other("the stream lacks its last event"));
    }
    match count_events(body) {
        events if events == plan.expected.events => Ok(events),
        events => Err(io::Error::other(format!("{events} events, {} expected", plan.expected.events))),
    }
}

fn figures(tallies: &[Tally], took: Duration) -> Figures {
    let events = tallies.iter().map(|tally| tally.events).sum();
    let errors: Vec<&String> = tallies.iter().flat_map(|tally| &tally.errors).collect();
    let mut latencies: Vec<Duration> =
        tallies.iter().flat_map(|tally| tally.latencies.iter().copied()).collect();
    latencies.sort_unstable();
    let percentile = |percent: usize| {
        let latency = latencies.get((latencies.len() * percent / 100).min(latencies.len().saturating_sub(1)));
        latency.map_or(0, |latency| u64::try_from(latency.as_micros()).unwrap_or(u64::MAX))
    };
    Figures {
        requests: latencies.len(),
        events,
        errors: errors.len(),
        first_error: errors.first().map(|error| (*error).clone()),
        seconds: took.as_secs_f64(),
        p50_us: percentile(50),
        p99_us: percentile(99),
    }
}

#[cfg(test)]
mod tests {
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
        let scenario = Scenario { name: "test", about: "", connections: 1, body: 300, behaviour: "", stream };
        let expected = Expected { text: "ahoi".to_owned(), events: 2 };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        LocalSet::new()
            .block_on(&runtime, send(target, b"{}", &scenario, expected, Duration::from_millis(30)))
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
            Some("1 events, 2 expected"),
        );
    }
}
