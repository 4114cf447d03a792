//! Recorded traffic, read and written again.

use lockgate_protocol::{
    codec::{Step, Target},
    ir::{Request, StopReason},
};
use lockgate_testkit::fixtures::{self, Answer, Case, Fixtures, Framing, Kind};
use serde_json::Value;

use super::{
    ARRAY, SSE, codec, decode, head,
    normal::{fold, normal},
    payloads, reply,
};

const TARGET: Target<'static> = Target { model: "m", max_output: None, version: None };

fn cases(fixtures: &Fixtures, kind: Kind) -> Vec<Case> {
    fixtures.cases("gemini", kind).map(Result::unwrap).collect()
}

/// Requests of the recordings that show the same case in several dialects.
fn parallel() -> Vec<(String, Vec<u8>)> {
    let root = std::env::var_os(fixtures::FIXTURES_ENV).map_or_else(
        || std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures"),
        std::path::PathBuf::from,
    );
    let folders = std::fs::read_dir(root.join("parallel")).into_iter().flatten().flatten();
    let names = ["gemini.request.json", "gemini.followup-request.json"];
    let paths = folders.flat_map(|folder| names.map(|name| folder.path().join(name)));
    paths.filter_map(|path| Some((path.display().to_string(), std::fs::read(&path).ok()?))).collect()
}

#[test]
fn requests_come_out_as_they_went_in() {
    let Some(fixtures) = fixtures::open() else { return };
    let mut requests = parallel();
    for kind in [Kind::NonStream, Kind::Stream] {
        requests
            .extend(cases(&fixtures, kind).into_iter().filter_map(|case| Some((case.id(), case.request?))));
    }
    assert!(requests.len() > 60, "only {} requests", requests.len());
    for (id, body) in requests {
        let read = codec().decode_request(head(), &body);
        if id.ends_with("error-400-role") {
            assert_eq!(
                read.unwrap_err().to_string(),
                "bad_request: `contents[0].role` must be `user` or `model`"
            );
            continue;
        }
        let encoded = codec().encode_request(&read.unwrap(), TARGET).unwrap();
        let got: Value = serde_json::from_slice(&encoded.body).unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(normal(&got), normal(&body), "{id}");
        assert!(encoded.losses.is_empty(), "{id}: {}", encoded.losses);
    }
}

#[test]
fn answers_come_out_as_they_went_in() {
    let Some(fixtures) = fixtures::open() else { return };
    let mut answers = 0;
    let request = Request::default();
    for case in cases(&fixtures, Kind::NonStream) {
        let Answer::Whole(body) = &case.answer else { panic!("{} is a stream", case.id()) };
        if case.status != 200 {
            let complaint = codec().decode_error(body).unwrap();
            assert!(complaint.message.is_some() && complaint.kind.is_some(), "{}", case.id());
            continue;
        }
        answers += 1;
        let response = codec().decode_response(body).unwrap();
        let encoded = codec().encode_response(&response, reply(&request, ""));
        let got: Value = serde_json::from_slice(&encoded.body).unwrap();
        assert_eq!(normal(&got), normal(&serde_json::from_slice(body).unwrap()), "{}", case.id());
        assert!(encoded.losses.is_empty(), "{}: {}", case.id(), encoded.losses);
    }
    assert!(answers > 20, "only {answers} answers");
}

/// The payloads of a recorded stream, each as the text of one event.
fn events(case: &Case) -> Vec<String> {
    match &case.answer {
        Answer::Stream(Framing::Sse, bytes) => payloads(bytes).iter().map(Value::to_string).collect(),
        Answer::Stream(Framing::JsonArray, bytes) => {
            let items: Vec<Value> = serde_json::from_slice(bytes).unwrap();
            items.iter().map(Value::to_string).collect()
        }
        Answer::Events(events) => events.clone(),
        other => panic!("{}: {other:?}", case.id()),
    }
}

#[test]
fn streams_fold_to_the_same_answer_in_both_forms() {
    let Some(fixtures) = fixtures::open() else { return };
    let request = Request::default();
    for case in cases(&fixtures, Kind::Stream) {
        let events = events(&case);
        let mut sse = codec().encoder(reply(&request, SSE));
        let mut array = codec().encoder(reply(&request, ARRAY));
        let (mut as_sse, mut as_array) = (Vec::new(), Vec::new());
        let step = decode(&events, |event| {
            sse.event(event, &mut as_sse);
            array.event(event, &mut as_array);
        });
        assert_eq!(step, Step::End, "{}", case.id());
        let recorded: Vec<Value> = events.iter().map(|event| serde_json::from_str(event).unwrap()).collect();
        let mut expect = fold(&recorded);
        // What a stream cannot carry on: which traffic it was.
        if let Some(usage) = expect.get_mut("usageMetadata").and_then(Value::as_object_mut) {
            usage.retain(|key, _| key.ends_with("TokenCount"));
        }
        let items = payloads(&as_sse);
        let mut got = fold(&items);
        if let Some(usage) = got.get_mut("usageMetadata").and_then(Value::as_object_mut) {
            usage.retain(|key, _| key.ends_with("TokenCount"));
        }
        assert_eq!(got, expect, "{}", case.id());
        let as_array: Vec<Value> = serde_json::from_slice(&as_array).unwrap();
        assert_eq!(as_array, items, "{}", case.id());
        assert!(sse.losses().is_empty(), "{}: {}", case.id(), sse.losses());
    }
}

#[test]
fn a_stream_says_what_the_whole_answer_says() {
    let Some(fixtures) = fixtures::open() else { return };
    for case in cases(&fixtures, Kind::Stream) {
        let events = events(&case);
        let recorded: Vec<Value> = events.iter().map(|event| serde_json::from_str(event).unwrap()).collect();
        let whole = fold(&recorded).to_string();
        let response = codec().decode_response(whole.as_bytes()).unwrap();
        let mut blocks = 0;
        let mut reasons = Vec::new();
        let mut usage = None;
        decode(&events, |event| match event {
            lockgate_protocol::ir::Event::BlockStart { .. } => blocks += 1,
            lockgate_protocol::ir::Event::Stop { stop, .. } => reasons.push(stop.reason),
            lockgate_protocol::ir::Event::Usage(latest) => usage = Some(*latest),
            _ => {}
        });
        let expect: Vec<StopReason> =
            response.choices.iter().filter_map(|choice| Some(choice.stop.as_ref()?.reason)).collect();
        assert_eq!(reasons, expect, "{}", case.id());
        assert_eq!(
            blocks,
            response.choices.iter().map(|choice| choice.blocks.len()).sum::<usize>(),
            "{}",
            case.id()
        );
        assert_eq!(
            usage.map(|usage| usage.output),
            response.usage.map(|usage| usage.output),
            "{}",
            case.id()
        );
    }
}

#[test]
fn a_cut_stream_is_never_whole() {
    let Some(fixtures) = fixtures::open() else { return };
    for case in cases(&fixtures, Kind::Stream) {
        let events = events(&case);
        let step = decode(&events[..events.len() - 1], |event| {
            assert!(!matches!(event, lockgate_protocol::ir::Event::End), "{}", case.id());
        });
        assert!(matches!(step, Step::Garbled(_)), "{}: {step:?}", case.id());
    }
}
