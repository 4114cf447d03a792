//! The cells of models, deployments and keys.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use arc_swap::ArcSwap;
use lockgate_protocol::{
    dialect::{Dialect, Operation},
    dialects::DIALECTS,
};
use lockgate_store::{Ended, Tokens};

use super::{
    bounds,
    cells::{Counter, Histogram, Words},
};

/// What stands for all names that are not the operator's.
pub(crate) const OTHER: &str = "other";
/// What stands for no deployment, and for no key.
pub(crate) const NONE: &str = "none";

/// The place of no deployment among all; that of `other` is the one before it.
pub(super) const NOBODY: usize = 1;

/// Every operation that is counted by its name, as OpenTelemetry's conventions have it where they have one.
const OPERATIONS: &[(Operation, &str)] = &[
    (Operation::Generate, "chat"),
    (Operation::Complete, "text_completion"),
    (Operation::Embed, "embeddings"),
    (Operation::CountTokens, "count_tokens"),
    (Operation::Image, "image"),
    (Operation::Audio, "audio"),
    (Operation::Moderate, "moderation"),
    (Operation::Rerank, "rerank"),
    (Operation::Kept, "kept"),
];

/// The name that `operation` is counted by.
pub(crate) fn operation(operation: Operation) -> &'static str {
    OPERATIONS.iter().find(|(known, _)| *known == operation).map_or(OTHER, |(_, name)| name)
}

/// The classes that tokens are counted in. Those of the input do not overlap, nor do those of the output.
pub(crate) const CLASSES: [&str; 5] = ["input", "cache_read", "cache_write", "output", "reasoning"];

fn by_class(used: &Tokens) -> [u64; CLASSES.len()] {
    let output = used.output.saturating_sub(used.reasoning);
    [used.input, used.cache_read, used.cache_write, output, used.reasoning]
}

/// The classes of statuses.
pub(crate) const STATUSES: [&str; 6] = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];

fn status_class(status: u16) -> usize {
    let class = usize::from(status / 100);
    if class < STATUSES.len() { class } else { 0 }
}

/// How calls are saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SecondTry {
    /// The same deployment is asked again.
    Retry,
    /// Another one is asked.
    Failover,
    /// Another one is asked beside a slow one.
    Hedge,
    /// Another one goes on behind the beginning of an answer.
    Resume,
}

impl SecondTry {
    /// Every kind with its name.
    pub(crate) const ALL: [(Self, &'static str); 4] = [
        (Self::Retry, "retry"),
        (Self::Failover, "failover"),
        (Self::Hedge, "hedge"),
        (Self::Resume, "resume"),
    ];
}

/// A model's cells.
#[derive(Debug)]
pub(crate) struct ModelMeter {
    pub(crate) name: Arc<str>,
    /// By deployment and operation. Read by every call, written when two meet for the first time.
    pairs: ArcSwap<HashMap<(usize, &'static str), Arc<Pair>>>,
    growing: Mutex<()>,
    second_tries: [Counter; SecondTry::ALL.len()],
}

impl ModelMeter {
    pub(super) fn new(name: &str, _place: usize) -> Self {
        Self {
            name: name.into(),
            pairs: ArcSwap::default(),
            growing: Mutex::default(),
            second_tries: Default::default(),
        }
    }

    /// The cells of its calls that `deployment` was asked for.
    pub(crate) fn pair(&self, deployment: &Arc<DeploymentMeter>, operation: &'static str) -> Arc<Pair> {
        let key = (deployment.place, operation);
        if let Some(pair) = self.pairs.load().get(&key) {
            return Arc::clone(pair);
        }
        let _growing = self.growing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut pairs = HashMap::clone(&self.pairs.load());
        let pair = Arc::clone(pairs.entry(key).or_insert_with(|| {
            Arc::new(Pair::new(Arc::clone(&self.name), Arc::clone(deployment), operation))
        }));
        self.pairs.store(Arc::new(pairs));
        pair
    }

    /// All that were asked for it.
    pub(crate) fn pairs(&self) -> Vec<Arc<Pair>> {
        self.pairs.load().values().cloned().collect()
    }

