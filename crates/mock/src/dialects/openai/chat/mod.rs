//! `POST /chat/completions`.

mod completion;
mod messages;
mod prompt;
mod rules;
mod stream;

use serde_json::Value;

pub(super) use self::{
    completion::{FINGERPRINT, WireUsage},
    prompt::{cost, stops, text_of},
};
use super::{Answered, Ask, Object, models};
use crate::{
    answer::{Answer, Content, End, ToolChoice},
    dialects::Refusal,
    text,
};

/// Most words thought aloud.
const MAX_THOUGHTS: usize = 10_000;

/// Checks, answers, and writes the answer whole or as a stream.
pub(super) fn create(ask: &Ask<'_>, body: &Object) -> Answered {
    let call = ask.call;
    let model = ask.json_model(body, models::Use::Chat)?;
    if call.strict {
        let known = models::find(&model);
        rules::check(body, known.and_then(|model| model.reasons))?;
        rules::check_limit(body, known.and_then(models::Model::max_output))?;
        messages::check(body)?;
    } else if !body.get("messages").is_some_and(Value::is_array) {
        return Err(super::ApiError::missing("messages"));
    }
    let prompt = prompt::of(&model, body);
    if prompt.is_refused(call.behaviour) {
        return Err(super::ApiError::of(Refusal::Prefill, &model));
    }
    let answer = prompt.answer(call.behaviour);
    let mut facts = Facts::new(call.serial, &model, body, &answer, &prompt.tool_choice);
    facts.thoughts = call.behaviour.thoughts.map(|count| text::words(count.min(MAX_THOUGHTS)));
    let usage = Some(facts.usage);
    let reply = match flag(body, "stream") {
        true => stream::reply(facts, answer, body),
        false => completion::reply(&facts, &answer),
    };
    Ok(reply.noting(&model, usage))
}

/// What the whole answer and each chunk of a stream have in common.
struct Facts {
    id: String,
    created: u64,
    model: String,
    finish_reason: &'static str,
    choices: u64,
    /// Alternatives listed beside each token; absent when log probabilities were not asked for.
    top_logprobs: Option<u64>,
    /// What is thought aloud before the answer.
    thoughts: Option<String>,
    serial: u64,
    usage: crate::Usage,
}

impl Facts {
    fn new(serial: u64, model: &str, body: &Object, answer: &Answer, choice: &ToolChoice<'_>) -> Self {
        let choices = body.get("n").and_then(Value::as_u64).unwrap_or(1).clamp(1, rules::MAX_CHOICES);
        let usage = crate::Usage {
            output: answer.usage.output * choices,
            reasoning: answer.usage.reasoning * choices,
            ..answer.usage
        };
        Self {
            id: crate::text::id("chatcmpl-", serial),
            created: crate::text::created(serial),
            model: model.to_owned(),
            finish_reason: match (answer.end, choice) {
                // A tool chosen by name ends with `stop`: fixtures openai-chat/stream/forced-tool-choice.
                (End::Stop, _) | (End::Tools, ToolChoice::Named(_)) => "stop",
                (End::Length, _) => "length",
                (End::Tools, _) => "tool_calls",
            },
            choices,
            top_logprobs: flag(body, "logprobs")
                .then(|| body.get("top_logprobs").and_then(Value::as_u64).unwrap_or(0).min(20)),
            thoughts: None,
            serial,
            usage,
        }
    }

    /// The id of a tool call, the same in a stream and whole.
    fn call_id(&self, choice: u64, call: usize) -> String {
        let number = self.serial.wrapping_mul(1 << 20).wrapping_add(choice << 10).wrapping_add(call as u64);
        crate::text::id("call_", number)[..29].to_owned()
    }
}

fn flag(body: &Object, name: &str) -> bool {
    body.get(name).and_then(Value::as_bool).unwrap_or(false)
}

fn words_of(content: &Content) -> Option<&str> {
    match content {
        Content::Text(text) => Some(text),
        Content::Calls(_) => None,
    }
}
