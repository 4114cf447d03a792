//! What a client of one dialect makes of an answer: whole, an error, or a lie.

use serde_json::Value;

use crate::house::Answer;

/// An answer as its client reads it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Verdict {
    /// Complete, with this text.
    Whole(String),
    /// An error in the dialect's own form, after this text and behind nothing that says the answer is complete.
    Failed {
        /// What came before the error.
        text: String,
        /// The error.
        error: Value,
    },
    /// Neither: a cut answer that looks whole, an end that does not come, bytes of another dialect.
    Broken(String),
}

/// How a dialect writes its answers.
struct Form {
    dialect: &'static str,
    /// The text of a whole answer.
    whole: fn(&Value) -> Option<String>,
    /// The text in an event.
    piece: fn(&Value) -> Option<String>,
    /// Whether the event says that the answer is complete.
    ends: fn(&Value) -> bool,
    /// The error in a body or an event.
    error: fn(&Value) -> Option<Value>,
    /// Whether `[DONE]` follows a complete answer.
    has_done: bool,
}

const FORMS: &[Form] = &[
    Form {
        dialect: "openai-chat",
        whole: |body| text(body, "/choices/0/message/content"),
        piece: |event| text(event, "/choices/0/delta/content"),
        ends: |event| event.pointer("/choices/0/finish_reason").is_some_and(Value::is_string),
        error: |body| with_message(body, "/error"),
        has_done: true,
    },
    Form {
        dialect: "openai-responses",
        whole: |body| joined(body, "/output", |item| joined(item, "/content", |part| text(part, "/text"))),
        piece: |event| {
            (event["type"] == "response.output_text.delta").then(|| text(event, "/delta")).flatten()
        },
        ends: |event| event["type"] == "response.completed",
        error: |body| {
            with_message(body, "/response/error")
                .filter(|_| body["type"] == "response.failed")
                .or_else(|| with_message(body, "/error").filter(|_| body["object"].is_null()))
        },
        has_done: false,
    },
    Form {
        dialect: "anthropic",
        whole: |body| joined(body, "/content", |block| text(block, "/text")),
        piece: |event| text(event, "/delta/text"),
        ends: |event| event["type"] == "message_stop",
        error: |body| with_message(body, "/error").filter(|_| body["type"] == "error"),
        has_done: false,
    },
    Form {
        dialect: "gemini",
        whole: |body| joined(body, "/candidates/0/content/parts", |part| text(part, "/text")),
        piece: |event| joined(event, "/candidates/0/content/parts", |part| text(part, "/text")),
        ends: |event| event.pointer("/candidates/0/finishReason").is_some_and(Value::is_string),
        error: |body| with_message(body, "/error").filter(|error| error["code"].is_u64()),
        has_done: false,
    },
];

/// Reads `answer` as a client of `dialect` does; `is_whole` says whether the connection brought all of it.
pub(crate) fn of(dialect: &str, stream: bool, answer: &Answer, is_whole: bool) -> Verdict {
    let form = FORMS.iter().find(|form| form.dialect == dialect).unwrap();
    let read = match (answer.status.as_u16(), stream) {
        _ if !is_whole => Err("the connection broke".to_owned()),
        (200, true) => streamed(form, &answer.text),
        (200, false) => parsed(&answer.text).and_then(|body| {
            (form.whole)(&body).map(Verdict::Whole).ok_or_else(|| "it has no text".to_owned())
        }),
        _ => parsed(&answer.text).and_then(|body| match (form.error)(&body) {
            Some(error) => Ok(Verdict::Failed { text: String::new(), error }),
            None => Err("the error is not in the dialect's form".to_owned()),
        }),
    };
    read.unwrap_or_else(|why| Verdict::Broken(format!("{why}: {} {:.2000}", answer.status, answer.text)))
}

