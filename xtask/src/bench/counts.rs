//! `cargo xtask bench --counts`: instructions per request and per event, which repeat where times do not.
//!
//! The gateway runs under valgrind's callgrind with one worker thread and answers a fixed number of requests on one
//! connection. What the worker executes for a request is its *path*, what all other threads execute meanwhile (the journal's
//! projection above all) is *beside* it. Both are held against figures in the repository.

mod accepted;
mod callgrind;

use std::process::Command;
use std::time::Duration;

use lockgate_testkit::http::Client;
use lockgate_testkit::process::{Process, free_address};

use super::asks::{ANTHROPIC, OPENAI_CHAT, Tongue};
use super::house::{self, CLAUDE, EVERYTHING, OPENAI, Upstream};
use super::subjects;
use crate::workspace::{self, Failure, Profile};
use accepted::Accepted;
use callgrind::{Callgrind, Instructions};

/// What is asked under callgrind.
struct Count {
    name: &'static str,
    tongue: &'static Tongue,
    upstream: &'static Upstream,
    bytes: usize,
    /// What the mock provider is told about its answers. Streams are paced, so that each event comes by itself however slow
    /// the gateway is.
    behaviour: &'static str,
    stream: bool,
    requests: u64,
}

const WHOLE: &str = r#"{"words": 150}"#;
const PACED: &str = r#"{"words": 50, "between_events": "4ms"}"#;

/// Every count.
const COUNTS: &[Count] = &[
    Count {
        name: "chat",
        tongue: &OPENAI_CHAT,
        upstream: &OPENAI,
        bytes: 1024,
        behaviour: WHOLE,
        stream: false,
        requests: 2000,
    },
    Count {
        name: "translated",
        tongue: &ANTHROPIC,
        upstream: &OPENAI,
        bytes: 1024,
        behaviour: WHOLE,
        stream: false,
        requests: 1000,
    },
    Count {
        name: "stream",
        tongue: &OPENAI_CHAT,
        upstream: &OPENAI,
        bytes: 1024,
        behaviour: PACED,
        stream: true,
        requests: 20,
    },
    Count {
        name: "translated-stream",
        tongue: &OPENAI_CHAT,
        upstream: &CLAUDE,
        bytes: 1024,
        behaviour: PACED,
        stream: true,
        requests: 20,
    },
    Count {
        name: "megabyte",
        tongue: &OPENAI_CHAT,
        upstream: &OPENAI,
        bytes: 1024 * 1024,
        behaviour: WHOLE,
        stream: false,
        requests: 40,
    },
];

/// Requests before those that are counted: pages, caches and lazy tables are as they stay.
const WARM_UP: u64 = 200;
const START_LIMIT: Duration = Duration::from_secs(60);
/// What an answer may take where every instruction is counted.
const PATIENCE: Duration = Duration::from_secs(60);

/// Counts and prints the table; `accept` writes the figures down, without it they are judged. `build` makes the release
/// binary first.
///
/// # Errors
/// When valgrind is missing, an answer is wrong, or a count is over its bound.
pub(crate) fn run(accept: bool, build: bool) -> Result<(), Failure> {
    callgrind::is_there()?;
    if build {
        workspace::build_release(&["lockgate-cli"])?;
    }
    let mut found = Accepted::default();
    let mock = Mock::start()?;
    let (mut gateway, mut client) = mock.gateway()?;
    for count in COUNTS {
        let instructions = mock.count(count, &mut gateway, &mut client)?;
        found.put(count.name, instructions);
    }
    if accept { found.write() } else { found.judge(&Accepted::read()?) }
}

/// The mock provider at its address.
struct Mock {
    _process: Process,
    address: std::net::SocketAddr,
}

impl Mock {
    fn start() -> Result<Self, Failure> {
        let address = free_address()?;
        let mut command = Command::new(workspace::binary(Profile::Release, "lockgate"));
        command.args(["mock", "--no-ledger", "--listen", &address.to_string()]);
        let mut process = Process::spawn(&mut command)?;
        process.wait_ready(address, "/_mock/counts", START_LIMIT)?;
        Ok(Self { _process: process, address })
    }

    fn gateway(&self) -> Result<(Callgrind, Client), Failure> {
        let listen = free_address()?;
        let file = house::write_config(listen, self.address, EVERYTHING)?;
        let folder = house::folder()?.join("counts");
        let binary = workspace::binary(Profile::Release, "lockgate");
        let mut gateway = Callgrind::start(&folder, &binary, &["run".as_ref(), file.as_os_str()])?;
        gateway.process.wait_ready(listen, "/health/ready", START_LIMIT)?;
        Ok((gateway, Client::new(listen).patience(PATIENCE)))
    }

    /// Instructions for each request, for each event where it is a stream.
    fn count(
        &self,
        count: &Count,
        gateway: &mut Callgrind,
        client: &mut Client,
    ) -> Result<Instructions, Failure> {
        subjects::behave(self.address, count.behaviour)?;
        let body = count.tongue.body(count.upstream.model, count.bytes, count.stream, false);
        let mut ask = |times: u64| -> Result<u64, Failure> {
            let mut events = 0;
            for _ in 0..times {
                let answer = client.send(&count.tongue.request(&body))?;
                if answer.head.status != 200 {
                    return Err(
                        format!("{}: status {}: {}", count.name, answer.head.status, answer.text()).into()
                    );
                }
                if count.stream {
                    events += count.tongue.events(&answer.body)? as u64;
                }
            }
            Ok(events)
        };
        ask(WARM_UP.min(count.requests))?;
        gateway.dump("warm")?;
        let events = ask(count.requests)?;
        let all = gateway.dump(count.name)?;
        Ok(all.each(if count.stream { events } else { count.requests }))
    }
}
