//! Sixteen ways to fail over, after a public yardstick: a provider with the fault, a healthy one behind it, answers of sixty
//! tokens, and for each a bound on time, attempts and what the client gets.
//!
//! What takes longer than five seconds is done at a twentieth of its time, limits included; `LOCKGATE_SCENARIOS=long` runs at
//! true times and with the limits that the gateway has by itself. `cargo test scenarios -- --nocapture` prints the table.

use std::{
    fmt::Write as _,
    pin::Pin,
    time::{Duration, Instant},
};

use lockgate_mock::{Door, Fault, Mock, Prefill, Rule};
use lockgate_store::Ended;

use crate::catalogue::{
    bench::{Bench, Got, Way, behaviour},
    verdict::Verdict,
};

/// What a scenario comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// The whole answer.
    Whole,
    /// The provider's refusal of the prompt, which nobody could have averted.
    Told,
    /// A clean error behind a part of the answer.
    Failed,
}

use Outcome::{Failed, Told, Whole};

/// A way to set the model up: its name, and fields of the model.
struct Mode {
    name: &'static str,
    fields: &'static str,
}

const MODES: &[Mode] = &[
    Mode { name: "default", fields: "" },
    Mode { name: "held", fields: ", commit: whole" },
    Mode { name: "resumed", fields: ", resume: true" },
];

/// One scenario.
struct Scenario {
    id: &'static str,
    what: &'static str,
    /// What may come of it, streamed and whole, in each mode.
    expected: Expected,
    /// What the model has in every mode.
    fields: &'static str,
    /// Asked for as a stream only.
    streams_only: bool,
    run: Run,
}

type Run = fn(Bench, Way) -> Pin<Box<dyn Future<Output = Result<Outcome, String>> + Send>>;

const SCENARIOS: &[Scenario] = &[
    scenario("S01", "429 with `retry-after: 2`, once", EVERYWHERE, |bench, way| Box::pin(s01(bench, way))),
    scenario("S02", "429 always", EVERYWHERE, |bench, way| Box::pin(s02(bench, way))),
    scenario("S03", "500 once", EVERYWHERE, |bench, way| Box::pin(s03(bench, way))),
    scenario("S04", "503 always", EVERYWHERE, |bench, way| Box::pin(s04(bench, way))),
    scenario("S05", "TCP reset before the head", EVERYWHERE, |bench, way| Box::pin(s05(bench, way))),
    scenario("S06", "no answer at all", EVERYWHERE, |bench, way| Box::pin(s06(bench, way))),
    streamed("S07", "the first token after 20 s", EVERYWHERE, |bench, way| Box::pin(s07(bench, way))),
    streamed("S08", "cut after 40 of 60 tokens", MIDSTREAM, |bench, way| Box::pin(s08(bench, way))),
    streamed("S09", "silent for 30 s after 20 tokens", MIDSTREAM, |bench, way| Box::pin(s09(bench, way))),
    streamed("S10", "a malformed event in the middle", EVERYWHERE, |bench, way| Box::pin(s10(bench, way))),
    streamed("S11", "no [DONE]", EVERYWHERE, |bench, way| Box::pin(s11(bench, way))),
    scenario("S12", "400 context length", TOLD, |bench, way| Box::pin(s12(bench, way))),
    Scenario {
        fields: ", on_context_length: [good-openai-chat/mock-3]",
        ..scenario("S12", "the same, with a larger model", EVERYWHERE, |bench, way| {
            Box::pin(larger(bench, way))
        })
    },
    scenario("S13", "400 content filter", TOLD, |bench, way| Box::pin(s13(bench, way))),
    streamed("S14", "cut, and the other refuses a prefill", MIDSTREAM, |bench, way| {
        Box::pin(s14(bench, way))
    }),
    scenario("S15", "down for 60 s, then healthy", EVERYWHERE, |bench, way| Box::pin(s15(bench, way))),
    scenario("S16", "who answered and what it cost", EVERYWHERE, |bench, way| Box::pin(s16(bench, way))),
];

