//! Every recorded body and stream, read and written again.

use std::path::PathBuf;

use lockgate_protocol::ir::Request;
use lockgate_testkit::{
    fixtures::{Answer, Case, FIXTURES_ENV, Framing, Kind, open},
    split,
};
use serde_json::{Value, json};

use super::{codec, head, losses, read_stream, reply, target};

/// Applies the normalisations that the dialect's module lists.
fn normal(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|key, value| {
                let is_empty = matches!(value, Value::Object(object) if object.is_empty())
                    || matches!(value, Value::Array(array) if array.is_empty());
                let is_empty = is_empty && matches!(key.as_str(), "system" | "inferenceConfig");
                let is_zero = *value == json!(0)
                    && matches!(key.as_str(), "cacheReadInputTokens" | "cacheWriteInputTokens");
                let says_nothing = key == "type" && *value == json!("tool_use");
                !(is_empty || is_zero || says_nothing || key == "modelId" || value.is_null())
            });
            if let Some(thinking) = members.remove("reasoning_config") {
                members.insert("thinking".to_owned(), thinking);
            }
            members.values_mut().for_each(normal);
        }
        Value::Array(items) => items.iter_mut().for_each(normal),
        _ => {}
    }
}

#[track_caller]
fn same(name: &str, before: &[u8], after: &[u8]) {
    let read = |bytes: &[u8]| {
        let mut value: Value =
            serde_json::from_slice(bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        normal(&mut value);
        value
    };
    let (before, after) = (read(before), read(after));
    assert_eq!(before, after, "{name}\nbefore: {before:#}\nafter: {after:#}");
}

fn model(case: &Case) -> String {
    let url = case.url.as_deref().unwrap();
    let model = url.split("/model/").nth(1).unwrap().split('/').next().unwrap();
    model.replace("%3A", ":")
}

#[track_caller]
fn check_request(name: &str, model: &str, body: &[u8]) {
    let request = codec().decode_request(head(model), body).unwrap_or_else(|fault| panic!("{name}: {fault}"));
    let encoded = codec().encode_request(&request, target(model)).unwrap();
    assert_eq!(losses(&encoded.losses), Vec::<String>::new(), "{name}");
    same(name, body, &encoded.body);
}

#[track_caller]
fn check_response(name: &str, body: &[u8]) {
    let response = codec().decode_response(body).unwrap_or_else(|fault| panic!("{name}: {fault}"));
    let encoded = codec().encode_response(&response, reply(&Request::default()));
    assert_eq!(losses(&encoded.losses), Vec::<String>::new(), "{name}");
    same(name, body, &encoded.body);
}

#[test]
fn whole_exchanges_are_the_same_again() {
    let Some(fixtures) = open() else { return };
    let mut count = 0;
    for case in fixtures.cases("bedrock-converse", Kind::NonStream).map(Result::unwrap) {
        count += 1;
        check_request(&case.id(), &model(&case), &case.request.clone().unwrap());
        let Answer::Whole(body) = &case.answer else { panic!("{} is no whole answer", case.id()) };
        if case.status == 200 {
            check_response(&case.id(), body);
        } else {
            let complaint = codec().decode_error(body).unwrap();
            assert!(complaint.message.is_some(), "{}", case.id());
            assert!(codec().decode_response(body).is_err(), "{}", case.id());
        }
    }
    assert!(count > 20, "only {count} cases");
}

#[test]
fn streams_say_the_same_again_however_they_are_cut() {
    let Some(fixtures) = open() else { return };
    let mut count = 0;
    for case in fixtures.cases("bedrock-converse", Kind::Stream).map(Result::unwrap) {
        count += 1;
        check_request(&case.id(), &model(&case), &case.request.clone().unwrap());
        let Answer::Stream(Framing::EventStream, bytes) = &case.answer else { continue };
        let request = Request::default();
        let mut encoder = codec().encoder(reply(&request));
        let mut out = Vec::new();
        let folded = read_stream(&[bytes], &mut |event| encoder.event(event, &mut out));
        assert_eq!(folded.ending, "end", "{}", case.id());
        assert!(folded.blocks.iter().all(|(kind, said)| kind.starts_with("Foreign") || !said.is_empty()));
        assert_eq!(losses(encoder.losses()), Vec::<String>::new(), "{}", case.id());
        assert_eq!(read_stream(&[&out], &mut |_| {}), folded, "{} written and read again", case.id());
        let mut cuts = case.awkward_cuts.clone();
        cuts.extend(case.boundaries.iter().flat_map(|lengths| split::offsets_of(lengths)));
        for pieces in [split::at(bytes, &cuts).collect::<Vec<_>>(), split::pieces(bytes, 1).collect()] {
            assert_eq!(read_stream(&pieces, &mut |_| {}), folded, "{} in pieces", case.id());
        }
    }
    assert!(count > 8, "only {count} cases");
}

#[test]
fn a_stream_folds_to_the_answer_that_the_recorder_decoded() {
    let Some(fixtures) = open() else { return };
    let case = fixtures.case("bedrock-converse", Kind::Stream, "text-then-tool").unwrap();
    let Answer::Stream(_, bytes) = &case.answer else { panic!("not a stream") };
    let folded = read_stream(&[bytes], &mut |_| {});
    insta::assert_debug_snapshot!(folded);
}

/// The same calls as other providers got; they are not in the index.
#[test]
fn parallel_cases_are_the_same_again() {
    let root = std::env::var_os(FIXTURES_ENV).map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures"),
        PathBuf::from,
    );
    if open().is_none() {
        return;
    }
    let read = |folder: &str, file: &str| {
        std::fs::read(root.join("parallel").join(folder).join(format!("bedrock-converse.{file}.json")))
            .unwrap()
    };
    for folder in ["simpleRequest", "toolCallRequest", "parallelToolCallsRequest", "reasoningRequest"] {
        let model = super::CLAUDE;
        check_request(folder, model, &read(folder, "request"));
        check_request(folder, model, &read(folder, "followup-request"));
        check_response(folder, &read(folder, "response"));
    }
}

