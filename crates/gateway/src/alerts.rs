//! What the operator is told in the log: that a deployment is left alone because it fails, and that it is back. Once in a
//! while for each, however often it comes and goes.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use lockgate_protocol::ir::Fault;

/// Most deployments that are remembered; clients make up the names of some.
const ROOM: usize = 10_000;

/// What was told so far.
#[derive(Default)]
pub(crate) struct Alerts {
    told: Mutex<HashMap<Arc<str>, Told>>,
    /// How many were told to be left alone, and not yet to be back: mostly none, and then nothing is looked up.
    out: AtomicUsize,
}

struct Told {
    at: Instant,
    is_out: bool,
}

impl Alerts {
    /// The deployment of that name is left alone from now on, because of `fault`. True if that was told: it is not within
    /// `cooldown` of the last time.
    pub(crate) fn left_alone(
        &self,
        name: &Arc<str>,
        fault: &Fault,
        cooldown: Duration,
        now: Instant,
    ) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_fresh = |told: &Told| now.saturating_duration_since(told.at) < cooldown;
        if told.get(name).is_some_and(is_fresh) {
            return false;
        }
        if told.len() >= ROOM {
            told.retain(|_, told| told.is_out || is_fresh(told));
            if told.len() >= ROOM {
                return false;
            }
        }
        let before = told.insert(Arc::clone(name), Told { at: now, is_out: true });
        if !before.is_some_and(|before| before.is_out) {
            self.out.fetch_add(1, Ordering::Relaxed);
        }
        tracing::warn!(deployment = &**name, %fault, "deployment ejected: it fails and is left alone for now");
        true
    }

    /// Whether somebody was told to be left alone, and not yet to be back.
    pub(crate) fn is_any_out(&self) -> bool {
        self.out.load(Ordering::Relaxed) > 0
    }

    /// The deployment of that name has answered and takes requests. True if that was told: it is once, and only if it was
    /// told that it was left alone.
    pub(crate) fn answers(&self, name: &str) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(told) = told.get_mut(name).filter(|told| told.is_out) else { return false };
        told.is_out = false;
        self.out.fetch_sub(1, Ordering::Relaxed);
        tracing::info!(deployment = name, "deployment back: it answers again");
        true
    }
}

#[cfg(test)]
mod tests {
    use lockgate_protocol::ir::FaultKind;

    use super::*;
    use crate::clock;

    #[test]
    fn each_is_told_once_in_a_while() {
        let (alerts, start, minute) = (Alerts::default(), clock::now(), Duration::from_secs(60));
        let fault = Fault::new(FaultKind::Connect, "refused");
        let (a, b): (Arc<str>, Arc<str>) = ("p/a#1".into(), "p/b#1".into());
        let left = |name, at| alerts.left_alone(name, &fault, minute, at);
        assert!(!alerts.answers(&a), "nothing was told of it");
        assert!(left(&a, start));
        assert!(left(&b, start));
        assert!(!left(&a, start + minute / 2));
        assert!(alerts.answers(&a));
        assert!(!alerts.answers(&a), "once");
        assert!(!left(&a, start + minute / 2));
        assert!(!alerts.answers(&a), "it was not told that it was away again");
        assert!(left(&a, start + minute));
        assert!(left(&a, start + minute * 2), "it is away all the time");
        assert!(alerts.answers(&a) && alerts.answers(&b));
        assert!(!alerts.is_any_out());
    }

    #[test]
    fn made_up_names_find_an_end() {
        let (alerts, start, minute) = (Alerts::default(), clock::now(), Duration::from_secs(60));
        let fault = Fault::new(FaultKind::Connect, "refused");
        for number in 0..ROOM {
            let name: Arc<str> = format!("p/{number}#1").into();
            assert!(alerts.left_alone(&name, &fault, minute, start));
        }
        let one_more: Arc<str> = "p/more#1".into();
        assert!(!alerts.left_alone(&one_more, &fault, minute, start));
        assert!(alerts.answers("p/0#1"));
        assert!(alerts.left_alone(&one_more, &fault, minute, start + minute), "there is room again");
    }
}