    pub(crate) fn tries_again(&self, how: SecondTry) {
        self.second_tries[how as usize].add(1);
    }

    pub(crate) fn second_tries(&self, how: SecondTry) -> u64 {
        self.second_tries[how as usize].now()
    }
}

/// What a deployment is called in metrics.
pub(crate) struct DeploymentMeter {
    pub(crate) name: Arc<str>,
    /// The kind of its provider, by OpenTelemetry's conventions.
    pub(crate) provider: &'static str,
    /// Its place among all.
    pub(super) place: usize,
}

impl fmt::Debug for DeploymentMeter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DeploymentMeter").field(&self.name).finish()
    }
}

impl DeploymentMeter {
    /// Of calls for which nobody was asked.
    pub(super) fn nobody() -> Self {
        Self { name: NONE.into(), provider: OTHER, place: NOBODY }
    }

    /// Whether it stands for no deployment.
    pub(crate) fn is_nobody(&self) -> bool {
        self.place == NOBODY
    }

    /// The model's name at its provider.
    pub(crate) fn model(&self) -> &str {
        let model = self.name.split_once('/').map_or(OTHER, |(_, model)| model);
        model.rsplit_once('#').map_or(model, |(model, _)| model)
    }
}

/// The cells of one operation on one model by one deployment.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) model: Arc<str>,
    pub(crate) deployment: Arc<DeploymentMeter>,
    pub(crate) operation: &'static str,
    /// By dialect, class of status and end.
    requests: Box<[Counter]>,
    pub(crate) duration: Histogram,
    pub(crate) first_token: Histogram,
    pub(crate) output_token: Histogram,
    tokens: [Counter; CLASSES.len()],
    /// Tokens of one call, in and out.
    pub(crate) spread: [Histogram; 2],
    pub(crate) cost: Counter,
    pub(crate) unpriced: Counter,
    pub(crate) lossy: Counter,
    /// How long tries took until an answer began or a fault was known, by what they came to.
    pub(crate) attempts: Words<Histogram>,
    /// How long the tries took that answered, from their beginning to the end of the answer.
    pub(crate) answers: Histogram,
    pub(crate) broken: Words<Counter>,
}

/// What one call is counted by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outcome {
    pub(crate) dialect: &'static dyn Dialect,
    pub(crate) status: u16,
    pub(crate) ended: Ended,
}

impl Pair {
    fn new(model: Arc<str>, deployment: Arc<DeploymentMeter>, operation: &'static str) -> Self {
        let kinds = DIALECTS.len() * STATUSES.len() * Ended::ALL.len();
        Self {
            model,
            deployment,
            operation,
            requests: (0..kinds).map(|_| Counter::default()).collect(),
            duration: Histogram::new(bounds::DURATION),
            first_token: Histogram::new(bounds::FIRST_TOKEN),
            output_token: Histogram::new(bounds::OUTPUT_TOKEN),
            tokens: Default::default(),
            spread: [Histogram::new(bounds::TOKENS), Histogram::new(bounds::TOKENS)],
            cost: Counter::default(),
            unpriced: Counter::default(),
            lossy: Counter::default(),
            attempts: Words::default(),
            answers: Histogram::new(bounds::DURATION),
            broken: Words::default(),
        }
    }

    pub(crate) fn request(&self, outcome: Outcome) {
        let dialect = DIALECTS.iter().position(|known| known.name() == outcome.dialect.name());
        let ended = Ended::ALL.iter().position(|(known, _)| *known == outcome.ended);
        let (Some(dialect), Some(ended)) = (dialect, ended) else { return };
        let row = dialect * STATUSES.len() + status_class(outcome.status);
        self.requests[row * Ended::ALL.len() + ended].add(1);
    }

    /// Dialect, class of status, end and how many, of those that there were.
    pub(crate) fn requests(&self) -> impl Iterator<Item = (&'static str, &'static str, &'static str, u64)> {
        let met = self.requests.iter().map(Counter::now).enumerate().filter(|(_, count)| *count > 0);
        met.map(|(place, count)| {
            let (row, ended) = (place / Ended::ALL.len(), place % Ended::ALL.len());
            let (dialect, status) = (row / STATUSES.len(), row % STATUSES.len());
            (DIALECTS[dialect].name(), STATUSES[status], Ended::ALL[ended].1, count)
        })
    }

