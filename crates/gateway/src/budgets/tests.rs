//! Budgets by passed-in clocks.

use std::{sync::Arc, time::Duration};

use super::{Budget, Hold, Lack, Moment, Reached, Short, Spent};
use crate::clock;

const HOUR_MS: u64 = 3_600_000;
/// 2024-02-29T12:30:00Z.
const NOON_MS: u64 = 1_709_209_800_000;

fn budget(text: &str) -> Arc<Budget> {
    Arc::new(like(text, &[]))
}

fn like(text: &str, older: &[Arc<Budget>]) -> Budget {
    let text = format!("providers: {{ p: {{ kind: vllm }} }}\naccess: {{ open: true, budget: {text} }}");
    let config = lockgate_config::parse("test.yaml", &text, &|_| None).unwrap();
    Budget::new(&config.access.budget[0], older).0
}

fn start() -> Moment {
    Moment { wall_ms: NOON_MS, steady: clock::now() }
}

fn later(from: Moment, ms: u64) -> Moment {
    Moment { wall_ms: from.wall_ms + ms, steady: from.steady + Duration::from_millis(ms) }
}

/// The wall clock jumps, the steady one does not.
fn jumped(from: Moment, ms: i64) -> Moment {
    Moment { wall_ms: from.wall_ms.saturating_add_signed(ms), ..from }
}

fn tokens(tokens: u64) -> Spent {
    Spent { money: tokens * 7, tokens }
}

fn take(budget: &Arc<Budget>, most: u64, now: Moment) -> Result<Hold, Lack> {
    Hold::take(vec![Arc::clone(budget)], tokens(most), now).map_err(|short| short.why)
}

fn spend(budget: &Arc<Budget>, spent: u64, now: Moment) -> Vec<u8> {
    let reached = take(budget, spent, now).unwrap().settle(tokens(spent), now);
    reached.into_iter().map(|Reached { percent, .. }| percent).collect()
}

#[track_caller]
fn check(budget: &Budget, now: Moment, spent: u64, reserved: u64) {
    let standing = budget.standing(now);
    assert_eq!((standing.spent, standing.reserved), (spent, reserved));
}

#[test]
fn what_is_kept_is_settled_or_given_back() {
    let (budget, now) = (budget("{ tokens: 100, per: total }"), start());
    let hold = take(&budget, 60, now).unwrap();
    let other = take(&budget, 60, now).unwrap();
    check(&budget, now, 0, 120);
    assert_eq!(take(&budget, 1, now).err(), Some(Lack::Kept), "nothing is left that is not kept");
    drop(other);
    assert!(hold.settle(tokens(10), now).is_empty());
    check(&budget, now, 10, 0);
    assert_eq!(spend(&budget, 100, now), [100], "there was something left");
    check(&budget, now, 110, 0);
    assert_eq!(take(&budget, 0, now).err(), Some(Lack::Spent(None)));
}

#[test]
fn a_dearer_one_is_kept_for_in_place_of_the_first() {
    let (budget, now) = (budget("{ tokens: 100, per: total }"), start());
    let mut hold = take(&budget, 10, now).unwrap();
    hold.grow(tokens(50), now).unwrap();
    hold.grow(tokens(20), now).unwrap();
    check(&budget, now, 0, 50);
    let other = take(&budget, 60, now).unwrap();
    let refused = hold.grow(tokens(51), now);
    assert!(refused.is_ok(), "others have 60 of it, so that there is some left");
    assert!(matches!(take(&budget, 1, now), Err(Lack::Kept)));
    drop((hold, other));
    check(&budget, now, 0, 0);
}

#[test]
fn all_budgets_or_none() {
    let (wide, narrow, now) =
        (budget("{ tokens: 100, per: total }"), budget("{ tokens: 5, per: day }"), start());
    spend(&narrow, 5, now);
    let refused = Hold::take(vec![Arc::clone(&wide), Arc::clone(&narrow)], tokens(1), now);
    let Err(Short { budget, why: Lack::Spent(Some(wait)) }) = refused else { panic!("there was room") };
    assert!(Arc::ptr_eq(&budget, &narrow));
    assert_eq!(wait, Duration::from_millis(11 * HOUR_MS + HOUR_MS / 2));
    check(&wide, now, 0, 0);
}

#[test]
fn never_more_than_one_reservation_over() {
    let (budget, now) = (budget("{ tokens: 1000, per: total }"), start());
    // Each may come to 30 and comes to it; some grow on the way.
    let mut under_way: Vec<Hold> = Vec::new();
    for round in 0..500_u64 {
        under_way.extend(take(&budget, 20, now).ok());
        if let Some(hold) = under_way.get_mut((round % 7) as usize) {
            let _ = hold.grow(tokens(30), now);
        }
        if round % 3 == 0 && !under_way.is_empty() {
            let hold = under_way.remove(0);
            let spent = hold.held();
            hold.settle(spent, now);
        }
    }
    for hold in under_way {
        let spent = hold.held();
        hold.settle(spent, now);
    }
    let standing = budget.standing(now);
    assert_eq!(standing.reserved, 0);
    assert!((1000..1030).contains(&standing.spent), "{standing:?}");
}

