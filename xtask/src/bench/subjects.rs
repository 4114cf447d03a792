//! The programs of a benchmark, on loopback: the mock provider on one core, and on the other everything that is measured
//! in front of it.

mod described;
mod proxies;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use lockgate_testkit::http::{Client, Request};
use lockgate_testkit::process::{Process, free_address};
use serde_json::Value;

use super::cores::Cores;
use super::house::{EVERYTHING, Features, Upstream, write_config};
use super::load::{Expected, Load, Order};
use super::scenarios::Ask;
use super::usage::Usage;
use crate::workspace::{self, Failure, Profile};
use described::Described;

pub(super) const START_LIMIT: Duration = Duration::from_secs(60);

/// The gateway with everything on.
pub(crate) const LOCKGATE: &str = "lockgate";
/// The yardstick.
pub(crate) const NGINX: &str = "nginx";
/// The mock provider itself.
pub(crate) const DIRECT: &str = "direct";
/// The gateway without its journal.
pub(crate) const WITHOUT_JOURNAL: &str = "no journal";
/// The gateway that puts on record what was said.
pub(crate) const WITH_BODIES: &str = "bodies";

/// What a subject can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Takes {
    /// Whatever its provider takes, by the provider's names.
    TheProviders,
    /// Every scenario, by the gateway's names.
    Everything,
    /// The gateway with other features: only scenarios that ask for variants.
    Variants,
    /// OpenAI's chat completions, at this path with these headers, for this model.
    Chat { path: String, headers: Vec<(String, String)>, model: String },
}

/// A program that is measured.
pub(crate) struct Subject {
    pub(crate) name: String,
    process: Process,
    address: SocketAddr,
    /// Where streams go, if not there.
    streams: Option<SocketAddr>,
    takes: Takes,
}

/// Everything running.
pub(crate) struct Subjects {
    cores: Cores,
    mock: SocketAddr,
    all: Vec<Subject>,
}

/// Tells the mock how its answers are from now on.
///
/// # Errors
/// When it cannot be reached or refuses.
pub(crate) fn behave(mock: SocketAddr, behaviour: &str) -> Result<(), Failure> {
    let request =
        Request { method: "PUT", path: "/_mock/behaviour", headers: &[], body: behaviour.as_bytes() };
    let told = Client::new(mock).send(&request)?;
    if told.head.status == 200 {
        return Ok(());
    }
    Err(format!("the mock provider refused its behaviour: {}", told.text()).into())
}

/// Starts the gateway on its core; returns it with its address once it is ready.
///
/// # Errors
/// When it does not start.
pub(crate) fn gateway(
    cores: &Cores,
    mock: SocketAddr,
    features: Features,
) -> Result<(Process, SocketAddr), Failure> {
    let address = free_address()?;
    let file = write_config(address, mock, features)?;
    let mut command = cores.with_many_files(cores.subject, workspace::binary(Profile::Release, "lockgate"));
    let mut process = Process::spawn(command.arg("run").arg(file))?;
    process.wait_ready(address, "/health/ready", START_LIMIT)?;
    Ok((process, address))
}

impl Subjects {
    /// Starts the mock, the gateway and its variants, what proxies the machine has, and what the files describe.
    ///
    /// # Errors
    /// When one of them does not start.
    pub(crate) fn start(cores: &Cores, described: &[PathBuf]) -> Result<Self, Failure> {
        let mock = free_address()?;
        let mut command = cores.with_many_files(cores.rest, workspace::binary(Profile::Release, "lockgate"));
        command.args(["mock", "--no-ledger", "--listen", &mock.to_string()]);
        let mut process = Process::spawn(&mut command)?;
        process.wait_ready(mock, "/_mock/counts", START_LIMIT)?;
        let plain = |name: &str, process, address, takes| Subject {
            name: name.to_owned(),
            process,
            address,
            streams: None,
            takes,
        };
        let mut all = vec![plain(DIRECT, process, mock, Takes::TheProviders)];
        for proxy in &proxies::PROXIES {
            if !proxy.is_there() {
                println!("!! {} is missing; install it with: apt-get install {}", proxy.name, proxy.package);
                continue;
            }
            let (process, address, streams) = proxy.start(cores, mock)?;
            all.push(Subject { streams, ..plain(proxy.name, process, address, Takes::TheProviders) });
        }
        let variants = [
            (LOCKGATE, EVERYTHING, Takes::Everything),
            (WITHOUT_JOURNAL, Features { journal: false, ..EVERYTHING }, Takes::Variants),
            (WITH_BODIES, Features { bodies: true, ..EVERYTHING }, Takes::Variants),
        ];
        for (name, features, takes) in variants {
            let (process, address) = gateway(cores, mock, features)?;
            all.push(plain(name, process, address, takes));
        }
        for file in described {
            let Described { name, process, address, path, headers, model } =
                described::start(file, cores, mock)?;
            all.push(plain(&name, process, address, Takes::Chat { path, headers, model }));
        }
        Ok(Self { cores: *cores, mock, all })
    }

