//! `previous_response_id`, `store` and the paths under `/responses/{id}`, for answers that no provider keeps.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use super::references;
use crate::{
    conversations::{Conversations, Part, Turn, Wish},
    envelope::Envelope,
    ir::{Complaint, Fault, FaultKind, Text},
    json,
    splice::Edits,
};

/// Most items that a list gives at once, and how many it gives unasked (OpenAI API description, `listInputItems`).
const MOST_LISTED: usize = 100;
const USUALLY_LISTED: usize = 20;

/// See the module.
pub(super) struct KeptResponses;

impl Conversations for KeptResponses {
    fn wish(&self, request: &Envelope) -> Wish {
        let previous = member(request, "previous_response_id").and_then(json::text);
        let keeps = member(request, "store") != Some(b"false");
        Wish {
            previous: previous.map(std::borrow::Cow::into_owned).filter(|id| !id.is_empty()),
            keeps,
            is_in_conversation: member(request, "conversation").is_some_and(|value| value != b"null"),
        }
    }

    fn item_ids(&self, answer: &[u8]) -> Vec<String> {
        references::ids(answer)
    }

    fn item(&self, answer: &[u8], id: &str) -> Option<Bytes> {
        references::item(answer, id)
    }

    fn resolved(&self, request: &Envelope, find: &mut dyn FnMut(&str) -> Option<Bytes>) -> Option<Bytes> {
        references::resolved(request, find)
    }

    fn no_conversation(&self) -> Fault {
        let text = "the model's provider keeps no conversations: leave `conversation` out and continue an answer by \
                    `previous_response_id`";
        let mut fault = Fault::new(FaultKind::BadRequest, text);
        fault.complaint = Some(Box::new(Complaint {
            code: Some("unsupported_parameter".to_owned()),
            param: Some("conversation".to_owned()),
            ..Complaint::default()
        }));
        fault
    }

    fn said(&self, request: &Envelope) -> Bytes {
        items(member(request, "input").unwrap_or_default()).into()
    }

    fn unrolled(&self, request: &Envelope, turns: &[Turn<'_>]) -> Bytes {
        let Some((object, body)) = request.json() else { return request.body().clone() };
        let mut input = Vec::new();
        for turn in turns {
            append(&mut input, turn.said);
            append(&mut input, &output(turn.answer));
        }
        append(&mut input, &self.said(request));
        let range = |name| object.get(body, name).ok().flatten();
        let mut edits = Edits::default();
        let input = [b"[", &*input, b"]"].concat();
        match (range("previous_response_id"), range("input")) {
            (Some(previous), Some(old)) => {
                edits.replace(previous, "null");
                edits.replace(old, input);
            }
            (Some(previous), None) => {
                edits.replace(previous, [&b"null,\"input\":"[..], &input].concat());
            }
            (None, _) => {}
        }
        edits.apply(body).concat().into()
    }

    fn answer_of(&self, payload: &[u8]) -> Option<Bytes> {
        #[derive(Deserialize)]
        struct Last<'a> {
            #[serde(borrow, rename = "type")]
            kind: Text<'a>,
            #[serde(borrow)]
            response: &'a RawValue,
        }
        let last: Last<'_> = serde_json::from_slice(payload).ok()?;
        let is_last = matches!(&*last.kind, "response.completed" | "response.incomplete");
        is_last.then(|| Bytes::copy_from_slice(last.response.get().as_bytes()))
    }

    fn id_of(&self, answer: &[u8]) -> Option<String> {
        inside(answer, "id").and_then(json::text).map(std::borrow::Cow::into_owned)
    }

    /// OpenAI's own words, which its SDKs' users match on.
    fn no_previous(&self, id: &str) -> Fault {
        let id = shown(id);
        let mut fault =
            Fault::new(FaultKind::BadRequest, format!("Previous response with id '{id}' not found."));
        fault.complaint = Some(Box::new(Complaint {
            code: Some("previous_response_not_found".to_owned()),
            param: Some("previous_response_id".to_owned()),
            ..Complaint::default()
        }));
        fault
    }

