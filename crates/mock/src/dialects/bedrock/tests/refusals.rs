//! What is refused: one check for each rule.

#![expect(
    clippy::needless_pass_by_value,
    reason = "`json!` makes values, and a test reads better without `&`"
)]

use super::*;

/// The change is refused with exactly this message.
#[track_caller]
fn refused(changes: Value, message: &str) {
    refused_by("mock-1", changes, message);
}

#[track_caller]
fn refused_by(model: &str, changes: Value, message: &str) {
    let seen = ask(model, "converse-stream", &with(&changes));
    assert_eq!((seen.status, seen.kind()), (400, "ValidationException"), "{changes}: {:?}", seen.body);
    assert_eq!(seen.json(), json!({ "message": message }), "{changes}");
}

#[track_caller]
fn unreadable(changes: Value, message: &str) {
    let seen = post(&with(&changes));
    assert_eq!((seen.status, seen.kind()), (400, "SerializationException"), "{changes}");
    assert_eq!(seen.json(), json!({ "message": message }), "{changes}");
}

#[track_caller]
fn accepted(model: &str, changes: Value) {
    let seen = ask(model, "converse", &with(&changes));
    assert_eq!(seen.status, 200, "{changes}: {:?}", seen.body);
}

const NEW_CLAUDE: &str = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
const NOVA: &str = "us.amazon.nova-lite-v1:0";

/// A conversation that has `content` where the user speaks.
fn says(content: Value) -> Value {
    json!({ "messages": [{ "role": "user", "content": content }] })
}

/// A conversation of those roles.
fn roles(roles: &[&str]) -> Value {
    let message = |role| json!({ "role": role, "content": [{ "text": "Hi" }] });
    json!({ "messages": roles.iter().map(message).collect::<Vec<_>>() })
}

/// A conversation with a call of `a` and `b`, and what the user says then.
fn called(answer: Value) -> Value {
    let call = |id| json!({ "toolUse": { "toolUseId": id, "name": "get_weather", "input": {} } });
    json!({
        "messages": [
            { "role": "user", "content": [{ "text": "weather?" }] },
            { "role": "assistant", "content": [call("a"), call("b")] },
            { "role": "user", "content": answer },
        ],
        "toolConfig": { "tools": [weather()] },
    })
}

fn result(id: &str) -> Value {
    json!({ "toolResult": { "toolUseId": id, "content": [{ "text": "17" }] } })
}

#[test]
fn what_it_does_not_know() {
    let words = |place: &str, key: &str| {
        format!(
            "Malformed input request: #{place}: extraneous key [{key}] is not permitted, please reformat your input and try again."
        )
    };
    refused(json!({ "max_tokens": 5 }), &words("", "max_tokens"));
    refused(json!({ "modelId": "mock-1" }), &words("", "modelId"));
    refused(json!({ "inferenceConfig": { "topK": 5 } }), &words("/inferenceConfig", "topK"));
    refused(says(json!([{ "text": "x", "type": "text" }])), &words("/messages/0/content/0", "type"));
}

#[test]
fn what_is_missing() {
    let null = |place: &str| {
        format!(
            "1 validation error detected: Value null at '{place}' failed to satisfy constraint: Member must not be null"
        )
    };
    refused(json!({ "messages": [{ "role": "user" }] }), &null("messages.1.member.content"));
    refused(json!({ "toolConfig": {} }), &null("toolConfig.tools"));
    refused(
        says(json!([])),
        "The content field in the Message object at messages.0 is empty. Add a ContentBlock object to the content field and try again.",
    );
    let seen = post(&with(&says(json!([{}])))).json();
    let message = seen["message"].as_str().unwrap();
    assert!(
        message.starts_with(
            "ContentBlock object at messages.0.content.0 must set one of the following keys: text, image, "
        ),
        "{message}"
    );
    let source = json!({ "bytes": "aGk=", "s3Location": { "uri": "s3://abc/d" } });
    refused(
        says(json!([{ "text": "x" }, { "image": { "format": "png", "source": source } }])),
        "ImageSource object at messages.0.content.1.image.source must set only one of the following keys: bytes, s3Location.",
    );
}

#[test]
fn wrong_types() {
    unreadable(
        json!({ "inferenceConfig": { "maxTokens": "5" } }),
        "STRING_VALUE can not be converted to an Integer",
    );
    unreadable(json!({ "messages": "Hello" }), "Expected list or null");
    unreadable(says(json!("Hello")), "Expected list or null");
    unreadable(says(json!(["Hello"])), "Unexpected field type");
    unreadable(says(json!([{ "text": ["Hello"] }])), "Start of list found where not expected");
    unreadable(
        says(json!([{ "image": { "format": "png", "source": { "bytes": "!" } } }])),
        "Unable to decode base64 content",
    );
    let seen = send(&Method::POST, "/model/mock-1/converse", &headers("Bearer k"), b"{", true);
    assert_eq!((seen.status, seen.kind()), (400, "SerializationException"));
}

