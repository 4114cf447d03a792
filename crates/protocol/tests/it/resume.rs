//! An answer that broke off is gone on with: how it is asked for, and what is made of what comes.

use bytes::Bytes;
use lockgate_protocol::{
    codec::{Reply, RequestHead, Step, Target},
    dialect::Dialect,
    dialects::{self, DIALECTS},
    fold::{Folded, fold},
    ir::{Request, Usage},
    resume::{Manner, Prefill},
    translate::{Continuation, Pair, Stream},
};
use serde_json::{Value, json};

const ASKED: &str = r#"{"model":"m","stream":true,"max_tokens":1000,"messages":[{"role":"user","content":"Tell me of Delft."}]}"#;

fn dialect(name: &str) -> &'static dyn Dialect {
    dialects::find(name).unwrap()
}

fn decoded(body: &[u8]) -> Request<'_> {
    dialect("openai-chat").codec().decode_request(RequestHead::default(), body).unwrap()
}

/// A stream of OpenAI's of these chunks, each the members of its only choice.
fn chunks(model: &str, choices: &[Value]) -> Vec<u8> {
    let chunk = |choice: &Value| {
        let body = json!({ "id": format!("chatcmpl-{model}"), "object": "chat.completion.chunk", "created": 1, "model": model, "choices": [choice] });
        format!("data: {body}\n\n")
    };
    choices.iter().map(chunk).collect::<String>().into_bytes()
}

fn words(text: &str) -> Value {
    json!({ "index": 0, "delta": { "content": text }, "finish_reason": null })
}

fn thought(text: &str) -> Value {
    json!({ "index": 0, "delta": { "reasoning_content": text }, "finish_reason": null })
}

fn call() -> Value {
    json!({ "index": 0, "delta": { "tool_calls": [{ "index": 0, "id": "call_1", "type": "function", "function": { "name": "look", "arguments": "{\"at\":\"Delft\"}" } }] }, "finish_reason": null })
}

fn refusal(text: &str) -> Value {
    json!({ "index": 0, "delta": { "refusal": text }, "finish_reason": null })
}

/// The end of a stream, with what it cost.
fn end(reason: &str, input: u64, output: u64) -> String {
    let last = json!({ "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [{ "index": 0, "delta": {}, "finish_reason": reason }] });
    let usage = json!({ "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [], "usage": { "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output } });
    format!("data: {last}\n\ndata: {usage}\n\ndata: [DONE]\n\n")
}

/// One answer on its way to a client, in several parts.
struct Course {
    client: &'static dyn Dialect,
    stream: Stream,
    out: Vec<u8>,
}

impl Course {
    /// The first part, which breaks off.
    fn begin(client: &str, request: &Request<'_>, first: &[Value]) -> Self {
        let client = dialect(client);
        let upstream = dialect("openai-chat").codec();
        let reply =
            Reply { request, seed: "seed", now: 7, path: "/v1beta/models/m:streamGenerateContent?alt=sse" };
        let stream = Pair::new(client.codec(), upstream).stream(reply, None).resumable(request);
        let mut course = Self { client, stream, out: Vec::new() };
        assert!(matches!(course.take(chunks("first", first)), Step::Garbled(_)));
        course
    }

    fn take(&mut self, bytes: Vec<u8>) -> Step {
        match self.stream.push(&bytes.into(), &mut |_| {}, &mut self.out) {
            Step::Go => self.stream.finish(&mut |_| {}, &mut self.out),
            step => step,
        }
    }

    fn resume(&mut self, manner: Manner, choices: &[Value], end: &str) -> Step {
        let spent = self.stream.said().unwrap().cost(100);
        let upstream = dialect("openai-chat").codec();
        self.stream.resume(Continuation { upstream, manner, mask: None, meter: None, spent });
        self.take([chunks("second", choices), end.as_bytes().to_vec()].concat())
    }

    /// The whole answer as the client's dialect has it.
    fn whole(&self) -> lockgate_protocol::ir::Response<'static> {
        match fold(self.client.name(), self.client.codec(), &Bytes::from(self.out.clone()), None) {
            Folded::Whole(response) => *response,
            other => panic!("{other:?}: {}", String::from_utf8_lossy(&self.out)),
        }
    }
}

