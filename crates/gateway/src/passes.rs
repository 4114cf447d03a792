//! Keeps what a credential shows: made once for a key; for a grant renewed ahead of time, once for all who wait.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use lockgate_protocol::ir::{Fault, FaultKind, Scope};
use lockgate_provider::{Pass, Site, SiteError};
use tokio::sync::OwnedMutexGuard;
use tokio_util::task::TaskTracker;

use crate::{
    clock,
    grants::{Grant, Granted, Host, Refusal},
};

/// How long before its end a proof is renewed, at most: within this time a failing token endpoint harms nobody.
const AHEAD: Duration = Duration::from_secs(300);
/// How long a proof without a date counts before it is asked for again.
const UNDATED: Duration = Duration::from_secs(3300);
/// How long after a failed renewal the next one is tried.
const PAUSE: Duration = Duration::from_secs(5);
/// A provider that refuses a proof younger than this does not mean its age.
const YOUNG: Duration = Duration::from_secs(10);

/// What one credential shows. Cheap to clone; clones share what they keep.
#[derive(Debug, Clone)]
pub(crate) enum Passes {
    /// A key's: it never changes.
    Fixed(Arc<Pass>),
    /// A grant's.
    Granted(Arc<Renewed>),
}

/// What a grant gave, and how more of it is come by.
#[derive(Debug)]
pub(crate) struct Renewed {
    /// `provider#credential`, for the log.
    name: String,
    grant: Arc<dyn Grant>,
    host: Host,
    dress: Dress,
    state: Mutex<State>,
    /// Held by the one renewal that runs; whoever has to wait for it waits for the lock.
    gate: Arc<tokio::sync::Mutex<()>>,
    tasks: TaskTracker,
    clock: fn() -> SystemTime,
}

/// What turns a proof into a pass.
#[derive(Debug)]
struct Dress {
    site: Site,
    headers: Vec<(String, String)>,
}

#[derive(Debug, Default)]
struct State {
    held: Option<Held>,
    /// The last renewal failed, at this time.
    failed: Option<(SystemTime, Refusal)>,
}

#[derive(Debug, Clone)]
struct Held {
    pass: Arc<Pass>,
    since: SystemTime,
    renew: SystemTime,
    expires: SystemTime,
    /// The provider refused it, so that what a file keeps does not count either.
    is_refused: bool,
}

/// Whether another proof may help: one that is only not for this model is good.
pub(crate) fn is_of_proof(fault: &Fault) -> bool {
    fault.kind == FaultKind::KeyRefused && fault.scope == Scope::Credential
}

impl Passes {
    /// Those of a grant, by which nothing is asked before somebody needs it.
    pub(crate) fn granted(
        name: String,
        grant: Arc<dyn Grant>,
        host: Host,
        site: Site,
        headers: Vec<(String, String)>,
        tasks: TaskTracker,
    ) -> Self {
        let dress = Dress { site, headers };
        let (state, gate) = (Mutex::default(), Arc::default());
        Self::Granted(Arc::new(Renewed { name, grant, host, dress, state, gate, tasks, clock: clock::wall }))
    }

    /// What a request is to show now.
    pub(crate) async fn get(&self) -> Result<Arc<Pass>, Fault> {
        match self {
            Self::Fixed(pass) => Ok(Arc::clone(pass)),
            Self::Granted(renewed) => renewed.get().await,
        }
    }

    /// Hears that the provider refused `pass`. True if another one is worth a try.
    pub(crate) fn refused(&self, pass: &Arc<Pass>) -> bool {
        match self {
            Self::Fixed(_) => false,
            Self::Granted(renewed) => renewed.refused(pass),
        }
    }
}

impl Renewed {
    async fn get(self: &Arc<Self>) -> Result<Arc<Pass>, Fault> {
        loop {
            let now = (self.clock)();
            match self.held() {
                Some(held) if now < held.renew => return Ok(held.pass),
                Some(held) if now < held.expires => {
                    self.renew(now);
                    return Ok(held.pass);
                }
                _ => {}
            }
            if let Some(refusal) = self.failed(now) {
                return Err(refusal.fault());
            }
            self.renew(now);
            // The renewal is a task of its own: a client that goes away does not take it along.
            drop(self.gate.lock().await);
        }
    }

    fn held(&self) -> Option<Held> {
        self.state().held.clone()
    }