#[test]
fn inference_ranges() {
    let words = |value: &str, name: &str, must: &str| {
        format!(
            "1 validation error detected: Value '{value}' at 'inferenceConfig.{name}' failed to satisfy constraint: Member must {must}"
        )
    };
    let config = |config: Value| json!({ "inferenceConfig": config });
    refused(
        config(json!({ "temperature": 1.5 })),
        &words("1.5", "temperature", "have value less than or equal to 1"),
    );
    refused(config(json!({ "topP": -1 })), &words("-1", "topP", "have value greater than or equal to 0"));
    refused(
        config(json!({ "maxTokens": 0 })),
        &words("0", "maxTokens", "have value greater than or equal to 1"),
    );
    refused(
        config(json!({ "stopSequences": [""] })),
        &words("", "stopSequences.1.member", "have length greater than or equal to 1"),
    );
    refused(
        config(json!({ "temperature": 2, "topP": 2 })),
        "2 validation errors detected: Value '2' at 'inferenceConfig.temperature' failed to satisfy constraint: Member must have \
         value less than or equal to 1; Value '2' at 'inferenceConfig.topP' failed to satisfy constraint: Member must have value \
         less than or equal to 1",
    );
    refused_by(
        NOVA,
        config(json!({ "maxTokens": 10_001 })),
        "The maximum tokens you requested exceeds the model limit of 10000. Try again with a maximum tokens value that is lower than 10000.",
    );
    refused_by(
        NEW_CLAUDE,
        config(json!({ "temperature": 0.5, "topP": 0.5 })),
        "The model returned the following errors: `temperature` and `top_p` cannot both be specified for this model. Please use only one.",
    );
}

#[test]
fn who_begins() {
    let words = "A conversation must start with a user message. Try again with a conversation that starts with a user message.";
    refused(json!({ "messages": [] }), words);
    refused(json!({ "messages": null }), words);
    refused(roles(&["assistant", "user"]), words);
    refused_by(NOVA, roles(&["assistant", "user"]), words);
    accepted(NEW_CLAUDE, roles(&["assistant", "user"]));
    refused(
        roles(&["system", "user"]),
        "This model doesn't support the system role in messages. Use the system field and try again.",
    );
}

#[test]
fn turns_alternate() {
    let words = "A conversation must alternate between user and assistant roles. Make sure the conversation alternates between user \
                 and assistant roles and try again.";
    refused(roles(&["user", "user"]), words);
    refused(roles(&["user", "assistant", "assistant"]), words);
    accepted("mock-1", roles(&["user", "assistant", "user"]));
    accepted("amazon.titan-text-express-v1", roles(&["user", "user"]));
}

#[test]
fn blanks_are_not_text() {
    let words = |place: &str| {
        format!(
            "The text field in the ContentBlock object at {place} is blank. Add text to the text field, and try again."
        )
    };
    refused(says(json!([{ "text": "" }])), &words("messages.0.content.0"));
    refused(says(json!([{ "text": "x" }, { "text": "" }])), &words("messages.0.content.1"));
    refused(says(json!([{ "text": " \n" }])), &words("messages.0.content.0"));
    refused(json!({ "system": [{ "text": " " }] }), &words("system.0"));
    accepted("mock-1", says(json!([{ "text": "x" }, { "text": "\n" }])));
}

#[test]
fn results_follow_their_calls() {
    accepted("mock-1", called(json!([result("b"), result("a")])));
    refused(
        called(json!([result("a")])),
        "Expected toolResult blocks at messages.2.content for the following Ids: b",
    );
    refused(
        called(json!([{ "text": "never mind" }])),
        "Expected toolResult blocks at messages.2.content for the following Ids: a, b",
    );
    let exceeds = |index: usize| {
        format!(
            "The number of toolResult blocks at messages.{index}.content exceeds the number of toolUse blocks of previous turn."
        )
    };
    refused(called(json!([result("a"), result("b"), result("c")])), &exceeds(2));
    let mut first = says(json!([result("a")]));
    first["toolConfig"] = json!({ "tools": [weather()] });
    refused(first, &exceeds(0));
    let mut open = called(json!([result("a")]));
    open["messages"].as_array_mut().unwrap().pop();
    refused(open, "Expected toolResult blocks at messages.2.content for the following Ids: a, b");
    let mut twice = called(json!([result("a"), result("b")]));
    twice["messages"][1]["content"][1]["toolUse"]["toolUseId"] = json!("a");
    refused(
        twice,
        "The model returned the following errors: messages.1.content.1: `tool_use` ids must be unique",
    );
}

