//! What stands for one config: made whole beside the one before, swapped in at once, held by each request to its end.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use lockgate_config::{Config, MetricsAccess};
use lockgate_protocol::ir::Fault;

use crate::{
    Gateway, StartError,
    access::Access,
    alerts, bodies, bytes,
    cors::Cors,
    door::Door,
    fleet::{Deployment, Fleet},
    listen::{Listeners, Prepared, Serve},
    purses::Allowance,
    rules::Rules,
    store,
    telemetry::Telemetry,
};

/// What one config comes to. Nothing of it ever changes: another config is another setup.
pub(crate) struct Setup {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) fleet: Fleet,
    pub(crate) rules: Rules,
    pub(crate) access: Access,
    /// The keys that are written in it.
    keys: lockgate_config::Access,
    /// What all callers together may ask for and spend.
    pub(crate) everybody: Allowance,
    /// Which web pages may call.
    pub(crate) cors: Option<Arc<Cors>>,
    pub(crate) max_body: usize,
    /// What all bodies of requests may take up together.
    body_budget: usize,
    /// The most requests under way at once.
    pub(crate) max_requests: usize,
    pub(crate) drain: Duration,
    /// How often waiting clients are told so.
    pub(crate) keep_alive: Duration,
    /// How long a client may take nothing of its answer.
    pub(crate) write_stall: Duration,
    /// Who may steer it.
    pub(crate) door: Door,
    /// Who may read the metrics.
    pub(crate) metrics: MetricsAccess,
    /// Of which calls the journal has what was said.
    pub(crate) bodies: bodies::Wish,
    /// Where traces and metrics are sent.
    pub(crate) telemetry: Telemetry,
    /// What the operator is told, and how.
    alerts: Arc<alerts::Wish>,
    /// What is wanted of the journal.
    store: store::Wish,
}

impl Setup {
    /// The setup of `config`, with what `older` knows of those that are still there.
    ///
    /// # Errors
    /// A provider or a receiver of alerts that cannot be set up.
    pub(crate) fn new(
        config: &Config,
        gateway: &Arc<Gateway>,
        older: Option<&Self>,
    ) -> Result<Self, StartError> {
        let cors = config.server.cors.as_ref().map(|cors| Arc::new(Cors::new(cors)));
        Ok(Self {
            gateway: Arc::clone(gateway),
            fleet: Fleet::new(config, &gateway.tasks, &gateway.metrics, older.map(|older| &older.fleet))?,
            rules: Rules::new(&config.rules),
            access: Access::new(config, Arc::clone(&gateway.keys), Arc::clone(&gateway.knocks), cors.clone()),
            keys: config.access.clone(),
            everybody: Allowance::of_everybody(&config.access),
            cors,
            max_body: bytes(config.server.max_body.as_u64()),
            body_budget: bytes(config.server.body_budget.as_u64()),
            max_requests: usize::try_from(config.server.max_requests.get()).unwrap_or(usize::MAX),
            drain: config.server.drain,
            keep_alive: config.server.keep_alive,
            write_stall: config.server.write_stall,
            door: Door::new(config),
            metrics: config.server.metrics,
            bodies: bodies::Wish::of(config),
            alerts: alerts::Wish::new(config)?,
            store: store::Wish::of(config),
            telemetry: Telemetry::new(&config.telemetry, gateway, older.map(|older| &older.telemetry))
                .map_err(StartError::Telemetry)?,
        })
    }

    /// Tells the operator that a deployment is left alone from now on.
    pub(crate) fn left_alone(&self, deployment: &Deployment, fault: &Fault) {
        alerts::left_alone(&self.gateway.alerts, deployment, fault);
    }

    /// Tells the operator that a deployment has answered, if it was told that it is left alone.
    pub(crate) fn answers(&self, deployment: &Deployment) {
        alerts::answers(&self.gateway.alerts, deployment);
    }
}

/// A setup that could count, and the listeners for it.
pub(crate) struct Ready {
    setup: Setup,
    listening: Prepared,
}

/// The gateway and the setup that counts now.
pub(crate) struct Live {
    pub(crate) gateway: Arc<Gateway>,
    setup: ArcSwap<Setup>,
    pub(crate) listeners: Arc<Listeners>,
    /// What becomes of connections.
    serve: Serve,
    /// Told each time that another setup counts.
    pub(crate) swapped: tokio::sync::Notify,
}

impl Live {
    /// Runs on `setup` from the start, and has connections served by `serve`.
    pub(crate) fn new(setup: Setup, serve: Serve) -> Self {
        let gateway = Arc::clone(&setup.gateway);
        gateway.room.resize(setup.body_budget);
        gateway.alerts.set(&setup.alerts, &gateway.tasks);
        gateway.store.set(&setup.store);
        let setup = Arc::new(setup);
        setup.telemetry.counts_now(&setup);
        let (setup, swapped) = (ArcSwap::new(setup), tokio::sync::Notify::new());
        Self { gateway, setup, listeners: Listeners::new(), serve, swapped }
    }

    /// The setup that counts now: who begins something under it keeps it to the end.
    pub(crate) fn setup(&self) -> Arc<Setup> {
        self.setup.load_full()
    }

    /// Makes the setup of `config` beside the one that counts, and has the listeners ready for it.
    ///
    /// # Errors
    /// A provider that cannot be set up, or a listener that cannot be had.
    pub(crate) fn prepare(&self, config: &Config) -> Result<Ready, StartError> {
        let setup = Setup::new(config, &self.gateway, Some(&self.setup()))?;
        Ok(Ready { setup, listening: self.listeners.prepare(&config.server)? })
    }

    /// Puts it in the place of the one that counts. Between the two nobody else may do so.
    pub(crate) fn commit(&self, Ready { setup, listening }: Ready) {
        self.gateway.room.resize(setup.body_budget);
        self.gateway.alerts.set(&setup.alerts, &self.gateway.tasks);
        self.gateway.store.set(&setup.store);
        self.gateway.keys.configure(&setup.keys);
        setup.fleet.discover();
        let setup = Arc::new(setup);
        setup.telemetry.counts_now(&setup);
        self.setup.store(setup);
        self.swapped.notify_one();
        self.listen(listening);
    }

    /// Has the listeners be those.
    pub(crate) fn listen(&self, listening: Prepared) {
        listening.commit(&self.serve);
    }

    /// Goes on with `config` at once.
    ///
    /// # Errors
    /// A provider that cannot be set up, or a listener that cannot be had; then nothing has changed.
    pub(crate) fn apply(&self, config: &Config) -> Result<(), StartError> {
        self.prepare(config).map(|ready| self.commit(ready))
    }
}
