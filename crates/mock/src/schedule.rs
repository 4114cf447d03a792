//! Which fault is due for which request: a queue, rules, and a cycle, asked in this order.

use std::{collections::VecDeque, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    Fault,
    clock::{self, Instant},
    settings::humane_option,
};

/// A fault for all requests that it fits, while it lasts. The first rule that fits a request decides.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// What goes wrong; absent = nothing does, whatever comes after this rule.
    #[serde(deserialize_with = "crate::control::fault")]
    pub fault: Option<Fault>,
    /// How long it lasts from when it is set; absent = until it is taken away.
    #[serde(rename = "for", with = "humane_option", skip_serializing_if = "Option::is_none")]
    pub lasts: Option<Duration>,
    /// How many of the requests that it fits it is for; absent = all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
    /// Only every k-th of the requests that it fits: with 3 the third, the sixth and so on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<u64>,
    /// Only requests with this credential, as it was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

impl Rule {
    /// This fault for every request.
    pub fn new(fault: Fault) -> Self {
        Self { fault: Some(fault), ..Self::default() }
    }

    /// Only from now on for so long.
    #[must_use]
    pub fn lasting(self, lasts: Duration) -> Self {
        Self { lasts: Some(lasts), ..self }
    }

    /// Only for the next so many requests.
    #[must_use]
    pub fn next(self, next: u64) -> Self {
        Self { next: Some(next), ..self }
    }

    /// Only for every k-th request.
    #[must_use]
    pub fn every(self, every: u64) -> Self {
        Self { every: Some(every), ..self }
    }

    /// Only for requests with this credential.
    #[must_use]
    pub fn of_key(self, key: impl Into<String>) -> Self {
        Self { key: Some(key.into()), ..self }
    }
}

/// All that is to go wrong.
#[derive(Default)]
pub(crate) struct Schedule {
    queue: VecDeque<Option<Fault>>,
    rules: Vec<Active>,
    cycle: VecDeque<Option<Fault>>,
}

/// A rule since it was set.
struct Active {
    rule: Rule,
    since: Instant,
    /// Requests that it fitted.
    met: u64,
}

impl Schedule {
    /// Queues one entry for each of the next requests.
    pub(crate) fn script(&mut self, faults: impl IntoIterator<Item = Option<Fault>>) {
        self.queue.extend(faults);
    }

    /// One entry for each request, over and over.
    pub(crate) fn cycle(&mut self, faults: Vec<Option<Fault>>) {
        self.cycle = faults.into();
    }

    /// Sets the rules, in place of those there were.
    pub(crate) fn rules(&mut self, rules: Vec<Rule>) {
        let since = clock::now();
        self.rules = rules.into_iter().map(|rule| Active { rule, since, met: 0 }).collect();
    }

    /// The rules that still last.
    pub(crate) fn active(&self) -> Vec<Rule> {
        self.rules.iter().filter(|active| !active.is_over()).map(|active| active.rule.clone()).collect()
    }

    /// The fault due for a request that begins now, with that credential.
    pub(crate) fn due(&mut self, key: Option<&str>) -> Option<Fault> {
        if let Some(fault) = self.queue.pop_front() {
            return fault;
        }
        self.rules.retain(|active| !active.is_over());
        if let Some(active) = self.rules.iter_mut().find_map(|active| active.meets(key)) {
            return active.rule.fault.clone();
        }
        let fault = self.cycle.pop_front()?;
        self.cycle.push_back(fault.clone());
        fault
    }
}

impl Active {
    fn is_over(&self) -> bool {
        self.rule.lasts.is_some_and(|lasts| self.since.elapsed() >= lasts)
            || self.rule.next.is_some_and(|next| self.met >= next)
    }

    /// Itself, if it is for this request.
    fn meets(&mut self, key: Option<&str>) -> Option<&mut Self> {
        if self.rule.key.as_deref().is_some_and(|wanted| key != Some(wanted)) {
            return None;
        }
        self.met += 1;
        let every = self.rule.every.unwrap_or(1).max(1);
        self.met.is_multiple_of(every).then_some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The faults due for requests with these credentials, one after the other.
    #[track_caller]
    fn check(schedule: &mut Schedule, keys: &[&str], expected: &str) {
        let due = |key: &&str| schedule.due(Some(key)).map_or("ok".to_owned(), |fault| fault.to_string());
        assert_eq!(keys.iter().map(due).collect::<Vec<_>>().join(" "), expected);
    }

    fn rule(status: u16) -> Rule {
        Rule::new(Fault::status(status))
    }

    #[test]
    fn the_queue_is_first_and_the_cycle_last() {
        let mut schedule = Schedule::default();
        schedule.cycle(vec![Some(Fault::Silent), None]);
        schedule.rules(vec![rule(503).every(2)]);
        schedule.script([Some(Fault::Reset), None]);
        check(&mut schedule, &["a"; 6], "reset ok silent 503 ok 503");
    }

    #[test]
    fn rules_count_the_requests_that_they_fit() {
        let mut schedule = Schedule::default();
        schedule.rules(vec![rule(429).of_key("bad").next(2), rule(500).every(3)]);
        check(&mut schedule, &["good", "bad", "good", "bad", "bad", "bad"], "ok 429 ok 429 500 ok");
        assert_eq!(schedule.active(), [rule(500).every(3)]);
    }

    #[test]
    fn a_rule_without_a_fault_is_an_exception() {
        let mut schedule = Schedule::default();
        schedule.rules(vec![Rule { key: Some("spared".to_owned()), ..Rule::default() }, rule(500)]);
        check(&mut schedule, &["spared", "other"], "ok 500");
    }

    #[tokio::test(start_paused = true)]
    async fn a_window_closes() {
        let mut schedule = Schedule::default();
        schedule.rules(vec![rule(503).lasting(Duration::from_secs(60))]);
        check(&mut schedule, &["a", "a"], "503 503");
        tokio::time::advance(Duration::from_secs(60)).await;
        check(&mut schedule, &["a"], "ok");
    }
}