#[test]
fn each_side_says_its_own() {
    let mut swapped = called(json!([result("a"), result("b")]));
    let call = swapped["messages"][1]["content"][0].clone();
    swapped["messages"][0]["content"] = json!([call]);
    refused(
        swapped,
        "The model returned the following errors: messages.0.content.0: `tool_use` blocks can only be in `assistant` messages",
    );
    let mut swapped = called(json!([result("a"), result("b")]));
    swapped["messages"][1]["content"] = json!([result("a")]);
    refused(
        swapped,
        "The model returned the following errors: messages.1.content.0: `tool_result` blocks can only be in `user` messages",
    );
}

#[test]
fn results_have_a_form() {
    let with_content = |content: Value, status: &str| {
        let first = json!({ "toolResult": { "toolUseId": "a", "content": content, "status": status } });
        called(json!([first, result("b")]))
    };
    accepted("mock-1", with_content(json!([]), "success"));
    accepted("mock-1", with_content(json!([{ "text": "" }]), "error"));
    refused(
        with_content(json!([]), "error"),
        "The content field at messages.2.content.0.toolResult cannot be empty when status value is error.",
    );
    refused(
        with_content(json!([{ "json": [1] }]), "success"),
        "The format of the value at messages.2.content.0.toolResult.content.0.json is invalid. Provide a json object for the field \
         and try again.",
    );
    let mut wrong = called(json!([result("a"), result("b")]));
    wrong["messages"][1]["content"][0]["toolUse"]["input"] = json!("{}");
    refused(
        wrong,
        "The format of the value at messages.1.content.0.toolUse.input is invalid. Provide a json object for the field and try again.",
    );
}

#[test]
fn tools_have_a_form() {
    let tools = |tools: Value| json!({ "toolConfig": { "tools": tools } });
    let object = json!({ "type": "object" });
    let place = "toolConfig.tools.1.member.toolSpec.name";
    refused(
        tools(json!([tool("get.weather", &object)])),
        &format!(
            "1 validation error detected: Value 'get.weather' at '{place}' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_-]+"
        ),
    );
    let long = "x".repeat(65);
    refused(
        tools(json!([tool(&long, &object)])),
        &format!(
            "1 validation error detected: Value '{long}' at '{place}' failed to satisfy constraint: Member must have length less than or equal to 64"
        ),
    );
    accepted("mock-1", tools(json!([tool(&"x".repeat(64), &object)])));
    refused(
        tools(json!([])),
        "1 validation error detected: Value at 'toolConfig.tools' failed to satisfy constraint: Member must have length greater than \
         or equal to 1",
    );
    refused(
        tools(json!([tool("a", &json!({}))])),
        "The value at toolConfig.tools.0.toolSpec.inputSchema.json.type must be one of the following: object.",
    );
    refused(
        tools(json!([weather(), weather()])),
        "The model returned the following errors: tools: Tool names must be unique.",
    );
    refused(
        json!({ "toolConfig": { "tools": [weather()], "toolChoice": { "tool": { "name": "other" } } } }),
        "The model returned the following errors: Tool 'other' not found in provided tools",
    );
    let mut bare = called(json!([result("a"), result("b")]));
    bare.as_object_mut().unwrap().remove("toolConfig");
    refused(bare, "The toolConfig field must be defined when using toolUse and toolResult content blocks.");
    refused_by(
        "amazon.titan-text-express-v1",
        tools(json!([weather()])),
        "This model doesn't support tool use.",
    );
}

#[test]
fn files_have_a_form() {
    let document =
        |name: &str| json!({ "document": { "name": name, "format": "txt", "source": { "bytes": "aGk=" } } });
    let words = "The document file name can only contain alphanumeric characters, whitespace characters, hyphens, parentheses, and \
                 square brackets. The name can't contain more than one consecutive whitespace character. Check that the file name \
                 conforms to these restrictions and retry your request.";
    refused(says(json!([{ "text": "x" }, document("a.txt")])), words);
    refused(says(json!([{ "text": "x" }, document("a  b")])), words);
    refused(
        says(json!([document("a"), document("a")])),
        "Duplicate document names are not allowed. Give each document a name of its own and try again.",
    );
    let remote =
        json!([{ "image": { "format": "png", "source": { "s3Location": { "uri": "s3://bucket/a.png" } } } }]);
    refused(says(remote.clone()), "This model doesn't support the s3Uri field. Remove s3Uri and try again.");
    accepted(NOVA, says(remote));
    refused(
        says(json!([{ "image": { "format": "bmp", "source": { "bytes": "aGk=" } } }])),
        "1 validation error detected: Value 'bmp' at 'messages.1.member.content.1.member.image.format' failed to satisfy constraint: \
         Member must satisfy enum value set: [png, jpeg, gif, webp]",
    );
}

