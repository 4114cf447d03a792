//! Hosts that have the model in the path: their bodies, paths and streams, held to recorded traffic.

use bytes::Bytes;
use lockgate_protocol::{
    codec::StreamDecoder,
    dialects::{Host, Hosted, hosted_body, invoke},
    framing::{Framer, sse},
};
use lockgate_testkit::fixtures::{Answer, Kind};
use serde_json::{Value, json};

use super::{codec, recorded::cases, value};

/// Every recording of a host.
fn recorded() -> Vec<(Host, lockgate_testkit::fixtures::Case)> {
    let mut all = Vec::new();
    for folder in ["anthropic-messages", "bedrock-invoke"] {
        for kind in [Kind::NonStream, Kind::Stream] {
            all.extend(cases(folder, kind).into_iter().filter_map(|case| {
                let body = value(case.request.as_deref()?);
                let version = body["anthropic_version"].as_str()?;
                let host =
                    [Host::InvokeModel, Host::RawPredict].into_iter().find(|it| it.version() == version);
                Some((host.unwrap(), case))
            }));
        }
    }
    all
}

#[test]
fn a_body_for_the_api_becomes_the_one_that_was_recorded() {
    for (host, case) in recorded() {
        let expect = value(case.request.as_deref().unwrap());
        let mut body = expect.clone();
        let members = body.as_object_mut().unwrap();
        members.remove("anthropic_version");
        members.insert("model".to_owned(), json!("claude"));
        if host == Host::InvokeModel {
            members.insert("stream".to_owned(), json!(case.kind == Kind::Stream));
        }
        let pieces =
            hosted_body(&Bytes::from(body.to_string()), Hosted { host, betas: &[] }).unwrap().concat();
        assert_eq!(value(&pieces), expect, "{}", case.id());
    }
}

#[test]
fn requests_go_where_the_recorded_ones_went() {
    for (host, case) in recorded() {
        let url = case.url.clone().unwrap().replace(":443", "");
        let (_, rest) = url.split_once("/model/").or_else(|| url.split_once("/models/")).unwrap();
        let (model, _) = rest.split_once('/').or_else(|| rest.rsplit_once(':')).unwrap();
        let model = percent_encoding::percent_decode_str(model).decode_utf8().unwrap();
        let tail = host.call(&model, case.kind == Kind::Stream).tail;
        assert!(url.ends_with(&tail), "{}: {url} does not end with {tail}", case.id());
    }
    let tail = |host: Host, model, stream| host.call(model, stream).tail;
    assert_eq!(tail(Host::InvokeModel, "a/b:1", false), "/model/a%2Fb%3A1/invoke");
    assert_eq!(
        tail(Host::RawPredict, "claude-x@1/..", true),
        "/publishers/anthropic/models/claude-x@1%2F..:streamRawPredict"
    );
}

#[test]
fn streams_are_those_of_the_maker() {
    for (host, case) in recorded() {
        let Answer::Stream(_, bytes) = &case.answer else { continue };
        let mut framer = Framer::new(host.framing());
        let batch = framer.push(&Bytes::copy_from_slice(bytes)).unwrap();
        let frames: Vec<&[u8]> = batch.events().collect();
        let plain = frames.iter().map(|frame| match (host, invoke::unwrap(frame)) {
            (Host::RawPredict, _) => frame.to_vec(),
            (Host::InvokeModel, invoke::Inside::Event(event)) => {
                let read = sse::Event::parse(&event);
                let data: Value = serde_json::from_slice(read.data.as_deref().unwrap()).unwrap();
                assert_eq!(read.name, data["type"].as_str().map(str::as_bytes));
                event
            }
            (Host::InvokeModel, other) => panic!("{}: {other:?}", case.id()),
        });
        let expect = meanings(codec().decoder(), plain);
        assert_eq!(expect.last().map(String::as_str), Some("End"), "{}", case.id());
        assert_eq!(meanings(host.decoder(), frames.iter().map(|frame| frame.to_vec())), expect);
    }
}

/// What a decoder hands over of these events.
fn meanings(mut decoder: Box<dyn StreamDecoder>, events: impl Iterator<Item = Vec<u8>>) -> Vec<String> {
    let mut all = Vec::new();
    for event in events {
        decoder.event(&event, &mut |event| all.push(format!("{event:?}")));
    }
    all
}

#[track_caller]
fn check(body: &str, hosted: Hosted<'_>, expect: &str) {
    let pieces = hosted_body(&Bytes::from(body.to_owned()), hosted).unwrap();
    assert_eq!(String::from_utf8(pieces.concat()).unwrap(), expect);
}

#[test]
fn only_what_the_host_says_otherwise_changes() {
    let invoke = Hosted { host: Host::InvokeModel, betas: &["b1", "b2"] };
    check(
        r#"{ "max_tokens": 1.0, "model":"m","stream":true }"#,
        invoke,
        r#"{"anthropic_version":"bedrock-2023-05-31","anthropic_beta":["b1","b2"], "max_tokens": 1.0 }"#,
    );
    check(
        r#"{"anthropic_version":"x","anthropic_beta":["b2","b0"],"model":"m","messages":[]}"#,
        invoke,
        r#"{"anthropic_version":"bedrock-2023-05-31","anthropic_beta":["b2","b0","b1"],"messages":[]}"#,
    );
    check(
        r#"{"anthropic_beta":["b0"],"messages":[],"stream":true,"model":"m"}"#,
        Hosted { host: Host::RawPredict, betas: &[] },
        r#"{"anthropic_version":"vertex-2023-10-16","anthropic_beta":["b0"],"messages":[],"stream":true}"#,
    );
    check(
        r#"{"model":"m"}"#,
        Hosted { host: Host::InvokeModel, betas: &[] },
        r#"{"anthropic_version":"bedrock-2023-05-31"}"#,
    );
    for body in ["[]", "{", r#"{"anthropic_beta":"b"}"#, r#"{"anthropic_beta":[1]}"#] {
        let fault = hosted_body(&Bytes::from(body), invoke).unwrap_err();
        assert!(fault.public.starts_with("the body cannot be sent: "), "{body}: {}", fault.public);
    }
}
