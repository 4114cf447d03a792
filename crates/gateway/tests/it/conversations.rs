//! Answers that are continued by their id: kept by the gateway, or by the provider that gave them.

use http::Method;
use lockgate_mock::Mock;
use serde_json::{Value, json};

use crate::house::{Answer, House, mock, read};

/// A model at a provider that knows no such ids, and one at two accounts of a provider that does.
async fn house(mock: &Mock, others: [&Mock; 2]) -> House {
    let host = format!("http://{}", mock.addr());
    let [a, b] = others.map(Mock::base_url);
    House::new(&format!(
        "server: {{ listen: \"127.0.0.1:0\", max_body: 64KiB }}
retry: {{ attempts: 1 }}
access: {{ keys: [{{ name: ann, key: sk-ann-0123456789 }}, {{ name: bob, key: sk-bob-0123456789 }}] }}
providers:
  claude: {{ kind: anthropic, base_url: \"{host}\", api_key: key }}
  a: {{ kind: openai, base_url: \"{a}\", api_key: key }}
  b: {{ kind: openai, base_url: \"{b}\", api_key: key }}
models:
  claude: {{ targets: [claude/claude-sonnet-4-5] }}
  gpt: {{ targets: [a/gpt-4o-mini, b/gpt-4o-mini] }}
"
    ))
    .await
}

async fn ask(house: &House, key: &str, method: Method, path: &str, body: &Value) -> Answer {
    let request = http::Request::builder()
        .method(method)
        .uri(house.url(path))
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer sk-{key}-0123456789"));
    let body = if body.is_null() { String::new() } else { body.to_string() };
    read(house.send(request.body(body.into()).unwrap()).await).await
}

async fn create(house: &House, key: &str, body: &Value) -> Answer {
    ask(house, key, Method::POST, "/v1/responses", body).await
}

async fn get(house: &House, key: &str, path: &str) -> Answer {
    ask(house, key, Method::GET, path, &Value::Null).await
}

/// The whole response of an answer, streamed or not.
fn response(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text);
    if answer.header("content-type") == "application/json" {
        return answer.json();
    }
    let last = answer.text.lines().filter_map(|line| line.strip_prefix("data: ")).next_back().unwrap();
    let event: Value = serde_json::from_str(last).unwrap();
    assert_eq!(event["type"], "response.completed");
    event["response"].clone()
}

fn id(answer: &Answer) -> String {
    response(answer)["id"].as_str().unwrap().to_owned()
}

fn latest(mock: &Mock) -> Value {
    serde_json::from_slice(&mock.ledger().last().unwrap().body).unwrap()
}

fn not_found(id: &str) -> Value {
    json!({ "error": {
        "message": format!("Previous response with id '{id}' not found."), "type": "invalid_request_error",
        "param": "previous_response_id", "code": "previous_response_not_found",
    } })
}

#[tokio::test(flavor = "multi_thread")]
async fn turns_are_chained_on_a_provider_of_another_dialect() {
    let (mock, other) = (mock().await, mock().await);
    let house = house(&mock, [&other, &other]).await;
    for stream in [false, true] {
        let mut previous = Value::Null;
        for turn in 1..=3 {
            let body = json!({ "model": "claude", "stream": stream, "previous_response_id": previous, "store": true,
                "instructions": format!("instructions {turn}"), "input": format!("turn {turn}") });
            let answer = create(&house, "ann", &body).await;
            let response = response(&answer);
            assert_eq!(response["previous_response_id"], previous);
            assert_eq!(response["store"], true);
            assert!(!answer.header("x-lockgate-loss").contains("previous"), "{:?}", answer.headers);
            assert!(!answer.header("x-lockgate-loss").contains("store"), "{:?}", answer.headers);
            previous = response["id"].clone();
            let sent = latest(&mock);
            let texts = sent["messages"].to_string();
            assert_eq!(sent["messages"].as_array().unwrap().len(), 2 * turn - 1, "{sent}");
            assert!((1..=turn).all(|turn| texts.contains(&format!("\"turn {turn}\""))), "{texts}");
            // Instructions are those of the request alone.
            assert!(
                !texts.contains("instructions") && sent["system"].to_string().contains(&format!("{turn}"))
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tools_and_reasoning_are_chained_too() {
    let (mock, other) = (mock().await, mock().await);
    let house = house(&mock, [&other, &other]).await;
    let base = json!({ "model": "claude", "reasoning": { "effort": "medium" }, "tools": [
        { "type": "function", "name": "look", "parameters": { "type": "object", "properties": {} } },
    ] });
    let with = |more: Value| {
        let mut body = base.clone();
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let first = create(&house, "ann", &with(json!({ "input": "Use the tool." }))).await;
    let output = response(&first)["output"].clone();
    let call = output.as_array().unwrap().iter().find(|item| item["type"] == "function_call").unwrap();
    let result =
        json!([{ "type": "function_call_output", "call_id": call["call_id"], "output": "4 degrees" }]);
    let next = with(json!({ "previous_response_id": id(&first), "input": result }));
    let second = create(&house, "ann", &next).await;
    assert!(response(&second)["output"].to_string().contains("4 degrees"), "{}", second.text);
    let sent = latest(&mock);
    assert_eq!(sent["thinking"]["type"], "enabled");
    assert_eq!(sent["messages"][1]["content"][0]["type"], "thinking", "{sent}");
}

/// As a coding agent does it: a patch is a plain text to the client, and a function's argument to the provider.
#[tokio::test(flavor = "multi_thread")]
async fn a_tool_that_takes_plain_text_is_called_on_a_provider_without_such() {
    let (mock, other) = (mock().await, mock().await);
    let house = house(&mock, [&other, &other]).await;
    let grammar = json!({ "type": "grammar", "syntax": "lark", "definition": "start: begin_patch" });
    let tools = json!([
        { "type": "custom", "name": "apply_patch", "description": "Edits files.", "format": grammar },
        { "type": "function", "name": "shell", "parameters": { "type": "object", "properties": {} } },
    ]);
    for stream in [false, true] {
        let body = |input: Value| {
            json!({ "model": "claude", "stream": stream, "store": false, "tools": tools, "input": input,
            "tool_choice": { "type": "custom", "name": "apply_patch" } })
        };
        let first = create(&house, "ann", &body(json!([{ "role": "user", "content": "Mend it." }]))).await;
        assert!(first.header("x-lockgate-loss").contains("tools[0].format"), "{:?}", first.headers);
        let sent = latest(&mock);
        assert_eq!(sent["tool_choice"]["name"], "apply_patch");
        assert_eq!(sent["tools"][0]["input_schema"]["required"], json!(["input"]), "{sent}");
        let response = response(&first);
        let output = response["output"].as_array().unwrap();
        let call = output
            .iter()
            .find(|item| item["type"] == "custom_tool_call")
            .unwrap_or_else(|| panic!("{response}"));
        let text = call["input"].as_str().unwrap();
        assert!(!text.is_empty() && !text.starts_with('{'), "{text}");
        assert_eq!(call["name"], "apply_patch");
        assert_eq!(first.text.contains("response.custom_tool_call_input.delta"), stream);

        let result =
            json!({ "type": "custom_tool_call_output", "call_id": call["call_id"], "output": "4 files" });
        let talk = json!([{ "role": "user", "content": "Mend it." }, call, result]);
        let mut next = body(talk);
        next["tool_choice"] = "auto".into();
        let second = create(&house, "ann", &next).await;
        assert!(self::response(&second)["output"].to_string().contains("4 files"), "{}", second.text);
        let sent = latest(&mock);
        assert_eq!(sent["messages"][1]["content"][0]["input"], json!({ "input": text }), "{sent}");
        assert_eq!(sent["messages"][2]["content"][0]["type"], "tool_result", "{sent}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_nobody_kept_cannot_be_continued() {
    let (mock, other) = (mock().await, mock().await);
    let house = house(&mock, [&other, &other]).await;
    let body = |previous: &str| json!({ "model": "claude", "input": "x", "previous_response_id": previous });
    let unknown = create(&house, "ann", &body("resp_unknown")).await;
    assert_eq!((unknown.status.as_u16(), unknown.json()), (400, not_found("resp_unknown")));

    let unkept = create(&house, "ann", &json!({ "model": "claude", "input": "x", "store": false })).await;
    assert_eq!(create(&house, "ann", &body(&id(&unkept))).await.json(), not_found(&id(&unkept)));
    assert_eq!(get(&house, "ann", &format!("/v1/responses/{}", id(&unkept))).await.status, 404);

    // What is kept is for the key that asked.
    let kept = id(&create(&house, "ann", &json!({ "model": "claude", "input": "x" })).await);
    assert_eq!(create(&house, "bob", &body(&kept)).await.json(), not_found(&kept));
    assert_eq!(get(&house, "bob", &format!("/v1/responses/{kept}")).await.status, 404);
    assert_eq!(create(&house, "ann", &body(&kept)).await.status, 200);

    // A conversation grows beyond what a body may have.
    let long = json!({ "model": "claude", "input": "x".repeat(40 << 10) });
    let long = id(&create(&house, "ann", &long).await);
    let longer = json!({ "model": "claude", "input": "x".repeat(40 << 10), "previous_response_id": long });
    let longer = id(&create(&house, "ann", &longer).await);
    assert_eq!(create(&house, "ann", &body(&longer)).await.status, 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn kept_answers_are_shown_and_forgotten() {
    let (mock, other) = (mock().await, mock().await);
    let house = house(&mock, [&other, &other]).await;
    let first = create(&house, "ann", &json!({ "model": "claude", "stream": true, "input": "ahoi" })).await;
    let first_id = id(&first);
    let body = json!({ "model": "claude", "input": "again", "previous_response_id": first_id });
    let second = id(&create(&house, "ann", &body).await);

    let path = format!("/v1/responses/{first_id}");
    assert_eq!(get(&house, "ann", &path).await.json(), response(&first));
    let items = get(&house, "ann", &format!("/v1/responses/{second}/input_items?order=asc")).await.json();
    let roles: Vec<_> = items["data"].as_array().unwrap().iter().map(|item| &item["role"]).collect();
    assert_eq!(roles, ["user", "assistant", "user"], "{items}");
    assert_eq!(get(&house, "ann", &format!("{path}/else")).await.status, 404);

    let forgotten = ask(&house, "ann", Method::DELETE, &path, &Value::Null).await;
    assert_eq!(forgotten.json(), json!({ "id": first_id, "object": "response", "deleted": true }));
    let gone = get(&house, "ann", &path).await;
    assert_eq!(gone.status, 404);
    assert_eq!(gone.json()["error"]["message"], format!("Response with id '{first_id}' not found."));
    // Nothing of it is left to continue.
    let body = json!({ "model": "claude", "input": "x", "previous_response_id": second });
    assert_eq!(create(&house, "ann", &body).await.json(), not_found(&second));
    // Only the three that asked a model are on record, one of them as refused.
    assert_eq!(house.records(3).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_keeps_answers_is_asked_for_its_own() {
    let (mock, a, b) = (mock().await, mock().await, mock().await);
    let house = house(&mock, [&a, &b]).await;
    for stream in [false, true] {
        let first =
            create(&house, "ann", &json!({ "model": "gpt", "stream": stream, "input": "ahoi" })).await;
        let (deployment, id) = (first.header("x-lockgate-deployment").to_owned(), id(&first));
        for _ in 0..4 {
            let body = json!({ "model": "gpt", "input": "again", "previous_response_id": id });
            let next = create(&house, "ann", &body).await;
            assert_eq!(next.header("x-lockgate-deployment"), deployment, "{}", next.text);
        }
        let asked = if deployment.starts_with("a/") { &a } else { &b };
        assert_eq!(latest(asked)["previous_response_id"], id);

        // The mock keeps nothing, and says so in the provider's words.
        let path = format!("/v1/responses/{id}");
        for (method, path) in [(Method::GET, format!("{path}/input_items")), (Method::DELETE, path)] {
            let answer = ask(&house, "ann", method.clone(), &path, &Value::Null).await;
            let entry = asked.ledger().pop().unwrap();
            assert_eq!((entry.method, entry.path), (method, path));
            assert_eq!(answer.status, 404);
        }
        // An answer of before the gateway's start may be known to a provider, but not to one of another dialect.
        let body = json!({ "model": "gpt", "input": "again", "previous_response_id": "resp_old" });
        assert_eq!(create(&house, "ann", &body).await.status, 200);
        let body = json!({ "model": "claude", "input": "again", "previous_response_id": id });
        assert_eq!(create(&house, "ann", &body).await.json(), not_found(&id));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn items_of_kept_answers_are_referred_to_by_their_ids() {
    let (mock, other) = (mock().await, mock().await);
    let house = house(&mock, [&other, &other]).await;
    for stream in [false, true] {
        let first =
            create(&house, "ann", &json!({ "model": "claude", "stream": stream, "input": "ahoi" })).await;
        let item = response(&first)["output"][0].clone();
        let reference = json!({ "type": "item_reference", "id": item["id"] });
        let body = json!({ "model": "claude", "input": [
            { "role": "user", "content": "ahoi" }, reference, { "role": "user", "content": "again" },
        ] });
        let next = create(&house, "ann", &body).await;
        assert_eq!(next.status, 200, "{}", next.text);
        assert!(!next.header("x-lockgate-loss").contains("messages"), "{:?}", next.headers);
        let sent = latest(&mock)["messages"].clone();
        assert_eq!((&sent[1]["role"], &sent[2]["content"]), (&json!("assistant"), &json!("again")), "{sent}");
        assert_eq!(sent[1]["content"], item["content"][0]["text"]);

        // Another key's items are nobody's, and so are those of an answer that was forgotten.
        let next = create(&house, "bob", &body).await;
        assert!(next.header("x-lockgate-loss").contains("messages[1]"), "{:?}", next.headers);
        assert!(!latest(&mock)["messages"].to_string().contains("assistant"));
        let path = format!("/v1/responses/{}", id(&first));
        assert_eq!(ask(&house, "ann", Method::DELETE, &path, &Value::Null).await.status, 200);
        let next = create(&house, "ann", &body).await;
        assert!(next.header("x-lockgate-loss").contains("messages[1]"), "{:?}", next.headers);
        assert!(!latest(&mock)["messages"].to_string().contains("assistant"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_a_provider_can_keep_is_refused_with_the_remedy() {
    let (mock, other) = (mock().await, mock().await);
    let house = house(&mock, [&other, &other]).await;
    let body = |model: &str| json!({ "model": model, "input": "x", "conversation": { "id": "conv_1" } });
    let refused = create(&house, "ann", &body("claude")).await;
    assert_eq!(refused.status, 400);
    let error = refused.json()["error"].clone();
    assert_eq!((&error["param"], &error["code"]), (&json!("conversation"), &json!("unsupported_parameter")));
    assert!(error["message"].as_str().unwrap().contains("`previous_response_id`"), "{error}");
    assert_eq!(create(&house, "ann", &body("gpt")).await.status, 200);
    assert_eq!(latest(&other)["conversation"], json!({ "id": "conv_1" }));

    let kept = id(&create(&house, "ann", &json!({ "model": "claude", "input": "x" })).await);
    let cancel = async |id: &str| {
        ask(&house, "ann", Method::POST, &format!("/v1/responses/{id}/cancel"), &Value::Null).await
    };
    let cancelled = cancel(&kept).await;
    assert_eq!(cancelled.status, 400);
    let error = cancelled.json()["error"].clone();
    assert_eq!(error["message"], "Cannot cancel a synchronous response.");
    assert_eq!(error["type"], "invalid_request_error");
    assert_eq!(cancel("resp_unknown").await.status, 404);
    assert_eq!(get(&house, "ann", &format!("/v1/responses/{kept}/cancel")).await.status, 404);
}
