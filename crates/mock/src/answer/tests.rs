//! What the mock says to which prompt.

use serde_json::json;

use super::*;

fn prompt(user_text: &str) -> Prompt<'_> {
    Prompt {
        model: "mock-1",
        user_text: user_text.into(),
        last: Last::User,
        tokens: 10,
        tools: Vec::new(),
        tool_choice: ToolChoice::Auto,
        parallel_tools: true,
        shape: Shape::Text,
        effort: None,
        limit: None,
        stops: Vec::new(),
    }
}

fn tool(name: &str) -> Tool<'_> {
    Tool { name, parameters: None, takes_text: false }
}

#[track_caller]
fn text_of(prompt: &Prompt<'_>, behaviour: &Behaviour) -> (String, End, Usage) {
    let answer = prompt.answer(behaviour);
    match answer.content {
        Content::Text(text) => (text, answer.end, answer.usage),
        Content::Calls(calls) => panic!("{} calls instead of a text", calls.len()),
    }
}

#[track_caller]
fn calls_of(prompt: &Prompt<'_>) -> Vec<String> {
    match prompt.answer(&Behaviour::default()).content {
        Content::Text(_) => Vec::new(),
        Content::Calls(calls) => calls.into_iter().map(|call| call.name).collect(),
    }
}

#[test]
fn the_user_is_quoted() {
    let (text, end, usage) = text_of(&prompt("ahoi"), &Behaviour::default());
    assert!(text.starts_with("You said \"ahoi\"."), "{text}");
    assert_eq!((end, usage.output), (End::Stop, text::token_count(&text)));
    let (long, ..) = text_of(&prompt(&"ü".repeat(10_000)), &Behaviour::default());
    assert!(long.chars().count() < 300);
}

#[test]
fn a_tool_result_is_quoted() {
    let prompt = Prompt { last: Last::ToolResult("17 degrees".into()), ..prompt("weather?") };
    assert!(text_of(&prompt, &Behaviour::default()).0.contains("\"17 degrees\""));
}

#[test]
fn length_is_counted_in_tokens() {
    let behaviour = Behaviour { words: Some(60), ..Behaviour::default() };
    assert_eq!(text_of(&prompt("x"), &behaviour).2.output, 60);
    let (text, end, usage) = text_of(&Prompt { limit: Some(7), ..prompt("x") }, &behaviour);
    assert_eq!((text::token_count(&text), end, usage.output), (7, End::Length, 7));
    let (text, end, _) = text_of(&Prompt { limit: Some(60), ..prompt("x") }, &behaviour);
    assert_eq!((text::token_count(&text), end), (60, End::Stop));
}

#[test]
fn thinking_eats_the_limit_first() {
    let prompt = Prompt { limit: Some(50), effort: Some("low"), ..prompt("x") };
    let (text, end, usage) = text_of(&prompt, &Behaviour::default());
    assert_eq!((text.as_str(), end), ("", End::Length));
    assert_eq!((usage.output, usage.reasoning), (50, 50));
}

#[test]
fn the_first_stop_sequence_ends_it() {
    let prompt = Prompt { stops: vec!["agrees", " This", ""], ..prompt("x") };
    let (text, end, _) = text_of(&prompt, &Behaviour::default());
    assert_eq!((text.as_str(), end), ("You said \"x\".", End::Stop));
    assert_eq!(prompt.answer(&Behaviour::default()).stopped_by.as_deref(), Some(" This"));
}

#[test]
fn tools_are_called_when_asked_for() {
    let with = |text| Prompt { tools: vec![tool("a"), tool("get_b")], ..prompt(text) };
    assert_eq!(calls_of(&with("hello")), [""; 0]);
    assert_eq!(calls_of(&with("the Weather?")), ["a"]);
    assert_eq!(calls_of(&with("use the tool get_b")), ["get_b"]);
    assert_eq!(calls_of(&with("weather in parallel")), ["a", "get_b"]);
    assert_eq!(calls_of(&Prompt { parallel_tools: false, ..with("weather in parallel") }).len(), 1);
    assert_eq!(calls_of(&Prompt { tool_choice: ToolChoice::None, ..with("weather") }), [""; 0]);
    assert_eq!(calls_of(&Prompt { tool_choice: ToolChoice::Required, ..with("hello") }), ["a"]);
    assert_eq!(calls_of(&Prompt { tool_choice: ToolChoice::Named("get_b"), ..with("hello") }), ["get_b"]);
    assert_eq!(calls_of(&Prompt { last: Last::ToolResult("1".into()), ..with("weather") }), [""; 0]);
    let one = Prompt { tools: vec![tool("a")], ..prompt("weather in parallel") };
    assert_eq!(calls_of(&one), ["a", "a"]);
}

