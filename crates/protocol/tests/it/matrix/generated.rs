//! Conversations and answers that nobody wrote: what a dialect can say survives it, streamed or not.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use lockgate_protocol::{
    codec::{Reply, RequestHead, Target},
    dialect::Dialect,
    dialects::DIALECTS,
    ir::{
        Block, BlockKind, Choice, Content, Delta, Effort, Event, Losses, Media, Members, Message,
        OutputFormat, Place, Reasoning, Request, Response, Role, Sampling, Signature, Source, Stop,
        StopReason, Text, Thinking, Tool, ToolKind, ToolResult, ToolUse, Usage, raw,
    },
};
use proptest::{collection::vec, option, prelude::*, sample::select, test_runner::TestCaseResult};
use serde_json::{Value, json};

use super::{answers, cases, fold, gist, streams};

/// Conversations and answers per run: each goes through every dialect.
const CASES: u32 = 256;

/// What is said: any letters, but not only blanks, and nothing that a dialect could take for its own marks.
fn words() -> impl Strategy<Value = String> {
    "[a-zäß東京🔭\"\\\\<{}:, \n]{0,24}[a-z🎹é]"
}

fn name() -> impl Strategy<Value = String> {
    "[a-z][a-z_]{0,8}[a-z]"
}

fn number() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i32>().prop_map(|n| json!(n)),
        (-9999..9999_i32).prop_map(|n| json!(f64::from(n) / 16.0))
    ]
}

/// Arguments: an object of whatever JSON has.
fn arguments() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        number(),
        words().prop_map(Value::String)
    ];
    let value = leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::Array),
            vec((name(), inner), 0..3).prop_map(|members| members.into_iter().collect()),
        ]
    });
    vec((name(), value), 0..4).prop_map(|members| members.into_iter().collect::<Value>().to_string())
}

fn picture() -> impl Strategy<Value = Block<'static>> {
    vec(any::<u8>(), 1..40).prop_map(|rest| {
        let bytes = [&b"\x89PNG\r\n\x1a\n"[..], &rest].concat();
        let source = Source::Base64(BASE64.encode(bytes).into());
        Content::Image(Media { source, media_type: Some("image/png".into()), ..Media::default() }).into()
    })
}

fn text() -> impl Strategy<Value = Block<'static>> {
    words().prop_map(|text| Content::text(text).into())
}

fn thought() -> impl Strategy<Value = Block<'static>> {
    let origins: Vec<&str> = DIALECTS.iter().map(|dialect| dialect.name()).collect();
    (words(), option::of((select(origins), "[A-Za-z0-9+/]{8}"))).prop_map(|(text, proof)| {
        let signature = proof.map(|(origin, value)| Signature::new(origin, value));
        Content::Thinking(Thinking { text: text.into(), signature, ..Thinking::default() }).into()
    })
}

/// What a tool gives back: texts and a picture, or an error.
fn given_back() -> impl Strategy<Value = (Vec<Block<'static>>, bool)> {
    prop_oneof![
        (vec(text(), 0..3), option::of(picture())).prop_map(|(mut blocks, picture)| {
            blocks.extend(picture);
            (blocks, false)
        }),
        text().prop_map(|block| (vec![block], true)),
    ]
}