    fn asked<'p>(&self, tail: &'p str) -> (&'p str, Part) {
        let rest = tail.strip_prefix("/responses/").unwrap_or_default();
        match rest.split_once('/') {
            None => (rest, Part::Answer),
            Some((id, "input_items")) => (id, Part::Input),
            Some((id, "cancel")) => (id, Part::Cancel),
            Some((id, _)) => (id, Part::Other),
        }
    }

    fn unknown(&self, id: &str) -> Fault {
        Fault::new(FaultKind::UpstreamNotFound, format!("Response with id '{}' not found.", shown(id)))
    }

    /// OpenAI's own words. What is kept here was answered while the client waited.
    fn not_under_way(&self) -> Fault {
        Fault::new(FaultKind::BadRequest, "Cannot cancel a synchronous response.")
    }

    /// A list as `listInputItems` has it: the newest first unless asked otherwise, a page at a time.
    fn input(&self, id: &str, turns: &[Turn<'_>], query: &str) -> Bytes {
        let mut all = Vec::new();
        for (place, turn) in turns.iter().enumerate() {
            append(&mut all, turn.said);
            if place + 1 < turns.len() {
                append(&mut all, &output(turn.answer));
            }
        }
        let all: Vec<Value> = serde_json::from_slice(&[b"[", &*all, b"]"].concat()).unwrap_or_default();
        let mut items: Vec<Value> =
            all.into_iter().enumerate().map(|(place, item)| listed(id, place, item)).collect();
        let asked = |name: &str| {
            query
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .find(|pair| pair.0 == name)
                .map(|pair| pair.1)
        };
        if asked("order") != Some("asc") {
            items.reverse();
        }
        if let Some(after) = asked("after")
            && let Some(place) = items.iter().position(|item| item["id"] == after)
        {
            items.drain(..=place);
        }
        let limit = asked("limit").and_then(|limit| limit.parse().ok()).unwrap_or(USUALLY_LISTED);
        let has_more = items.len() > limit.clamp(1, MOST_LISTED);
        items.truncate(limit.clamp(1, MOST_LISTED));
        let edge = |item: Option<&Value>| item.map(|item| item["id"].clone());
        let list = json!({
            "object": "list", "first_id": edge(items.first()), "last_id": edge(items.last()),
            "has_more": has_more, "data": items,
        });
        json::bytes(&list)
    }

    fn forgotten(&self, id: &str) -> Bytes {
        json::bytes(&json!({ "id": id, "object": "response", "deleted": true }))
    }
}

fn member<'e>(request: &'e Envelope, name: &str) -> Option<&'e [u8]> {
    let (object, body) = request.json()?;
    Some(&body[object.get(body, name).ok()??])
}

fn inside<'a>(body: &'a [u8], name: &str) -> Option<&'a [u8]> {
    Some(&body[json::Object::scan(body).ok()?.get(body, name).ok()??])
}

