//! Whose turn is when. Another config changes who is on it, and nobody's turn of those who stay.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    sync::Arc,
    time::Instant,
};

use crate::fleet::{Check, Deployment, Limits};

/// One deployment that is looked after.
pub(super) struct Watched {
    pub(super) deployment: Arc<Deployment>,
    pub(super) limits: Arc<Limits>,
    pub(super) check: Check,
    /// What comes of it counts for all that its credential is asked for.
    pub(super) is_for_credential: bool,
}

impl Watched {
    /// Whether it is the same deployment, whatever the config says of its checks.
    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.deployment.health, &other.deployment.health)
    }
}

/// The turns to come, and whose turn it is.
#[derive(Default)]
pub(super) struct Rota {
    rows: Vec<Arc<Watched>>,
    due: BinaryHeap<Reverse<(Instant, usize)>>,
    running: Vec<Arc<Watched>>,
}

impl Rota {
    /// Looks after `rows` from now on. Those that were looked after before keep their turns, as far as their interval lets
    /// them; those that are new are spread over their first interval, so that a start is no burst.
    pub(super) fn change(&mut self, rows: Vec<Watched>, now: Instant, mut dice: impl FnMut() -> f64) {
        let known: HashMap<Arc<str>, (Instant, Arc<Watched>)> = self
            .due
            .drain()
            .map(|Reverse((at, place))| {
                let row = Arc::clone(&self.rows[place]);
                (Arc::clone(&row.deployment.name), (at, row))
            })
            .collect();
        self.rows = rows.into_iter().map(Arc::new).collect();
        for (place, row) in self.rows.iter().enumerate() {
            if self.running.iter().any(|running| running.is(row)) {
                continue;
            }
            let at = match known.get(&row.deployment.name) {
                Some((at, known)) if known.is(row) => (*at).min(now + row.check.every),
                _ => now + row.check.every.mul_f64(dice()),
            };
            self.due.push(Reverse((at, place)));
        }
    }

    /// Whose turn it is, if it is somebody's.
    pub(super) fn take(&mut self, now: Instant) -> Option<Arc<Watched>> {
        self.next().filter(|at| *at <= now)?;
        let Reverse((_, place)) = self.due.pop()?;
        let row = Arc::clone(&self.rows[place]);
        self.running.push(Arc::clone(&row));
        Some(row)
    }

    /// Its turn is over; if it is still looked after, the next one is after `pause` times its interval.
    pub(super) fn done(&mut self, row: &Arc<Watched>, now: Instant, pause: f64) {
        self.running.retain(|running| !Arc::ptr_eq(running, row));
        if let Some(place) = self.rows.iter().position(|known| known.is(row)) {
            self.due.push(Reverse((now + self.rows[place].check.every.mul_f64(pause), place)));
        }
    }

    /// When the next turn is.
    pub(super) fn next(&self) -> Option<Instant> {
        self.due.peek().map(|Reverse((at, _))| *at)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio_util::task::TaskTracker;

    use super::*;
    use crate::{clock, fleet::Fleet};

    fn fleet(every: &str, names: &[&str], older: Option<&Fleet>) -> Fleet {
        let targets: Vec<_> = names.iter().map(|name| format!("p/{name}")).collect();
        let text = format!(
            "providers: {{ p: {{ kind: vllm, base_url: \"http://127.0.0.1:9\" }} }}\nhealth: {{ interval: {every} }}\nmodels: {{ m: {{ targets: [{}] }} }}",
            targets.join(", ")
        );
        let config =
            lockgate_config::parse("test.yaml", &text, &|_| None).unwrap_or_else(|errors| panic!("{errors}"));
        Fleet::new(&config, &TaskTracker::new(), &Arc::default(), older).unwrap()
    }

    fn rows(fleet: &Fleet) -> Vec<Watched> {
        let model = fleet.known("m").unwrap();
        let row = |deployment: &Arc<Deployment>| Watched {
            deployment: Arc::clone(deployment),
            limits: Arc::clone(&model.limits),
            check: model.limits.check.clone().unwrap(),
            is_for_credential: false,
        };
        model.deployments.iter().map(row).collect()
    }

    /// The models whose turns have come, in their order.
    fn turns(rota: &mut Rota, now: Instant) -> Vec<(String, Arc<Watched>)> {
        std::iter::from_fn(|| rota.take(now)).map(|row| (row.deployment.model.to_string(), row)).collect()
    }

    fn names(turns: &[(String, Arc<Watched>)]) -> Vec<&str> {
        turns.iter().map(|(name, _)| name.as_str()).collect()
    }

    #[test]
    fn who_stays_keeps_its_turn() {
        let (start, second) = (clock::now(), Duration::from_secs(1));
        let old = fleet("30s", &["a", "b"], None);
        let mut rota = Rota::default();
        let mut dice = [0.5, 0.1].into_iter();
        rota.change(rows(&old), start, || dice.next().unwrap());
        let b = turns(&mut rota, start + 3 * second);
        assert_eq!(names(&b), ["b"], "at 3 s, and `a` at 15 s");

        let new = fleet("30s", &["b", "c", "a"], Some(&old));
        rota.change(rows(&new), start + 10 * second, || 0.9);
        assert!(turns(&mut rota, start + 14 * second).is_empty());
        assert_eq!(names(&turns(&mut rota, start + 15 * second)), ["a"]);
        rota.done(&b[0].1, start + 20 * second, 1.0);
        assert_eq!(names(&turns(&mut rota, start + 37 * second)), ["c"], "at 10 s + 27 s");
        assert_eq!(names(&turns(&mut rota, start + 50 * second)), ["b"], "once");
        assert_eq!(rota.next(), None);
    }

    #[test]
    fn a_shorter_interval_counts_at_once_and_who_is_gone_has_no_turn() {
        let (start, second) = (clock::now(), Duration::from_secs(1));
        let old = fleet("300s", &["a", "b"], None);
        let mut rota = Rota::default();
        rota.change(rows(&old), start, || 0.9);
        let new = fleet("5s", &["a"], Some(&old));
        rota.change(rows(&new), start + second, || 0.9);
        let turn = turns(&mut rota, start + 6 * second);
        assert_eq!(names(&turn), ["a"]);
        rota.change(Vec::new(), start + 7 * second, || 0.9);
        rota.done(&turn[0].1, start + 8 * second, 1.0);
        assert_eq!(rota.next(), None);
    }
}