const PREFILL: Manner = Manner::Prefill(Prefill::Plain);

#[test]
fn two_parts_are_one_stream() {
    let request = decoded(ASKED.as_bytes());
    let mut course = Course::begin("anthropic", &request, &[words("Delft is a ci"), words("ty in")]);
    let step = course.resume(PREFILL, &[words(" Hol"), words("land.")], &end("stop", 20, 5));
    assert_eq!(step, Step::End);
    insta::assert_snapshot!(String::from_utf8(course.out).unwrap());
    assert_eq!(
        course.stream.losses().to_string(),
        "usage (that of the part that broke off is partly estimated)"
    );
}

#[test]
fn every_part_is_paid_for() {
    let request = decoded(ASKED.as_bytes());
    let mut course = Course::begin("openai-chat", &request, &[words("Delft is a city in")]);
    let first = course.stream.said().unwrap().cost(100);
    assert_eq!((first.input, first.output), (100, 4));
    assert!(matches!(course.resume(PREFILL, &[words(" Holland, on the")], ""), Step::Garbled(_)));
    let both = course.stream.said().unwrap().cost(100);
    assert_eq!(both, Usage { input: 200, output: 8, ..Usage::default() });
    assert_eq!(course.resume(PREFILL, &[words(" Schie.")], &end("stop", 20, 5)), Step::End);
    let whole = course.whole();
    let expect = both.plus(Usage { input: 20, output: 5, ..Usage::default() });
    let seen = course.stream.said().unwrap();
    assert_eq!(seen.text(), "Delft is a city in Holland, on the Schie.");
    // This client did not ask for usage.
    assert_eq!(whole.usage, None);
    let asked =
        ASKED.replace("\"stream\":true", "\"stream\":true,\"stream_options\":{\"include_usage\":true}");
    let request = decoded(asked.as_bytes());
    let mut course = Course::begin("openai-chat", &request, &[words("Delft is a city in")]);
    course.resume(PREFILL, &[words(" Holland, on the")], "");
    assert_eq!(course.resume(PREFILL, &[words(" Schie.")], &end("stop", 20, 5)), Step::End);
    assert_eq!(course.whole().usage, Some(expect));
}

