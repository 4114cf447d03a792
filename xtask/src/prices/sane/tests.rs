//! What a list's words come to, and what of them is left out.

use super::super::{entry, list};
use super::*;

const CHAT: &str = r#""mode": "chat", "input_cost_per_token": 3e-06, "output_cost_per_token": 1.5e-05"#;

/// The price that the list's words come to, as the table has it, and what was said of it.
fn read(members: &str) -> (String, Vec<String>) {
    let list = list::parse(&format!(r#"{{"m": {{{members}}}}}"#)).expect("a list");
    let mut said = Vec::new();
    let price = match entry::read("kind", "m", &list["m"]) {
        Ok(entry) => price(&entry, &mut |why| said.push(why)),
        Err(why) => Err(why),
    };
    (
        price.map_or_else(
            |why| why,
            |price| format!("{:?} {:?} {:?}", price.base(), price.tiers(), price.batch()),
        ),
        said,
    )
}

#[track_caller]
fn check(members: &str, price: &str, left_out: &[&str]) {
    let (found, said) = read(members);
    assert_eq!(
        (found.as_str(), said),
        (price, left_out.iter().map(|why| (*why).to_owned()).collect()),
        "{members}"
    );
}

#[test]
fn what_can_be_is_kept() {
    check(CHAT, r#"{"input": 3000000, "output": 15000000} [] None"#, &[]);
    check(
        &format!(
            r#"{CHAT}, "cache_read_input_token_cost": 3e-07, "cache_creation_input_token_cost": 3.75e-06,
            "cache_creation_input_token_cost_above_1hr": 6e-06, "input_cost_per_audio_token": 1e-4,
            "input_cost_per_token_batches": 1.5e-06, "output_cost_per_token_batches": 7.5e-06,
            "input_cost_per_token_priority": 6e-06"#
        ),
        r#"{"input": 3000000, "output": 15000000, "cache_read": 300000, "cache_write": 3750000, "cache_write_1h": 6000000, "audio_input": 100000000} [] Some(50)"#,
        &[],
    );
}

#[test]
fn what_goes_without_saying_is_not_said() {
    check(
        &format!(
            r#"{CHAT}, "output_cost_per_reasoning_token": 1.5e-05, "input_cost_per_image_token": 3e-06"#
        ),
        r#"{"input": 3000000, "output": 15000000} [] None"#,
        &[],
    );
}

#[test]
fn tiers_are_read_in_both_spellings() {
    let tiers = r#"[Tier { above: 200000, figures: {"input": 6000000, "output": 22500000} }] None"#;
    let base = r#"{"input": 3000000, "output": 15000000}"#;
    check(
        &format!(
            r#"{CHAT}, "input_cost_per_token_above_200k_tokens": 6e-06, "output_cost_per_token_above_200k_tokens": 2.25e-05"#
        ),
        &format!("{base} {tiers}"),
        &[],
    );
    check(
        r#""mode": "chat", "tiered_pricing": [
            {"range": [0, 200000.0], "input_cost_per_token": 3e-06, "output_cost_per_token": 1.5e-05},
            {"range": [200000.0, 1000000], "input_cost_per_token": 6e-06, "output_cost_per_token": 2.25e-05}]"#,
        &format!("{base} {tiers}"),
        &[],
    );
}

#[test]
fn what_cannot_be_is_left_out_and_named() {
    let base = r#"{"input": 3000000, "output": 15000000} [] None"#;
    let with = |member: &str, why: &str| check(&format!("{CHAT}, {member}"), base, &[why]);
    with(r#""cache_read_input_token_cost": 0"#, "cache_read is 0");
    with(r#""input_cost_per_audio_token": 0.5"#, "audio_input is 500000000000");
    with(
        r#""cache_read_input_token_cost": 4e-06"#,
        "cache_read is 4000000, which does not go with input 3000000, cache_write 3000000",
    );
    with(
        r#""cache_creation_input_token_cost": 1e-06"#,
        "cache_write is 1000000, which does not go with input 3000000, cache_write 3000000",
    );
    with(
        r#""cache_creation_input_token_cost_above_1hr": 3e-05"#,
        "cache_write_1h is 30000000, which does not go with input 3000000, cache_write 3000000",
    );
    with(
        r#""input_cost_per_token_above_200k_tokens": 1e-06"#,
        "input above 200000 tokens is 1000000, less than below",
    );
    with(
        r#""cache_read_input_token_cost_above_200k_tokens": 3e-07"#,
        "cache_read above 200000 tokens is 300000, less than below",
    );
    with(
        r#""input_cost_per_token_batches": 1e-06, "output_cost_per_token_batches": 5e-06"#,
        "a batch is no whole share: 1000000 of input 3000000, Some(5000000) of output 15000000",
    );
}

#[test]
fn a_model_without_input_and_output_has_no_price() {
    let free = r#""mode": "chat", "input_cost_per_token": 0, "output_cost_per_token": 0"#;
    check(free, "no figure for input", &["input is 0", "output is 0"]);
    check(r#""mode": "chat", "input_cost_per_token": 1e-06"#, "no figure for output", &[]);
    check(
        r#""mode": "chat", "input_cost_per_token": 3.2, "output_cost_per_token": 1e-06"#,
        "no figure for input",
        &["input is 3200000000000"],
    );
    check(
        &format!(r#""cache_read_input_token_cost": 2e-05, {CHAT}"#),
        "output is cheaper than cache_read",
        &[],
    );
    check(
        r#""mode": "rerank", "input_cost_per_query": 2e-03"#,
        "mode rerank is not billed by the token",
        &[],
    );
}

#[test]
fn a_mode_says_what_comes_out() {
    check(
        r#""mode": "embedding", "input_cost_per_token": 1e-04"#,
        "no figure for input",
        &["input is 100000000"],
    );
    check(
        r#""mode": "embedding", "input_cost_per_token": 2e-08"#,
        r#"{"input": 20000, "output": 0} [] None"#,
        &[],
    );
    check(
        r#""mode": "image_generation", "input_cost_per_token": 5e-06, "output_cost_per_image_token": 4e-05"#,
        r#"{"input": 5000000, "output": 40000000} [] None"#,
        &[],
    );
    let by_the_image = r#""mode": "image_generation", "input_cost_per_token": 5e-06, "output_cost_per_token": 1e-05, "output_cost_per_image": 0.04"#;
    check(by_the_image, "no figure for image_output", &[]);
}

#[test]
fn an_hour_is_not_left_behind_in_a_tier() {
    check(
        &format!(
            r#"{CHAT}, "cache_creation_input_token_cost": 3.75e-06, "cache_creation_input_token_cost_above_1hr": 6e-06,
            "input_cost_per_token_above_200k_tokens": 6e-06, "cache_creation_input_token_cost_above_200k_tokens": 7.5e-06"#
        ),
        r#"{"input": 3000000, "output": 15000000, "cache_write": 3750000, "cache_write_1h": 6000000} [Tier { above: 200000, figures: {"input": 6000000, "output": 15000000, "cache_write": 7500000, "cache_write_1h": 7500000} }] None"#,
        &[
            "cache_write_1h above 200000 tokens is not said and was 6000000 below: taken as cache_write, 7500000",
        ],
    );
}
