//! Same dialect in and out: the provider gets the client's bytes, the client the provider's.

use http::{Method, Request};
use http_body_util::Full;
use lockgate_testkit::fixtures::{self, Kind};

use crate::{
    house::{CHAT_PATH, House, UPSTREAM_KEY, config, lenient, mock, read, secret},
    raw::Raw,
};

/// Sends `body` and compares what the mock received with `expect`, byte for byte.
#[track_caller]
fn same(got: &[u8], expect: &[u8], what: &str) {
    assert!(
        got == expect,
        "{what}\n got    {}\n expect {}",
        String::from_utf8_lossy(got),
        String::from_utf8_lossy(expect)
    );
}

/// Replaces the value of the first `"model": "..."` in a body as a person with an editor would.
fn with_model(body: &str, model: &str) -> String {
    let key = body.find("\"model\"").unwrap();
    let start = key + 7 + body[key + 7..].find('"').unwrap();
    let end = start + 1 + body[start + 1..].find('"').unwrap();
    format!("{}\"{model}\"{}", &body[..start], &body[end + 1..])
}

/// The blank line a stream ends with.
fn text_end(text: &str) -> String {
    let end = &text[text.trim_end().len()..];
    assert!(["\n\n", "\r\n\r\n"].contains(&end), "the stream ends with {end:?}");
    end.to_owned()
}

