//! Streams that were not recorded, event by event.

use lockgate_protocol::{
    codec::Step,
    ir::{BlockKind, Delta, Event},
};

use super::{codec, decode};

/// One line for each event.
fn told(event: &Event<'_>) -> String {
    match event {
        Event::BlockStart { choice, block, kind } => {
            let kind = match kind {
                BlockKind::ToolUse { id, name, signature, .. } => {
                    format!("call {id} {name} {:?}", signature.as_ref().map(|signature| &*signature.value))
                }
                BlockKind::Foreign { kind, raw, .. } => format!("foreign {kind} {}", raw.get()),
                BlockKind::Text => "text".into(),
                BlockKind::Thinking { .. } => "thinking".into(),
                other => format!("{other:?}"),
            };
            format!("{choice}.{block} {kind}")
        }
        Event::Delta { choice, block, delta } => {
            let delta = match delta {
                Delta::Text(text) | Delta::Input(text) | Delta::Audio(text) => format!("{text:?}"),
                Delta::Signature(signature) => format!("signed {}", signature.value),
                Delta::Citation(citation) => format!("cites {:?} {:?}", citation.url, citation.range),
                other => format!("{other:?}"),
            };
            format!("{choice}.{block} + {delta}")
        }
        Event::BlockStop { choice, block } => format!("{choice}.{block} ends"),
        Event::Stop { choice, stop } => {
            let details = stop.details.as_ref().map(|details| details.get());
            format!("{choice} stops: {:?} {:?} {details:?}", stop.reason, stop.word.as_deref())
        }
        Event::Start { id, .. } => format!("starts {id:?}"),
        Event::Usage(usage) => format!("usage {} {}", usage.total_input(), usage.output),
        other => format!("{other:?}"),
    }
}

#[track_caller]
fn check(payloads: &[&str], expect: &[&str], end: &Step) {
    let payloads: Vec<String> = payloads.iter().map(|payload| (*payload).to_owned()).collect();
    let mut lines = Vec::new();
    let step = decode(&payloads, |event| lines.push(told(event)));
    assert_eq!(lines, expect);
    assert_eq!(&step, end);
}