/// The items of an input, with commas but without brackets. A text stands for a message of the user.
fn items(input: &[u8]) -> Vec<u8> {
    match input {
        [b'[', inner @ .., b']'] => inner.trim_ascii().to_vec(),
        [b'"', ..] => [br#"{"role":"user","content":"#, input, b"}"].concat(),
        _ => Vec::new(),
    }
}

fn output(answer: &[u8]) -> Vec<u8> {
    items(inside(answer, "output").unwrap_or_default())
}

fn append(all: &mut Vec<u8>, more: &[u8]) {
    if !all.is_empty() && !more.is_empty() {
        all.push(b',');
    }
    all.extend_from_slice(more);
}

/// An item as lists have it: with an id, a type and a status, its text in parts.
fn listed(answer: &str, place: usize, mut item: Value) -> Value {
    let Some(object) = item.as_object_mut() else { return item };
    if object.contains_key("role") {
        object.entry("type").or_insert_with(|| "message".into());
        let kind = if object.get("role").is_some_and(|role| role == "assistant") {
            "output_text"
        } else {
            "input_text"
        };
        if let Some(Value::String(text)) = object.get("content") {
            let part = json!([{ "type": kind, "text": text }]);
            object.insert("content".to_owned(), part);
        }
    }
    object.entry("id").or_insert_with(|| format!("item_{place}_{answer}").into());
    object.entry("status").or_insert_with(|| "completed".into());
    item
}

fn shown(id: &str) -> String {
    id.chars().filter(|c| !c.is_control()).take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str =
        r#"{"id":"resp_1","output":[{"type":"message","role":"assistant","content":[]}, {"type":"x"}]}"#;

    fn envelope(body: &'static str) -> Envelope {
        Envelope::read(None, Bytes::from_static(body.as_bytes())).unwrap()
    }

    #[track_caller]
    fn check(body: &'static str, wish: (Option<&str>, bool), said: &str, unrolled: &str) {
        let request = envelope(body);
        let got = KeptResponses.wish(&request);
        assert_eq!((got.previous.as_deref(), got.keeps), wish);
        assert_eq!(KeptResponses.said(&request), said);
        let turns = [
            Turn { said: br#"{"role":"user","content":"1"}"#, answer: ANSWER.as_bytes() },
            Turn { said: b"", answer: b"{}" },
        ];
        let got = KeptResponses.unrolled(&request, &turns);
        assert_eq!(std::str::from_utf8(&got).unwrap(), unrolled);
        assert!(serde_json::from_slice::<Value>(&got).is_ok());
    }

    #[test]
    fn a_request_gets_the_turns_before_it() {
        check(
            r#"{"model":"m","previous_response_id":"resp_1","input":"2","store":false}"#,
            (Some("resp_1"), false),
            r#"{"role":"user","content":"2"}"#,
            r#"{"model":"m","previous_response_id":null,"input":[{"role":"user","content":"1"},{"type":"message","role":"assistant","content":[]}, {"type":"x"},{"role":"user","content":"2"}],"store":false}"#,
        );
        check(
            r#"{"input": [ {"type":"y"} ], "previous_response_id": "resp_1"}"#,
            (Some("resp_1"), true),
            r#"{"type":"y"}"#,
            r#"{"input": [{"role":"user","content":"1"},{"type":"message","role":"assistant","content":[]}, {"type":"x"},{"type":"y"}], "previous_response_id": null}"#,
        );
        check(
            r#"{"previous_response_id":"resp_1"}"#,
            (Some("resp_1"), true),
            "",
            r#"{"previous_response_id":null,"input":[{"role":"user","content":"1"},{"type":"message","role":"assistant","content":[]}, {"type":"x"}]}"#,
        );
        check(
            r#"{"input":"2","previous_response_id":null}"#,
            (None, true),
            r#"{"role":"user","content":"2"}"#,
            r#"{"input":[{"role":"user","content":"1"},{"type":"message","role":"assistant","content":[]}, {"type":"x"},{"role":"user","content":"2"}],"previous_response_id":null}"#,
        );
    }

    #[test]
    fn a_request_may_belong_to_a_conversation() {
        for (body, expect) in [
            (r#"{"conversation":"conv_1"}"#, true),
            (r#"{"conversation":{"id":"conv_1"}}"#, true),
            (r#"{"conversation":null}"#, false),
            ("{}", false),
        ] {
            assert_eq!(KeptResponses.wish(&envelope(body)).is_in_conversation, expect, "{body}");
        }
    }

    #[test]
    fn only_the_last_event_carries_an_answer() {
        let payload = |kind: &str| format!(r#"{{"type":"{kind}","response":{ANSWER}}}"#);
        for kind in ["response.completed", "response.incomplete"] {
            let answer = KeptResponses.answer_of(payload(kind).as_bytes()).unwrap();
            assert_eq!(answer, ANSWER);
            assert_eq!(KeptResponses.id_of(&answer).as_deref(), Some("resp_1"));
        }
        for kind in ["response.created", "response.failed"] {
            assert_eq!(KeptResponses.answer_of(payload(kind).as_bytes()), None);
        }
        assert_eq!(KeptResponses.answer_of(b"[DONE]"), None);
        assert_eq!(KeptResponses.id_of(b"[]"), None);
    }

    #[test]
    fn paths_name_the_answer_and_what_is_asked() {
        for (tail, asked) in [
            ("/responses/resp_1", ("resp_1", Part::Answer)),
            ("/responses/resp_1/input_items", ("resp_1", Part::Input)),
            ("/responses/resp_1/input_items/x", ("resp_1", Part::Other)),
            ("/responses/resp_1/cancel", ("resp_1", Part::Cancel)),
        ] {
            assert_eq!(KeptResponses.asked(tail), asked);
        }
    }

    #[test]
    fn a_list_of_input_goes_page_by_page() {
        let turns = [
            Turn { said: br#"{"role":"user","content":"1"}"#, answer: ANSWER.as_bytes() },
            Turn { said: br#"{"role":"user","content":[]}"#, answer: ANSWER.as_bytes() },
        ];
        let list = |query: &str| {
            let list: Value = serde_json::from_slice(&KeptResponses.input("r", &turns, query)).unwrap();
            let ids: Vec<String> =
                list["data"].as_array().unwrap().iter().map(|item| item["id"].to_string()).collect();
            (ids.join(" "), list["has_more"] == true)
        };
        assert_eq!(list(""), (r#""item_3_r" "item_2_r" "item_1_r" "item_0_r""#.to_owned(), false));
        assert_eq!(list("order=asc&limit=2"), (r#""item_0_r" "item_1_r""#.to_owned(), true));
        assert_eq!(list("after=item_2_r&limit=0"), (r#""item_1_r""#.to_owned(), true));
        let whole: Value = serde_json::from_slice(&KeptResponses.input("r", &turns[..1], "")).unwrap();
        assert_eq!(
            whole["data"][0],
            json!({ "id": "item_0_r", "type": "message", "status": "completed", "role": "user",
                "content": [{ "type": "input_text", "text": "1" }] })
        );
    }
}