#[tokio::test]
async fn unknown_fields_key_order_and_number_spelling_arrive_unchanged() {
    let mock = lenient().await;
    let house = House::new(&config(&[&mock.base_url()], "")).await;
    for body in [
        r#"{"z":1.50e+10,"model":"fast","messages":[{"role":"user","content":"\u00e9\ud83d\ude00/\/"}],"a":-0.0,"unknown":{"b":[1,2.0],"a":null}}"#,
        "{\n\t\"messages\" : [ {\"content\":\"x\" , \"role\":\"user\"} ] ,\r\n  \"model\" : \"fast\" }\n",
        r#"{"mod\u0065l":"fast","messages":[{"role":"user","content":"x"}]}"#,
    ] {
        let answer = house.post(CHAT_PATH, body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        same(
            &mock.ledger().last().unwrap().body,
            body.replace("\"fast\"", "\"gpt-4o-mini\"").as_bytes(),
            "body",
        );
    }
}

#[tokio::test]
async fn recorded_requests_pass_byte_identical_but_for_the_model() {
    let Some(recorded) = fixtures::open() else { return };
    let mock = lenient().await;
    let house = House::new(&config(&[&mock.base_url()], "")).await;
    let mut seen = 0;
    for (protocol, path) in [("openai-chat", CHAT_PATH), ("openai-responses", "/v1/responses")] {
        for case in
            [Kind::NonStream, Kind::Stream].into_iter().flat_map(|kind| recorded.cases(protocol, kind))
        {
            let case = case.unwrap();
            let Some(request) = case.request.as_ref().and_then(|body| String::from_utf8(body.clone()).ok())
            else {
                continue;
            };
            // Azure's deployment URLs carry no model in the body.
            if !request.contains("\"model\"") {
                continue;
            }
            seen += 1;
            let sent = with_model(&request, "fast");
            house.post(path, sent.clone()).await;
            let entry = mock.ledger().pop().unwrap();
            let expect = with_model(&request, "gpt-4o-mini");
            let got = String::from_utf8(entry.body.to_vec()).unwrap();
            // A stream that did not ask for its usage is asked to report it: the one other edit.
            let streams = serde_json::from_str::<serde_json::Value>(&request).unwrap()["stream"] == true;
            let asked_for_client = request.contains("\"include_usage\"") || path != CHAT_PATH;
            if streams && !asked_for_client {
                let inserted = got.replacen(r#""stream_options":{"include_usage":true},"#, "", 1);
                assert_ne!(inserted, got, "{} was not asked to report usage", case.id());
                same(inserted.as_bytes(), expect.as_bytes(), &case.id());
            } else {
                same(got.as_bytes(), expect.as_bytes(), &case.id());
            }
        }
    }
    assert!(seen >= 40, "only {seen} recorded requests were found");
}

#[tokio::test]
async fn recorded_answers_pass_byte_identical() {
    let Some(recorded) = fixtures::open() else { return };
    let mut seen = 0;
    for (protocol, path) in [("openai-chat", CHAT_PATH), ("openai-responses", "/v1/responses")] {
        for case in
            [Kind::NonStream, Kind::Stream].into_iter().flat_map(|kind| recorded.cases(protocol, kind))
        {
            let case = case.unwrap();
            let (content_type, bytes) = match &case.answer {
                fixtures::Answer::Whole(bytes) if case.status == 200 => ("application/json", bytes),
                fixtures::Answer::Stream(fixtures::Framing::Sse, bytes) if case.status == 200 => {
                    ("text/event-stream", bytes)
                }
                _ => continue,
            };
            // What ends in an error is translated, and what follows an ended answer is not passed on.
            let text = String::from_utf8_lossy(bytes);
            if text.contains("\"error\":{") || text.contains("event: error") || case.name.contains("error") {
                continue;
            }
            let upstream = Raw::start(Raw::ok(content_type, Some(bytes.len()), bytes)).await;
            let house = House::new(&config(&[&upstream.base_url()], "")).await;
            let stream = content_type == "text/event-stream";
            let body = format!(
                r#"{{"model":"fast","stream":{stream},"stream_options":{{"include_usage":true}},"messages":[]}}"#
            );
            let answer = house.post(path, body).await;
            assert_eq!(answer.status, 200, "{}: {}", case.id(), answer.text);
            let mut expect = text.into_owned();
            if stream {
                // The recorder dropped the last blank line here and there; a Responses stream has no `[DONE]`.
                expect.truncate(expect.trim_end().len());
                if path != CHAT_PATH {
                    expect.truncate(expect.trim_end_matches("data: [DONE]").trim_end().len());
                }
                expect.push_str(&text_end(&answer.text));
            }
            same(answer.text.as_bytes(), expect.as_bytes(), &case.id());
            seen += 1;
        }
    }
    assert!(seen >= 40, "only {seen} recorded answers were found");
}

#[tokio::test]
async fn usage_nobody_asked_for_is_recorded_and_withheld() {
    let mock = mock().await;
    let house = House::new(&config(&[&mock.base_url()], "")).await;
    for (options, shown) in [
        ("", false),
        (r#","stream_options":{"include_usage":false}"#, false),
        (r#","stream_options":{"include_usage":true}"#, true),
    ] {
        let body = format!(
            r#"{{"model":"fast","stream":true{options},"messages":[{{"role":"user","content":"hi"}}]}}"#
        );
        let answer = house.post(CHAT_PATH, body).await;
        assert!(answer.text.ends_with("data: [DONE]\n\n"), "{}", answer.text);
        assert_eq!(answer.text.contains("\"choices\":[]"), shown, "{}", answer.text);
    }
    for record in house.records(3).await {
        assert!(record.usage.is_some_and(|usage| usage.output > 0), "{record:?}");
    }
}

#[tokio::test]
async fn a_form_changes_only_in_its_model_field() {
    let mock = mock().await;
    let yaml = config(&[&mock.base_url()], "  speech: { targets: [a/whisper-1] }\n");
    let house = House::new(&yaml).await;
    let form = |model: &str| {
        [
            b"--B0undary\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n".as_slice(),
            model.as_bytes(),
            b"\r\n--B0undary\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\nContent-Type: audio/wav\r\n\r\nRIFF\x00\xff\r\n--B0undar\r\n\r\n--B0undary--\r\n",
        ]
        .concat()
    };
    let content_type = "multipart/form-data; boundary=B0undary";
    let answer = house.ask(Method::POST, "/v1/audio/transcriptions", content_type, form("speech")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    same(&mock.ledger()[0].body, &form("whisper-1"), "form");
}

#[tokio::test]
async fn the_client_s_credentials_stay_here_and_the_provider_s_arrive() {
    let mock = mock().await;
    let client_key = secret("client key");
    let keys = format!("access: {{ keys: [{{ name: alice, key: {client_key} }}] }}\n");
    let house = House::new(&config(&[&mock.base_url()], &keys)).await;
    let request = Request::post(house.url("/v1/chat/completions?api-version=x"))
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {client_key}"))
        .header("cookie", "session=1")
        .header("x-forwarded-for", "10.1.2.3")
        .header("user-agent", "one")
        .header("user-agent", "two")
        .body(Full::from(crate::house::CHAT))
        .unwrap();
    let answer = read(house.send(request).await).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let entry = mock.ledger().pop().unwrap();
    assert_eq!(entry.path, "/v1/chat/completions?api-version=x");
    let mut headers: Vec<_> =
        entry.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    headers.sort();
    let shown = headers.join("\n").replace(&mock.addr().to_string(), "MOCK");
    insta::assert_snapshot!(shown.replace(&*UPSTREAM_KEY, "upstream-key"));
    assert_eq!(house.records(1).await[0].key.as_deref(), Some("alice"));
}

#[tokio::test]
async fn a_large_body_passes_whole() {
    let mock = lenient().await;
    let house = House::new(&config(&[&mock.base_url()], "")).await;
    let body =
        format!(r#"{{"model":"fast","messages":[{{"role":"user","content":"{}"}}]}}"#, "x".repeat(9 << 20));
    let answer = house.post(CHAT_PATH, body.clone()).await;
    assert_eq!(answer.status, 200);
    same(&mock.ledger()[0].body, body.replace("\"fast\"", "\"gpt-4o-mini\"").as_bytes(), "large body");
}