#[test]
fn reasoning_has_its_rules() {
    let thinks = |budget: u64, config: Value| {
        let thinking = json!({ "type": "enabled", "budget_tokens": budget });
        json!({ "additionalModelRequestFields": { "thinking": thinking }, "inferenceConfig": config })
    };
    let model = |why: &str| format!("The model returned the following errors: {why}");
    let docs = "https://docs.claude.com/en/docs/build-with-claude/extended-thinking";
    refused(
        thinks(10, json!({})),
        &model("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024"),
    );
    refused(
        thinks(2000, json!({ "maxTokens": 2000 })),
        &model(&format!(
            "`max_tokens` must be greater than `thinking.budget_tokens`. Please consult our documentation at {docs}#max-tokens-and-context-window-size"
        )),
    );
    refused(
        thinks(2000, json!({ "temperature": 0.5 })),
        &model(&format!(
            "`temperature` may only be set to 1 when thinking is enabled or in adaptive mode. Please consult our documentation at {docs}#important-considerations-when-using-extended-thinking"
        )),
    );
    let mut forced = thinks(2000, json!({}));
    forced["toolConfig"] = json!({ "tools": [weather()], "toolChoice": { "any": {} } });
    refused(forced, &model("Thinking may not be enabled when tool_choice forces tool use."));
    refused_by(
        NOVA,
        thinks(2000, json!({})),
        &model(
            "Malformed input request: #: extraneous key [thinking] is not permitted, please reformat your input and try again.",
        ),
    );
    let mut without = called(json!([result("a"), result("b")]));
    without["additionalModelRequestFields"] =
        json!({ "thinking": { "type": "enabled", "budget_tokens": 1024 } });
    let seen = post(&with(&without)).json();
    let message = seen["message"].as_str().unwrap();
    assert!(
        message.contains(
            "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`."
        ),
        "{message}"
    );
}

#[test]
fn reasoning_is_signed() {
    let replayed = |text: Value| {
        let mut body = roles(&["user", "assistant", "user"]);
        body["messages"][1]["content"] =
            json!([{ "reasoningContent": { "reasoningText": text } }, { "text": "Hi" }]);
        body
    };
    let place = "The model returned the following errors: messages.1.content.0";
    refused(replayed(json!({ "text": "hm" })), &format!("{place}.thinking.signature: Field required"));
    let invalid = format!("{place}: Invalid `signature` in `thinking` block");
    refused(replayed(json!({ "text": "hm", "signature": "skip" })), &invalid);
    refused(replayed(json!({ "text": "hm!", "signature": reasoning::sign("hm") })), &invalid);
    accepted("mock-1", replayed(json!({ "text": "hm", "signature": reasoning::sign("hm") })));
    accepted("openai.gpt-oss-120b-1:0", replayed(json!({ "text": "hm" })));
}

#[test]
fn schemas_are_closed_and_json() {
    let format = |schema: &str| {
        let structure = json!({ "jsonSchema": { "schema": schema } });
        json!({ "outputConfig": { "textFormat": { "type": "json_schema", "structure": structure } } })
    };
    refused(
        format("{"),
        "The format of the value at outputConfig.textFormat.structure.jsonSchema.schema is invalid. Provide a json object for the \
         field and try again.",
    );
    refused(
        format(r#"{"type":"object"}"#),
        "The model returned the following errors: output_config.format.schema: For 'object' type, 'additionalProperties' must be \
         explicitly set to false",
    );
}

#[test]
fn caches_have_limits() {
    let points = |count: usize| {
        let mut system = vec![json!({ "text": "x" })];
        system.extend((0..count).map(|_| json!({ "cachePoint": { "type": "default" } })));
        json!({ "system": system })
    };
    accepted("mock-1", points(4));
    refused(
        points(5),
        "The model returned the following errors: A maximum of 4 blocks with cache_control may be provided. Found 5.",
    );
    let seen = ask("mistral.mistral-large-2402-v1:0", "converse", &with(&points(1)));
    assert_eq!((seen.status, seen.kind()), (403, "AccessDeniedException"));
}
