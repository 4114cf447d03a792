//! Whole answers out of streams say what the streams said.

use bytes::Bytes;
use lockgate_protocol::{
    dialect::Operation,
    fold::{Folded, fold},
    framing::Framer,
    ir::{Block, Content, Response},
};
use lockgate_training::{Call, assemble};

use crate::corpus::{self, Exchange};

/// Streams that a whole answer of their dialect cannot repeat, and why.
const EXCEPTIONS: &[(&str, &str)] = &[(
    "anthropic-messages/stream-sdk-incomplete-partial-json",
    "arguments that are cut off are no JSON, which a whole answer has there: it has them as a text",
)];

/// What of an answer has to be the same. Of dialects whose last event repeats the whole answer, that is taken as it is:
/// providers sign and measure it anew.
fn gist(exchange: &Exchange, response: &Response<'_>) -> String {
    let is_said_again = exchange.dialect.conversations().is_some();
    let block = |block: &Block<'_>| match &block.content {
        Content::Thinking(thinking) => {
            let proof = thinking.signature.as_ref().map(|signature| &*signature.value);
            // The name of the member that reasoning stood in is no proof.
            let proof = proof.filter(|proof| !is_said_again && proof.len() > "reasoning_content".len());
            format!("{:?}", (&thinking.text, thinking.is_summary, thinking.is_redacted, proof))
        }
        content => format!("{content:?}"),
    };
    let choices: Vec<_> = response
        .choices
        .iter()
        .map(|choice| {
            let blocks: Vec<String> = choice.blocks.iter().map(block).collect();
            let logprobs = choice.logprobs.as_ref().filter(|_| !is_said_again);
            let stop = choice.stop.as_ref().map(|stop| (stop.reason, &stop.sequence, &stop.details));
            (choice.index, blocks, format!("{stop:?}"), logprobs)
        })
        .collect();
    format!("{:#?}", (&response.id, &response.model, choices, response.usage, &response.service_tier))
}

fn assembled(exchange: &Exchange, bytes: &Bytes) -> Option<Bytes> {
    assemble(&exchange.call(), &exchange.request, bytes)
}

fn is_stream(exchange: &Exchange) -> bool {
    exchange.id.contains("/stream-")
}

#[track_caller]
fn check(exchange: &Exchange, expect: Option<&Response<'_>>) {
    let found = assembled(exchange, &exchange.answer);
    let found = found.as_ref().map(|found| {
        let read = exchange.dialect.codec().decode_response(found);
        gist(exchange, &read.unwrap_or_else(|fault| panic!("{}: {fault}", exchange.id)))
    });
    let expect = expect.map(|expect| gist(exchange, expect));
    let differ = |(one, other): &(&str, &str)| one != other;
    let (left, right) = (found.unwrap_or_default(), expect.unwrap_or_default());
    if let Some((one, other)) = left.lines().zip(right.lines()).find(differ) {
        panic!("{}:\n  assembled: {one}\n  streamed:  {other}", exchange.id);
    }
    assert_eq!(left.lines().count(), right.lines().count(), "{}", exchange.id);
}

#[test]
fn every_recorded_stream_is_the_answer_it_says() {
    let Some(recorded) = corpus::recorded() else { return };
    let mut whole = 0;
    for exchange in recorded.iter().filter(|exchange| is_stream(exchange)) {
        // Streams without server-sent events are cut differently; their own tests are below.
        if exchange.answer.trim_ascii_start().starts_with(b"[")
            || EXCEPTIONS.iter().any(|row| row.0 == exchange.id)
        {
            continue;
        }
        match fold(exchange.dialect.name(), exchange.dialect.codec(), &exchange.answer, None) {
            Folded::Whole(response) => {
                whole += 1;
                check(exchange, Some(&response));
            }
            Folded::Failed(_) | Folded::Garbled(_) if is_json(&exchange.answer) => {}
            Folded::Failed(_) | Folded::Garbled(_) => check(exchange, None),
        }
    }
    assert!(whole > 70, "only {whole} streams are whole");
}

fn is_json(bytes: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(bytes).is_ok()
}

