//! What the table that is part of the binary has to keep, whatever list it was made of.

use std::collections::BTreeSet;

use lockgate_prices::{Class, Figures, Price, Row, Table, listed};
use proptest::prelude::*;

const TEXT: &str = include_str!("../prices.csv");

fn shipped() -> &'static Table<'static> {
    Table::shipped()
}

#[test]
fn the_shipped_table_is_whole() {
    let table = Table::parse(TEXT).expect("prices.csv parses");
    assert_eq!(table.rows(), shipped().rows());
    assert!(table.rows().len() > 1_000, "{} rows", table.rows().len());
    assert!(
        !table.sources().is_empty() && table.sources().iter().all(|url| url.starts_with("https://")),
        "no source"
    );
    assert_eq!(table.date().len(), "2026-08-01".len(), "no date");
    assert_eq!(table.to_string(), TEXT, "it is as `cargo xtask prices` writes it");
}

#[test]
fn every_kind_is_one_of_ours_and_none_is_self_hosted() {
    for kind in shipped().rows().iter().map(|row| row.kind).collect::<BTreeSet<_>>() {
        let known = lockgate_provider::find(kind).unwrap_or_else(|| panic!("{kind}: no such kind"));
        assert!(known.needs_key(), "{kind}: what runs on one's own machine has no price");
    }
}

#[test]
fn figures_are_possible() {
    for Row { kind, model, price } in shipped().rows() {
        let mut below = *price.base();
        for figures in std::iter::once(price.base()).chain(price.tiers().iter().map(|tier| &tier.figures)) {
            for (class, figure) in figures.said() {
                let is_free = figure == 0 && class == Class::Output;
                assert!(is_free || (1..=1_000_000_000).contains(&figure), "{kind} {model}: {figures:?}");
            }
            for class in Class::ALL {
                let dearer = figures.of(class) >= below.of(class);
                assert!(dearer, "{kind} {model}: larger calls are cheaper: {figures:?}");
            }
            below = *figures;
        }
        assert!(price.batch().is_none_or(|percent| (1..100).contains(&percent)), "{kind} {model}");
    }
}

#[test]
fn well_known_models_cost_what_their_makers_say() {
    let check = |kind, model, [input, output, read]: [u64; 3]| {
        let price = shipped().find(kind, model).unwrap_or_else(|| panic!("{kind} {model}: not found"));
        let found = [Class::Input, Class::Output, Class::CacheRead].map(|class| price.base().get(class));
        assert_eq!(found, [Some(input), Some(output), Some(read).filter(|read| *read > 0)], "{kind} {model}");
    };
    check("openai", "gpt-4o", [2_500_000, 10_000_000, 1_250_000]);
    check("openai", "gpt-4o-mini", [150_000, 600_000, 75_000]);
    check("openai", "text-embedding-3-small", [20_000, 0, 0]);
    check("azure", "gpt-4o", [2_500_000, 10_000_000, 1_250_000]);
    check("anthropic", "claude-sonnet-4-5", [3_000_000, 15_000_000, 300_000]);
    check("gemini", "models/gemini-2.5-pro", [1_250_000, 10_000_000, 125_000]);
    check("gemini-openai", "gemini-2.5-pro", [1_250_000, 10_000_000, 125_000]);
    check("vertex", "publishers/google/models/gemini-2.5-pro", [1_250_000, 10_000_000, 125_000]);
    check("vertex", "claude-sonnet-4-5@20250929", [3_000_000, 15_000_000, 300_000]);
    check("bedrock", "global.anthropic.claude-sonnet-4-5-20250929-v1:0", [3_000_000, 15_000_000, 300_000]);
    check("bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", [3_300_000, 16_500_000, 330_000]);
    check("openai", "ft:gpt-4o-mini-2024-07-18:mine::abc", [300_000, 1_200_000, 150_000]);
}

#[test]
fn what_is_not_known_has_no_price() {
    let check = |kind, model| assert_eq!(shipped().find(kind, model), None, "{kind} {model}");
    check("openai", "gpt-4o-mini-of-mine");
    check("openai", "gpt");
    check("openai", "gpt-4o:free");
    check("azure", "my-deployment");
    check("anthropic", "gpt-4o");
    for kind in ["vllm", "sglang", "llama.cpp", "ollama", "ollama-openai", "lm-studio", "openai-compatible"] {
        check(kind, "gpt-4o");
    }
    for subscription in ["qwen", "kiro", "zai-coding", "ollama-cloud", "github-models"] {
        check(subscription, "gpt-4o");
    }
}

