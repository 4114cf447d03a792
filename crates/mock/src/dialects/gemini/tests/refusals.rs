//! What is refused: one check for each rule.

#![expect(
    clippy::needless_pass_by_value,
    reason = "`json!` makes values, and a test reads better without `&`"
)]

use super::*;

#[track_caller]
fn refused_by(model: &str, changes: Value, message: &str) {
    let seen = post(&format!("/v1beta/models/{model}:generateContent"), &with(&changes));
    let error = &seen.json()["error"];
    assert_eq!((seen.status, error["message"].as_str()), (400, Some(message)), "{changes}");
    assert_eq!((error["code"].as_u64(), error["status"].as_str()), (Some(400), Some("INVALID_ARGUMENT")));
}

/// The change is refused with exactly this message.
#[track_caller]
fn refused(changes: Value, message: &str) {
    refused_by("gemini-2.5-flash", changes, message);
}

/// The change is refused with one fault of the request.
#[track_caller]
fn fault(changes: Value, fault: &str) {
    refused(changes, &format!("* GenerateContentRequest.{fault}\n"));
}

#[track_caller]
fn accepted(changes: Value) {
    let seen = post(FLASH, &with(&changes));
    assert_eq!(seen.status, 200, "{changes}: {}", seen.body);
}

/// Contents of these roles and parts.
fn turns(turns: &[(&str, Value)]) -> Value {
    let turns: Vec<_> = turns.iter().map(|(role, parts)| json!({ "role": role, "parts": parts })).collect();
    json!({ "contents": turns })
}

fn hello() -> Value {
    json!([{ "text": "Hello" }])
}

fn call(name: &str) -> Value {
    json!({ "functionCall": { "name": name, "args": {} } })
}

fn result(name: &str) -> Value {
    json!({ "functionResponse": { "name": name, "response": { "output": 1 } } })
}

/// One function with this schema.
fn function(parameters: Value) -> Value {
    json!({ "tools": [{ "functionDeclarations": [{ "name": "f", "parameters": parameters }] }] })
}

#[test]
fn what_it_does_not_know() {
    let unknown = |name: &str, at: &str| {
        format!("Invalid JSON payload received. Unknown name \"{name}\"{at}: Cannot find field.")
    };
    refused(json!({ "max_tokens": 5 }), &unknown("max_tokens", ""));
    refused(
        json!({ "generationConfig": { "maxTokens": 5 } }),
        &unknown("maxTokens", " at 'generation_config'"),
    );
    refused(
        turns(&[("user", json!([{ "text": "x", "type": "text" }]))]),
        &unknown("type", " at 'contents[0].parts[0]'"),
    );
    let two = json!({ "a": 1, "b": 2 });
    refused(two.clone(), &format!("{}\n{}", unknown("a", ""), unknown("b", "")));
    let details = post(FLASH, &with(&two)).json()["error"]["details"][0].clone();
    assert_eq!(details["@type"], "type.googleapis.com/google.rpc.BadRequest");
    assert_eq!(details["fieldViolations"][1]["description"].as_str(), Some(unknown("b", "").as_str()));
}

#[test]
fn schema_keywords_it_does_not_know() {
    let at = " at 'tools[0].function_declarations[0].parameters'";
    for (keyword, value) in [
        ("additionalProperties", json!(false)),
        ("$schema", json!("x")),
        ("$ref", json!("#")),
        ("$defs", json!({})),
        ("oneOf", json!([])),
        ("allOf", json!([])),
        ("const", json!(1)),
        ("exclusiveMinimum", json!(1)),
    ] {
        let mut schema = json!({ "type": "OBJECT", "properties": {} });
        schema[keyword] = value;
        refused(
            function(schema.clone()),
            &format!("Invalid JSON payload received. Unknown name \"{keyword}\"{at}: Cannot find field."),
        );
        // Where all of JSON Schema is asked for it is taken.
        accepted(
            json!({ "tools": [{ "functionDeclarations": [{ "name": "f", "parametersJsonSchema": schema }] }] }),
        );
    }
    refused(
        function(json!({ "type": "OBJECT", "properties": { "a": { "type": ["STRING", "NULL"] } } })),
        "Invalid JSON payload received. Unknown name \"type\" at \
         'tools[0].function_declarations[0].parameters.properties[0].value': Proto field is not repeating, cannot start \
         list.",
    );
    refused(
        function(json!({ "type": "INTEGER", "enum": [1] })),
        "Invalid value at 'tools[0].function_declarations[0].parameters.enum[0]' (TYPE_STRING), 1",
    );
    refused(
        function(json!({ "type": "DATE" })),
        "Invalid value at 'tools[0].function_declarations[0].parameters.type' \
         (type.googleapis.com/google.ai.generativelanguage.v1beta.Type), \"DATE\"",
    );
    accepted(function(
        json!({ "type": "object", "properties": { "a": { "type": "string", "enum": ["x"] } } }),
    ));
}

