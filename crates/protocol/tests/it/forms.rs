//! Forms: what a host gets for a body of the dialect, and what of its answers reaches the dialect, however it is split.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use lockgate_protocol::{
    dialect::Operation,
    forms::{CODE_ASSIST, Dressing, FORMS, Form, PLAIN, RAW_PREDICT},
};

fn dressed(
    form: &dyn Form,
    operation: Operation,
    pieces: &[&'static str],
    headers: &mut HeaderMap,
) -> Vec<Bytes> {
    let pieces = pieces.iter().map(|piece| Bytes::from_static(piece.as_bytes())).collect();
    let dressing = Dressing { operation, model: "maker/m\"1", project: Some("p"), id: "call-1", headers };
    form.dress(pieces, dressing).unwrap()
}

#[track_caller]
fn check_dress(form: &dyn Form, operation: Operation, body: &'static str, expect: &str) {
    for cut in 0..=body.len() {
        let (left, right) = body.split_at(cut);
        let pieces = dressed(form, operation, &[left, right], &mut HeaderMap::new()).concat();
        assert_eq!(String::from_utf8(pieces).unwrap(), expect, "{} cut at {cut}", form.name());
    }
}

#[test]
fn a_body_is_put_into_the_form() {
    use Operation::{CountTokens, Generate};
    check_dress(PLAIN, Generate, r#"{"a":1.0}"#, r#"{"a":1.0}"#);
    check_dress(
        CODE_ASSIST,
        Generate,
        r#"{"contents":[ ]}"#,
        r#"{"model":"maker/m\"1","project":"p","user_prompt_id":"call-1","request":{"contents":[ ]}}"#,
    );
    check_dress(
        CODE_ASSIST,
        CountTokens,
        r#" {"contents":[]}"#,
        r#"{"request":{"model":"models/maker/m\"1","contents":[]}}"#,
    );
    check_dress(CODE_ASSIST, CountTokens, "{}", r#"{"request":{"model":"models/maker/m\"1"}}"#);
    check_dress(
        RAW_PREDICT,
        Generate,
        r#"{"model":"x","stream":true,"max_tokens":1e3}"#,
        r#"{"anthropic_version":"vertex-2023-10-16","stream":true,"max_tokens":1e3}"#,
    );
    check_dress(
        RAW_PREDICT,
        CountTokens,
        r#"{"model":"x","messages":[]}"#,
        r#"{"anthropic_version":"vertex-2023-10-16","model":"m\"1","messages":[]}"#,
    );
}

#[test]
fn a_large_body_is_not_copied() {
    let body: &'static str = String::leak(format!(r#"{{"contents":["{}"]}}"#, "x".repeat(1 << 20)));
    for form in FORMS {
        let pieces = dressed(*form, Operation::Generate, &[body], &mut HeaderMap::new());
        let inside = body.as_bytes().as_ptr_range();
        let is_view = |piece: &Bytes| inside.contains(&piece.as_ptr());
        assert!(pieces.iter().any(|piece| is_view(piece) && piece.len() > 1 << 20), "{}", form.name());
    }
}

#[test]
fn what_stands_in_the_body_leaves_the_head() {
    let check = |version: &'static str, expect: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static("anthropic-version"), HeaderValue::from_static(version));
        headers.insert(HeaderName::from_static("anthropic-beta"), HeaderValue::from_static("b"));
        let body = dressed(RAW_PREDICT, Operation::Generate, &[r#"{"anthropic_version":"x"}"#], &mut headers);
        assert_eq!(body.concat(), format!(r#"{{"anthropic_version":"{expect}"}}"#).as_bytes());
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["anthropic-beta"]);
    };
    check("2023-06-01", "vertex-2023-10-16");
    check("2026-10-21", "2026-10-21");
}

#[test]
fn a_body_that_is_no_object_is_refused_where_it_is_looked_into() {
    for (form, operation) in [(RAW_PREDICT, Operation::Generate), (CODE_ASSIST, Operation::CountTokens)] {
        let mut headers = HeaderMap::new();
        let dressing = Dressing { operation, model: "m", project: None, id: "i", headers: &mut headers };
        let fault = form.dress(vec![Bytes::from_static(b"[1]")], dressing).unwrap_err();
        assert!(fault.public.starts_with("the body cannot be sent: "), "{}", fault.public);
    }
}

#[test]
fn a_whole_answer_is_taken_out_of_its_envelope() {
    let undressed = |form: &dyn Form, body: &'static str| {
        String::from_utf8(form.undress(Bytes::from_static(body.as_bytes())).to_vec()).unwrap()
    };
    let same = [r#"{"totalTokens":3}"#, r#"{"error":{"code":1}}"#, "[]", "nonsense", ""];
    same.iter().for_each(|body| assert_eq!(undressed(CODE_ASSIST, body), *body));
    same.iter().for_each(|body| assert_eq!(undressed(RAW_PREDICT, body), *body));
    assert_eq!(undressed(CODE_ASSIST, r#"{"response": {"a": 1.0 },"traceId":"t"}"#), r#"{"a": 1.0 }"#);
    assert_eq!(
        undressed(CODE_ASSIST, "[{\"response\":{\"a\":1}}\n,\r\n{\"response\":{\"b\":2}}]"),
        r#"[{"a":1},{"b":2}]"#
    );
}

#[test]
fn a_client_reads_only_errors_of_its_dialect() {
    let google = br#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED"}}"#;
    let makers = br#"{"type":"error","error":{"type":"rate_limit_error"}}"#;
    let keeps = |form: &dyn Form, body: &[u8]| form.keeps_error(body);
    assert!(keeps(CODE_ASSIST, google) && !keeps(CODE_ASSIST, br#"[{"error":{}}]"#));
    assert!(keeps(RAW_PREDICT, makers) && !keeps(RAW_PREDICT, google) && !keeps(RAW_PREDICT, b"x"));
    assert!(keeps(PLAIN, b"x"));
}

/// What comes out of a stream that arrives in these pieces.
fn opened(pieces: &[&[u8]]) -> String {
    let mut stream = CODE_ASSIST.stream().unwrap();
    let mut out = Vec::new();
    let mut all: Vec<_> = pieces.iter().map(|piece| stream.push(&Bytes::copy_from_slice(piece))).collect();
    all.push(stream.finish());
    for undressed in all {
        assert_eq!(undressed.end, None);
        out.extend_from_slice(&undressed.bytes);
    }
    String::from_utf8(out).unwrap()
}

#[track_caller]
fn check_stream(stream: &str, expect: &str) {
    assert_eq!(opened(&[stream.as_bytes()]), expect, "whole");
    for cut in 0..=stream.len() {
        let (left, right) = stream.as_bytes().split_at(cut);
        assert_eq!(opened(&[left, right]), expect, "cut at byte {cut}");
    }
    assert_eq!(opened(&stream.as_bytes().chunks(1).collect::<Vec<_>>()), expect, "byte by byte");
}

#[test]
fn a_stream_of_envelopes_is_opened_wherever_it_is_cut() {
    check_stream(
        "data: {\"response\": {\"a\":\"é🦀\"},\"traceId\":\"t\"}\r\n\r\ndata: {\"response\":{\"b\": 2}}\n\n",
        "data: {\"a\":\"é🦀\"}\r\n\r\ndata: {\"b\": 2}\r\n\r\n",
    );
    // Several lines of one value, an envelope about credits alone, an error, a comment, an event without its end.
    check_stream("data: {\"response\":\ndata: {\"a\":\ndata: 1}}\n\n", "data: {\"a\":1}\r\n\r\n");
    check_stream("data: {\"traceId\":\"t\",\"remainingCredits\":[]}\n\n", "");
    check_stream(
        "data: {\"error\":{\"code\":503}}\n\n: ping\n\n",
        "data: {\"error\":{\"code\":503}}\n\n: ping\n\n",
    );
    check_stream("data: {\"response\":{\"a\":1}}", "data: {\"a\":1}\r\n\r\n");
    check_stream("data: {\"response\":{\"a", "data: {\"response\":{\"a");
}

#[test]
fn forms_have_names_of_their_own() {
    let mut names: Vec<_> = FORMS.iter().map(|form| form.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), FORMS.len());
}
