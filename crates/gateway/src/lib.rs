//! The only crate with sockets, tasks and a clock: the life of a request.
//!
//! Reading order: [`data_path`] (one request, top to bottom), `setup` and `fleet` (what the config stands for at run time),
//! `server` (connections, drain), `upstream` (the way out).

mod access;
pub mod admin;
mod alerts;
mod answers;
mod arriving;
mod bodies;
mod body;
mod budgets;
mod clock;
mod closing;
mod connection;
mod cors;
mod data_path;
mod discovery;
mod door;
mod feed;
mod files;
mod fleet;
mod gauge;
mod grants;
mod headers;
mod health;
mod ids;
mod keep;
mod listen;
mod local;
mod login;
mod metrics;
mod passes;
mod peer;
mod pem;
mod proofs;
mod purses;
mod query;
mod reload;
mod room;
mod route;
mod rules;
mod server;
mod setup;
mod slow_head;
mod slow_reader;
mod store;
mod tally;
mod telemetry;
pub mod training;
mod unpriced;
mod upstream;
mod worst;

use std::{sync::Arc, time::Instant};

use lockgate_config::{Config, Loaded};
use lockgate_store::Journal;
use tokio_util::task::TaskTracker;

pub use fleet::{ProviderError, StartError};
pub use listen::Place;
pub use login::{LoginError, SignIn, login, logins};
pub use reload::{Origin, ReloadError};
pub use server::Serving;
use setup::{Live, Setup};
pub use store::{Store, StoreError};
pub use unpriced::unpriced;

/// What all requests share, whatever becomes of the config.
pub(crate) struct Gateway {
    /// Runs what outlives a request.
    pub(crate) tasks: TaskTracker,
    pub(crate) journal: Arc<dyn Journal>,
    /// Where calls are remembered.
    pub(crate) store: Store,
    pub(crate) ids: ids::Ids,
    pub(crate) proofs: Arc<proofs::Proofs>,
    pub(crate) answers: Arc<answers::Answers>,
    /// What all bodies of requests may take up together.
    pub(crate) room: room::Room,
    pub(crate) draining: std::sync::atomic::AtomicBool,
    /// Where settled calls are told of.
    pub(crate) feed: feed::Feed,
    /// How configs have come and gone.
    pub(crate) reloads: reload::Reloads,
    /// When it was started.
    pub(crate) since: Instant,
    /// Requests of clients under way, from their first byte to the last of their answers, and calls that are checks.
    pub(crate) calls: tally::Tally,
    /// Connections of clients.
    pub(crate) connections: tally::Tally,
    /// The keys that clients may show.
    pub(crate) keys: Arc<access::Book>,
    /// Who has shown wrong client keys lately.
    pub(crate) knocks: Arc<access::Knocks>,
    /// Who has shown wrong admin keys lately.
    pub(crate) admin_knocks: access::Knocks,
    /// Tells the operator.
    pub(crate) alerts: alerts::Alerts,
    pub(crate) metrics: Arc<metrics::Metrics>,
    /// What is held of answers whose bodies are kept.
    pub(crate) shelf: bodies::Shelf,
    /// What keys, models and everybody have asked for and spent.
    pub(crate) purses: purses::Purses,
}

/// Sets up all that `config` asks for short of listening.
///
/// # Errors
/// A provider that cannot be set up, or a certificate that cannot be shown.
pub fn check(config: &Config) -> Result<(), StartError> {
    listen::check(&config.server)?;
    alerts::Wish::new(config)?;
    telemetry::Telemetry::check(&config.telemetry).map_err(StartError::Telemetry)?;
    fleet::Fleet::new(config, &TaskTracker::new(), &Arc::default(), None).map(drop)
}

/// Starts a gateway with a config that is no file's, and returns as soon as it listens.
///
/// # Errors
/// What the config asks for and cannot be had: a provider that cannot be set up, an address that cannot be bound, a
/// certificate that cannot be shown.
pub async fn start(config: &Config, store: impl Into<Store>) -> Result<Serving, StartError> {
    begin(config, store.into(), None)
}

/// Starts a gateway with the config that `origin` has given, which it reads anew whenever that changes or somebody asks
/// for it; returns as soon as it listens.
///
/// # Errors
/// As for [`start`].
pub async fn start_from(
    origin: Origin,
    loaded: Loaded,
    store: impl Into<Store>,
) -> Result<Serving, StartError> {
    let config = loaded.config.clone();
    begin(&config, store.into(), Some((origin, loaded)))
}

fn begin(config: &Config, store: Store, origin: Option<(Origin, Loaded)>) -> Result<Serving, StartError> {
    let since = clock::now();
    let gateway = Arc::new(Gateway {
        tasks: TaskTracker::new(),
        journal: store.journal(),
        store,
        ids: ids::Ids::new(),
        proofs: Arc::new(proofs::Proofs::new()),
        answers: Arc::new(answers::Answers::new()),
        room: room::Room::default(),
        draining: false.into(),
        reloads: reload::Reloads::new(origin),
        since,
        feed: feed::Feed::new(since),
        calls: tally::Tally::default(),
        connections: tally::Tally::default(),
        keys: Arc::new(access::Book::new(config)?),
        knocks: Arc::new(access::Knocks::new(access::Patience::CLIENTS)),
        admin_knocks: access::Knocks::new(access::Patience::OPERATORS),
        alerts: alerts::Alerts::default(),
        metrics: Arc::default(),
        shelf: bodies::Shelf::default(),
        purses: purses::Purses::default(),
    });
    gateway.keys.open()?;
    let setup = Setup::new(config, &gateway, None)?;
    let live = Arc::new_cyclic(|live| Live::new(setup, connection::serving(live)));
    let listening = live.listeners.prepare(&config.server)?;
    Ok(server::serve(listening, live))
}

/// As many bytes as this machine can count.
fn bytes(size: u64) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}