#[test]
fn schemas_that_make_no_sense() {
    let at = "tools[0].function_declarations[0].parameters";
    fault(
        function(json!({ "type": "OBJECT", "required": ["b"], "properties": { "a": { "type": "STRING" } } })),
        &format!("{at}.required[0]: property is not defined"),
    );
    fault(
        function(json!({ "type": "OBJECT", "properties": { "a": { "type": "ARRAY" } } })),
        &format!("{at}.properties[a].items: missing field."),
    );
    fault(
        function(json!({ "type": "INTEGER", "enum": ["1"] })),
        &format!("{at}.enum: only allowed for STRING type"),
    );
    fault(
        json!({ "generationConfig": { "responseMimeType": "application/json", "responseSchema": { "type": "ARRAY" } } }),
        "generation_config.response_schema.items: missing field.",
    );
}

#[test]
fn snake_case_is_as_good() {
    accepted(json!({
        "generation_config": { "max_output_tokens": 5, "thinking_config": { "thinking_budget": 0 } },
        "system_instruction": { "parts": { "text": "Be brief." } },
        "tools": { "function_declarations": { "name": "f" } },
    }));
}

#[test]
fn contents() {
    fault(json!({ "contents": [] }), "contents: contents is not specified");
    fault(json!({ "contents": null }), "contents: contents is not specified");
    fault(turns(&[("user", json!([]))]), "contents[0].parts: contents.parts must not be empty.");
    fault(
        turns(&[("user", json!([{ "thought": true }]))]),
        "contents[0].parts[0].data: required oneof field 'data' must have one initialized field",
    );
    fault(
        turns(&[("user", json!([{ "text": "x", "functionCall": { "name": "f" } }]))]),
        "contents[0].parts[0].data: oneof field 'data' is already set. Cannot set 'function_call'",
    );
    refused(
        turns(&[("user", json!([{ "functionResponse": { "name": "f", "response": "17" } }]))]),
        "Invalid value at 'contents[0].parts[0].function_response.response' (type.googleapis.com/google.protobuf.Struct), \
         \"17\"",
    );
    refused(
        turns(&[("user", json!([{ "inlineData": { "mimeType": "image/png", "data": "not base64!" } }]))]),
        "Invalid value at 'contents[0].parts[0].inline_data.data' (TYPE_BYTES), Base64 decoding failed for \"not base64!\"",
    );
    refused(turns(&[("system", hello())]), "Please use a valid role: user, model.");
    refused(turns(&[("assistant", hello())]), "Please use a valid role: user, model.");
    refused(
        turns(&[("model", hello())]),
        "Please ensure that single turn requests end with a user role or the role is not specified.",
    );
}

#[test]
fn calls_and_results() {
    let count = "Please ensure that the number of function response parts is equal to the number of function call parts \
                 of the function call turn.";
    let both = json!([call("a"), call("b")]);
    accepted(turns(&[
        ("user", hello()),
        ("model", both.clone()),
        ("user", json!([result("a"), result("b")])),
    ]));
    accepted(turns(&[
        ("user", hello()),
        ("model", both.clone()),
        ("function", json!([result("a"), result("b")])),
    ]));
    refused(turns(&[("user", hello()), ("model", both.clone()), ("user", json!([result("a")]))]), count);
    refused(
        turns(&[
            ("user", hello()),
            ("model", both.clone()),
            ("user", json!([result("a")])),
            ("user", json!([result("b")])),
        ]),
        count,
    );
    refused(turns(&[("user", hello()), ("model", both.clone()), ("user", hello())]), count);
    refused(turns(&[("user", hello()), ("model", both.clone())]), count);
    refused(
        turns(&[("user", json!([result("a")]))]),
        "Please ensure that function response turn comes immediately after a function call turn.",
    );
    refused(
        turns(&[
            ("user", hello()),
            ("model", hello()),
            ("model", both),
            ("user", json!([result("a"), result("b")])),
        ]),
        "Please ensure that function call turn comes immediately after a user turn or after a function response turn.",
    );
    let nameless = json!({ "functionResponse": { "response": {} } });
    fault(
        turns(&[("user", hello()), ("model", json!([call("a")])), ("user", json!([nameless]))]),
        "contents[2].parts[0].function_response.name: Name cannot be empty.",
    );
}