#[test]
fn a_continuation_may_think_first_and_call_tools_last() {
    for client in DIALECTS {
        let request = decoded(ASKED.as_bytes());
        let mut course = Course::begin(client.name(), &request, &[thought("Hm."), words("Let me lo")]);
        let step =
            course.resume(PREFILL, &[thought("Go on."), words("ok."), call()], &end("tool_calls", 1, 1));
        assert_eq!(step, Step::End, "{}", client.name());
        let whole = course.whole();
        let mut said = String::new();
        for block in &whole.choices[0].blocks {
            match &block.content {
                lockgate_protocol::ir::Content::Text { text, .. } => said.push_str(text),
                lockgate_protocol::ir::Content::Thinking(thinking) => {
                    said.push_str(&format!("<{}>", thinking.text))
                }
                lockgate_protocol::ir::Content::ToolUse(call) => {
                    said.push_str(&format!("<{} {}>", call.name, call.input))
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(said, r#"<Hm.>Let me look.<look {"at":"Delft"}>"#, "{}", client.name());
        let losses = course.stream.losses().to_string();
        assert!(losses.contains("choices[0].content[2] (reasoning about how to go on"), "{losses}");
    }
}

#[track_caller]
fn check_no_answer(manner: Manner, choices: &[Value], reason: &str, why: &str) {
    let request = decoded(ASKED.as_bytes());
    let first = "Delft is a city in Holland, on the Schie, between Rotterdam and The Hague, and is known for";
    let mut course = Course::begin("anthropic", &request, &[words(first)]);
    let before = course.out.len();
    let step = course.resume(manner, choices, &end(reason, 1, 1));
    assert_eq!(step, Step::Garbled(format!("the answer is not gone on with: {why}")));
    let added = String::from_utf8(course.out.split_off(before)).unwrap();
    assert!(!added.contains("content_block") && !added.contains("message_stop"), "{added}");
    // Another one may still do it.
    assert_eq!(course.resume(manner, &[words(" its pottery.")], &end("stop", 1, 1)), Step::End);
    assert_eq!(course.stream.said().unwrap().text(), format!("{first} its pottery."));
}

#[test]
fn what_does_not_go_on_is_no_answer() {
    check_no_answer(PREFILL, &[refusal("I cannot.")], "stop", "the model declines to go on");
    check_no_answer(PREFILL, &[], "content_filter", "the model declines to go on");
    check_no_answer(Manner::Instruction, &[], "stop", "it is empty");
    let other =
        "Delft is a city in Holland, on the Schie, between Rotterdam and The Hague. It has a university.";
    check_no_answer(PREFILL, &[words(other)], "stop", "it starts over and says something else");
    check_no_answer(PREFILL, &[words(&other[..70])], "stop", "it starts over and says something else");
}

#[test]
fn a_whole_text_needs_nothing_more() {
    let request = decoded(ASKED.as_bytes());
    for (manner, more) in [
        (PREFILL, None),
        (PREFILL, Some("\n")),
        (Manner::Instruction, Some("is a town.")),
        (Manner::Instruction, Some("It is a town.")),
    ] {
        let mut course = Course::begin("gemini", &request, &[words("It is a town.\n")]);
        let more: Vec<Value> = more.map(words).into_iter().collect();
        assert_eq!(course.resume(manner, &more, &end("stop", 1, 1)), Step::End, "{manner:?} {more:?}");
        assert_eq!(course.stream.said().unwrap().text(), "It is a town.\n");
        course.whole();
    }
}

#[track_caller]
fn check_obstacle(body: &str, first: &[Value], expect: Option<&str>) {
    let request = decoded(body.as_bytes());
    let course = Course::begin("anthropic", &request, first);
    let obstacle = course.stream.said().unwrap().obstacle().map(|obstacle| obstacle.to_string());
    assert_eq!(obstacle.as_deref(), expect);
}

#[test]
fn only_text_is_gone_on_with() {
    let with = |member: &str| ASKED.replace("\"stream\":true", &format!("\"stream\":true,{member}"));
    check_obstacle(ASKED, &[words("a")], None);
    check_obstacle(ASKED, &[thought("a"), words("b")], None);
    check_obstacle(ASKED, &[thought("a")], Some("it broke off inside the reasoning"));
    check_obstacle(ASKED, &[words("a"), call()], Some("a tool call had begun"));
    check_obstacle(ASKED, &[refusal("a")], Some("the model had declined"));
    check_obstacle(&with("\"n\":2"), &[words("a")], Some("several answers were asked for"));
    check_obstacle(&with("\"logprobs\":true"), &[words("a")], Some("it has log probabilities"));
    let json = Some("it has to be JSON, which a provider would begin anew");
    check_obstacle(&with("\"response_format\":{\"type\":\"json_object\"}"), &[words("{")], json);
    let long = words(&"x".repeat(3 << 20));
    check_obstacle(ASKED, &[long.clone(), long], Some("its text is longer than what is kept"));
}

/// What a provider of `upstream` is asked, in which manner, to go on with `text`.
fn asked(upstream: &str, model: &str, known: Option<Prefill>, body: &str, text: &str) -> (Manner, Value) {
    let request = decoded(body.as_bytes());
    let course = Course::begin("openai-chat", &request, &[words(text)]);
    let said = course.stream.said().unwrap();
    let codec = dialect(upstream).codec();
    let manner = Manner::of(said, &request, codec, model, known);
    let target = Target { model, max_output: None, version: None };
    let pair = Pair::new(dialect("openai-chat").codec(), codec);
    let encoded = pair.resumption(&said.request(&request, manner), manner, target).unwrap();
    (manner, serde_json::from_slice(&encoded.body).unwrap())
}

#[test]
fn a_model_that_takes_it_gets_the_beginning_of_its_answer() {
    let last = |upstream: &str, model: &str, known: Option<Prefill>, list: &str| {
        let (manner, body) = asked(upstream, model, known, ASKED, "Delft is \n");
        assert!(matches!(manner, Manner::Prefill(_)), "{upstream}: {manner:?}");
        assert_eq!(manner.after_refusal(), Some(Manner::Instruction));
        body[list].as_array().unwrap().last().unwrap().clone()
    };
    let message = json!({ "role": "assistant", "content": "Delft is" });
    assert_eq!(last("anthropic", "claude-sonnet-4-5", None, "messages"), message);
    assert_eq!(last("ollama", "llama3.2", None, "messages"), message);
    assert_eq!(last("openai-chat", "m", Some(Prefill::Plain), "messages"), message);
    assert_eq!(last("openai-chat", "m", Some(Prefill::Continue), "messages"), message);
    assert_eq!(
        last("openai-chat", "m", Some(Prefill::Prefix), "messages"),
        json!({ "role": "assistant", "content": "Delft is", "prefix": true })
    );
    assert_eq!(
        last("gemini", "gemini-2.5-flash", None, "contents"),
        json!({ "role": "model", "parts": [{ "text": "Delft is" }] })
    );
    assert_eq!(
        last("bedrock", "amazon.nova-pro-v1:0", None, "messages"),
        json!({ "role": "assistant", "content": [{ "text": "Delft is" }] })
    );
    let (_, body) = asked("openai-chat", "m", Some(Prefill::Continue), ASKED, "Delft is");
    assert_eq!(
        (&body["continue_final_message"], &body["add_generation_prompt"]),
        (&json!(true), &json!(false))
    );
}

#[test]
fn any_other_is_told_where_it_broke_off() {
    for (upstream, model) in [
        ("openai-chat", "gpt-5.1"),
        ("openai-responses", "gpt-5.1"),
        ("anthropic", "claude-opus-4-6"),
        ("gemini", "gemini-3.6-flash"),
        ("bedrock", "us.anthropic.claude-sonnet-5-v1:0"),
    ] {
        let (manner, body) = asked(upstream, model, None, ASKED, "Delft is a ci");
        assert_eq!((manner, manner.after_refusal()), (Manner::Instruction, None), "{upstream}");
        let body = body.to_string();
        for part in [
            "Tell me of Delft.",
            "Delft is a ci\"",
            "Delft is a ci\\n</end>",
            "its last word, `ci`, which may be unfinished",
        ] {
            assert!(body.contains(part), "{upstream}: {part} in {body}");
        }
    }
    // A known mark is of one dialect only.
    assert_eq!(asked("openai-responses", "m", Some(Prefill::Partial), ASKED, "Delft").0, Manner::Instruction);
    let thinks = ASKED.replace("\"stream\":true", "\"stream\":true,\"reasoning_effort\":\"high\"");
    assert_eq!(asked("anthropic", "claude-sonnet-4-5", None, &thinks, "Delft").0, Manner::Instruction);
    let (_, body) = asked("openai-chat", "m", None, ASKED, "Delft is ");
    assert!(body["messages"][2]["content"].as_str().unwrap().ends_with("Begin with what comes next."));
}

#[test]
fn what_is_asked_is_what_the_client_asked() {
    let (_, body) = asked("openai-chat", "m", None, ASKED, &"x".repeat(600));
    assert_eq!((&body["max_completion_tokens"], &body["stream"]), (&Value::Null, &json!(true)));
    assert_eq!(body["max_tokens"], json!(900));
    let quoted = body["messages"][2]["content"].as_str().unwrap();
    assert_eq!(quoted.matches('x').count(), 200 + 40 + 1, "the end, the word's end, and that of `exactly`");
    // A client's own first words for the model stay in front.
    let begun = ASKED.replace("]}", ",{\"role\":\"assistant\",\"content\":\"Well,\"}]}");
    let (_, body) = asked("anthropic", "claude-sonnet-4-5", None, &begun, " Delft is");
    assert_eq!(body["messages"][1], json!({ "role": "assistant", "content": "Well, Delft is" }));
    // Nothing was said: the same again.
    let (manner, body) = asked("anthropic", "claude-sonnet-4-5", None, ASKED, "\n");
    assert_eq!((manner, body["messages"].as_array().unwrap().len()), (Manner::Afresh, 1));
}
