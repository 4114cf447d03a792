//! What a cloak does in every cell: nothing it was not asked for, and no sensitive word in any body.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use lockgate_protocol::{
    cloak::{Cloak, Key, Settings, System, User},
    dialect::Dialect,
    dialects::DIALECTS,
    ir::{
        Block, Citation, Content, Media, Message, OutputFormat, Request, Role, Sampling, Source, Thinking,
        Tool, ToolChoice, ToolKind, ToolResult, ToolUse, raw,
    },
};
use serde_json::{Value, json};

use super::{cases, requests};

const WORDS: &[&str] = &["Nightjar", "größe", "東京", "say \"no\""];
/// The same as people spell them.
const SPELLED: &str = "nightjar NightJar NIGHTJARS GRÖSSE größe gro\u{308}ße 東京都 Say \"No\"";

fn cloak(words: &[&str], system: Option<System>) -> Cloak {
    let words = words.iter().map(ToString::to_string).collect();
    Cloak::new(Settings { key: Key::new("secret"), system, user: User::Keep, words }).unwrap()
}

fn text() -> Block<'static> {
    Content::text(SPELLED).into()
}

/// A request with the words wherever a client can put them.
fn everywhere() -> Request<'static> {
    let arguments =
        json!({ "nightjar": [SPELLED, { "inner": "{\"a\":\"NIGHTJAR \\u6771\\u4eac\"}" }] }).to_string();
    // As programs spell it that escape all but ASCII.
    let arguments = arguments.replace("größe", "gr\\u00f6\\u00DFe");
    let call = ToolUse {
        id: "call_1".into(),
        name: "ask_nightjar".into(),
        input: arguments.into(),
        kind: ToolKind::Function,
        signature: None,
        item: None,
    };
    let result = ToolResult {
        id: "call_1".into(),
        name: Some("ask_nightjar".into()),
        blocks: vec![text()],
        is_error: None,
        kind: ToolKind::Function,
    };
    let document = |source| {
        let media_type = Some("text/plain".into());
        let name = Some("nightjar.txt".into());
        let media = Media { source, media_type, name, context: Some(SPELLED.into()), ..Media::default() };
        Block::from(Content::Document(media))
    };
    let citation = Citation {
        text: Some(SPELLED.into()),
        url: Some("https://nightjar.example/".into()),
        title: Some("Nightjar".into()),
        range: None,
        origin: "",
        raw: raw(&json!({ "title": SPELLED })),
    };
    let thinking = Thinking { text: SPELLED.into(), ..Thinking::default() };
    Request {
        model: "m".into(),
        system: vec![text()],
        messages: vec![
            Message::new(
                Role::User,
                vec![
                    text(),
                    document(Source::Text(SPELLED.into())),
                    document(Source::Base64(BASE64.encode(SPELLED).into())),
                ],
            ),
            Message::new(
                Role::Assistant,
                vec![
                    Content::Thinking(thinking).into(),
                    Content::Text { text: SPELLED.into(), citations: vec![citation] }.into(),
                    Content::ToolUse(call).into(),
                ],
            ),
            Message::new(Role::User, vec![Content::ToolResult(result).into(), text()]),
            Message::new(Role::Developer, vec![text()]),
            Message::new(Role::User, vec![text()]),
        ],
        tools: vec![Tool::Client {
            name: "ask_nightjar".into(),
            description: Some(SPELLED.into()),
            schema: Some(raw(&json!({ "type": "object", "required": ["nightjar"], "properties": {
                "nightjar": { "type": "string", "description": SPELLED, "enum": ["Nightjar", "東京"] } } }))),
            strict: None,
            kind: ToolKind::Function,
            cache: None,
            extra: Vec::new(),
        }],
        tool_choice: Some(ToolChoice::Named("ask_nightjar".into())),
        format: Some(OutputFormat::Schema {
            name: Some("nightjar".into()),
            description: Some(SPELLED.into()),
            schema: raw(&json!({ "type": "object", "additionalProperties": false, "required": ["nightjar"],
                "properties": { "nightjar": { "type": "string" } } })),
            strict: None,
        }),
        sampling: Sampling { stop: vec!["Nightjar:".into()], ..Sampling::default() },
        max_tokens: Some(100),
        user: Some("nightjar-1".into()),
        metadata: Some(raw(&json!({ "team": "nightjar" }))),
        cache_key: Some("nightjar".into()),
        ..Request::default()
    }
}