#[test]
fn a_stream_that_came_as_one_array_is_the_answer_too() {
    let Some(recorded) = corpus::recorded() else { return };
    let mut arrays = 0;
    for mut exchange in recorded.into_iter().filter(|exchange| exchange.answer.starts_with(b"[")) {
        arrays += 1;
        assert!(assembled(&exchange, &exchange.answer).is_some(), "{}", exchange.id);
        let events: Vec<serde_json::Value> = serde_json::from_slice(&exchange.answer).unwrap();
        let framed: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
        let codec = exchange.dialect.codec();
        let Folded::Whole(response) = fold(exchange.dialect.name(), codec, &framed.into(), None) else {
            panic!("{} is not whole", exchange.id);
        };
        exchange.answer = serde_json::to_vec(&events).unwrap().into();
        check(&exchange, Some(&response));
    }
    assert!(arrays > 0, "no stream came as an array");
}

#[test]
fn a_stream_that_is_cut_is_no_answer_or_all_of_it() {
    let Some(recorded) = corpus::recorded() else { return };
    for exchange in recorded.iter().filter(|exchange| is_stream(exchange)) {
        let Some(all) = assembled(exchange, &exchange.answer) else { continue };
        let codec = exchange.dialect.codec();
        let all = codec.decode_response(&all).unwrap();
        let said = |response: &Response<'_>| format!("{:?}", response.choices[0].blocks);
        let length = exchange.answer.len();
        for cut in (1..12).map(|part| length * part / 12).chain(length.saturating_sub(40)..length) {
            if let Some(cut) = assembled(exchange, &exchange.answer.slice(..cut)) {
                let cut = codec.decode_response(&cut).unwrap();
                assert_eq!(said(&cut), said(&all), "{} looks whole in parts", exchange.id);
            }
        }
    }
}

#[test]
fn what_came_whole_is_the_answer_and_an_error_is_none() {
    for exchange in corpus::own() {
        assert_eq!(assembled(&exchange, &exchange.answer), Some(exchange.answer.clone()), "{}", exchange.id);
    }
    let Some(recorded) = corpus::recorded() else { return };
    let mut errors = 0;
    for exchange in recorded.iter().filter(|exchange| !is_stream(exchange)) {
        let found = assembled(exchange, &exchange.answer);
        if exchange.id.contains("/error-") {
            errors += 1;
            assert_eq!(found, None, "{}", exchange.id);
        } else if let Some(found) = found {
            assert_eq!(found, exchange.answer, "{}", exchange.id);
        }
    }
    assert!(errors > 20, "only {errors} errors");
}

#[test]
fn a_streamed_completion_of_a_text_is_an_answer_too() {
    let exchange = corpus::own().into_iter().find(|own| own.dialect.name() == "openai-chat").unwrap();
    let call = Call { operation: Operation::Complete, path: "/v1/completions", ..exchange.call() };
    let chunk = |text: &str, finish: &str| {
        format!(
            "data: {{\"id\":\"c\",\"choices\":[{{\"index\":0,\"text\":\"{text}\",\"finish_reason\":{finish}}}]}}\n\n"
        )
    };
    let stream = chunk("Aho", "null") + &chunk("i!", "\"stop\"") + "data: [DONE]\n\n";
    let of = |bytes: &str| assemble(&call, b"", &Bytes::copy_from_slice(bytes.as_bytes()));
    let whole = r#"{"choices":[{"finish_reason":"stop","index":0,"logprobs":null,"text":"Ahoi!"}],"id":"c"}"#;
    assert_eq!(of(&stream).as_deref(), Some(whole.as_bytes()));
    assert_eq!(of(whole).as_deref(), Some(whole.as_bytes()));
    assert_eq!(of(&chunk("Aho", "null")), None);
    assert_eq!(of(&(chunk("Aho", "null") + "data: {\"error\":{\"message\":\"no\"}}\n\n")), None);
}

#[test]
fn events_that_nobody_could_have_meant_do_not_spoil_it() {
    let answer = "data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Ahoi\"}}]}\n\n\
                  data: <html>\n\n\
                  data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n\
                  data: [DONE]\n\n";
    let mut exchanges = corpus::own();
    let exchange = exchanges.iter_mut().find(|exchange| exchange.dialect.name() == "openai-chat").unwrap();
    let found = assembled(exchange, &Bytes::from(answer)).expect("one event of noise is left out");
    let text = String::from_utf8(found.to_vec()).unwrap();
    assert!(text.contains("\"content\":\"Ahoi\""), "{text}");
    let noise = answer.replace("data: <html>\n\n", &"data: <html>\n\n".repeat(4));
    assert_eq!(assembled(exchange, &Bytes::from(noise)), None);
    let events = |text: &str| {
        let mut framer = Framer::new(exchange.dialect.codec().framing());
        framer.push(&Bytes::copy_from_slice(text.as_bytes())).unwrap().events().count()
    };
    assert_eq!(events(answer), 4);
}