#[test]
fn a_free_variant_is_another_model() {
    let paid = shipped().rows().iter().find(|row| row.kind == "openrouter").expect("a row");
    let free = format!("{}:free", paid.model);
    assert_ne!(shipped().find_row("openrouter", &free).map(|row| row.model), Some(paid.model));
}

#[test]
fn the_list_gives_what_its_table_does() {
    for Row { kind, model, price } in shipped().rows() {
        assert_eq!(listed(kind, model).as_ref(), Some(price), "{kind} {model}");
    }
    for (kind, model) in
        [("", ""), ("a", "a"), ("zzz", "zzz"), ("openai", ""), ("kind", "model"), ("openai", "\u{e9}")]
    {
        assert_eq!(listed(kind, model), None, "{kind} {model}");
    }
}

#[test]
fn a_lookup_allocates_nothing() {
    let names = ["gpt-4o-2024-08-06", "gpt-4o-2031-01-01", "no-such-model", "ft:gpt-4o-2024-08-06:a::b"];
    shipped();
    assert!(shipped().find("openai", "gpt-4o").is_some(), "the names are read by the first lookup, too");
    let allocated = allocation_counter::measure(|| {
        for name in names {
            std::hint::black_box(shipped().find("openai", name));
        }
    });
    assert_eq!(allocated.count_total, 0);
}

/// What a name may have behind another's and be the same model: a date or a word for the newest.
fn is_version(tail: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_day = |text: &str| {
        let parts: Vec<&str> = text.split('-').collect();
        let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
        parts.iter().all(|part| digits(part)) && (lengths == [8] || lengths == [4, 2, 2])
    };
    tail.strip_prefix('-').is_some_and(|tail| tail == "latest" || is_day(tail))
        || tail.strip_prefix('@').is_some_and(|tail| tail == "latest" || tail == "default" || is_day(tail))
}

fn some_row() -> impl Strategy<Value = &'static Row<'static>> {
    (0..shipped().rows().len()).prop_map(|number| &shipped().rows()[number])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_longer_name_is_another_model(row in some_row(), tail in "[-@:./]?[a-z0-9-]{1,12}") {
        let name = format!("{}{tail}", row.model);
        if let Some(found) = shipped().find_row(row.kind, &name) {
            // The row is the name's own, or the name has nothing on it but a version, or it is another's (`ft:`).
            let rest = name.strip_prefix(found.model);
            prop_assert!(rest.is_some_and(|rest| rest.is_empty() || is_version(rest) || found.model.starts_with("ft:")), "{name} is priced as {}", found.model);
        }
    }

    #[test]
    fn a_shorter_name_is_another_model(row in some_row(), cut in 1_usize..10) {
        let end = row.model.len().saturating_sub(cut);
        if let Some(name) = row.model.get(..end) && let Some(found) = shipped().find_row(row.kind, name) {
            prop_assert!(name.ends_with(found.model) || name.strip_prefix(found.model).is_some_and(is_version), "{name} is priced as {}", found.model);
        }
    }

    #[test]
    fn every_row_is_found_by_its_name_and_a_version_behind_it_changes_nothing(row in some_row(), year in 2024..2032, month in 1..13) {
        prop_assert_eq!(shipped().find_row(row.kind, row.model), Some(row));
        let dated = format!("{}-{year}-{month:02}-31", row.model);
        prop_assert_eq!(shipped().find_row(row.kind, &dated), Some(row));
        prop_assert_eq!(listed(row.kind, &dated), Some(row.price.clone()));
    }

    #[test]
    fn no_name_breaks_it(kind in ".{0,12}", model in "\\PC{0,40}") {
        for kind in [kind.as_str(), "bedrock"] {
            prop_assert_eq!(listed(kind, &model), shipped().find(kind, &model).cloned());
        }
    }
}

#[test]
fn an_operators_price_goes_over_the_shipped_one() {
    let shipped = shipped().find("anthropic", "claude-sonnet-4-5");
    let mine = Figures::default().with(Class::Input, 2_000_000).over(shipped).expect("a price");
    assert_eq!(mine.base().get(Class::Input), Some(2_000_000));
    assert_eq!(mine.base().get(Class::Output), Some(15_000_000));
    let other = Figures::new(0, 0).over(Table::shipped().find("vllm", "mine"));
    assert_eq!(other, Price::new(Figures::new(0, 0)));
}
