//! Streams written by hand: what Converse clients get for other dialects' events, and odd streams read.

use lockgate_protocol::ir::{
    BlockKind, Citation, Delta, Event, Fault, FaultKind, Request, Signature, Stop, StopReason, ToolKind,
    Usage, raw,
};

use super::{codec, losses, read_stream, reply, show_frames, stream};

#[track_caller]
fn encode(events: &[Event<'_>]) -> (String, Vec<String>) {
    let request = Request::default();
    let mut encoder = codec().encoder(reply(&request));
    let mut out = Vec::new();
    events.iter().for_each(|event| encoder.event(event, &mut out));
    (show_frames(&out), losses(encoder.losses()))
}

fn start(block: u64, kind: BlockKind<'_>) -> Event<'_> {
    Event::BlockStart { choice: 0, block, kind }
}

fn delta(block: u64, delta: Delta<'_>) -> Event<'_> {
    Event::Delta { choice: 0, block, delta }
}

fn stop(block: u64) -> Event<'static> {
    Event::BlockStop { choice: 0, block }
}

#[test]
fn every_kind_of_block_for_a_client() {
    let cited = Citation {
        text: Some("words".into()),
        url: Some("https://a.example/".into()),
        title: Some("A".into()),
        range: None,
        origin: "openai-chat",
        raw: raw("x"),
    };
    let thinking = |is_redacted| BlockKind::Thinking { is_summary: true, is_redacted, item: None };
    let call = BlockKind::ToolUse {
        id: "call_1".into(),
        name: "look".into(),
        kind: ToolKind::Function,
        signature: None,
        item: None,
    };
    let foreign = BlockKind::Foreign {
        origin: "anthropic",
        kind: "web_search_tool_result".into(),
        raw: raw(&Vec::<u8>::new()),
    };
    let (frames, losses) = encode(&[
        Event::Start { id: Some("id".into()), model: None, created: None },
        Event::Ping,
        start(0, thinking(false)),
        delta(0, Delta::Text("hm".into())),
        delta(0, Delta::Signature(Signature::new("anthropic", "Eq=="))),
        stop(0),
        start(1, thinking(true)),
        delta(1, Delta::Signature(Signature::new("anthropic", "sealed"))),
        stop(1),
        start(2, BlockKind::Text),
        stop(2),
        start(3, BlockKind::Text),
        delta(3, Delta::Text("so \"é\"".into())),
        delta(3, Delta::Citation(cited)),
        stop(3),
        start(4, foreign),
        stop(4),
        start(5, call),
        delta(5, Delta::Input("{\"a\":".into())),
        delta(5, Delta::Input("1}".into())),
        stop(5),
        start(6, BlockKind::Refusal),
        delta(6, Delta::Text("no".into())),
        stop(6),
        Event::Usage(Usage { input: 1, ..Usage::default() }),
        Event::Stop { choice: 0, stop: Stop::new(StopReason::ToolUse) },
        Event::Usage(Usage {
            input: 10,
            cache_read: 5,
            cache_write: 2,
            output: 7,
            reasoning: 3,
            ..Usage::default()
        }),
        Event::End,
    ]);
    insta::assert_snapshot!(format!("{frames}\n{}\n", losses.join("\n")));
}

#[test]
fn what_was_sealed_is_read_back() {
    let request = Request::default();
    let mut encoder = codec().encoder(reply(&request));
    let mut out = Vec::new();
    for event in [
        Event::Start { id: None, model: None, created: None },
        start(0, BlockKind::Thinking { is_summary: false, is_redacted: true, item: None }),
        delta(0, Delta::Signature(Signature::new("anthropic", "sealed"))),
        stop(0),
        Event::Stop { choice: 0, stop: Stop::new(StopReason::End) },
        Event::End,
    ] {
        encoder.event(&event, &mut out);
    }
    let folded = read_stream(&[&out], &mut |_| {});
    assert_eq!(folded.blocks[0].1, r#"Signature(Signature { origin: "anthropic", value: "sealed" })"#);
}

#[test]
fn nothing_looks_whole_before_the_end() {
    let begun = [
        Event::Start { id: None, model: None, created: None },
        start(0, BlockKind::Text),
        delta(0, Delta::Text("x".into())),
        stop(0),
        Event::Stop { choice: 0, stop: Stop::new(StopReason::End) },
    ];
    let (frames, _) = encode(&begun);
    assert!(!frames.contains("messageStop"), "{frames}");
    let request = Request::default();
    let mut encoder = codec().encoder(reply(&request));
    let mut out = Vec::new();
    encoder.fail(&Fault::new(FaultKind::Cut, "the answer broke off"), &mut out);
    assert_eq!(
        show_frames(&out),
        "exception modelStreamErrorException {\"message\":\"the answer broke off\"}\n"
    );
}

#[test]
fn odd_streams_are_read() {
    let bytes = stream(&[
        ("messageStart", r#"{"role":"assistant","p":"abc"}"#),
        ("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"text":""}}"#),
        ("contentBlockStop", r#"{"contentBlockIndex":0}"#),
        ("contentBlockDelta", r#"{"contentBlockIndex":1,"delta":{"reasoningContent":{"text":"h"}}}"#),
        ("contentBlockDelta", r#"{"contentBlockIndex":1,"delta":{"reasoningContent":{"signature":"ab"}}}"#),
        ("contentBlockDelta", r#"{"contentBlockIndex":1,"delta":{"reasoningContent":{"signature":"cd"}}}"#),
        // No stop: the next block's first delta ends this one.
        (
            "contentBlockDelta",
            r#"{"contentBlockIndex":2,"delta":{"reasoningContent":{"redactedContent":"QUJD"}}}"#,
        ),
        ("contentBlockStop", r#"{"contentBlockIndex":2}"#),
        ("contentBlockStart", r#"{"contentBlockIndex":3,"start":{"toolUse":{"toolUseId":"t","name":"n"}}}"#),
        ("contentBlockDelta", r#"{"contentBlockIndex":3,"delta":{"toolUse":{"input":""}}}"#),
        ("contentBlockStop", r#"{"contentBlockIndex":3}"#),
        ("contentBlockStart", r#"{"contentBlockIndex":4,"start":{"image":{"format":"png"}}}"#),
        ("contentBlockDelta", r#"{"contentBlockIndex":4,"delta":{"image":{"source":{"bytes":"AA=="}}}}"#),
        ("contentBlockStop", r#"{"contentBlockIndex":4}"#),
        ("somethingNew", "{}"),
        ("messageStop", r#"{"stopReason":"end_turn","additionalModelResponseFields":{"stop_sequence":"X"}}"#),
        (
            "metadata",
            r#"{"usage":{"inputTokens":1,"outputTokens":2,"totalTokens":3},"metrics":{"latencyMs":4}}"#,
        ),
    ]);
    let folded = read_stream(&[&bytes], &mut |_| {});
    insta::assert_debug_snapshot!(folded);
    let again = {
        let request = Request::default();
        let mut encoder = codec().encoder(reply(&request));
        let mut out = Vec::new();
        read_stream(&[&bytes], &mut |event| encoder.event(event, &mut out));
        out
    };
    // The one thing that is put right: a turn that calls tools does not end by itself.
    let corrected = super::Folded { stop: folded.stop.replace("end_turn", "tool_use"), ..folded };
    assert_eq!(read_stream(&[&again], &mut |_| {}), corrected);
}
