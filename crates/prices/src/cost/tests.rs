//! What calls cost: by plain cases, and by what must hold of every price and usage.

use proptest::prelude::*;

use super::*;
use crate::Figures;

/// Figures as a model of today has them, in micro-dollars for a million tokens.
fn price() -> Price {
    let base = Figures::new(3_000_000, 15_000_000)
        .with(Class::CacheRead, 300_000)
        .with(Class::CacheWrite, 3_750_000)
        .with(Class::CacheWrite1h, 6_000_000)
        .with(Class::AudioInput, 40_000_000)
        .with(Class::Reasoning, 20_000_000);
    Price::new(base).expect("a price").tier(200_000, Figures::new(6_000_000, 22_500_000))
}

#[track_caller]
fn check(usage: Usage, micros: u64) {
    assert_eq!(price().cost(&usage), MicroUsd(micros), "{usage:?}");
}

#[test]
fn every_class_has_its_figure() {
    let none = Usage::default();
    check(none, 0);
    check(Usage { input: 1_000, ..none }, 3_000);
    check(Usage { output: 1_000, ..none }, 15_000);
    check(Usage { cache_read: 1_000, ..none }, 300);
    check(Usage { cache_write: 1_000, ..none }, 3_750);
    check(Usage { cache_write: 1_000, cache_write_1h: 400, ..none }, 600 * 15 / 4 + 2_400);
    check(Usage { output: 1_000, reasoning: 900, ..none }, 1_500 + 18_000);
    check(Usage { input: 1_000, audio_input: 100, ..none }, 2_700 + 4_000);
    check(Usage { input: 1_000, image_input: 100, ..none }, 3_000);
    check(Usage { input: 1_000, tool_input: 100, ..none }, 3_000);
}

#[test]
fn a_part_is_never_more_than_its_whole() {
    let none = Usage::default();
    check(Usage { output: 10, reasoning: 1_000, ..none }, 200);
    check(Usage { reasoning: 1_000, audio_output: 7, cache_write_1h: 5, ..none }, 0);
    check(Usage { output: 10, reasoning: 10, audio_output: 4, ..none }, 60 + 120);
    check(Usage { input: 10, cache_read: 90, audio_input: 100, ..none }, 400 + 27);
}

#[test]
fn the_whole_input_decides_on_the_tier() {
    let none = Usage::default();
    check(Usage { input: 200_000, ..none }, 600_000);
    check(Usage { input: 200_001, output: 1_000, ..none }, 1_200_006 + 22_500);
    check(Usage { input: 1, cache_read: 200_000, ..none }, 60_006);
}

#[test]
fn it_is_rounded_once_and_half_up() {
    let price = Price::new(Figures::new(100_000, 400_000)).expect("a price");
    let check = |input, output, micros| {
        assert_eq!(
            price.cost(&Usage { input, output, ..Usage::default() }),
            MicroUsd(micros),
            "{input}, {output}"
        );
    };
    check(4, 0, 0);
    check(5, 0, 1);
    check(4, 1, 1);
    check(1, 1, 1);
    check(3, 3, 2);
}

#[test]
fn the_worst_is_the_dearest_of_each_side() {
    assert_eq!(price().worst(1_000, 100), MicroUsd(40_000 + 2_000));
    assert_eq!(price().worst(200_001, 100), MicroUsd(8_000_040 + 2_250));
    assert_eq!(price().worst(0, 0), MicroUsd(0));
    assert_eq!(price().worst(u64::MAX, u64::MAX), MicroUsd(u64::MAX));
}

/// Prices of which each tier is as dear as the one below, or dearer.
fn prices() -> impl Strategy<Value = Price> {
    let figures = || prop::array::uniform10(0_u64..1 << 32);
    (figures(), prop::collection::vec((1_u64..1 << 20, figures()), 0..4)).prop_map(|(base, tiers)| {
        let of = |figures: [u64; 10]| {
            Class::ALL
                .into_iter()
                .zip(figures)
                .fold(Figures::default(), |all, (class, figure)| all.with(class, figure))
        };
        let mut below = base;
        let mut at = 0;
        let start = Price::new(of(base)).expect("all classes");
        tiers.into_iter().fold(start, |price, (step, more)| {
            at += step;
            below = std::array::from_fn(|number| below[number] + more[number]);
            price.tier(at, of(below))
        })
    })
}

/// Tokens by class, none of them twice, and the usage that says the same.
fn usage(
    [input, output, read, write, write_1h, reasoning, audio_in, audio_out, image_in, image_out]: [u64; 10],
) -> Usage {
    Usage {
        input: input + audio_in + image_in,
        cache_read: read,
        cache_write: write + write_1h,
        cache_write_1h: write_1h,
        output: output + reasoning + audio_out + image_out,
        reasoning,
        audio_input: audio_in,
        audio_output: audio_out,
        image_input: image_in,
        image_output: image_out,
        tool_input: 0,
    }
}

fn tokens() -> impl Strategy<Value = [u64; 10]> {
    prop::array::uniform10(prop_oneof![Just(0), 0_u64..1 << 18])
}

fn any_usage() -> impl Strategy<Value = Usage> {
    prop::array::uniform11(prop_oneof![Just(0), 0_u64..1 << 20, any::<u64>()]).prop_map(|n| Usage {
        input: n[0],
        cache_read: n[1],
        cache_write: n[2],
        cache_write_1h: n[3],
        output: n[4],
        reasoning: n[5],
        audio_input: n[6],
        audio_output: n[7],
        image_input: n[8],
        image_output: n[9],
        tool_input: n[10],
    })
}

proptest! {
    #[test]
    fn more_tokens_cost_no_less(price in prices(), one in tokens(), more in tokens()) {
        let both = std::array::from_fn(|number| one[number] + more[number]);
        prop_assert!(price.cost(&usage(one)) <= price.cost(&usage(both)));
    }

    #[test]
    fn two_calls_cost_what_they_cost_together(base in prices(), one in tokens(), other in tokens()) {
        let price = Price::new(*base.base()).expect("whole");
        let both = std::array::from_fn(|number| one[number] + other[number]);
        let apart = price.cost(&usage(one)).plus(price.cost(&usage(other)));
        let together = price.cost(&usage(both));
        prop_assert!(apart.0.abs_diff(together.0) <= 1, "{apart:?}, {together:?}");
    }

    #[test]
    fn every_token_is_counted_once(usage in any_usage()) {
        let all: u128 = split(&usage).iter().map(|(_, tokens)| u128::from(*tokens)).sum();
        let whole = [usage.input, usage.cache_read, usage.cache_write, usage.output];
        prop_assert_eq!(all, whole.into_iter().map(u128::from).sum::<u128>());
    }

    #[test]
    fn it_is_the_exact_sum_rounded(price in prices(), tokens in tokens()) {
        let figures = price.at(usage(tokens).total_input());
        let exact: u128 = Class::ALL.into_iter().zip(tokens).map(|(class, n)| u128::from(n) * u128::from(figures.of(class))).sum();
        let micros = u128::from(price.cost(&usage(tokens)).0) * 1_000_000;
        prop_assert!(micros <= exact + 500_000 && exact < micros + 500_000, "{micros}, {exact}");
    }

    #[test]
    fn nothing_is_worse_than_the_worst(price in prices(), tokens in tokens(), more in 0_u64..1 << 20) {
        let usage = usage(tokens);
        prop_assert!(price.cost(&usage) <= price.worst(usage.total_input() + more, usage.output));
    }

    #[test]
    fn no_usage_overflows(price in prices(), usage in any_usage()) {
        price.cost(&usage);
        price.worst(usage.input, usage.output);
    }
}