/// InvokeModel wraps the events of the Messages API; here they are only unwrapped.
#[test]
fn chunks_of_invoke_model_are_unwrapped() {
    use lockgate_protocol::{
        codec::{Sink, Step, StreamDecoder},
        dialects::invoke,
        ir::Event,
    };
    /// Counts what it is given, and checks that it is a server-sent event with JSON.
    #[derive(Default)]
    struct Counter(Vec<String>);

    impl StreamDecoder for Counter {
        fn event(&mut self, raw: &[u8], sink: Sink<'_>) -> Step {
            let event = lockgate_protocol::framing::sse::Event::parse(raw);
            let value: Value = serde_json::from_slice(&event.data.unwrap()).unwrap();
            self.0.push(value["type"].as_str().unwrap().to_owned());
            if value["type"] == "message_stop" {
                sink(Event::End);
                return Step::End;
            }
            Step::Go
        }

        fn finish(&mut self, _: Sink<'_>) -> Step {
            Step::End
        }
    }

    let Some(fixtures) = open() else { return };
    let case = fixtures.case("bedrock-invoke", Kind::Stream, "anthropic-tool-call-stream").unwrap();
    let Answer::Stream(_, bytes) = &case.answer else { panic!("not a stream") };
    let mut unwrap = invoke::Unwrap::new(Box::new(Counter::default()));
    let mut framer = lockgate_protocol::framing::event_stream::Framer::default();
    let batch = framer.push(&bytes::Bytes::copy_from_slice(bytes)).unwrap();
    let mut steps = Vec::new();
    for frame in batch.events() {
        steps.push(unwrap.event(frame, &mut |_| {}));
    }
    assert_eq!(steps.pop(), Some(Step::End));
    assert!(steps.len() > 20 && steps.iter().all(|step| *step == Step::Go), "{steps:?}");
}