    pub(crate) fn used(&self, tokens: &Tokens) {
        for (cell, count) in self.tokens.iter().zip(by_class(tokens)) {
            cell.add(count);
        }
        let [input, output] = &self.spread;
        input.record(tokens.input + tokens.cache_read + tokens.cache_write);
        output.record(tokens.output);
    }

    pub(crate) fn tokens(&self) -> [u64; CLASSES.len()] {
        self.tokens.each_ref().map(Counter::now)
    }

    /// The tries that came to a fault, by its kind.
    pub(crate) fn faults(&self) -> impl Iterator<Item = (&'static str, &Histogram)> {
        self.attempts.all().filter(|(fault, _)| *fault != NONE)
    }

    /// A try came to an answer, or to a fault.
    pub(crate) fn attempted(&self, micros: u64, fault: Option<&'static str>) {
        self.attempts.of(fault.unwrap_or(NONE), || Histogram::new(bounds::DURATION)).record(micros);
    }
}

/// A client key's cells.
#[derive(Debug)]
pub(crate) struct KeyMeter {
    pub(crate) name: Arc<str>,
    requests: [Counter; STATUSES.len()],
    tokens: [Counter; CLASSES.len()],
    pub(crate) cost: Counter,
}

impl KeyMeter {
    pub(super) fn new(name: &str, _place: usize) -> Self {
        let (requests, tokens, cost) = Default::default();
        Self { name: name.into(), requests, tokens, cost }
    }

    /// Of callers without a key.
    pub(super) fn nobody() -> Self {
        Self::new(NONE, 0)
    }

    pub(crate) fn request(&self, status: u16) {
        self.requests[status_class(status)].add(1);
    }

    pub(crate) fn used(&self, tokens: &Tokens) {
        for (cell, count) in self.tokens.iter().zip(by_class(tokens)) {
            cell.add(count);
        }
    }

    pub(crate) fn requests(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.requests.iter().map(Counter::now);
        STATUSES.into_iter().zip(counts).filter(|(_, count)| *count > 0)
    }

    pub(crate) fn tokens(&self) -> [u64; CLASSES.len()] {
        self.tokens.each_ref().map(Counter::now)
    }
}

/// The meter of a key, looked up when its first call ends.
pub(crate) type OwnMeter = OnceLock<Arc<KeyMeter>>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::register::Register;

    #[test]
    fn every_operation_has_a_name_and_every_class_its_part() {
        assert_eq!(operation(Operation::Generate), "chat");
        assert_eq!(operation(Operation::Other), "other");
        let used =
            Tokens { input: 5, cache_read: 3, cache_write: 2, output: 9, reasoning: 4, ..Tokens::default() };
        assert_eq!(by_class(&used), [5, 3, 2, 5, 4]);
        assert_eq!([0, 99, 100, 200, 499, 599, 600].map(status_class), [0, 0, 1, 2, 4, 5, 0]);
        for (place, (how, _)) in SecondTry::ALL.into_iter().enumerate() {
            assert_eq!(how as usize, place);
        }
    }

    #[test]
    fn requests_are_found_where_they_were_counted() {
        let models = Register::of_models(10);
        let nobody = Arc::new(DeploymentMeter::nobody());
        let pair = models.model("fast").pair(&nobody, "chat");
        for dialect in DIALECTS {
            for (ended, _) in Ended::ALL {
                pair.request(Outcome { dialect: *dialect, status: 503, ended });
            }
        }
        pair.request(Outcome { dialect: DIALECTS[1], status: 200, ended: Ended::Answered });
        assert_eq!(pair.requests().count(), DIALECTS.len() * Ended::ALL.len() + 1);
        let found = pair.requests().find(|row| row.1 == "2xx").unwrap();
        assert_eq!(found, (DIALECTS[1].name(), "2xx", "answered", 1));
        assert!(Arc::ptr_eq(&pair, &models.model("fast").pair(&nobody, "chat")));
    }
}
