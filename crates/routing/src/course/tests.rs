//! Courses step by step.

use super::*;

const LONG: Duration = Duration::from_secs(600);

/// A moment in a test; only a slow fault needs to know how a deployment stands.
fn moment(budget: &Budget, left: Duration) -> Moment<'_> {
    #[expect(clippy::disallowed_methods, reason = "a test needs some time to begin with")]
    Moment { now: Instant::now(), left, dice: 0.5, budget, standing: &|_| Standing::Failing }
}

fn legs(deployments: &[usize]) -> Vec<pool::Leg> {
    deployments.iter().map(|deployment| pool::Leg { deployment: *deployment, tier: 0 }).collect()
}

fn fault(kind: FaultKind, hint: Option<u64>) -> Fault {
    let mut fault = Fault::new(kind, "");
    fault.retry_after = hint.map(Duration::from_secs);
    fault
}

fn said(next: Next) -> String {
    match next {
        Next::Ask { deployment, after } => format!("{deployment}@{}", after.as_millis()),
        Next::Stop => "stop".to_owned(),
    }
}

/// Runs a course over `order` against faults; writes each step as `deployment@milliseconds`.
fn run_order(order: &Order, policy: Policy, left: Duration, faults: &[(FaultKind, Option<u64>)]) -> String {
    let mut course = Course::new(order, policy);
    let budget = Budget::default();
    let mut steps = vec![course.first().map_or_else(|| "none".to_owned(), |first| first.to_string())];
    for (kind, hint) in faults {
        let next = course.after(&fault(*kind, *hint), Duration::ZERO, &moment(&budget, left));
        steps.push(said(next));
    }
    steps.join(" ")
}

fn run(order: &[usize], attempts: u32, left: Duration, faults: &[(FaultKind, Option<u64>)]) -> String {
    let order = Order { legs: legs(order), ..Order::default() };
    run_order(&order, Policy { attempts, ..Policy::default() }, left, faults)
}

#[track_caller]
fn check(order: &[usize], faults: &[(FaultKind, Option<u64>)], expect: &str) {
    assert_eq!(run(order, 3, LONG, faults), expect);
}

use FaultKind::{
    Connect, ContentFilter, ContextLength, KeyRefused, RateLimited, Refused, Timeout, Untrusted,
    UpstreamFailed,
};

#[test]
fn another_deployment_is_asked_at_once_and_the_same_after_a_pause() {
    check(&[4, 5], &[(UpstreamFailed, None), (UpstreamFailed, None)], "4 5@0 4@110");
    check(&[4], &[(RateLimited, None), (UpstreamFailed, None), (UpstreamFailed, None)], "4 4@110 4@220 stop");
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
    let budget = Budget::default();
    let mut course = Course::new(&Order { legs: legs(&[4, 5]), ..Order::default() }, Policy::default());
    let too_large = Fault { scope: Scope::Request, ..Fault::new(RateLimited, "") };
    let mut after = || said(course.after(&too_large, Duration::ZERO, &moment(&budget, LONG)));
    // Another place may have a larger limit.
    assert_eq!([after(), after()], ["5@0", "stop"]);
}