/// The user's question, and the model's turn with its calls and what came of them.
#[derive(Debug, Clone)]
struct Turn {
    asked: Vec<Block<'static>>,
    said: Vec<Block<'static>>,
    calls: Vec<(String, String, (Vec<Block<'static>>, bool))>,
}

fn turn() -> impl Strategy<Value = Turn> {
    let asked = vec(prop_oneof![4 => text(), 1 => picture()], 1..3);
    let said = (option::of(thought()), text())
        .prop_map(|(thought, text)| thought.into_iter().chain([text]).collect());
    let calls = vec((name(), arguments(), given_back()), 0..4);
    (asked, said, calls).prop_map(|(asked, said, calls)| Turn { asked, said, calls })
}

fn call(id: &str, name: &str, input: &str) -> Block<'static> {
    Content::ToolUse(ToolUse {
        id: id.to_owned().into(),
        name: name.to_owned().into(),
        input: input.to_owned().into(),
        kind: ToolKind::Function,
        signature: None,
        item: None,
    })
    .into()
}

fn messages(turns: Vec<Turn>, last: Block<'static>) -> Vec<Message<'static>> {
    let mut messages = Vec::new();
    for (number, turn) in turns.into_iter().enumerate() {
        messages.push(Message::new(Role::User, turn.asked));
        let (mut said, mut results) = (turn.said, Vec::new());
        for (place, (name, input, (blocks, failed))) in turn.calls.into_iter().enumerate() {
            let id = format!("call_{number}_{place}");
            said.push(call(&id, &name, &input));
            results.push(Block::from(Content::ToolResult(ToolResult {
                id: id.into(),
                name: Some(name.into()),
                blocks,
                is_error: failed.then_some(true),
                kind: ToolKind::Function,
            })));
        }
        messages.push(Message::new(Role::Assistant, said));
        if !results.is_empty() {
            messages.push(Message::new(Role::User, results));
            messages.push(Message::new(Role::Assistant, vec![Content::text("so").into()]));
        }
    }
    messages.push(Message::new(Role::User, vec![last]));
    messages
}

fn schema() -> impl Strategy<Value = Value> {
    vec(name(), 0..4).prop_map(|names| {
        let properties: Value = names.iter().map(|name| (name.clone(), json!({"type": "string"}))).collect();
        json!({"type": "object", "properties": properties, "required": names.first().into_iter().collect::<Vec<_>>()})
    })
}

fn tool() -> impl Strategy<Value = Tool<'static>> {
    (name(), words(), schema()).prop_map(|(name, description, schema)| Tool::Client {
        name: name.into(),
        description: Some(description.into()),
        schema: Some(raw(&schema)),
        strict: None,
        kind: ToolKind::Function,
        cache: None,
        extra: Vec::new(),
    })
}

fn format() -> impl Strategy<Value = OutputFormat<'static>> {
    let schema = (name(), schema()).prop_map(|(name, schema)| OutputFormat::Schema {
        name: Some(name.into()),
        description: None,
        schema: raw(&schema),
        strict: None,
    });
    prop_oneof![Just(OutputFormat::Text), Just(OutputFormat::Json), schema]
}

fn sampling() -> impl Strategy<Value = Sampling<'static>> {
    let number = || option::of((0..=16_u8).prop_map(|n| raw(&(f64::from(n) / 16.0))));
    let count = option::of((1..99_u8).prop_map(|n| raw(&n)));
    (number(), number(), count.clone(), count, vec(name(), 0..3)).prop_map(
        |(temperature, top_p, top_k, seed, stop)| Sampling {
            temperature,
            top_p,
            top_k,
            seed,
            stop: stop.into_iter().map(Text::from).collect(),
            ..Sampling::default()
        },
    )
}

fn reasoning() -> impl Strategy<Value = Reasoning<'static>> {
    let effort = select(vec![Effort::Low, Effort::Medium, Effort::High])
        .prop_map(|effort| Reasoning { effort: Some(effort), ..Reasoning::default() });
    let budget = (1024..4000_u64).prop_map(|budget| Reasoning {
        enabled: Some(true),
        budget: Some(budget),
        ..Reasoning::default()
    });
    prop_oneof![effort, budget]
}

fn request() -> impl Strategy<Value = Request<'static>> {
    let talk = (vec(text(), 0..3), vec(turn(), 0..4), text());
    let asked = (vec(tool(), 0..3), option::of(format()), sampling(), option::of(reasoning()));
    (talk, asked, option::of(16..9000_u64), any::<bool>()).prop_map(
        |((system, turns, last), (tools, format, sampling, reasoning), max_tokens, stream)| Request {
            model: "m".into(),
            stream,
            system,
            messages: messages(turns, last),
            tools,
            format,
            sampling,
            reasoning,
            max_tokens,
            ..Request::default()
        },
    )
}