    /// Why the last renewal failed, if it is not long ago.
    fn failed(&self, now: SystemTime) -> Option<Refusal> {
        let state = self.state();
        let (at, refusal) = state.failed.as_ref()?;
        (now < *at + PAUSE).then(|| refusal.clone())
    }

    fn refused(&self, pass: &Arc<Pass>) -> bool {
        let now = (self.clock)();
        let mut state = self.state();
        match &mut state.held {
            Some(held) if Arc::ptr_eq(&held.pass, pass) => {
                if now < held.since + YOUNG {
                    return false;
                }
                (held.renew, held.expires, held.is_refused) = (held.since, held.since, true);
                true
            }
            // Somebody else has heard it before and there is a new one, or will be.
            _ => true,
        }
    }

    /// Starts a renewal unless one runs or has just failed.
    fn renew(self: &Arc<Self>, now: SystemTime) {
        if self.failed(now).is_some() {
            return;
        }
        if let Ok(running) = Arc::clone(&self.gate).try_lock_owned() {
            self.tasks.spawn(Arc::clone(self).run(running));
        }
    }

    async fn run(self: Arc<Self>, running: OwnedMutexGuard<()>) {
        let now = (self.clock)();
        let stale = match self.held() {
            // Somebody was quicker.
            Some(held) if now < held.renew => return,
            held => held.is_some_and(|held| held.is_refused),
        };
        let outcome = self.grant.obtain(&self.host, stale).await;
        let outcome = outcome
            .and_then(|granted| self.dressed(&granted).map_err(|error| Refusal::lasting(error.to_string())));
        let mut state = self.state();
        match outcome {
            Ok(held) => {
                tracing::debug!(credential = self.name, "renewed");
                *state = State { held: Some(held), failed: None };
            }
            Err(refusal) => {
                let still_counts = state.held.as_ref().is_some_and(|held| now < held.expires);
                tracing::error!(credential = self.name, still_counts, "no new proof: {refusal}");
                state.failed = Some(((self.clock)(), refusal));
            }
        }
        drop(state);
        drop(running);
    }