fn part(part: &str) -> String {
    format!(r#"{{"candidates":[{{"content":{{"parts":[{part}]}}}}]}}"#)
}

const STOP: &str = r#"{"candidates":[{"finishReason":"STOP"}]}"#;

#[test]
fn arguments_in_pieces() {
    let begin = part(r#"{"functionCall":{"name":"f","id":"x","willContinue":true},"thoughtSignature":"S"}"#);
    let piece = |text: &str, more: bool| {
        part(&format!(
            r#"{{"functionCall":{{"partialArgs":[{{"jsonPath":"$.a","stringValue":"{text}","willContinue":{more}}}],"willContinue":true}}}}"#
        ))
    };
    let close = part(r#"{"functionCall":{}}"#);
    let call = ["starts None", "0.0 call x f Some(\"S\")", r#"0.0 + "{\"a\":\"New York\"}""#, "0.0 ends"];
    let stop = "0 stops: ToolUse Some(\"STOP\") None";
    let (one, two) = (piece("New ", true), piece("York", false));
    check(&[&begin, &one, &two, &close, STOP], &[&call[..], &[stop, "End"]].concat(), &Step::End);
    // Without the closing piece the call ends with whatever follows.
    check(&[&begin, &one, &two, STOP], &[&call[..], &[stop, "End"]].concat(), &Step::End);
    let text = part(r#"{"text":"so"}"#);
    check(
        &[&begin, &one, &two, &text, STOP],
        &[&call[..], &["0.1 text", "0.1 + \"so\"", "0.1 ends", stop, "End"]].concat(),
        &Step::End,
    );
    check(&[&one], &["starts None"], &Step::Garbled("arguments of no call".into()));
}

#[test]
fn signatures_end_their_part_and_calls_get_ids_of_their_answer() {
    check(
        &[
            r#"{"responseId":"r-1","candidates":[{"content":{"parts":[{"text":"a","thought":true},{"text":"b"}]}}]}"#,
            &part(
                r#"{"text":"","thoughtSignature":"S"},{"text":"c"},{"functionCall":{"name":"f"}},{"functionCall":{"name":"f","args":{"x":1.0}}}"#,
            ),
            &part(
                r#"{"executableCode":{"code":"1"},"thoughtSignature":"T"},{"inlineData":{"mimeType":"image/png","data":"iVBO"}},{"inlineData":{"mimeType":"audio/L16","data":"AA=="}}"#,
            ),
            STOP,
        ],
        &[
            "starts Some(\"r-1\")",
            "0.0 thinking",
            "0.0 + \"a\"",
            "0.0 ends",
            "0.1 text",
            "0.1 + \"b\"",
            "0.1 + signed S",
            "0.1 ends",
            "0.2 text",
            "0.2 + \"c\"",
            "0.2 ends",
            "0.3 call gem_r-1_0 f None",
            "0.3 + \"{}\"",
            "0.3 ends",
            "0.4 call gem_r-1_1 f None",
            "0.4 + \"{\\\"x\\\":1.0}\"",
            "0.4 ends",
            r#"0.5 foreign executableCode {"executableCode":{"code":"1"},"thoughtSignature":"T"}"#,
            "0.5 ends",
            r#"0.6 foreign inlineData {"inlineData":{"mimeType":"image/png","data":"iVBO"}}"#,
            "0.6 ends",
            "0.7 Audio { id: None }",
            "0.7 + \"AA==\"",
            "0.7 ends",
            "0 stops: ToolUse Some(\"STOP\") None",
            "End",
        ],
        &Step::End,
    );
}

#[test]
fn candidates_interleave_and_each_has_to_end() {
    let both = r#"{"candidates":[{"index":0,"content":{"parts":[{"text":"a"}]},"finishReason":2},{"index":1,"content":{"parts":[{"text":"b"}]}}],"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":2}}"#;
    let other = r#"{"candidates":[{"index":1,"finishReason":"SAFETY","safetyRatings":[]}]}"#;
    let begun = ["starts None", "0.0 text", "0.0 + \"a\"", "1.0 text", "1.0 + \"b\"", "usage 3 2"];
    let ended = [
        "0.0 ends",
        "0 stops: MaxTokens Some(\"MAX_TOKENS\") None",
        "1.0 ends",
        r#"1 stops: ContentFilter Some("SAFETY") None"#,
        "End",
    ];
    let rated = r#"Member { origin: "gemini", place: Choice(1), name: "safetyRatings", raw: RawValue([]) }"#;
    check(&[both, other], &[&begun[..], &[rated], &ended].concat(), &Step::End);
    let cut = Step::Garbled("the stream ended before every candidate had its `finishReason`".into());
    check(&[both], &begun, &cut);
    check(&[], &[], &cut);
}

#[test]
fn blocked_prompts_and_errors() {
    check(
        &[r#"{"promptFeedback":{"blockReason":"SAFETY"}}"#],
        &[
            "starts None",
            r#"0 stops: ContentFilter Some("SAFETY") Some("{\"blockReason\":\"SAFETY\"}")"#,
            "End",
        ],
        &Step::End,
    );
    let error = r#"{"error":{"code":503,"status":"UNAVAILABLE"}}"#;
    check(&[error], &[], &Step::Failed(error.into()));
    assert!(matches!(codec().decoder().event(b"data: {\r\n\r\n", &mut |_| {}), Step::Garbled(_)));
    assert_eq!(codec().decoder().event(b": comment\r\n\r\n", &mut |_| {}), Step::Go);
}

#[test]
fn citations_stand_in_characters_where_that_can_be_told() {
    let grounded = |text: &str| {
        format!(
            r#"{{"candidates":[{{"content":{{"parts":[{{"text":"{text}"}}]}},"finishReason":"STOP","groundingMetadata":{{"groundingChunks":[{{"web":{{"uri":"u"}}}}],"groundingSupports":[{{"segment":{{"endIndex":2}},"groundingChunkIndices":[0]}}]}}}}]}}"#
        )
    };
    for (text, range) in [("ab", "Some((0, 2))"), ("é", "None")] {
        let payload = grounded(text);
        let mut lines = Vec::new();
        decode(&[payload], |event| lines.push(told(event)));
        assert_eq!(lines[3], format!("0.0 + cites Some(\"u\") {range}"));
    }
}