/// One block of an answer, in the pieces in which it is streamed.
fn blocks() -> impl Strategy<Value = Vec<Block<'static>>> {
    let call = (name(), arguments()).prop_map(|(name, input)| call("", &name, &input));
    let block = prop_oneof![3 => text(), 1 => thought(), 2 => call];
    vec(block, 0..5).prop_map(|mut blocks| {
        for (place, block) in blocks.iter_mut().enumerate() {
            if let Content::ToolUse(call) = &mut block.content {
                call.id = format!("call_{place}").into();
            }
        }
        blocks
    })
}

/// Counts whose parts are no more than what they are parts of.
fn usage() -> impl Strategy<Value = Usage> {
    let counts = (0..9999_u64, 0..9999_u64, 0..9999_u64, 0..9999_u64);
    let parts = vec(option::of(0..=16_u64), 7);
    (counts, parts).prop_map(|((input, cache_read, cache_write, output), parts)| {
        let part = |at: usize, of: u64| parts[at].map_or(0, |sixteenths| of * sixteenths / 16);
        let reasoning = part(1, output);
        Usage {
            input,
            cache_read,
            cache_write,
            cache_write_1h: part(0, cache_write),
            output,
            reasoning,
            audio_input: part(2, input),
            audio_output: part(3, output - reasoning),
            image_input: part(4, input),
            image_output: part(5, output - reasoning),
            tool_input: part(6, input),
        }
    })
}

fn response() -> impl Strategy<Value = Response<'static>> {
    let tier = option::of(select(vec!["default", "standard", "flex", "priority", "of their own"]));
    let around = (tier, option::of(number()), option::of(number()), option::of(number()));
    (blocks(), any::<bool>(), usage(), around).prop_map(|(mut blocks, is_cut, usage, around)| {
        let member =
            |value: Option<Value>| value.map(|value| ("x_only".into(), raw(&value))).into_iter().collect();
        let (tier, answer, choice, block) = around;
        if let Some(first) = blocks.first_mut() {
            first.extra = member(block);
        }
        let calls = blocks.iter().any(|block| matches!(block.content, Content::ToolUse(_)));
        let reason = match (is_cut, calls) {
            (true, _) => StopReason::MaxTokens,
            (false, true) => StopReason::ToolUse,
            (false, false) => StopReason::End,
        };
        Response {
            id: Some("r1".into()),
            model: Some("m".into()),
            created: Some(1_800_000_000),
            choices: vec![Choice {
                blocks,
                stop: Some(Stop::new(reason)),
                extra: member(choice),
                ..Choice::default()
            }],
            usage: Some(usage),
            service_tier: tier.map(Text::from),
            extra: member(answer),
            ..Response::default()
        }
    })
}

/// `text` in pieces of at most `size` letters.
fn pieces(text: &str, size: usize) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    letters.chunks(size).map(|piece| piece.iter().collect()).collect()
}

/// The events that a decoder makes of such an answer.
pub(crate) fn events(response: &Response<'_>, size: usize, mut each: impl FnMut(&Event<'_>)) {
    let (id, model) = (response.id.clone(), response.model.clone());
    each(&Event::Start { id, model, created: response.created });
    if let Some(tier) = &response.service_tier {
        each(&Event::ServiceTier(tier.borrowed()));
    }
    let members = |place, extra: &Members<'_>, each: &mut dyn FnMut(&Event<'_>)| {
        for (name, raw) in extra {
            let (name, raw) = (name.borrowed(), raw.clone());
            each(&Event::Member { origin: response.origin, place, name, raw });
        }
    };
    members(Place::Answer, &response.extra, &mut each);
    for choice in &response.choices {
        for (place, block) in choice.blocks.iter().enumerate() {
            let (choice, block_number) = (choice.index, place as u64);
            let (kind, deltas) = parts(&block.content, size);
            each(&Event::BlockStart { choice, block: block_number, kind });
            members(Place::Block(choice, block_number), &block.extra, &mut each);
            for delta in deltas {
                each(&Event::Delta { choice, block: block_number, delta });
            }
            each(&Event::BlockStop { choice, block: block_number });
            each(&Event::Ping);
        }
        members(Place::Choice(choice.index), &choice.extra, &mut each);
        if let Some(stop) = &choice.stop {
            each(&Event::Stop { choice: choice.index, stop: stop.clone() });
        }
    }
    if let Some(usage) = response.usage {
        each(&Event::Usage(Usage { output: 0, reasoning: 0, ..usage }));
        each(&Event::Usage(usage));
    }
    each(&Event::End);
}