#[test]
fn the_calendar_renews_it() {
    let (budget, now) = (budget("{ tokens: 10, per: hour }"), start());
    spend(&budget, 10, now);
    let half = Duration::from_millis(HOUR_MS / 2);
    assert_eq!(take(&budget, 1, now).err(), Some(Lack::Spent(Some(half))));
    assert!(take(&budget, 1, later(now, HOUR_MS / 2 - 1)).is_err());
    assert!(take(&budget, 1, later(now, HOUR_MS / 2)).is_ok());
}

#[test]
fn a_window_that_rolls_forgets_step_by_step() {
    let (budget, now) = (budget("{ tokens: 10, per: hour, rolling: true }"), start());
    spend(&budget, 6, now);
    spend(&budget, 4, later(now, HOUR_MS / 2));
    let Some(Lack::Spent(Some(wait))) = take(&budget, 1, later(now, HOUR_MS / 2)).err() else {
        panic!("spent")
    };
    let wait = u64::try_from(wait.as_millis()).unwrap();
    assert!((HOUR_MS / 2..=HOUR_MS / 2 + HOUR_MS / 60).contains(&wait), "{wait}");
    check(&budget, later(now, HOUR_MS - 1), 10, 0);
    check(&budget, later(now, HOUR_MS / 2 + wait), 4, 0);
    check(&budget, later(now, 2 * HOUR_MS), 0, 0);
}

#[test]
fn a_clock_that_jumps_locks_nobody_out() {
    let hour = i64::try_from(HOUR_MS).unwrap();
    for per in ["hour", "day", "week", "month"] {
        let (budget, now) = (budget(&format!("{{ tokens: 10, per: {per} }}")), start());
        spend(&budget, 9, now);
        for jump in [hour, -hour, 24 * hour, -24 * hour] {
            assert!(take(&budget, 1, jumped(now, jump)).is_ok(), "{per} {jump}");
            assert!(take(&budget, 1, now).is_ok(), "{per} back from {jump}");
        }
    }
    // Spent while the clock was an hour ahead or behind, it is renewed within a period all the same.
    for jump in [hour, -hour] {
        let (budget, now) = (budget("{ tokens: 10, per: hour }"), start());
        spend(&budget, 10, jumped(now, jump));
        let renewed = (0..=60).find(|minute| take(&budget, 1, later(now, minute * 60_000)).is_ok());
        assert!(renewed.is_some(), "{jump}");
        let rolling = super::tests::budget("{ tokens: 10, per: hour, rolling: true }");
        spend(&rolling, 10, jumped(now, jump));
        assert!(take(&rolling, 1, jumped(later(now, HOUR_MS / 2), jump)).is_err());
        assert!(take(&rolling, 1, jumped(later(now, HOUR_MS + HOUR_MS / 60), -jump)).is_ok());
    }
}

#[test]
fn its_owner_is_told_once_in_a_window() {
    let (budget, now) = (budget("{ tokens: 100, per: hour }"), start());
    assert_eq!(spend(&budget, 79, now), [0_u8; 0]);
    assert_eq!(spend(&budget, 1, now), [80]);
    assert_eq!(spend(&budget, 19, now), [0_u8; 0]);
    assert_eq!(spend(&budget, 30, now), [100]);
    assert_eq!(spend(&budget, 100, later(now, HOUR_MS)), [100]);
    // What was spent before this process began was told then.
    budget.restore(tokens(90), Duration::ZERO, later(now, 2 * HOUR_MS));
    assert_eq!(spend(&budget, 1, later(now, 2 * HOUR_MS)), [0_u8; 0]);
}

#[test]
fn what_was_spent_stays_spent_when_there_is_more_or_less_of_it() {
    let (first, now) = (budget("{ tokens: 100, per: hour }"), start());
    spend(&first, 50, now);
    let older = [Arc::clone(&first)];
    check(&like("{ tokens: 500, per: hour }", &older), now, 50, 0);
    check(&like("{ tokens: 500, per: day }", &older), now, 0, 0);
    check(&like("{ usd: 500, per: hour }", &older), now, 0, 0);
    check(&like("{ tokens: 100, per: hour, rolling: true }", &older), now, 0, 0);
    let less = Arc::new(like("{ tokens: 20, per: hour }", &older));
    assert!(matches!(take(&less, 1, now), Err(Lack::Spent(Some(_)))));
    let hold = take(&first, 1, now).unwrap();
    check(&less, now, 50, 1);
    drop(hold);
}