    /// Those that can be asked this, in the order they are measured.
    pub(crate) fn asked(&self, ask: &Ask) -> impl Iterator<Item = &Subject> {
        self.all.iter().filter(|subject| match &subject.takes {
            Takes::TheProviders => !ask.is_translated(),
            Takes::Everything => true,
            Takes::Variants => ask.variants,
            Takes::Chat { .. } => !ask.is_translated() && ask.tongue.name == "openai-chat",
        })
    }

    /// The subject of this name.
    ///
    /// # Errors
    /// When it is not running.
    pub(crate) fn named(&self, name: &str) -> Result<&Subject, Failure> {
        let found = self.all.iter().find(|subject| subject.name == name);
        found.ok_or_else(|| format!("{name} is not running").into())
    }

    /// Where the mock provider is.
    pub(crate) fn mock(&self) -> SocketAddr {
        self.mock
    }

    /// Which core is whose.
    pub(crate) fn cores(&self) -> &Cores {
        &self.cores
    }
}

impl Subject {
    /// What it has used so far.
    ///
    /// # Errors
    /// When it has ended.
    pub(crate) fn usage(&self) -> Result<Usage, Failure> {
        Usage::of(self.process.id())
            .map_err(|_| format!("{} has ended; it printed:\n{}", self.name, self.process.output()).into())
    }

    /// The order that sends it this.
    pub(crate) fn order(&self, ask: &Ask, expected: Expected, load: Load, time: Duration) -> Order {
        let (path, headers, model) = match &self.takes {
            Takes::TheProviders => (None, Vec::new(), ask.upstream.name.to_owned()),
            Takes::Everything | Takes::Variants => (None, Vec::new(), ask.upstream.model.to_owned()),
            Takes::Chat { path, headers, model } => (Some(path.clone()), headers.clone(), model.clone()),
        };
        let target = self.streams.filter(|_| ask.stream).unwrap_or(self.address);
        order(ask, target, model, expected, load, time).with(path, headers)
    }
}

/// The order that sends this to the gateway at `target`, or to whoever knows `model`.
pub(crate) fn order(
    ask: &Ask,
    target: SocketAddr,
    model: String,
    expected: Expected,
    load: Load,
    time: Duration,
) -> Order {
    Order {
        target,
        tongue: ask.tongue.name.to_owned(),
        path: None,
        headers: Vec::new(),
        model,
        bytes: ask.bytes,
        picture: ask.picture,
        stream: ask.stream,
        expected,
        load,
        milliseconds: u64::try_from(time.as_millis()).unwrap_or(u64::MAX),
    }
}

/// Tells the mock how it behaves for this, and asks it what a right answer is: it is deterministic.
///
/// # Errors
/// When it refuses.
pub(crate) fn expected(mock: SocketAddr, ask: &Ask) -> Result<Expected, Failure> {
    behave(mock, ask.behaviour)?;
    if ask.stream {
        // An event for each word, and what each dialect adds: a few events before and behind them.
        return Ok(Expected { text: String::new(), events: (ask.words, ask.words + 16) });
    }
    // Whatever the prompt and the dialect, the text is the same.
    let Upstream { name, .. } = &super::house::OPENAI;
    let tongue = &super::asks::OPENAI_CHAT;
    let body = tongue.body(name, 1024, false, false);
    let answer = Client::new(mock).send(&tongue.request(&body))?;
    if answer.head.status != 200 {
        return Err(format!("the mock provider refused a question: {}", answer.text()).into());
    }
    match &answer.json()?["choices"][0]["message"]["content"] {
        // As JSON spells it, without the quotes around it.
        Value::String(text) if !text.is_empty() => Ok(Expected {
            text: Value::from(text.as_str()).to_string().trim_matches('"').to_owned(),
            events: (0, 0),
        }),
        _ => Err("the mock provider answered without text".into()),
    }
}