fn parts<'c>(content: &'c Content<'_>, size: usize) -> (BlockKind<'c>, Vec<Delta<'c>>) {
    let told = |text: &str| pieces(text, size).into_iter().map(|piece| Delta::Text(piece.into())).collect();
    match content {
        Content::Text { text, .. } => (BlockKind::Text, told(text)),
        Content::Thinking(thinking) => {
            let mut deltas: Vec<Delta<'_>> = told(&thinking.text);
            deltas.extend(thinking.signature.clone().map(Delta::Signature));
            (BlockKind::Thinking { is_summary: false, is_redacted: false, item: None }, deltas)
        }
        Content::ToolUse(call) => (
            BlockKind::ToolUse {
                id: call.id.borrowed(),
                name: call.name.borrowed(),
                kind: call.kind,
                signature: None,
                item: None,
            },
            pieces(&call.input, size).into_iter().map(|piece| Delta::Input(piece.into())).collect(),
        ),
        other => panic!("not generated: {other:?}"),
    }
}

/// A dialect that is not this one, for what comes from elsewhere.
fn elsewhere(dialect: &dyn Dialect) -> &'static str {
    DIALECTS.iter().map(|other| other.name()).find(|name| *name != dialect.name()).unwrap_or_default()
}

fn check_request(request: &Request<'static>, dialect: &dyn Dialect) -> TestCaseResult {
    let codec = dialect.codec();
    let target: Target<'_> = cases::target(dialect);
    let head: RequestHead<'_> = cases::arrival(dialect, request.stream);
    let foreign = Request { origin: elsewhere(dialect), ..request.clone() };
    let encoded = codec.encode_request(&foreign, target).unwrap();
    let again = codec.decode_request(head, &encoded.body).unwrap();
    let found = super::requests::differences(&foreign, &again, &encoded.losses, dialect);
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    prop_assert!(
        found.silent.is_empty(),
        "{}: {:?} [{}]\n{body:#}",
        dialect.name(),
        found.silent,
        encoded.losses
    );
    // What was read once is written the same for ever.
    let same = codec.encode_request(&again, target).unwrap();
    let same_body: Value = serde_json::from_slice(&same.body).unwrap();
    prop_assert_eq!(same_body, body, "{} at home: {}", dialect.name(), same.losses);
    Ok(())
}

fn check_response(response: &Response<'static>, size: usize, dialect: &dyn Dialect) -> TestCaseResult {
    let codec = dialect.codec();
    let foreign = Response { origin: elsewhere(dialect), ..response.clone() };
    let request = answers::request(None, dialect);
    let reply: Reply<'_> = cases::reply(dialect, &request);
    let mut encoder = codec.encoder(reply);
    let (mut bytes, mut plain) = (Vec::new(), fold::Fold::default());
    plain.response.origin = foreign.origin;
    events(&foreign, size, |event| {
        plain.take(event);
        encoder.event(event, &mut bytes);
    });
    // The events themselves say what the answer says.
    prop_assert_eq!(gist::of_response(&plain.response), gist::of_response(&foreign));
    prop_assert_eq!(plain.response.usage, foreign.usage);
    let found = streams::differences(dialect.name(), dialect, &foreign, &bytes, encoder.losses(), &request);
    let text = String::from_utf8_lossy(&bytes);
    prop_assert!(
        found.silent.is_empty(),
        "{}: {:?} [{}]\n{text}",
        dialect.name(),
        found.silent,
        encoder.losses()
    );
    Ok(())
}