/// Fails if a word is in any string or name of `body`, in base64 and in JSON inside strings too.
#[track_caller]
fn check_clean(cell: &str, body: &[u8]) {
    let value: Value = serde_json::from_slice(body).unwrap_or_else(|error| panic!("{cell}: {error}"));
    let mut stack = vec![value];
    let look = |text: &str| {
        let plain = BASE64.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        for text in std::iter::once(text.to_owned()).chain(plain) {
            let unescaped =
                text.replace("\\u6771\\u4eac", "東京").replace("\\\"", "\"").replace("o\u{308}", "ö");
            let small = unescaped.to_uppercase().to_lowercase();
            for word in ["nightjar", "grösse", "東京", "say \"no\""] {
                assert!(!small.contains(word), "{cell}: {word} is in {text:?}");
            }
        }
    };
    while let Some(value) = stack.pop() {
        match value {
            Value::String(text) => look(&text),
            Value::Array(values) => stack.extend(values),
            Value::Object(members) => {
                for (name, value) in members {
                    look(&name);
                    stack.push(value);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

/// The request as a client of `dialect` would have sent it.
fn sent(dialect: &dyn Dialect) -> Vec<u8> {
    dialect.codec().encode_request(&everywhere(), cases::target(dialect)).unwrap().body
}

#[test]
fn no_word_is_in_any_body() {
    let cloak = cloak(WORDS, Some(System { text: "We are Nightjar.".to_owned(), replaces: false }));
    for client in DIALECTS {
        let body = sent(*client);
        // What is looked for is there, or nothing is shown.
        assert!(String::from_utf8_lossy(&body).contains("Nightjar"), "{}", client.name());
        let request = client.codec().decode_request(cases::arrival(*client, false), &body).unwrap();
        for target in DIALECTS {
            let cell = format!("{} -> {}", client.name(), target.name());
            let (covered, _) = cloak.request(&request);
            let encoded = target.codec().encode_request(&covered, cases::target(*target)).unwrap();
            check_clean(&cell, &encoded.body);
        }
    }
}

#[test]
fn words_come_back_in_every_cell() {
    let cloak = cloak(WORDS, None);
    let mut request = everywhere();
    let (covered, mask) = cloak.request(&request);
    // What the model was told, it says again.
    let blocks = covered.messages[1].blocks[1..].to_vec();
    request.messages.truncate(1);
    for provider in DIALECTS {
        let response = lockgate_protocol::ir::Response {
            choices: vec![lockgate_protocol::ir::Choice { blocks: blocks.clone(), ..Default::default() }],
            ..Default::default()
        };
        let answer = provider.codec().encode_response(&response, cases::reply(*provider, &request));
        check_clean(provider.name(), &without_echo(&answer.body));
        for client in DIALECTS {
            let mut response = provider.codec().decode_response(&answer.body).unwrap();
            mask.response(&mut response);
            let shown = client.codec().encode_response(&response, cases::reply(*client, &request));
            let shown = client.codec().decode_response(&shown.body).unwrap();
            let cell = format!("{} -> {}", provider.name(), client.name());
            let mut seen = 0;
            for block in &shown.choices[0].blocks {
                match &block.content {
                    Content::Text { text, .. } => assert_eq!(&**text, SPELLED, "{cell}"),
                    Content::ToolUse(call) => {
                        let said: Value = serde_json::from_str(&call.input).unwrap();
                        let Content::ToolUse(before) = &everywhere().messages[1].blocks[2].content else {
                            panic!("{cell}")
                        };
                        assert_eq!(&*call.name, "ask_nightjar", "{cell}");
                        assert_eq!(said, serde_json::from_str::<Value>(&before.input).unwrap(), "{cell}");
                    }
                    content => panic!("{cell}: {content:?}"),
                }
                seen += 1;
            }
            assert_eq!(seen, 2, "{cell}");
        }
    }
}

/// An answer without what it repeats of the request, which a provider would repeat as it got it.
fn without_echo(body: &[u8]) -> Vec<u8> {
    let mut value: Value = serde_json::from_slice(body).unwrap();
    if let Some(members) = value.as_object_mut() {
        for name in ["tools", "instructions", "user", "metadata", "prompt_cache_key", "text", "tool_choice"] {
            members.remove(name);
        }
    }
    value.to_string().into_bytes()
}

#[test]
fn a_cloak_without_orders_changes_no_recorded_request() {
    // Letters that no recording has, so that all of them are searched.
    let idle = cloak(&[], None);
    let searching = cloak(&["qqxzqqxz"], None);
    for source in cases::all() {
        let Some(request) = requests::decode(&source) else { continue };
        for dialect in DIALECTS {
            let write = |request: &Request<'_>| {
                dialect
                    .codec()
                    .encode_request(request, cases::target(*dialect))
                    .map(|encoded| encoded.body)
                    .ok()
            };
            let plain = write(&request);
            for cloak in [&idle, &searching] {
                let cell = format!("{} -> {}", source.id, dialect.name());
                assert_eq!(write(&cloak.request(&request).0), plain, "{cell}");
            }
        }
    }
}

#[test]
fn the_operators_prompt_reaches_every_dialect() {
    for replaces in [false, true] {
        let system = Some(System { text: "The operator's prompt.".to_owned(), replaces });
        let cloak = cloak(&[], system);
        for client in DIALECTS {
            let body = sent(*client);
            let request = client.codec().decode_request(cases::arrival(*client, false), &body).unwrap();
            for target in DIALECTS {
                let cell = format!("{} -> {}", client.name(), target.name());
                let (covered, _) = cloak.request(&request);
                let encoded = target.codec().encode_request(&covered, cases::target(*target)).unwrap();
                let again =
                    target.codec().decode_request(cases::arrival(*target, false), &encoded.body).unwrap();
                let system: Vec<&str> = again
                    .system
                    .iter()
                    .filter_map(|block| match &block.content {
                        Content::Text { text, .. } => Some(&**text),
                        _ => None,
                    })
                    .collect();
                let said = system.join("\n");
                assert!(said.starts_with("The operator's prompt."), "{cell}: {said}");
                assert_eq!(said.contains("nightjar"), !replaces, "{cell}: {said}");
            }
        }
    }
}
