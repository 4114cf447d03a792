//! `POST /completions`, the old text completion.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::{
    Answered, ApiError, Ask, Object,
    chat::{FINGERPRINT, WireUsage, stops},
    models,
    rules::{self, ANY, Kind, Param, nullable, optional, required},
};
use crate::{
    Usage,
    answer::{Content, End, Last, Prompt, Shape, ToolChoice},
    reply::{Frame, Reply, Role, json_bytes},
    text,
};

const PARAMS: &[Param] = &[
    optional("model", Kind::Text(ANY)),
    required("prompt", Kind::TextOrArray("strings", 1, ANY)),
    nullable("best_of", Kind::Integer(0, 20)),
    nullable("echo", Kind::Bool),
    nullable("frequency_penalty", Kind::Decimal(-2.0, 2.0)),
    nullable("logit_bias", Kind::Object),
    nullable("logprobs", Kind::Integer(0, 5)),
    nullable("max_tokens", Kind::Integer(0, i64::MAX)),
    nullable("n", Kind::Integer(1, 128)),
    nullable("presence_penalty", Kind::Decimal(-2.0, 2.0)),
    nullable("seed", Kind::Integer(i64::MIN, i64::MAX)),
    nullable("stop", Kind::TextOrArray("strings", 1, 4)),
    nullable("stream", Kind::Bool),
    nullable("stream_options", Kind::Object),
    nullable("suffix", Kind::Text(ANY)),
    nullable("temperature", Kind::Decimal(0.0, 2.0)),
    nullable("top_p", Kind::Decimal(0.0, 1.0)),
    optional("user", Kind::Text(ANY)),
];

#[derive(Serialize)]
struct Completion<'a> {
    id: &'a str,
    object: &'a str,
    created: u64,
    model: &'a str,
    system_fingerprint: &'a str,
    choices: Vec<Choice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Option<WireUsage>>,
}

#[derive(Serialize)]
struct Choice<'a> {
    text: &'a str,
    index: u64,
    logprobs: Option<()>,
    finish_reason: Option<&'a str>,
}

struct Facts {
    id: String,
    created: u64,
    model: String,
    text: String,
    finish_reason: &'static str,
    usage: Usage,
}

impl Facts {
    fn completion<'a>(
        &'a self,
        choices: Vec<Choice<'a>>,
        usage: Option<Option<WireUsage>>,
    ) -> Completion<'a> {
        Completion {
            id: &self.id,
            object: "text_completion",
            created: self.created,
            model: &self.model,
            system_fingerprint: FINGERPRINT,
            choices,
            usage,
        }
    }
}

/// Continues the prompt, or each of the prompts, `n` times.
pub(super) fn create(ask: &Ask<'_>, body: &Object) -> Answered {
    let call = ask.call;
    let model = ask.json_model(body, models::Use::Completion)?;
    let stream = body.get("stream").and_then(Value::as_bool).unwrap_or(false);
    if call.strict {
        rules::check(PARAMS, body, "")?;
        if !stream && body.get("stream_options").is_some_and(|options| !options.is_null()) {
            let message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
            return Err(ApiError::bad(message).param("stream_options"));
        }
    }
    let prompts: Vec<&str> = match body.get("prompt") {
        Some(Value::Array(prompts)) if prompts.iter().all(Value::is_string) => {
            prompts.iter().filter_map(Value::as_str).collect()
        }
        Some(Value::String(prompt)) => vec![prompt],
        // A prompt in tokens has no words to quote.
        _ => vec![""],
    };
    let prompt = Prompt {
        model: &model,
        user_text: prompts.first().copied().unwrap_or_default().into(),
        last: Last::User,
        tokens: prompts.iter().map(|prompt| text::input_tokens(prompt)).sum(),
        tools: Vec::new(),
        tool_choice: ToolChoice::None,
        parallel_tools: false,
        shape: Shape::Text,
        effort: None,
        // The old default, which surprises people who came from chat.
        limit: Some(body.get("max_tokens").and_then(Value::as_u64).unwrap_or(16)),
        stops: stops(body.get("stop")),
    };
    let answer = prompt.answer(call.behaviour);
    let n = body.get("n").and_then(Value::as_u64).unwrap_or(1).clamp(1, 128);
    let choices = n.saturating_mul(prompts.len() as u64);
    let usage = Usage { output: answer.usage.output * choices, ..answer.usage };
    let facts = Facts {
        id: text::id("cmpl-", call.serial),
        created: text::created(call.serial),
        text: match answer.content {
            Content::Text(text) => text,
            Content::Calls(_) => String::new(),
        },
        finish_reason: if answer.end == End::Length { "length" } else { "stop" },
        usage,
        model: model.clone(),
    };
    let reply = if stream {
        let options = body.get("stream_options");
        let include = options.and_then(|options| options.get("include_usage")).and_then(Value::as_bool);
        streamed(facts, choices, include.unwrap_or(false))
    } else {
        let choice = |index| Choice {
            text: &facts.text,
            index,
            logprobs: None,
            finish_reason: Some(facts.finish_reason),
        };
        let choices = (0..choices).map(choice).collect();
        Reply::json(200, json_bytes(&facts.completion(choices, Some(Some(usage.into())))))
    };
    Ok(reply.noting(&model, Some(usage)))
}

fn streamed(facts: Facts, choices: u64, include_usage: bool) -> Reply {
    let facts = Arc::new(facts);
    let ends = text::piece_ends(&facts.text);
    let outputs = {
        let facts = Arc::clone(&facts);
        (0..ends.len() as u64 * choices).map(move |number| {
            let piece = usize::try_from(number / choices).unwrap_or_default();
            let start = piece.checked_sub(1).map_or(0, |before| ends[before]);
            let text = &facts.text[start..ends[piece]];
            let choice = Choice { text, index: number % choices, logprobs: None, finish_reason: None };
            Frame::data(Role::Output, &facts.completion(vec![choice], include_usage.then_some(None)))
        })
    };
    let ends = {
        let facts = Arc::clone(&facts);
        (0..choices).map(move |index| {
            let finish_reason = Some(facts.finish_reason);
            let choice = Choice { text: "", index, logprobs: None, finish_reason };
            let usage = include_usage.then_some(None);
            Frame::data(Role::Lifecycle, &facts.completion(vec![choice], usage))
        })
    };
    let usage = include_usage
        .then(|| Frame::data(Role::Lifecycle, &facts.completion(Vec::new(), Some(Some(facts.usage.into())))));
    let frames = outputs.chain(ends).chain(usage).chain(std::iter::once_with(Frame::done));
    Reply::frames("text/event-stream; charset=utf-8", Box::new(frames))
}
