//! Citations between Converse and the maker of Claude, whole and streamed, held to recorded ones.

use lockgate_protocol::{
    codec::Codec,
    dialects,
    ir::{BlockKind, Choice, Content, Delta, Event, Request, Response},
};
use lockgate_testkit::fixtures::{Answer, Kind, open};
use serde_json::{Value, json};

use super::{codec, losses, reply};

fn anthropic() -> &'static dyn Codec {
    dialects::find("anthropic").unwrap().codec()
}

fn converse(citation: &Value) -> Value {
    let content = json!([{"citationsContent": {"content": [{"text": "t"}], "citations": [citation]}}]);
    json!({"output": {"message": {"role": "assistant", "content": content}}, "stopReason": "end_turn"})
}

fn message(citation: &Value) -> Value {
    let content = json!([{"type": "text", "text": "t", "citations": [citation]}]);
    json!({"type": "message", "role": "assistant", "content": content, "stop_reason": "end_turn"})
}

/// The citation in an answer, and what was lost, whole and streamed alike.
fn shown(from: &dyn Codec, to: &dyn Codec, answer: &Value) -> (Value, Vec<String>) {
    let body = answer.to_string();
    let read = from.decode_response(body.as_bytes()).unwrap();
    let asked = Request::default();
    let encoded = to.encode_response(&read, reply(&asked));
    let whole: Value = serde_json::from_slice(&encoded.body).unwrap();
    let places = ["/content/0/citations/0", "/output/message/content/0/citationsContent/citations/0"];
    let cited = places.into_iter().find_map(|place| whole.pointer(place)).cloned().unwrap_or_default();
    let lost: Vec<_> =
        losses(&encoded.losses).into_iter().filter(|loss| loss.contains("citations")).collect();
    let (stream, streamed) = streamed(to, &read);
    if !cited.is_null() {
        assert!(stream.contains(&format!("\"citation\":{}", spelled(&encoded.body))), "{stream}");
    }
    assert_eq!(lost.len(), streamed.len(), "{lost:?} {streamed:?}");
    (cited, lost)
}

/// The citation as it is spelled in a body: it is the last list of its block.
fn spelled(body: &[u8]) -> String {
    let text = String::from_utf8(body.to_vec()).unwrap();
    let (_, rest) = text.split_once("\"citations\":[").unwrap();
    let mut depth = 0;
    let end = rest.find(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        depth == 0
    });
    rest[..=end.unwrap()].to_owned()
}

fn streamed(to: &dyn Codec, response: &Response<'_>) -> (String, Vec<String>) {
    let asked = Request::default();
    let mut encoder = to.encoder(reply(&asked));
    let mut out = Vec::new();
    encoder.event(&Event::Start { id: None, model: None, created: None }, &mut out);
    encoder.event(&Event::BlockStart { choice: 0, block: 0, kind: BlockKind::Text }, &mut out);
    let [Choice { blocks, .. }] = response.choices.as_slice() else { panic!("one choice") };
    let Content::Text { text, citations } = &blocks[0].content else { panic!("a text") };
    encoder.event(&Event::Delta { choice: 0, block: 0, delta: Delta::Text(text.clone()) }, &mut out);
    for cited in citations {
        let delta = Delta::Citation(cited.clone());
        encoder.event(&Event::Delta { choice: 0, block: 0, delta }, &mut out);
    }
    (String::from_utf8_lossy(&out).into_owned(), losses(encoder.losses()))
}

#[test]
fn places_are_said_both_ways() {
    #[track_caller]
    fn check(here: &Value, there: &Value) {
        assert_eq!(shown(anthropic(), codec(), &message(here)), (there.clone(), Vec::new()));
        assert_eq!(shown(codec(), anthropic(), &converse(there)), (here.clone(), Vec::new()));
    }
    for (kind, start, end, member) in [
        ("char_location", "start_char_index", "end_char_index", "documentChar"),
        ("page_location", "start_page_number", "end_page_number", "documentPage"),
        ("content_block_location", "start_block_index", "end_block_index", "documentChunk"),
    ] {
        check(
            &json!({"type": kind, "cited_text": "w", "document_index": 1, start: 2, end: 5, "document_title": "D"}),
            &json!({"title": "D", "sourceContent": [{"text": "w"}],
                "location": {member: {"documentIndex": 1, "start": 2, "end": 5}}}),
        );
    }
    check(
        &json!({"type": "search_result_location", "cited_text": "w", "search_result_index": 3,
            "start_block_index": 0, "end_block_index": 1, "source": "https://a.example/", "title": "A"}),
        &json!({"title": "A", "source": "https://a.example/", "sourceContent": [{"text": "w"}],
            "location": {"searchResultLocation": {"searchResultIndex": 3, "start": 0, "end": 1}}}),
    );
}

