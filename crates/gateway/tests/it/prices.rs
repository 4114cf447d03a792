//! What calls cost, on their records.

use lockgate_mock::Fault;
use lockgate_store::{CallRecord, Ended, Price};

use crate::house::{CHAT, CHAT_PATH, House, STREAM, config, mock};

fn fault(text: &str) -> Fault {
    text.parse().unwrap()
}

/// The cost of a call by the figures of `input` and `output`, in micro-dollars for a million tokens.
fn cost(record: &CallRecord, input: u64, output: u64) -> Option<u64> {
    let usage = record.usage?;
    let picos = u128::from(usage.input * input) + u128::from(usage.output * output);
    u64::try_from((picos + 500_000) / 1_000_000).ok()
}

#[tokio::test]
async fn calls_cost_what_the_list_says_or_the_operator_in_its_place() {
    let mock = mock().await;
    let with = |rest: &str| config(&[&mock.base_url()], rest);
    let house = House::new(&with("")).await;
    house.post(CHAT_PATH, CHAT).await;
    house.post(CHAT_PATH, STREAM).await;
    house.apply(&with("prices: { \"a/*\": { input: 1000, output: 3000 } }"));
    house.post(CHAT_PATH, CHAT).await;
    house.apply(&with("prices: { \"a/*\": { output: 3000 } }"));
    house.post(CHAT_PATH, STREAM).await;
    let records = house.records(4).await;
    let figures =
        [(150_000, 600_000), (150_000, 600_000), (1_000_000_000, 3_000_000_000), (150_000, 3_000_000_000)];
    for (record, (input, output)) in records.iter().zip(figures) {
        assert!(record.usage.is_some_and(|usage| usage.output > 0), "{record:?}");
        assert_eq!((record.price, record.cost), (Price::Known, cost(record, input, output)), "{record:?}");
    }
    house.serving.stop().await;
}

#[tokio::test]
async fn a_price_that_nobody_knows_is_unknown_and_a_refused_call_costs_nothing() {
    let mock = mock().await;
    let yaml = format!(
        "server: {{ listen: \"127.0.0.1:0\" }}\nproviders:\n  a: {{ kind: vllm, base_url: \"{}\", api_key: key }}\n",
        mock.base_url()
    );
    let house = House::new(&format!("{yaml}models: {{ fast: {{ targets: [a/gpt-4o-mini] }} }}")).await;
    house.post(CHAT_PATH, CHAT).await;
    mock.script(vec![fault("429"); 9]);
    house.post(CHAT_PATH, CHAT).await;
    let records = house.records(2).await;
    assert_eq!(
        (records[0].price, records[0].cost, records[0].ended),
        (Price::Unknown, None, Ended::Answered)
    );
    assert_eq!((records[1].price, records[1].cost, records[1].ended), (Price::Known, None, Ended::Refused));
    house.serving.stop().await;
}

#[tokio::test]
async fn an_answer_in_parts_costs_what_each_part_does() {
    let (first, second) = (mock().await, mock().await);
    let yaml = config(&[&first.base_url(), &second.base_url()], "");
    let yaml = yaml.replace("gpt-4o-mini] }", "gpt-4o-mini], strategy: fill_first, resume: true }");
    let prices = "prices: { a/*: { input: 1000000, output: 0 }, b/*: { input: 0, output: 1000000 } }\n";
    let house = House::new(&format!("{yaml}{prices}")).await;
    first.script([fault("cut:4")]);
    let answer = house.post(CHAT_PATH, STREAM).await;
    assert!(answer.text.contains("[DONE]"), "{}", answer.text);
    let record = house.records(1).await.remove(0);
    let usage = record.usage.expect("a usage");
    let rest = second.ledger().last().and_then(|entry| entry.usage).expect("the rest was answered");
    // A token is a dollar: of the first part what went in, of the second what came out.
    let went_in = usage.input - rest.input;
    assert!(went_in > 0 && usage.is_estimated, "{record:?}");
    assert_eq!((record.price, record.cost), (Price::Known, Some((went_in + rest.output) * 1_000_000)));
    house.serving.stop().await;
}
