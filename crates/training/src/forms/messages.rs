//! The messages form: the call as one object, its columns the same in every line.
//!
//! Every key is in every line and of one type, so that a file of different conversations is one table: what is structured
//! and different from call to call (tools, schemas, what only one dialect knows) is JSON in a text; a text that nobody gave
//! is empty; a number or flag that nobody gave is null.

use std::borrow::Cow;

use lockgate_protocol::ir::{Losses, Stop, StopReason};
use serde::Serialize;

use super::{Line, json_text};
use crate::{
    Call, Conversation, NotUsable, Reasoning, chat,
    parameters::Parameters,
    tools::{ChatCall, Entry, Functions},
    turns::{Speaker, Turn, Turns},
};

#[derive(Serialize)]
struct Object<'o> {
    #[serde(rename = "_id")]
    id: &'o str,
    object: &'static str,
    created: u64,
    duration_ms: u64,
    model: &'o str,
    #[serde(flatten)]
    parameters: Parameters<'o>,
    tools: String,
    messages: Vec<Message<'o>>,
    images: Vec<Cow<'o, str>>,
    finish_reason: &'o str,
    /// Whether all that was said is there; what is missing is among the losses.
    complete: bool,
    losses: String,
}

#[derive(Serialize)]
struct Message<'o> {
    role: &'static str,
    content: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'o str>,
    name: &'o str,
    tool_calls: Vec<ChatCall<'o>>,
    tool_call_id: &'o str,
}

pub(crate) fn line(
    conversation: &Conversation<'_>,
    call: &Call<'_>,
    reasoning: Reasoning,
) -> Result<Line, NotUsable> {
    let mut losses = Losses::default();
    let functions = Functions::of(conversation, &mut losses);
    let turns = Turns::of(conversation, functions.system(), functions.messages())?;
    let complete = turns.gap.is_none();
    losses.append(turns.losses);
    let mut images = Vec::new();
    let messages = turns.list.iter().map(|turn| message(turn, reasoning, &mut images, &mut losses)).collect();
    let tools: Vec<Entry<'_>> = functions.on_offer(&mut losses).into_iter().map(Entry::from).collect();
    let parameters = Parameters::of(&conversation.request, &mut losses);
    let object = Object {
        id: call.id,
        object: "chat.completion",
        created: call.created(),
        duration_ms: call.micros / 1000,
        model: call.model,
        parameters,
        tools: json_text(&tools),
        messages,
        images,
        finish_reason: conversation.stop.as_ref().map_or("", finish_reason),
        complete,
        losses: losses.to_string(),
    };
    Line::new(&object, losses.clone())
}

fn message<'o>(
    turn: &'o Turn<'o>,
    reasoning: Reasoning,
    images: &mut Vec<Cow<'o, str>>,
    losses: &mut Losses,
) -> Message<'o> {
    Message {
        role: role(turn.speaker),
        content: chat::thought(turn, reasoning) + &chat::text(turn, images, losses),
        reasoning_content: (reasoning == Reasoning::Field).then_some(&*turn.reasoning),
        name: turn.name,
        tool_calls: turn.calls.iter().map(|call| ChatCall::from(*call)).collect(),
        tool_call_id: turn.call,
    }
}

/// The chat API's word for a speaker.
pub(super) fn role(speaker: Speaker) -> &'static str {
    match speaker {
        Speaker::System => "system",
        Speaker::User => "user",
        Speaker::Assistant => "assistant",
        Speaker::Tool => "tool",
    }
}

/// The chat API's word for why an answer ended; the provider's own where it has none.
fn finish_reason<'s>(stop: &'s Stop<'_>) -> &'s str {
    match stop.reason {
        StopReason::End | StopReason::StopSequence => "stop",
        StopReason::MaxTokens | StopReason::ContextFull => "length",
        StopReason::ToolUse => "tool_calls",
        StopReason::ContentFilter => "content_filter",
        StopReason::Refusal => "refusal",
        StopReason::Pause | StopReason::Malformed | StopReason::Other => {
            stop.word.as_deref().unwrap_or("other")
        }
    }
}