#[test]
fn signatures() {
    let signed = |signature: &str| {
        let mut part = call("a");
        part["thoughtSignature"] = json!(signature);
        turns(&[("user", hello()), ("model", json!([part])), ("user", json!([result("a")]))])
    };
    accepted(signed(&signature::sign("a")));
    refused(signed("bW9jaw=="), "Corrupted thought signature.");
    let bare = turns(&[("user", hello()), ("model", json!([call("a")])), ("user", json!([result("a")]))]);
    accepted(bare.clone());
    refused_by(
        "gemini-3-flash-preview",
        bare,
        "Function call is missing a thought_signature in functionCall parts. This is required for tools to work \
         correctly, and missing thought_signature may lead to degraded model performance. Additional data, function call \
         `default_api:a` , position 2. Please refer to https://ai.google.dev/gemini-api/docs/thought-signatures for more \
         details.",
    );
    // Rounds that are over need no signature.
    let over = turns(&[
        ("user", hello()),
        ("model", json!([call("a")])),
        ("user", json!([result("a")])),
        ("model", hello()),
        ("user", hello()),
    ]);
    assert_eq!(post("/v1beta/models/gemini-3-flash-preview:generateContent", &with(&over)).status, 200);
}

#[test]
fn tools() {
    fault(
        json!({ "tools": [{}] }),
        "tools[0].tool_type: required one_of 'tool_type' must have one initialized field",
    );
    fault(
        json!({ "tools": [{ "functionDeclarations": [] }] }),
        "tools[0].tool_type: required one_of 'tool_type' must have one initialized field",
    );
    fault(
        json!({ "tools": [{ "functionDeclarations": [{ "name": "1st" }] }] }),
        "tools[0].function_declarations[0].name: Invalid function name. Must start with a letter or an underscore. Must be \
         alphanumeric (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of 64.",
    );
    refused(
        json!({ "tools": [{ "functionDeclarations": [weather(), weather()] }] }),
        "Duplicate function declaration found: get_weather",
    );
    let json_too = json!({
        "tools": [{ "functionDeclarations": [weather()] }], "generationConfig": { "responseMimeType": "application/json" },
    });
    refused(
        json_too.clone(),
        "Function calling with a response mime type: 'application/json' is unsupported",
    );
    assert_eq!(post("/v1beta/models/gemini-3-flash-preview:generateContent", &with(&json_too)).status, 200);
}

#[test]
fn config() {
    let config = |config: Value| json!({ "generationConfig": config });
    fault(
        config(json!({ "temperature": 3 })),
        "generation_config.temperature: temperature must be in the range [0.0, 2.0].",
    );
    fault(config(json!({ "topP": 3 })), "generation_config.top_p: top_p must be in the range [0.0, 1.0].");
    fault(
        config(json!({ "maxOutputTokens": 0 })),
        "generation_config.max_output_tokens: max_output_tokens must be positive.",
    );
    refused(
        config(json!({ "maxOutputTokens": "many" })),
        "Invalid value at 'generation_config.max_output_tokens' (TYPE_INT32), \"many\"",
    );
    refused(config(json!({ "candidateCount": 2 })), "Multiple candidates is not enabled for this model");
    refused(
        config(json!({ "responseSchema": { "type": "STRING" } })),
        "Response_schema with a response mime type 'text/plain' is unsupported",
    );
    refused(
        config(json!({ "thinkingConfig": { "thinkingLevel": "high" } })),
        "Thinking level is not supported for this model.",
    );
    refused(
        config(json!({ "thinkingConfig": { "thinkingLevel": "high", "thinkingBudget": 5 } })),
        "You can only set only one of thinking budget and thinking level.",
    );
    refused(
        config(json!({ "thinkingConfig": { "thinkingLevel": "hard" } })),
        "Invalid value at 'generation_config.thinking_config.thinking_level' \
         (type.googleapis.com/google.ai.generativelanguage.v1beta.GenerationConfig.ThinkingConfig.ThinkingLevel), \"hard\"",
    );
}