fn streamed(form: &Form, stream: &str) -> Result<Verdict, String> {
    let (mut text, mut has_ended, mut is_done) = (String::new(), false, false);
    let stream = stream.replace("\r\n", "\n").replace('\r', "\n");
    if !stream.ends_with("\n\n") {
        return Err("the last event has no end".to_owned());
    }
    let mut events = stream.split("\n\n").filter_map(data).peekable();
    while let Some(data) = events.next() {
        if is_done || (has_ended && !form.has_done) {
            return Err("something comes behind the end".to_owned());
        }
        if data == "[DONE]" && form.has_done {
            is_done = true;
            continue;
        }
        let event = parsed(&data)?;
        if let Some(error) = (form.error)(&event) {
            return match events.peek() {
                // Why an answer ended is not yet that it did, where a mark of its own says that.
                None if !has_ended || (form.has_done && !is_done) => Ok(Verdict::Failed { text, error }),
                _ => Err("the error is not the end".to_owned()),
            };
        }
        text.push_str(&(form.piece)(&event).unwrap_or_default());
        has_ended |= (form.ends)(&event);
    }
    match has_ended && is_done == form.has_done {
        true => Ok(Verdict::Whole(text)),
        false => Err("it neither ends nor fails".to_owned()),
    }
}

/// The data of one event; comments are none.
fn data(event: &str) -> Option<String> {
    let lines: Vec<_> = event.lines().filter_map(|line| line.strip_prefix("data:")).collect();
    (!lines.is_empty()).then(|| lines.iter().map(|line| line.trim_start()).collect::<Vec<_>>().join("\n"))
}

fn parsed(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("it is no JSON ({error})"))
}

fn text(value: &Value, pointer: &str) -> Option<String> {
    value.pointer(pointer)?.as_str().map(str::to_owned)
}

fn joined(value: &Value, pointer: &str, each: impl Fn(&Value) -> Option<String>) -> Option<String> {
    let items = value.pointer(pointer)?.as_array()?;
    Some(items.iter().filter(|item| item["thought"] != true).filter_map(each).collect())
}

fn with_message(value: &Value, pointer: &str) -> Option<Value> {
    value.pointer(pointer).filter(|error| error["message"].is_string()).cloned()
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};

    use super::*;

    #[track_caller]
    fn check(dialect: &str, stream: bool, status: u16, text: &str, expected: &str) {
        let status = StatusCode::from_u16(status).unwrap();
        let answer = Answer { status, headers: HeaderMap::new(), text: text.to_owned() };
        let verdict = match of(dialect, stream, &answer, true) {
            Verdict::Whole(text) => format!("whole {text}"),
            Verdict::Failed { text, error } => {
                format!("failed {text} {}", error["message"].as_str().unwrap())
            }
            Verdict::Broken(why) => format!("broken {}", why.split(':').next().unwrap()),
        };
        assert_eq!(verdict, expected, "{text}");
    }

    #[test]
    fn the_judge_is_not_fooled() {
        let piece = "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\n";
        let finish = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
        let (done, error) = ("data: [DONE]\n\n", "data: {\"error\":{\"message\":\"no\"}}\n\n");
        let chat = |parts: &[&str], expected| check("openai-chat", true, 200, &parts.concat(), expected);
        chat(&[piece, ": ping\n\n", finish, done], "whole hi");
        chat(&[piece, error], "failed hi no");
        chat(&[piece, finish], "broken it neither ends nor fails");
        chat(&[piece, done], "broken it neither ends nor fails");
        chat(&[piece, error, done], "broken the error is not the end");
        chat(&[piece, finish, error], "failed hi no");
        chat(&[piece, finish, done, error], "broken something comes behind the end");
        chat(&[piece, finish, done, piece], "broken something comes behind the end");
        chat(&[piece, "data: {\"choi"], "broken the last event has no end");
        chat(
            &[piece, "data: {\"choi\n\n"],
            "broken it is no JSON (EOF while parsing a string at line 1 column 6)",
        );
        check(
            "gemini",
            false,
            502,
            r#"{"error":{"message":"no"}}"#,
            "broken the error is not in the dialect's form",
        );
        check("gemini", false, 502, r#"{"error":{"code":502,"message":"no"}}"#, "failed  no");
        check("anthropic", false, 200, r#"{"content":[{"text":"a"},{"text":"b"}]}"#, "whole ab");
        check(
            "anthropic",
            false,
            200,
            r#"{"type":"error","error":{"message":"no"}}"#,
            "broken it has no text",
        );
    }
}