#[test]
fn what_only_one_of_them_has_is_named() {
    let web = json!({"type": "web_search_result_location", "cited_text": "w", "url": "https://a.example/",
        "title": "A", "encrypted_index": "Eo8"});
    let there = json!({"title": "A", "sourceContent": [{"text": "w"}],
        "location": {"web": {"url": "https://a.example/"}}});
    let lost = "choices[0].content[0].citations.encrypted_index: only the provider's own dialect has it";
    assert_eq!(shown(anthropic(), codec(), &message(&web)), (there, vec![lost.to_owned()]));
    let there = json!({"sourceContent": [{"text": "w"}],
        "location": {"web": {"url": "https://a.example/", "domain": "a.example"}}});
    let here = json!({"type": "web_search_result_location", "cited_text": "w", "url": "https://a.example/",
        "title": null, "encrypted_index": ""});
    let lost = "choices[0].content[0].citations.domain: only its own dialect knows it";
    assert_eq!(shown(codec(), anthropic(), &converse(&there)), (here, vec![lost.to_owned()]));
    let nowhere = json!({"title": "T", "location": {"documentChar": {"start": 1}}});
    let lost = "choices[0].content[0].citations: the target knows no such citation";
    assert_eq!(shown(codec(), anthropic(), &converse(&nowhere)), (Value::Null, vec![lost.to_owned()]));
}

#[test]
fn a_range_in_the_answer_has_no_place() {
    let cited = json!({"type": "url_citation",
        "url_citation": {"url": "https://a.example/", "title": "A", "start_index": 0, "end_index": 1}});
    let answer = json!({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "t", "annotations": [cited]}, "finish_reason": "stop"}]});
    let openai = dialects::find("openai-chat").unwrap().codec();
    for to in [codec(), anthropic()] {
        let (_, lost) = shown(openai, to, &answer);
        assert!(
            matches!(&*lost, [only] if only.starts_with("choices[0].content[0].citations.range: ")),
            "{lost:?}"
        );
    }
}

#[test]
fn recorded_citations_keep_their_places() {
    let Some(fixtures) = open() else { return };
    for (protocol, name, from, to) in [
        ("anthropic-messages", "citations-char", anthropic(), codec()),
        ("anthropic-messages", "citations-search-result", anthropic(), codec()),
        ("bedrock-converse", "citations-document", codec(), anthropic()),
    ] {
        let case = fixtures.case(protocol, Kind::NonStream, name).unwrap();
        let Answer::Whole(answer) = &case.answer else { panic!("{name} is not whole") };
        let read = from.decode_response(answer).unwrap();
        let asked = Request::default();
        let there = to.encode_response(&read, reply(&asked));
        let lost: Vec<_> = losses(&there.losses).into_iter().filter(|it| it.contains("citations")).collect();
        assert_eq!(lost, Vec::<String>::new(), "{name}");
        let read = to.decode_response(&there.body).unwrap();
        let back: Value = serde_json::from_slice(&from.encode_response(&read, reply(&asked)).body).unwrap();
        let before: Value = serde_json::from_slice(answer).unwrap();
        let cited = |body: &Value| {
            let place = if protocol == "bedrock-converse" { "/output/message/content" } else { "/content" };
            let mut list = body.pointer(place).unwrap().clone();
            // A number for an uploaded file stands there even where there is none.
            let blocks = list.as_array_mut().unwrap().iter_mut();
            for citation in blocks.filter_map(|block| block["citations"].as_array_mut()).flatten() {
                citation.as_object_mut().unwrap().retain(|_, member| !member.is_null());
            }
            list
        };
        assert_eq!(cited(&back), cited(&before), "{name}");
    }
}
