//! The only crate with sockets, tasks and a clock: the life of a request.
//!
//! Reading order: [`data_path`] (one request, top to bottom), `fleet` (what the config stands for at run time),
//! `server` (connections, drain), `upstream` (the way out).

mod access;
pub mod admin;
mod answers;
mod arriving;
mod body;
mod clock;
mod data_path;
mod discovery;
mod files;
mod fleet;
mod gauge;
mod grants;
mod headers;
mod health;
mod ids;
mod keep;
mod local;
mod login;
mod passes;
mod proofs;
mod query;
mod room;
mod route;
mod rules;
mod server;
mod slow_head;
mod slow_reader;
mod tally;
mod upstream;

use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use lockgate_config::Config;
use lockgate_store::Journal;
use tokio_util::task::TaskTracker;

pub use fleet::{ProviderError, StartError};
pub use login::{LoginError, SignIn, login, logins};
pub use server::Serving;

/// Everything that requests share.
pub(crate) struct Gateway {
    pub(crate) fleet: fleet::Fleet,
    /// Runs what outlives a request.
    pub(crate) tasks: TaskTracker,
    pub(crate) rules: rules::Rules,
    pub(crate) access: access::Access,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) ids: ids::Ids,
    pub(crate) proofs: Arc<proofs::Proofs>,
    pub(crate) answers: Arc<answers::Answers>,
    pub(crate) max_body: usize,
    /// What all bodies of requests may take up together.
    pub(crate) room: room::Room,
    pub(crate) drain: Duration,
    /// How often waiting clients are told so.
    pub(crate) keep_alive: Duration,
    /// How long a client may take nothing of its answer.
    pub(crate) write_stall: Duration,
    pub(crate) draining: std::sync::atomic::AtomicBool,
    /// Who may steer it.
    pub(crate) door: admin::Door,
    /// When it was started.
    pub(crate) since: Instant,
    /// Requests of clients under way, from their first byte to the last of their answers, and calls that are checks.
    pub(crate) calls: tally::Tally,
    /// Connections of clients.
    pub(crate) connections: tally::Tally,
}

/// Sets up all that `config` asks for short of listening.
///
/// # Errors
/// A provider that cannot be set up.
pub fn check(config: &Config) -> Result<(), StartError> {
    fleet::Fleet::new(config, &TaskTracker::new()).map(drop)
}

/// Starts a gateway and returns as soon as it listens.
///
/// # Errors
/// What the config asks for and cannot be had: a provider that cannot be set up, an address that cannot be bound.
pub async fn start(config: &Config, journal: Arc<dyn Journal>) -> Result<Serving, StartError> {
    let tasks = TaskTracker::new();
    let gateway = Gateway {
        fleet: fleet::Fleet::new(config, &tasks)?,
        tasks,
        rules: rules::Rules::new(&config.rules),
        access: access::Access::new(&config.access),
        journal,
        ids: ids::Ids::new(),
        proofs: Arc::new(proofs::Proofs::new()),
        answers: Arc::new(answers::Answers::new()),
        max_body: bytes(config.server.max_body.as_u64()),
        room: room::Room::new(bytes(config.server.body_budget.as_u64())),
        drain: config.server.drain,
        keep_alive: config.server.keep_alive,
        write_stall: config.server.write_stall,
        draining: false.into(),
        door: admin::Door::new(config),
        since: clock::now(),
        calls: tally::Tally::default(),
        connections: tally::Tally::default(),
    };
    let address: SocketAddr = config.server.listen;
    let listener = server::bind(address).map_err(|error: io::Error| StartError::Listen { address, error })?;
    server::serve(listener, gateway).map_err(|error| StartError::Listen { address, error })
}

/// As many bytes as this machine can count.
fn bytes(size: u64) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}
