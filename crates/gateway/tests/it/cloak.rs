//! Cloaked requests: what the provider gets to see, and that the client gets to see nothing of it.

use std::fmt::Write as _;

use http::{Method, Request};
use lockgate_mock::{Behaviour, Entry, Mock};
use lockgate_protocol::cloak::{Cloak, Key, Settings, User};
use serde_json::{Value, json};

use crate::{
    house::{Answer, House, lenient, mock, read},
    matrix::{CLIENTS, UPSTREAMS},
    raw::Raw,
};

const SECRET: &str = "0123456789abcdef";
/// Longer than what the mock sends at once, so that placeholders are split in streams.
const SAID: &str = "abcdefghNightjar, NIGHTJAR größe";

/// One model for each upstream dialect, named as it, under `cloak`.
async fn house(mock: &Mock, cloak: &str) -> House {
    let host = format!("http://{}", mock.addr());
    let mut yaml = format!(
        "server: {{ listen: \"127.0.0.1:0\" }}\nretry: {{ attempts: 1, stall: 2s }}\ncloak: {cloak}\nproviders:\n"
    );
    let mut models = "models:\n".to_owned();
    for (kind, dialect) in UPSTREAMS {
        writeln!(
            yaml,
            "  {dialect}: {{ kind: {kind}, base_url: \"{host}\", api_key: key, speaks: [{dialect}] }}"
        )
        .unwrap();
        writeln!(models, "  on-{dialect}: {{ targets: [{dialect}/mock-1] }}").unwrap();
    }
    House::new(&(yaml + &models)).await
}

fn with_words(rest: &str) -> String {
    format!("{{ mode: always, words: [nightjar, Größe], secret: {SECRET} {rest} }}")
}

/// What stands for `word` at every provider.
fn placeholder(word: &str) -> String {
    let words = vec!["nightjar".to_owned(), "Größe".to_owned()];
    let settings = Settings { key: Key::new(SECRET), system: None, user: User::Keep, words };
    let body = json!({ "word": word }).to_string();
    let (body, _) = Cloak::new(settings).unwrap().body(body.as_bytes()).unwrap();
    let body: Value = serde_json::from_str(&body.unwrap()).unwrap();
    body["word"].as_str().unwrap().to_owned()
}

async fn post(house: &House, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let mut request = Request::post(house.url(path)).header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    read(house.send(request.body(body.to_string().into()).unwrap()).await).await
}

/// The latest request of a client's: the gateway asks for lists of models by itself.
fn latest(mock: &Mock) -> Entry {
    mock.ledger().into_iter().rfind(|entry| entry.method == Method::POST).unwrap()
}

fn sent(mock: &Mock) -> Value {
    serde_json::from_slice(&latest(mock).body).unwrap()
}

fn chat(model: &str, text: &str) -> Value {
    json!({ "model": model, "messages": [{ "role": "user", "content": text }] })
}

const CHAT: &str = "/v1/chat/completions";

