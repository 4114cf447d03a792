//! What is refused, and what is said.

use serde_json::{Value, json};

use super::{Object, order, rules};

fn user(content: &str) -> Value {
    json!({ "content": content, "modelId": "claude-sonnet-4.5", "origin": "AI_EDITOR" })
}

fn body(history: &Value, current: &Value) -> Value {
    json!({ "conversationState": {
        "chatTriggerType": "MANUAL", "conversationId": "c", "history": history,
        "currentMessage": { "userInputMessage": current },
    } })
}

/// The current turn with a tool `a`, and these results.
fn with_tool(results: &Value) -> Value {
    let mut turn = user("go on");
    turn["userInputMessageContext"] = json!({ "toolResults": results, "tools": [
        { "toolSpecification": { "name": "a", "description": "one", "inputSchema": { "json": { "type": "object" } } } },
    ] });
    turn
}

fn called(id: &str, name: &str) -> Value {
    let call = json!({ "toolUseId": id, "name": name, "input": {} });
    json!({ "assistantResponseMessage": { "content": "", "toolUses": [call] } })
}

#[track_caller]
fn check(body: &Value, refused: Option<&str>) {
    let object: &Object = body.as_object().unwrap();
    let found = rules::check(object).and_then(|()| order::check(object));
    match (found, refused) {
        (Ok(()), None) => {}
        (Err(error), Some(part)) => assert!(error.message().contains(part), "{error:?}"),
        (found, refused) => panic!("{found:?} is not {refused:?}"),
    }
}

#[test]
fn turns_alternate_and_results_follow_their_calls() {
    let asked = json!({ "userInputMessage": user("hi") });
    let result = |id: &str| json!([{ "toolUseId": id, "status": "success", "content": [{ "text": "1" }] }]);
    check(&body(&json!([]), &user("hi")), None);
    check(&body(&json!([asked, called("t", "a")]), &with_tool(&result("t"))), None);
    check(&body(&json!([asked, asked]), &user("hi")), Some("whose turn"));
    check(&body(&json!([called("t", "a")]), &user("hi")), Some("whose turn"));
    check(&body(&json!([asked]), &user("hi")), Some("ends with the user"));
    check(&body(&json!([asked, called("t", "a")]), &with_tool(&json!([]))), Some("lacks a result"));
    check(&body(&json!([asked, called("t", "a")]), &with_tool(&result("u"))), Some("no call before"));
    check(&body(&json!([]), &with_tool(&result("t"))), Some("no call before"));
    check(&body(&json!([asked, called("t", "b")]), &with_tool(&result("t"))), Some("not offered"));
}

#[test]
fn members_are_known_and_of_their_kind() {
    let history = json!([]);
    let changed = |name: &str, value: Value| {
        let mut turn = user("hi");
        turn[name] = value;
        body(&history, &turn)
    };
    check(&changed("content", "".into()), Some("says nothing"));
    check(&changed("content", Value::Null), Some("something else"));
    check(&changed("modelId", "gpt-4o".into()), Some("Invalid model"));
    check(&changed("origin", "CLI".into()), Some("something else"));
    check(&changed("temperature", 1.into()), Some("not known"));
    check(
        &changed("images", json!([{ "format": "bmp", "source": { "bytes": "" } }])),
        Some("something else"),
    );
    check(&changed("images", json!([{ "format": "png", "source": { "bytes": "?" } }])), Some("base64"));
    check(&json!({ "profileArn": "arn" }), Some("missing"));
    let mut tool = with_tool(&json!([]));
    tool["userInputMessageContext"]["tools"][0]["toolSpecification"]["description"] = "".into();
    check(&body(&history, &tool), Some("description"));
}