#[test]
fn of_two_beside_each_other_the_one_that_goes_on_counts_as_asked_last() {
    let budget = Budget::default();
    let mut course = Course::new(&Order { legs: legs(&[4, 5]), ..Order::default() }, Policy::default());
    assert_eq!(course.beside(&moment(&budget, LONG)), Some(5));
    assert_eq!(course.beside(&moment(&budget, LONG)), None, "nobody is left to be asked");
    course.failed_beside(&fault(KeyRefused, None), 4, 5);
    let next = course.after(&fault(UpstreamFailed, None), Duration::ZERO, &moment(&budget, LONG));
    assert_eq!(said(next), "5@220");
    let mut course = Course::new(&Order { legs: legs(&[4, 5]), ..Order::default() }, Policy::default());
    assert_eq!(course.beside(&moment(&Budget::new(0, 0), LONG)), None, "the budget is asked");
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

#[test]
fn a_refusal_for_length_or_content_goes_on_with_its_own_list_once_each() {
    let order = Order {
        legs: legs(&[4, 5]),
        on_context_length: legs(&[4, 7, 8]),
        on_content_filter: legs(&[9]),
        ..Order::default()
    };
    let check = |faults: &[(FaultKind, Option<u64>)], expect: &str| {
        let policy = Policy { attempts: 5, ..Policy::default() };
        assert_eq!(run_order(&order, policy, LONG, faults), expect);
    };
    check(&[(ContextLength, None), (UpstreamFailed, None), (UpstreamFailed, None)], "4 7@0 8@0 stop");
    check(&[(ContextLength, None), (ContextLength, None), (ContextLength, None)], "4 7@0 8@0 stop");
    check(&[(UpstreamFailed, None), (ContextLength, None), (RateLimited, Some(1))], "4 5@0 4@0 7@0");
    check(&[(ContentFilter, None), (ContentFilter, None)], "4 9@0 stop");
    check(&[(ContextLength, None), (ContentFilter, None), (ContextLength, None)], "4 7@0 9@0 stop");
    check(&[(Refused, None)], "4 stop");
    assert_eq!(
        run_order(&order, Policy { attempts: 1, ..Policy::default() }, LONG, &[(ContextLength, None)]),
        "4 stop"
    );
}

#[test]
fn a_late_failure_ends_the_call_unless_it_reached_nobody() {
    let policy = Policy { within: Some(Duration::from_secs(5)), ..Policy::default() };
    let check = |kind, took, expect: &str| {
        let mut course = Course::new(&Order { legs: legs(&[4, 5]), ..Order::default() }, policy);
        let next =
            course.after(&fault(kind, None), Duration::from_secs(took), &moment(&Budget::default(), LONG));
        assert_eq!(said(next), expect);
    };
    check(UpstreamFailed, 5, "5@0");
    check(UpstreamFailed, 6, "stop");
    check(Timeout, 6, "stop");
    check(ContextLength, 6, "stop");
    check(Connect, 6, "5@0");
}

#[test]
fn who_could_not_be_begun_is_passed_over_and_waited_for_when_nobody_else_is_left() {
    let budget = Budget::default();
    let passed = |course: &mut Course, wait: Option<f64>| {
        said(course.passed(wait.map(Duration::from_secs_f64), &moment(&budget, LONG)))
    };
    let mut course = Course::new(&Order { legs: legs(&[4, 5]), ..Order::default() }, Policy::default());
    assert_eq!(passed(&mut course, Some(3.0)), "5@0");
    assert_eq!(passed(&mut course, None), "4@3100");
    // How long is not known: a pause as after a fault, a few times.
    let steps: Vec<String> = (0..4).map(|_| passed(&mut course, Some(0.0))).collect();
    assert_eq!(steps, ["4@220", "4@440", "4@880", "stop"]);
    assert_eq!(course.reached, 0);

    let mut course = Course::new(&Order { legs: legs(&[4]), ..Order::default() }, Policy::default());
    assert_eq!(passed(&mut course, Some(61.0)), "stop");

    // One that failed is asked again before one that has no room is waited for.
    let mut course = Course::new(&Order { legs: legs(&[4, 5]), ..Order::default() }, Policy::default());
    assert_eq!(passed(&mut course, Some(3.0)), "5@0");
    let next = course.after(&fault(UpstreamFailed, None), Duration::ZERO, &moment(&budget, LONG));
    assert_eq!(said(next), "5@110");
}

#[test]
fn the_last_resort_is_asked_once() {
    let order = Order { last: Some(4), ..Order::default() };
    assert_eq!(run_order(&order, Policy::default(), LONG, &[(UpstreamFailed, None)]), "4 stop");
    assert!(Course::new(&order, Policy::default()).is_last());
    let order = Order { legs: legs(&[5]), ..order };
    assert!(!Course::new(&order, Policy::default()).is_last());
}

/// What comes after `kind` of the first of two, with nothing left in the budget and the second in that standing.
#[track_caller]
fn check_broke(kind: FaultKind, took: u64, standing: Standing, expect: &str) {
    let budget = Budget::new(20, 0);
    let moment = Moment { standing: &|_| standing, ..moment(&budget, LONG) };
    let mut course = Course::new(&Order { legs: legs(&[4, 5]), ..Order::default() }, Policy::default());
    assert_eq!(said(course.after(&fault(kind, None), Duration::from_secs(took), &moment)), expect);
}

#[test]
fn without_the_budget_only_what_was_silent_goes_on_and_only_to_one_that_is_well() {
    check_broke(UpstreamFailed, 0, Standing::Well, "stop");
    check_broke(UpstreamFailed, 3, Standing::Well, "5@0");
    check_broke(Timeout, 1, Standing::Well, "5@0");
    check_broke(Timeout, 1, Standing::Failing, "stop");
    // Nothing reaches one that rests; and what reached nobody is no load.
    check_broke(UpstreamFailed, 0, Standing::Resting, "5@0");
    check_broke(Connect, 5, Standing::Failing, "5@0");
    // What one lacks another may have: that is no outage.
    check_broke(FaultKind::UpstreamNotFound, 0, Standing::Failing, "5@0");
    check_broke(FaultKind::Lossy, 0, Standing::Failing, "5@0");
}

#[test]
fn the_budget_is_asked_once_for_an_attempt_however_many_are_passed_over() {
    let budget = Budget::new(0, 1);
    let left = |budget: &Budget| budget.status(moment(budget, LONG).now).left;
    let mut course = Course::new(&Order { legs: legs(&[4, 5, 6]), ..Order::default() }, Policy::default());
    course.after(&fault(UpstreamFailed, None), Duration::ZERO, &moment(&budget, LONG));
    assert_eq!(left(&budget), 9);
    course.passed(None, &moment(&budget, LONG));
    assert_eq!(left(&budget), 9);
    course.after(&fault(UpstreamFailed, None), Duration::ZERO, &moment(&budget, LONG));
    assert_eq!(left(&budget), 8);
}