/// At home what only the dialect knows comes back, whole and streamed.
fn check_home(response: &Response<'static>, size: usize, dialect: &dyn Dialect) -> TestCaseResult {
    let codec = dialect.codec();
    let mut home = Response { origin: dialect.name(), ..response.clone() };
    home.choices[0].extra.clear();
    home.choices[0].blocks.iter_mut().for_each(|block| block.extra.clear());
    let request = answers::request(None, dialect);
    let mut encoder = codec.encoder(cases::reply(dialect, &request));
    let mut bytes = Vec::new();
    events(&home, size, |event| encoder.event(event, &mut bytes));
    let (streamed, _) = super::read(codec, &bytes);
    let whole = codec.encode_response(&home, cases::reply(dialect, &request));
    let whole = codec.decode_response(&whole.body).unwrap();
    let said = |response: &Response<'_>| -> Vec<(String, String)> {
        let own = response.extra.iter().filter(|(name, _)| *name == "x_only");
        own.map(|(name, raw)| (name.to_string(), raw.get().to_owned())).collect()
    };
    prop_assert_eq!(said(&whole), said(&home), "{}", dialect.name());
    prop_assert_eq!(said(&streamed), said(&home), "{}: {}", dialect.name(), String::from_utf8_lossy(&bytes));
    let is_lost = encoder.losses().iter().any(|loss| loss.path == "service_tier");
    let is_said = home.service_tier.is_none() || streamed.service_tier.is_some();
    prop_assert!(is_lost || is_said, "{}", dialect.name());
    Ok(())
}

/// An answer of `dialect` that reports this usage, as the dialect reads it.
fn counted(usage: Usage, dialect: &dyn Dialect) -> (Usage, Losses) {
    let choices = vec![Choice {
        blocks: vec![Content::text("so").into()],
        stop: Some(Stop::new(StopReason::End)),
        ..Choice::default()
    }];
    let response = Response { choices, usage: Some(usage), ..Response::default() };
    let request = answers::request(None, dialect);
    let encoded = dialect.codec().encode_response(&response, cases::reply(dialect, &request));
    let read = dialect.codec().decode_response(&encoded.body).unwrap().usage;
    (read.unwrap_or_default(), encoded.losses)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn a_request_says_in_each_dialect_what_the_dialect_can_say(request in request()) {
        DIALECTS.iter().try_for_each(|dialect| check_request(&request, *dialect))?;
    }

    #[test]
    fn usage_is_neither_lost_nor_counted_twice_in_any_pair(usage in usage()) {
        let totals = |usage: &Usage| (usage.total_input(), usage.output);
        for from in DIALECTS {
            let (reported, _) = counted(usage, *from);
            prop_assert_eq!(totals(&reported), totals(&usage), "{}", from.name());
            let (again, losses) = counted(reported, *from);
            prop_assert_eq!(again, reported, "{} at home: {}", from.name(), losses);
            prop_assert!(losses.is_empty(), "{} at home: {}", from.name(), losses);
            for to in DIALECTS {
                let (told, losses) = counted(reported, *to);
                prop_assert_eq!(totals(&told), totals(&usage), "{} -> {}", from.name(), to.name());
                for ((path, before), (_, after)) in reported.parts().into_iter().zip(told.parts()) {
                    let is_lost = losses.iter().any(|loss| loss.path == path);
                    prop_assert!(before == after || is_lost, "{} -> {}: {path}", from.name(), to.name());
                }
            }
        }
    }

    #[test]
    fn an_answer_says_the_same_streamed_and_whole(response in response(), size in 1..9_usize) {
        DIALECTS.iter().try_for_each(|dialect| check_response(&response, size, *dialect))?;
        DIALECTS.iter().try_for_each(|dialect| check_home(&response, size, *dialect))?;
    }
}
