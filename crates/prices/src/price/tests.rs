//! Prices with their defaults, tiers, batches and an operator's figures.

use super::*;

fn figures(pairs: &[(Class, u64)]) -> Figures {
    pairs.iter().fold(Figures::default(), |figures, (class, figure)| figures.with(*class, *figure))
}

#[test]
fn a_price_has_input_and_output() {
    assert_eq!(Price::new(figures(&[(Class::Input, 1)])), None);
    assert_eq!(Price::new(figures(&[(Class::Output, 1)])), None);
    assert!(Price::new(Figures::new(0, 0)).is_some(), "nothing may be written");
}

#[test]
fn what_is_not_said_is_as_its_class_says() {
    let check = |said: &[(Class, u64)], class: Class, figure| {
        let all = said.iter().fold(Figures::new(3, 15), |all, (class, figure)| all.with(*class, *figure));
        assert_eq!(all.of(class), figure, "{} of {all:?}", class.name());
    };
    for class in
        [Class::CacheRead, Class::CacheWrite, Class::CacheWrite1h, Class::AudioInput, Class::ImageInput]
    {
        check(&[], class, 3);
    }
    for class in [Class::Reasoning, Class::AudioOutput, Class::ImageOutput] {
        check(&[], class, 15);
    }
    check(&[(Class::CacheWrite, 4)], Class::CacheWrite1h, 4);
    check(&[(Class::CacheWrite, 4), (Class::CacheWrite1h, 6)], Class::CacheWrite1h, 6);
    check(&[(Class::CacheRead, 0)], Class::CacheRead, 0);
}

#[test]
fn a_tier_says_what_changes_and_lies_above_the_last() {
    let price = Price::new(Figures::new(3, 15).with(Class::CacheRead, 1))
        .expect("a price")
        .tier(200, figures(&[(Class::Input, 6)]))
        .tier(200, figures(&[(Class::Input, 100)]))
        .tier(100, figures(&[(Class::Input, 100)]))
        .tier(500, figures(&[(Class::Output, 30)]));
    let above: Vec<u64> = price.tiers().iter().map(|tier| tier.above).collect();
    assert_eq!(above, [200, 500]);
    let check = |input, [of_input, of_output, of_read]: [u64; 3]| {
        let at = price.at(input);
        let found = [Class::Input, Class::Output, Class::CacheRead].map(|class| at.of(class));
        assert_eq!(found, [of_input, of_output, of_read], "{input} tokens");
    };
    check(0, [3, 15, 1]);
    check(200, [3, 15, 1]);
    check(201, [6, 15, 1]);
    check(500, [6, 15, 1]);
    check(u64::MAX, [6, 30, 1]);
}

#[test]
fn an_operators_figures_count_for_more() {
    let shipped = Price::new(
        Figures::new(3, 15)
            .with(Class::CacheRead, 1)
            .with(Class::CacheWrite, 4)
            .with(Class::CacheWrite1h, 6)
            .with(Class::Reasoning, 20)
            .with(Class::AudioInput, 40),
    )
    .expect("a price")
    .tier(200, Figures::new(6, 22));
    let check = |over: &[(Class, u64)], expected: &[(Class, u64)]| {
        let price = figures(over).over(Some(&shipped)).expect("shipped is whole");
        for (class, figure) in expected {
            assert_eq!(price.at(0).of(*class), *figure, "{} with {over:?}", class.name());
        }
        price
    };
    check(&[], &[(Class::Input, 3), (Class::Reasoning, 20)]);
    let price =
        check(&[(Class::Input, 2)], &[(Class::Input, 2), (Class::CacheRead, 1), (Class::AudioInput, 40)]);
    assert_eq!(price.at(201).of(Class::Input), 2, "in every tier");
    assert_eq!(price.at(201).of(Class::Output), 22, "and of the rest what was there");
    check(&[(Class::Output, 10)], &[(Class::Output, 10), (Class::Reasoning, 10)]);
    check(&[(Class::Output, 10), (Class::Reasoning, 12)], &[(Class::Output, 10), (Class::Reasoning, 12)]);
    check(&[(Class::CacheWrite, 2)], &[(Class::CacheWrite, 2), (Class::CacheWrite1h, 2)]);
    check(&[(Class::CacheRead, 0)], &[(Class::CacheRead, 0)]);
}

#[test]
fn without_a_shipped_price_an_operator_says_both() {
    assert_eq!(figures(&[(Class::Input, 1)]).over(None), None);
    assert_eq!(Figures::default().over(None), None);
    assert_eq!(Figures::new(0, 0).over(None), Price::new(Figures::new(0, 0)));
}

#[test]
fn a_batch_is_a_share_of_every_figure() {
    let price = Price::new(Figures::new(3, 15)).expect("a price").tier(200, Figures::new(6, u64::MAX));
    assert_eq!(price.in_batch(), None, "a share that is not known is not one");
    let batch = price.batched_at(50).in_batch().expect("a share");
    assert_eq!((batch.base().of(Class::Input), batch.base().of(Class::Output)), (2, 8), "rounded up");
    assert_eq!(batch.at(201).of(Class::Output), u64::MAX / 2 + 1, "nothing overflows");
    assert_eq!(batch.in_batch(), None, "a batch is not batched again");
    let most = Price::new(Figures::new(u64::MAX, 199)).expect("a price").batched_at(255).in_batch();
    assert_eq!(most.map(|price| price.base().of(Class::Output)), Some(508));
}