#[tokio::test(flavor = "multi_thread")]
async fn words_go_out_as_placeholders_and_come_back_in_every_cell() {
    let mock = lenient().await;
    mock.set_behaviour(Behaviour { chunk_bytes: Some(1), ..Behaviour::default() });
    let house = house(&mock, &with_words("")).await;
    let mut count = 0;
    for client in CLIENTS {
        for (_, upstream) in UPSTREAMS {
            for (path, body) in [(client.path, client.body), (client.stream_path, client.stream_body)] {
                let cell = format!("{} -> {upstream} at {path}", client.dialect);
                let model = format!("on-{upstream}");
                let body = body.replace("{model}", &model).replace("ahoi", SAID);
                let answer = house.post(&path.replace("{model}", &model), body).await;
                assert_eq!(answer.status, 200, "{cell}: {}", answer.text);
                for word in ["Nightjar", "NIGHTJAR", "größe"] {
                    assert!(answer.text.contains(word), "{cell}: {word} is missing: {}", answer.text);
                }
                assert!(!answer.text.contains("Zq"), "{cell}: {}", answer.text);
                let seen = String::from_utf8(latest(&mock).body.to_vec()).unwrap();
                assert!(
                    !seen.to_lowercase().contains("nightjar") && !seen.contains("größe"),
                    "{cell}: {seen}"
                );
                assert!(seen.contains(&format!("abcdefgh{}", placeholder("Nightjar"))), "{cell}: {seen}");
                count += 1;
            }
        }
    }
    for record in house.records(count).await {
        assert!(!format!("{record:?}").contains("Zq"), "{record:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn words_come_back_in_the_arguments_of_tools() {
    let mock = mock().await;
    mock.set_behaviour(Behaviour { chunk_bytes: Some(1), ..Behaviour::default() });
    let house = house(&mock, &with_words("")).await;
    for model in ["on-openai-chat", "on-anthropic", "on-gemini"] {
        for stream in [false, true] {
            let mut body = chat(model, "Use the tool.");
            body["stream"] = stream.into();
            body["tools"] = json!([{ "type": "function", "function": { "name": "find_nightjar", "parameters": {
                "type": "object", "required": ["nightjar"],
                "properties": { "nightjar": { "type": "string", "enum": ["the \"NightJar\""] } } } } }]);
            let answer = post(&house, CHAT, &[], &body).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            let (mut name, mut arguments) = (String::new(), String::new());
            let chunks: Vec<Value> = match stream {
                false => vec![answer.json()["choices"][0]["message"].clone()],
                true => answer
                    .text
                    .lines()
                    .filter_map(|line| line.strip_prefix("data: {"))
                    .map(|line| serde_json::from_str::<Value>(&format!("{{{line}")).unwrap())
                    .map(|chunk| chunk["choices"][0]["delta"].clone())
                    .collect(),
            };
            for chunk in chunks {
                let call = &chunk["tool_calls"][0]["function"];
                name.push_str(call["name"].as_str().unwrap_or_default());
                arguments.push_str(call["arguments"].as_str().unwrap_or_default());
            }
            assert_eq!(name, "find_nightjar");
            let arguments: Value = serde_json::from_str(&arguments).unwrap();
            assert_eq!(arguments, json!({ "nightjar": "the \"NightJar\"" }));
            assert!(!sent(&mock).to_string().to_lowercase().contains("nightjar"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_provider_sees_the_operator_and_not_the_client() {
    let mock = mock().await;
    let cloak = "{ mode: auto, native: [\"Trusted/*\"], headers: { user-agent: ours/1, x-title: ours }, \
                 system: { text: Ours., place: replace }, user: pseudonym, secret: 0123456789abcdef }";
    let house = house(&mock, cloak).await;
    let headers = [
        ("user-agent", "theirs/1"),
        ("x-stainless-os", "Linux"),
        ("x-forwarded-for", "10.0.0.1"),
        ("x-client-request-id", "theirs"),
        ("http-referer", "https://theirs.example"),
        ("x-session-id", "their-session"),
        ("openai-beta", "x=1"),
    ];
    let mut body = chat("on-openai-chat", "hello");
    body["user"] = "ann@example.com".into();
    body["messages"].as_array_mut().unwrap().insert(0, json!({ "role": "system", "content": "Theirs." }));
    let mut names = Vec::new();
    for _ in 0..2 {
        let answer = post(&house, CHAT, &headers, &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert!(!answer.text.contains("Ours."));
        let seen = latest(&mock);
        let shown = format!("{:?}", seen.headers);
        assert!(
            !shown.contains("their") && !shown.contains("10.0.0.1") && !shown.contains("stainless"),
            "{shown}"
        );
        assert_eq!(seen.headers["user-agent"], "ours/1");
        assert_eq!(seen.headers["x-title"], "ours");
        assert_eq!(seen.headers["openai-beta"], "x=1");
        let seen = sent(&mock);
        assert_eq!(seen["messages"][0]["content"], "Ours.");
        assert_eq!(seen["messages"].as_array().unwrap().len(), 2, "{seen}");
        names.push(seen["user"].as_str().unwrap().to_owned());
        assert!(!names[0].contains("ann"));
    }
    assert_eq!(names[0], names[1]);
    // Of another dialect the same, which never has the client's headers.
    body["model"] = "on-anthropic".into();
    assert_eq!(post(&house, CHAT, &headers, &body).await.status, 200);
    assert_eq!(latest(&mock).headers["user-agent"], "ours/1");
    assert_eq!(sent(&mock)["metadata"]["user_id"], *names[0]);
    // Another end user has another name, and a native client is left alone.
    body["model"] = "on-openai-chat".into();
    body["user"] = "bob@example.com".into();
    post(&house, CHAT, &headers, &body).await;
    assert_ne!(sent(&mock)["user"], *names[0]);
    let native: Vec<_> =
        [("user-agent", "trusted/2")].into_iter().chain(headers[1..].iter().copied()).collect();
    post(&house, CHAT, &native, &body).await;
    assert_eq!(latest(&mock).headers["user-agent"], "trusted/2");
    assert_eq!(sent(&mock)["user"], "bob@example.com");
    assert_eq!(sent(&mock)["messages"][0]["content"], "Theirs.");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_nearest_cloak_counts() {
    let mock = mock().await;
    let url = mock.base_url();
    let cloak = |agent: &str| format!("cloak: {{ mode: always, headers: {{ user-agent: {agent} }} }}");
    let house = House::new(&format!(
        "server: {{ listen: \"127.0.0.1:0\" }}
{}
providers:
  top: {{ kind: openai, base_url: \"{url}\", api_key: key }}
  near: {{ kind: openai, base_url: \"{url}\", api_key: key, {} }}
  nearest: {{ kind: openai, base_url: \"{url}\", {}, credentials: [{{ api_key: key, {} }}] }}
  none: {{ kind: openai, base_url: \"{url}\", {}, credentials: [{{ api_key: key, cloak: {{ mode: never }} }}] }}
",
        cloak("top"),
        cloak("near"),
        cloak("near"),
        cloak("nearest"),
        cloak("near"),
    ))
    .await;
    for (provider, agent) in [("top", "top"), ("near", "near"), ("nearest", "nearest"), ("none", "theirs")] {
        let body = chat(&format!("{provider}/gpt-4o-mini"), "hello");
        let answer = post(&house, CHAT, &[("user-agent", "theirs")], &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(latest(&mock).headers["user-agent"], agent, "{provider}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cloaked_conversation_is_continued_by_its_id() {
    let mock = mock().await;
    let house = house(&mock, &with_words("")).await;
    let first =
        post(&house, "/v1/responses", &[], &json!({ "model": "on-openai-responses", "input": SAID })).await;
    assert_eq!(first.status, 200, "{}", first.text);
    let id = first.json()["id"].as_str().unwrap().to_owned();
    let kept = house.get(&format!("/v1/responses/{id}")).await;
    assert_eq!(kept.status, 200, "{}", kept.text);
    assert!(kept.text.contains("abcdefghNightjar") && !kept.text.contains("Zq"), "{}", kept.text);
    for stream in [false, true] {
        let body = json!({ "model": "on-openai-responses", "input": "and then?", "stream": stream,
            "previous_response_id": id, "instructions": "For Nightjar." });
        let second = post(&house, "/v1/responses", &[], &body).await;
        assert_eq!(second.status, 200, "{}", second.text);
        // The answer repeats the request as the client made it.
        assert!(second.text.contains("For Nightjar.") && second.text.contains(&id), "{}", second.text);
        let seen = sent(&mock);
        assert_eq!(seen["input"].as_array().unwrap().len(), 3, "{seen}");
        assert!(seen["input"][0].to_string().contains(&placeholder("Nightjar")), "{seen}");
        assert!(!seen.to_string().to_lowercase().contains("nightjar"), "{seen}");
        assert!(seen.get("previous_response_id").is_none_or(Value::is_null), "{seen}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signed_reasoning_goes_back_as_it_was_signed() {
    let mock = mock().await;
    let house = house(&mock, &with_words("")).await;
    for stream in [false, true] {
        let mut body = json!({ "model": "on-anthropic", "max_tokens": 4000, "stream": stream,
            "thinking": { "type": "enabled", "budget_tokens": 1024 },
            "tools": [{ "name": "look", "input_schema": { "type": "object", "properties": {} } }],
            "messages": [{ "role": "user", "content": "Nightjar: use the tool." }] });
        let first = post(&house, "/v1/messages", &[("anthropic-version", "2023-06-01")], &body).await;
        assert_eq!(first.status, 200, "{}", first.text);
        let content = content(&first, stream);
        assert_eq!(content[0]["type"], "thinking", "{content}");
        let call = content.as_array().unwrap().iter().find(|block| block["type"] == "tool_use").unwrap();
        let result = json!([{ "type": "tool_result", "tool_use_id": call["id"], "content": "NIGHTJAR" }]);
        let messages = body["messages"].as_array_mut().unwrap();
        messages.push(json!({ "role": "assistant", "content": content }));
        messages.push(json!({ "role": "user", "content": result }));
        body["stream"] = false.into();
        // The mock checks the proof against the text.
        let second = post(&house, "/v1/messages", &[("anthropic-version", "2023-06-01")], &body).await;
        assert_eq!(second.status, 200, "{}", second.text);
        assert!(second.text.contains("NIGHTJAR"), "{}", second.text);
    }
}

/// The content of a message, streamed or not.
fn content(answer: &Answer, stream: bool) -> Value {
    if !stream {
        return answer.json()["content"].clone();
    }
    let mut blocks: Vec<Value> = Vec::new();
    for line in answer.text.lines().filter_map(|line| line.strip_prefix("data: ")) {
        let event: Value = serde_json::from_str(line).unwrap();
        match event["type"].as_str() {
            Some("content_block_start") => blocks.push(event["content_block"].clone()),
            Some("content_block_delta") => {
                let block = blocks.last_mut().unwrap();
                for (from, to) in [("thinking", "thinking"), ("signature", "signature"), ("text", "text")] {
                    if let Some(more) = event["delta"][from].as_str() {
                        block[to] = format!("{}{more}", block[to].as_str().unwrap_or_default()).into();
                    }
                }
            }
            _ => {}
        }
    }
    blocks.into()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_conversation_is_cloaked_too_or_refused() {
    let mock = mock().await;
    let house = house(&mock, &with_words("")).await;
    let body =
        json!({ "model": "openai-chat/text-embedding-3-small", "input": ["Nightjar", "b"], "user": "ann" });
    let answer = post(&house, "/v1/embeddings", &[("user-agent", "theirs")], &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(sent(&mock)["input"], json!([placeholder("Nightjar"), "b"]));
    assert_eq!(sent(&mock).get("user"), None);
    assert!(latest(&mock).headers["user-agent"].to_str().unwrap().starts_with("lockgate/"));
    let count = json!({ "model": "on-anthropic", "messages": [{ "role": "user", "content": "Nightjar" }] });
    let answer =
        post(&house, "/v1/messages/count_tokens", &[("anthropic-version", "2023-06-01")], &count).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(sent(&mock)["messages"][0]["content"], placeholder("Nightjar"));
    let asked = mock.ledger().len();
    let body = json!({ "model": "openai-chat/gpt-3.5-turbo-instruct", "prompt": "Nightjar", "stream": true });
    let answer = post(&house, "/v1/completions", &[], &body).await;
    assert_eq!(answer.status, 400);
    assert!(answer.text.contains("cannot stream under a `cloak`"), "{}", answer.text);
    let form =
        "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nopenai-chat/whisper-1\r\n--b--\r\n";
    let answer =
        house.ask(Method::POST, "/v1/audio/transcriptions", "multipart/form-data; boundary=b", form).await;
    assert!(
        answer.status == 400 && answer.text.contains("only JSON bodies can be cloaked"),
        "{}",
        answer.text
    );
    assert_eq!(mock.ledger().len(), asked);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_speaks_of_words_and_so_does_its_record() {
    let complaint = format!("`messages[0]` may not say {}", placeholder("NightJar"));
    let body = json!({ "error": { "message": complaint, "type": "invalid_request_error", "param": null, "code": null } });
    let head = format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.to_string().len()
    );
    let broken = json!({ "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{ "index": 0, "delta": { "role": "assistant", "content": placeholder("nightjar") } }] });
    // More than is read at once, so that it breaks off after it has begun.
    let stream = format!("{}data: {body}\n\n", format!("data: {broken}\n\n").repeat(8_000));
    for (upstream, status, is_stream) in [
        (Raw::start(head + &body.to_string()).await, 400, false),
        (Raw::start(Raw::ok("text/event-stream", None, stream.as_bytes())).await, 200, true),
    ] {
        let house = House::new(&format!(
            "server: {{ listen: \"127.0.0.1:0\" }}\nretry: {{ attempts: 1 }}\ncloak: {}\nproviders:\n  \
             p: {{ kind: openai, base_url: \"{}\", api_key: key }}\n",
            with_words(""),
            upstream.base_url()
        ))
        .await;
        let mut body = chat("p/m", "NightJar");
        body["stream"] = is_stream.into();
        let answer = post(&house, CHAT, &[], &body).await;
        assert_eq!(answer.status, status, "{}", answer.text);
        assert!(
            answer.text.to_lowercase().contains("nightjar") && !answer.text.contains("Zq"),
            "{}",
            answer.text
        );
        let record = house.records(1).await.remove(0);
        assert!(!format!("{record:?}").contains("Zq"), "{record:?}");
    }
}