#[test]
fn a_script_leads_through_a_task() {
    let behaviour: Behaviour = serde_json::from_value(json!({"calls": [
        {"tool": "sh", "arguments": {"command": "ls"}},
        {"tool": "write", "arguments": "as it is"},
        {"tool": "sh", "arguments": {"command": "cat a"}, "after": "a.txt"},
    ]}))
    .unwrap();
    let write = || Tool { takes_text: true, ..tool("write") };
    let with = |last| Prompt { tools: vec![tool("sh"), write()], last, ..prompt("go") };
    #[track_caller]
    fn check(prompt: &Prompt<'_>, behaviour: &Behaviour, expected: &[&str]) {
        match prompt.answer(behaviour).content {
            Content::Text(text) => assert!(expected.is_empty(), "{text}"),
            Content::Calls(calls) => {
                assert_eq!(calls.into_iter().map(|call| call.arguments).collect::<Vec<_>>(), expected);
            }
        }
    }
    let (ls, cat) = (r#"{"command":"ls"}"#, r#"{"command":"cat a"}"#);
    check(&with(Last::User), &behaviour, &[ls, "as it is"]);
    check(&with(Last::Other), &behaviour, &[ls, "as it is"]);
    check(&with(Last::ToolResult("a.txt b.txt".into())), &behaviour, &[cat]);
    check(&with(Last::ToolResult("nothing".into())), &behaviour, &[]);
    check(&Prompt { parallel_tools: false, ..with(Last::User) }, &behaviour, &[ls]);
    check(&Prompt { tool_choice: ToolChoice::Named("write"), ..with(Last::User) }, &behaviour, &["as it is"]);
    check(&Prompt { tool_choice: ToolChoice::None, ..with(Last::User) }, &behaviour, &[]);
    check(&Prompt { tools: vec![tool("other")], ..with(Last::User) }, &behaviour, &[]);
}

#[test]
fn an_answer_goes_on_from_where_it_was_left() {
    #[track_caller]
    fn check(last: Last<'_>, user: &str, overlap: usize, expected: &str) {
        let behaviour = Behaviour {
            answer: Some("one two three four five six seven eight nine".to_owned()),
            prefill: Prefill::Continue,
            overlap,
            ..Behaviour::default()
        };
        assert_eq!(text_of(&Prompt { last, ..prompt(user) }, &behaviour).0, expected, "{user}");
    }
    check(Last::Assistant("one two three".into()), "x", 0, " four five six seven eight nine");
    check(Last::Assistant("one two three ".into()), "x", 1, " three four five six seven eight nine");
    check(Last::Assistant("something else".into()), "x", 0, "one two three four five six seven eight nine");
    let quoted = "go on after: \"two three four five six seven\"";
    check(Last::User, quoted, 0, " eight nine");
    check(Last::User, quoted, 2, " six seven eight nine");
    check(Last::User, "it ended with `one two`", 9, "one two three four five six seven eight nine");
    check(Last::User, "it ended with `one two`", 0, " three four five six seven eight nine");
}

#[test]
fn a_beginning_is_refused_where_that_is_wanted() {
    let behaviour = Behaviour { prefill: Prefill::Refuse, ..Behaviour::default() };
    assert!(Prompt { last: Last::Assistant("one".into()), ..prompt("x") }.is_refused(&behaviour));
    assert!(!prompt("x").is_refused(&behaviour));
    assert!(!Prompt { last: Last::Assistant("".into()), ..prompt("x") }.is_refused(&Behaviour::default()));
}

#[test]
fn json_fits_what_was_asked() {
    let schema = json!({"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}});
    let prompt = Prompt { shape: Shape::Schema(&schema), ..prompt("x") };
    assert_eq!(text_of(&prompt, &Behaviour::default()).0, r#"{"a":1}"#);
}