    fn dressed(&self, granted: &Granted) -> Result<Held, SiteError> {
        let pass = self.dress.site.pass(&granted.proof, &granted.terms, &self.dress.headers)?;
        let since = (self.clock)();
        let expires = granted.expires.unwrap_or(since + UNDATED);
        let life = expires.duration_since(since).unwrap_or_default();
        // Of a short life a tenth is kept in reserve.
        let renew = expires.checked_sub(AHEAD.min(life / 10)).unwrap_or(expires);
        Ok(Held { pass: Arc::new(pass), since, renew, expires, is_refused: false })
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicU64, AtomicUsize, Ordering},
        time::UNIX_EPOCH,
    };

    use lockgate_provider::{Proof, Terms, Wish};

    use super::*;
    use crate::{
        grants::Obtaining,
        upstream::{Exit, Exits},
    };

    /// Tokens that count for an hour, in their order, as long as the endpoint is up.
    #[derive(Debug, Default)]
    struct Endpoint {
        asked: AtomicUsize,
        is_down: std::sync::atomic::AtomicBool,
        clock: Clock,
        clients: TaskTracker,
    }

    /// A clock of one test, in seconds. `Renewed` takes a plain function, so each test has a slot of its own.
    #[derive(Debug, Default, Clone, Copy)]
    struct Clock(usize);

    static SECONDS: [AtomicU64; 4] = [const { AtomicU64::new(1_000_000) }; 4];
    const CLOCKS: [fn() -> SystemTime; 4] = [|| at(0), || at(1), || at(2), || at(3)];

    fn at(slot: usize) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(SECONDS[slot].load(Ordering::SeqCst))
    }

    impl Clock {
        fn pass(self, seconds: u64) {
            SECONDS[self.0].fetch_add(seconds, Ordering::SeqCst);
        }
    }

    impl Grant for Endpoint {
        fn obtain<'a>(&'a self, _: &'a Host, _: bool) -> Obtaining<'a> {
            Box::pin(async {
                let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
                tokio::task::yield_now().await;
                if self.is_down.load(Ordering::SeqCst) {
                    return Err(Refusal::passing("the endpoint is down"));
                }
                let expires = Some(at(self.clock.0) + Duration::from_secs(3600));
                Ok(Granted { proof: Proof::Token(format!("t{number}")), terms: Terms::default(), expires })
            })
        }
    }

    fn renewed(slot: usize) -> (Arc<Endpoint>, Arc<Renewed>) {
        let endpoint = Arc::new(Endpoint { clock: Clock(slot), ..Endpoint::default() });
        let site = Site::new("openai", Wish::default(), &[]).expect("a site");
        let host =
            Host::new(&mut Exits::default(), Duration::from_secs(1), &Exit::straight()).expect("a host");
        let renewed = Renewed {
            name: "test".to_owned(),
            grant: Arc::clone(&endpoint) as Arc<dyn Grant>,
            host,
            dress: Dress { site, headers: Vec::new() },
            state: Mutex::default(),
            gate: Arc::default(),
            tasks: TaskTracker::new(),
            clock: CLOCKS[slot],
        };
        (endpoint, Arc::new(renewed))
    }

    async fn settled(renewed: &Arc<Renewed>) {
        drop(renewed.gate.lock().await);
    }

    #[tokio::test]
    async fn a_hundred_that_wait_ask_once() {
        let (endpoint, renewed) = renewed(0);
        let all = (0..100).map(|_| {
            let renewed = Arc::clone(&renewed);
            endpoint.clients.spawn(async move { renewed.get().await.expect("a pass") })
        });
        let all = futures_util::future::join_all(all.collect::<Vec<_>>()).await;
        let first = all[0].as_ref().expect("done");
        assert!(all.iter().all(|pass| Arc::ptr_eq(pass.as_ref().expect("done"), first)));
        assert_eq!(endpoint.asked.load(Ordering::SeqCst), 1);

        Clock(0).pass(3600);
        let again = futures_util::future::join_all((0..100).map(|_| renewed.get())).await;
        assert!(again.iter().all(|pass| !Arc::ptr_eq(pass.as_ref().expect("a pass"), first)));
        assert_eq!(endpoint.asked.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_token_is_renewed_ahead_and_the_old_one_counts_meanwhile() {
        let (endpoint, renewed) = renewed(1);
        let first = renewed.get().await.expect("a pass");
        Clock(1).pass(3600 - 301);
        assert!(Arc::ptr_eq(&first, &renewed.get().await.expect("a pass")));
        settled(&renewed).await;
        assert_eq!(endpoint.asked.load(Ordering::SeqCst), 1, "not before its time");

        Clock(1).pass(2);
        assert!(Arc::ptr_eq(&first, &renewed.get().await.expect("a pass")), "nobody waits");
        settled(&renewed).await;
        assert!(!Arc::ptr_eq(&first, &renewed.get().await.expect("a pass")));
        assert_eq!(endpoint.asked.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_failed_renewal_harms_nobody_before_the_end() {
        let (endpoint, renewed) = renewed(2);
        let first = renewed.get().await.expect("a pass");
        endpoint.is_down.store(true, Ordering::SeqCst);
        Clock(2).pass(3400);
        for _ in 0..10 {
            assert!(Arc::ptr_eq(&first, &renewed.get().await.expect("a pass")));
            settled(&renewed).await;
        }
        assert_eq!(endpoint.asked.load(Ordering::SeqCst), 2, "asked again only after a pause");

        Clock(2).pass(200);
        for _ in 0..10 {
            let fault = renewed.get().await.expect_err("the token counts no more");
            assert_eq!(fault.kind, FaultKind::Connect);
        }
        assert_eq!(endpoint.asked.load(Ordering::SeqCst), 3);

        endpoint.is_down.store(false, Ordering::SeqCst);
        Clock(2).pass(5);
        renewed.get().await.expect("a pass");
    }

    #[tokio::test]
    async fn a_refused_token_is_replaced_unless_it_is_new() {
        let (endpoint, renewed) = renewed(3);
        let first = renewed.get().await.expect("a pass");
        assert!(!renewed.refused(&first), "a new token is not to blame");
        Clock(3).pass(60);
        assert!(renewed.refused(&first));
        let second = renewed.get().await.expect("a pass");
        assert!(!Arc::ptr_eq(&first, &second));
        assert!(renewed.refused(&first), "somebody was late: the new one is worth a try");
        assert!(Arc::ptr_eq(&second, &renewed.get().await.expect("a pass")), "and stays");
        assert_eq!(endpoint.asked.load(Ordering::SeqCst), 2);
    }
}