/// What may come of a scenario in each mode.
type Expected = [&'static [Outcome]; MODES.len()];

const EVERYWHERE: Expected = [&[Whole], &[Whole], &[Whole]];
const TOLD: Expected = [&[Told], &[Told], &[Told]];
/// What goes wrong behind the first byte.
const MIDSTREAM: Expected = [&[Failed], &[Whole], &[Whole]];

const fn scenario(id: &'static str, what: &'static str, expected: Expected, run: Run) -> Scenario {
    Scenario { id, what, expected, fields: "", streams_only: false, run }
}

/// A scenario of something that only streams have.
const fn streamed(id: &'static str, what: &'static str, expected: Expected, run: Run) -> Scenario {
    Scenario { streams_only: true, ..scenario(id, what, expected, run) }
}

/// Whether true times are wanted.
fn is_long() -> bool {
    std::env::var("LOCKGATE_SCENARIOS").is_ok_and(|form| form == "long")
}

/// A time that is longer than five seconds as it is run.
fn scaled(seconds: u32) -> Duration {
    Duration::from_secs(seconds.into()) / if is_long() { 1 } else { 20 }
}

/// The limits that the gateway has by itself, as they are run. Only what is not streamed has a shorter one here: minutes are
/// right for a long answer, and no yardstick waits for them.
fn limits() -> String {
    let spelled = |seconds| format!("{}ms", scaled(seconds).as_millis());
    let answer = format!("answer: {}", spelled(30));
    match is_long() {
        true => answer,
        false => format!(
            "first_byte: {}, first_token: {}, stall: {}, {answer}",
            spelled(30),
            spelled(12),
            spelled(60)
        ),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_ways_to_fail_over() {
    let mut runs = Vec::new();
    for scenario in SCENARIOS {
        for (mode, expected) in MODES.iter().zip(scenario.expected) {
            for stream in [true, false] {
                if stream || !scenario.streams_only {
                    runs.push(row(scenario, mode, expected, stream));
                }
            }
        }
    }
    use futures_util::StreamExt;
    let rows: Vec<_> = futures_util::stream::iter(runs).buffered(8).collect().await;
    let mut table = format!("{:4} {:38} {:8} {:7} {:>9}  outcome\n", "", "scenario", "mode", "form", "ms");
    rows.iter().for_each(|(line, _)| writeln!(table, "{line}").unwrap());
    println!("{table}");
    let wrong = rows.iter().filter(|(_, is_right)| !is_right).count();
    assert_eq!(wrong, 0, "{wrong} of {} are not what they must be:\n{table}", rows.len());
}

async fn row(scenario: &Scenario, mode: &Mode, expected: &[Outcome], stream: bool) -> (String, bool) {
    let bench = Bench::with(&limits(), &format!("{}{}", scenario.fields, mode.fields), "").await;
    let way = Way { client: "openai-chat", upstream: "openai-chat", stream };
    let start = Instant::now();
    let outcome = (scenario.run)(bench, way).await;
    let took = start.elapsed().as_millis();
    let form = if stream { "stream" } else { "whole" };
    let (word, is_right) = match &outcome {
        Ok(outcome) if expected.contains(outcome) => (format!("{outcome:?}"), true),
        Ok(outcome) => (format!("WRONG: {outcome:?} and not {expected:?}"), false),
        Err(why) => (format!("WRONG: {why:.300}"), false),
    };
    (format!("{:4} {:38} {:8} {form:7} {took:>9}  {word}", scenario.id, scenario.what, mode.name), is_right)
}

/// Fails with `why` unless `is_so`.
fn that(is_so: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if is_so { Ok(()) } else { Err(why()) }
}

fn fault(text: &str) -> Fault {
    text.parse().unwrap()
}

/// The requests that one provider and both got.
fn asked(bench: &Bench) -> (u64, u64) {
    let of = |mock: &Mock| mock.counts().requests;
    (of(&bench.bad), of(&bench.bad) + of(&bench.good))
}

/// What an answer comes to, which must be the whole text, a refusal before it, or a clean error behind a part of it.
fn outcome(got: &Got) -> Result<Outcome, String> {
    match &got.verdict {
        Verdict::Failed { text, .. } if text.is_empty() && got.answer.status == 400 => Ok(Told),
        Verdict::Failed { .. } => got.is_clean_error().map(|()| Failed),
        _ => got.is_whole().map(|()| Whole),
    }
}

/// One question while `fault` befalls every request to the first provider: no more than `tries` there, `all` in all, and
/// an answer within `within`.
async fn ask(bench: &Bench, way: Way, tries: u64, all: u64, within: Duration) -> Result<Outcome, String> {
    let got = bench.ask("both", way).await;
    let asked = asked(bench);
    that(asked.0 <= tries && asked.1 <= all, || format!("{} tries, {} in all", asked.0, asked.1))?;
    that(got.took <= within, || format!("it took {:?}", got.took))?;
    outcome(&got)
}

const SOON: Duration = Duration::from_secs(5);

async fn s01(bench: Bench, way: Way) -> Result<Outcome, String> {
    bench.bad.script([fault("429;retry-after=2")]);
    let outcome = ask(&bench, way, 2, 2, SOON).await?;
    let at: Vec<_> = bench.bad.ledger().iter().map(|entry| entry.at).collect();
    if let [first, second] = at.as_slice() {
        let waited = *second - *first;
        that(waited >= Duration::from_millis(1900), || format!("asked again after {waited:?}"))?;
    }
    Ok(outcome)
}

async fn s02(bench: Bench, way: Way) -> Result<Outcome, String> {
    bench.always("429");
    ask(&bench, way, 4, 6, SOON).await
}

async fn s03(bench: Bench, way: Way) -> Result<Outcome, String> {
    bench.bad.script([fault("500")]);
    let outcome = ask(&bench, way, 2, 2, SOON).await?;
    // Alone, one more try is all it takes.
    bench.bad.script([fault("500")]);
    let before = asked(&bench).0;
    bench.ask("alone", way).await.is_whole()?;
    that(asked(&bench).0 - before == 2, || format!("{} tries alone", asked(&bench).0 - before))?;
    Ok(outcome)
}

async fn s04(bench: Bench, way: Way) -> Result<Outcome, String> {
    bench.always("503");
    ask(&bench, way, 6, 7, SOON).await
}

async fn s05(bench: Bench, way: Way) -> Result<Outcome, String> {
    bench.always("reset");
    ask(&bench, way, 6, 7, SOON).await
}

async fn s06(bench: Bench, way: Way) -> Result<Outcome, String> {
    bench.always("silent");
    ask(&bench, way, 1, 2, scaled(30) + Duration::from_secs(1)).await
}

async fn s07(bench: Bench, way: Way) -> Result<Outcome, String> {
    bench.always(&format!("late:{}ms", scaled(20).as_millis()));
    ask(&bench, way, 1, 2, scaled(15)).await
}

async fn s08(bench: Bench, way: Way) -> Result<Outcome, String> {
    bench.always("cut:40");
    bench.good.set_behaviour(lockgate_mock::Behaviour { prefill: Prefill::Continue, ..behaviour() });
    ask(&bench, way, 2, 4, SOON).await
}

async fn s09(bench: Bench, way: Way) -> Result<Outcome, String> {
    bench.bad.script([fault(&format!("stall:20;{}ms", scaled(30).as_millis()))]);
    bench.good.set_behaviour(lockgate_mock::Behaviour { prefill: Prefill::Continue, ..behaviour() });
    let outcome = ask(&bench, way, 1, 3, scaled(45)).await?;
    // Healthy afterwards: whoever answers, answers whole.
    bench.ask("both", way).await.is_whole()?;
    Ok(outcome)
}

async fn s10(bench: Bench, way: Way) -> Result<Outcome, String> {
    bench.always("malformed:30");
    ask(&bench, way, 1, 1, SOON).await
}

async fn s11(bench: Bench, way: Way) -> Result<Outcome, String> {
    bench.always("no-done");
    let outcome = ask(&bench, way, 1, 1, Duration::from_secs(8)).await?;
    let record = bench.house.records(1).await.remove(0);
    let output = record.usage.map(|usage| usage.output);
    that(output == Some(tokens()), || format!("usage on record: {:?}", record.usage))?;
    Ok(outcome)
}

/// The tokens of an answer.
fn tokens() -> u64 {
    60
}

async fn s12(bench: Bench, way: Way) -> Result<Outcome, String> {
    refused(&bench, way, "context-length", "context_length_exceeded").await
}

/// The prompt is too long for the model, and another is there for such prompts.
async fn larger(bench: Bench, way: Way) -> Result<Outcome, String> {
    bench.always("context-length");
    let got = bench.ask("both", way).await;
    that(asked(&bench) == (1, 2), || format!("{:?} attempts", asked(&bench)))?;
    let answered = got.answer.header("x-lockgate-deployment").to_owned();
    that(answered.contains("/mock-3"), || format!("answered by {answered}"))?;
    outcome(&got)
}

async fn s13(bench: Bench, way: Way) -> Result<Outcome, String> {
    refused(&bench, way, "content-filter", "content_filter").await
}

/// The prompt is at fault: one attempt, and the provider's reason for the client.
async fn refused(bench: &Bench, way: Way, name: &str, reason: &str) -> Result<Outcome, String> {
    bench.always(name);
    let got = bench.ask("both", way).await;
    that(asked(bench) == (1, 1), || format!("{:?} attempts", asked(bench)))?;
    that(got.answer.text.contains(reason), || format!("no reason: {}", got.answer.text))?;
    outcome(&got)
}

async fn s14(bench: Bench, way: Way) -> Result<Outcome, String> {
    bench.always("cut:40");
    bench.good.set_behaviour(lockgate_mock::Behaviour { prefill: Prefill::Refuse, ..behaviour() });
    let got = bench.ask("both", way).await;
    let refusal = "Expected last role User";
    that(!got.answer.text.contains(refusal), || format!("the client sees the refusal: {}", got.answer.text))?;
    that(asked(&bench).1 <= 4, || format!("{} attempts", asked(&bench).1))?;
    outcome(&got)
}

async fn s15(bench: Bench, way: Way) -> Result<Outcome, String> {
    let down = scaled(60);
    bench.bad.shut(Door::Refuse, down).await;
    let start = Instant::now();
    let pause = scaled(60) / 40;
    while start.elapsed() < down - pause {
        let got = bench.ask("both", way).await;
        got.is_whole().map_err(|why| format!("while it is down: {why}"))?;
        that(got.took < Duration::from_secs(2), || format!("while it is down: {:?}", got.took))?;
        tokio::time::sleep(pause).await;
    }
    loop {
        let got = bench.ask("both", way).await;
        got.is_whole()?;
        if got.answer.header("x-lockgate-deployment").starts_with("bad-") {
            return Ok(Whole);
        }
        // The gateway's rests are not scaled: in the short form the third one, of four seconds, is the last.
        let back = if is_long() { scaled(30) } else { Duration::from_secs(6) };
        that(start.elapsed() < down + back + pause, || "it is not asked again".to_owned())?;
        tokio::time::sleep(pause / 4).await;
    }
}

async fn s16(bench: Bench, way: Way) -> Result<Outcome, String> {
    bench.bad.rules(vec![Rule::new(fault("500"))]);
    let got = bench.ask("both", way).await;
    let outcome = outcome(&got)?;
    let answered = got.answer.header("x-lockgate-deployment").to_owned();
    that(answered == "good-openai-chat/mock-2#1", || format!("answered by {answered}"))?;
    that(got.answer.text.contains("\"model\":\"mock-2\""), || "the answer names another model".to_owned())?;
    let record = bench.house.records(1).await.remove(0);
    let billed =
        bench.good.ledger().iter().filter_map(|entry| entry.usage).map(|usage| usage.output).sum::<u64>();
    let noted = record.usage.map(|usage| usage.output);
    that(noted == Some(billed) && billed == tokens(), || format!("{noted:?} noted, {billed} billed"))?;
    that(record.ended == Ended::Answered, || format!("{record:?}"))?;
    let faults = record.attempts.iter().filter(|attempt| attempt.fault.is_some()).count();
    that(faults == record.attempts.len() - 1, || format!("{:?}", record.attempts))?;
    Ok(outcome)
}
