//! The course of one call over its deployments: after each fault, whom to ask next, when, or that it is over.

use std::time::Duration;

use lockgate_protocol::ir::{Fault, FaultKind, Remedy, Scope};

/// How persistent a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Most attempts that reach a provider. An attempt that found no connection reached nobody and is not counted:
    /// each deployment can have but one of those in a call.
    pub attempts: u32,
    /// First ceiling of the pause before a deployment is asked again; doubles each time.
    pub backoff: Duration,
    /// Highest ceiling of that pause.
    pub max_backoff: Duration,
    /// Longest wait that a provider may ask for; a longer one strikes the deployment from this call.
    pub max_wait: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            attempts: 3,
            backoff: Duration::from_millis(200),
            max_backoff: Duration::from_secs(5),
            max_wait: Duration::from_secs(60),
        }
    }
}

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Ask this deployment, after the pause.
    Ask {
        /// The gateway's number for the deployment.
        deployment: usize,
        /// How long to wait first.
        after: Duration,
    },
    /// Nothing is left that could help.
    Stop,
}

/// The state of one call.
#[derive(Debug)]
pub struct Course {
    legs: Vec<Leg>,
    current: usize,
    policy: Policy,
    /// Attempts that reached a provider.
    reached: u32,
}

#[derive(Debug)]
struct Leg {
    deployment: usize,
    faults: u32,
    struck: bool,
    /// What the provider asked to wait at its last fault.
    hint: Option<Duration>,
}

impl Course {
    /// A course over `order`, the best deployment first.
    pub fn new(order: &[usize], policy: Policy) -> Self {
        let leg = |deployment: &usize| Leg { deployment: *deployment, faults: 0, struck: false, hint: None };
        Self { legs: order.iter().map(leg).collect(), current: 0, policy, reached: 0 }
    }

    /// The first deployment to ask, if there is any.
    pub fn first(&self) -> Option<usize> {
        self.legs.first().map(|leg| leg.deployment)
    }

    /// Decides after `fault` of the deployment asked last. `left` is the time the call still has; `dice` is uniform in
    /// `0.0..1.0`.
    pub fn after(&mut self, fault: &Fault, left: Duration, dice: f64) -> Next {
        if let Some(leg) = self.legs.get_mut(self.current) {
            leg.faults += 1;
            leg.hint = fault.retry_after;
            // What is said of this very request would be said again.
            leg.struck = fault.kind.remedy() == Remedy::Elsewhere
                || fault.scope == Scope::Request
                || leg.hint.is_some_and(|wait| wait > self.policy.max_wait);
        }
        self.reached += u32::from(!matches!(fault.kind, FaultKind::Connect | FaultKind::Untrusted));
        if fault.kind.remedy() == Remedy::Stop || self.reached >= self.policy.attempts {
            return Next::Stop;
        }
        // Whoever was not asked yet comes first and at once; then whoever failed least, after a pause.
        let open = self.legs.iter().enumerate().filter(|(_, leg)| !leg.struck);
        let Some((place, leg)) = open.min_by_key(|(_, leg)| leg.faults) else { return Next::Stop };
        let after = self.pause(leg, dice);
        if after >= left {
            return Next::Stop;
        }
        self.current = place;
        Next::Ask { deployment: leg.deployment, after }
    }

    /// None before the first ask; the provider's own hint where it gave one; else full jitter under a doubling ceiling,
    /// never quite nothing, so that a failing provider is not hammered.
    fn pause(&self, leg: &Leg, dice: f64) -> Duration {
        if leg.faults == 0 {
            return Duration::ZERO;
        }
        // A little jitter on the hint too: everybody got the same one.
        if let Some(hint) = leg.hint {
            return hint + self.policy.backoff.mul_f64(dice);
        }
        let ceiling =
            self.policy.backoff.saturating_mul(1 << (leg.faults - 1).min(16)).min(self.policy.max_backoff);
        ceiling.mul_f64(0.1 + 0.9 * dice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(600);

    /// Runs a course over `order` against faults; writes each step as `deployment@milliseconds`.
    fn run(order: &[usize], attempts: u32, left: Duration, faults: &[(FaultKind, Option<u64>)]) -> String {
        let mut course = Course::new(order, Policy { attempts, ..Policy::default() });
        let mut steps = vec![course.first().map_or_else(|| "none".to_owned(), |first| first.to_string())];
        for (kind, hint) in faults {
            let mut fault = Fault::new(*kind, "");
            fault.retry_after = hint.map(Duration::from_secs);
            steps.push(match course.after(&fault, left, 0.5) {
                Next::Ask { deployment, after } => format!("{deployment}@{}", after.as_millis()),
                Next::Stop => "stop".to_owned(),
            });
        }
        steps.join(" ")
    }

    #[track_caller]
    fn check(order: &[usize], faults: &[(FaultKind, Option<u64>)], expect: &str) {
        assert_eq!(run(order, 3, LONG, faults), expect);
    }

    use FaultKind::{Connect, KeyRefused, RateLimited, Refused, Timeout, Untrusted, UpstreamFailed};

    #[test]
    fn another_deployment_is_asked_at_once_and_the_same_after_a_pause() {
        check(&[4, 5], &[(UpstreamFailed, None), (UpstreamFailed, None)], "4 5@0 4@110");
        check(
            &[4],
            &[(RateLimited, None), (UpstreamFailed, None), (UpstreamFailed, None)],
            "4 4@110 4@220 stop",
        );
    }

    #[test]
    fn what_reached_nobody_is_no_attempt() {
        check(&[4, 5], &[(Connect, None), (RateLimited, None), (UpstreamFailed, None)], "4 5@0 5@110 5@220");
        check(&[4, 5, 6], &[(Connect, None), (Untrusted, None), (Connect, None)], "4 5@0 6@0 stop");
    }

    #[test]
    fn a_silent_or_refusing_deployment_is_not_asked_twice() {
        check(&[4], &[(Timeout, None)], "4 stop");
        check(&[4, 5], &[(KeyRefused, None), (Timeout, None)], "4 5@0 stop");
    }

    #[test]
    fn a_request_that_is_too_large_for_a_limit_is_not_sent_there_again() {
        let mut course = Course::new(&[4, 5], Policy::default());
        let fault = Fault { scope: Scope::Request, ..Fault::new(RateLimited, "") };
        assert_eq!(
            course.after(&fault, LONG, 0.5),
            Next::Ask { deployment: 5, after: Duration::ZERO },
            "another place may have a larger limit"
        );
        assert_eq!(course.after(&fault, LONG, 0.5), Next::Stop);
    }

    #[test]
    fn the_clients_fault_ends_the_call() {
        check(&[4, 5], &[(Refused, None)], "4 stop");
    }

    #[test]
    fn a_short_hint_is_kept_and_a_long_one_strikes() {
        check(&[4], &[(RateLimited, Some(2))], "4 4@2100");
        check(&[4], &[(RateLimited, Some(61))], "4 stop");
        check(&[4, 5], &[(RateLimited, Some(2)), (UpstreamFailed, None)], "4 5@0 4@2100");
    }

    #[test]
    fn no_pause_outlasts_the_call() {
        assert_eq!(run(&[4], 3, Duration::from_secs(1), &[(RateLimited, Some(2))]), "4 stop");
        assert_eq!(run(&[], 3, LONG, &[(UpstreamFailed, None)]), "none stop");
    }
}
