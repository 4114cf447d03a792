//! Whole answers, in the shape of chat and of generate.

use super::{
    NAME, error, ids, is_generate, logprobs,
    request::{said, tool_use},
    say::{self, Call, Member, NO_PLACE, Said},
    time, wire,
    write::Object,
};
use crate::{
    codec::{Encoded, Reply},
    dialects::leftover,
    ir::{Block, Choice, Content, Fault, FaultKind, Loss, Losses, Response, Stop, StopReason, Text, Usage},
};

fn garbled(what: impl Into<String>) -> Fault {
    Fault::new(FaultKind::Garbled, "the provider's answer cannot be read").with_detail(what.into())
}

/// Reads a provider's whole answer.
pub(super) fn decode(body: &[u8]) -> Result<Response<'_>, Fault> {
    let answer: wire::Answer<'_> =
        serde_json::from_slice(body).map_err(|error| garbled(error.to_string()))?;
    if answer.error.is_some() {
        let said = error::read(body).and_then(|complaint| complaint.message);
        return Err(garbled(said.unwrap_or_else(|| "it is an error".to_owned())));
    }
    if answer.done != Some(true) {
        return Err(garbled("it is not `done`"));
    }
    let mut answer = answer.into_chat();
    let created_at = answer.created_at.take().unwrap_or_default();
    let mut message = answer.message.take().unwrap_or_default();
    let calls = message.tool_calls.take().unwrap_or_default();
    let extra = std::mem::take(&mut message.extra);
    let mut blocks = said(message);
    for (count, call) in (0..).zip(calls) {
        let made_up = |name: &str| ids::of_answer(&created_at, count, name);
        blocks.push(tool_use(call, made_up).map_err(|what| garbled(format!("tool call {count}: {what}")))?);
    }
    let has_call = blocks.iter().any(|block| matches!(block.content, Content::ToolUse(_)));
    let choice = Choice {
        index: 0,
        stop: stop(answer.done_reason.take(), has_call),
        logprobs: logprobs::read(answer.logprobs.take().unwrap_or_default()),
        extra,
        blocks,
    };
    Ok(Response {
        origin: NAME,
        id: None,
        created: time::read(&created_at),
        usage: usage(answer.prompt_eval_count, answer.eval_count),
        model: answer.model,
        choices: vec![choice],
        service_tier: None,
        extra: answer.extra,
    })
}

/// Why an answer ended. The server says `stop` when it calls a tool (fact 5), and nothing at all before 2024.
pub(super) fn stop(word: Option<Text<'_>>, has_call: bool) -> Option<Stop<'_>> {
    let reason = match word.as_deref() {
        Some("length") => StopReason::MaxTokens,
        _ if has_call => StopReason::ToolUse,
        None => return None,
        // The model was loaded or unloaded, as asked, and had nothing to say.
        Some("stop" | "load" | "unload") => StopReason::End,
        Some(_) => StopReason::Other,
    };
    Some(Stop { word, ..Stop::new(reason) })
}

/// The usage; the server leaves zeros out. It counts the prompt as a whole and reasoning as output.
pub(super) fn usage(prompt: Option<u64>, answer: Option<u64>) -> Option<Usage> {
    if prompt.is_none() && answer.is_none() {
        return None;
    }
    Some(Usage { input: prompt.unwrap_or(0), output: answer.unwrap_or(0), ..Usage::default() })
}

/// The word for why an answer ended; what the dialect has no word for is a loss.
pub(super) fn done_reason<'s>(stop: &'s Stop<'_>, is_home: bool, losses: &mut Losses) -> &'s str {
    if let Some(word) = stop.word.as_deref().filter(|word| is_home || matches!(*word, "load" | "unload")) {
        return word;
    }
    if stop.sequence.is_some() {
        losses.add("choices[0].stop_sequence", NO_PLACE);
    }
    match stop.reason {
        StopReason::MaxTokens | StopReason::ContextFull => "length",
        StopReason::End | StopReason::StopSequence | StopReason::ToolUse => "stop",
        StopReason::ContentFilter
        | StopReason::Refusal
        | StopReason::Pause
        | StopReason::Malformed
        | StopReason::Other => {
            losses.add("choices[0].stop_reason", "ollama ends for `stop` and `length` only");
            "stop"
        }
    }
}

/// Writes the token counts, zeros left out, and names the parts that have no place.
pub(super) fn write_usage(usage: &Usage, out: &mut Object<'_>, losses: &mut Losses) {
    out.maybe("prompt_eval_count", Some(usage.total_input()).filter(|count| *count > 0));
    out.maybe("eval_count", Some(usage.output).filter(|count| *count > 0));
    usage.lose_parts(&[], "ollama counts prompt and answer only", losses);
}

/// Writes a whole answer for a client.
pub(super) fn encode(response: &Response<'_>, reply: Reply<'_>) -> Encoded {
    let is_home = response.origin == NAME;
    let mut losses = Losses::default();
    let choice = response.choices.first();
    for other in response.choices.iter().skip(1) {
        losses.add(format!("choices[{}]", other.index), "ollama gives one answer");
    }
    let blocks = choice.map(|choice| choice.blocks.as_slice()).unwrap_or_default();
    let said = Said::of(blocks, "choices[0]", &mut losses);
    if !is_home {
        name_foreign(response, &mut losses);
    }
    let extra = choice.map(|choice| choice.extra.as_slice()).unwrap_or_default();
    let mut body = Vec::with_capacity(response.size());
    Object::write(&mut body, |out| {
        out.member("model", response.model.as_deref().unwrap_or(&reply.request.model));
        out.member("created_at", &time::write(response.created.unwrap_or(reply.now)));
        if is_generate(reply.path) {
            out.member("response", &*said.text(""));
            said.write_thinking(out);
            said.write_images(out);
            write_calls(&said, is_home, &mut losses, out);
        } else {
            out.object("message", |out| {
                out.member("role", "assistant");
                out.member("content", &*said.text(""));
                said.write_thinking(out);
                said.write_images(out);
                write_calls(&said, is_home, &mut losses, out);
                if is_home {
                    extra.iter().for_each(|(key, value)| out.member(key, value));
                }
            });
        }
        out.member("done", &true);
        if let Some(stop) = choice.and_then(|choice| choice.stop.as_ref()) {
            out.member("done_reason", done_reason(stop, is_home, &mut losses));
        } else if choice.is_none() {
            losses.add("choices", "there is no answer; ollama has no word for that");
            out.member("done_reason", "stop");
        }
        if let Some(usage) = &response.usage {
            write_usage(usage, out, &mut losses);
        }
        if let Some(shape) = choice.and_then(|choice| choice.logprobs.as_ref()) {
            let list = logprobs::write(shape);
            if list.is_none() {
                losses.add("choices[0].logprobs", NO_PLACE);
            }
            out.maybe("logprobs", list);
        }
        if is_home {
            response.extra.iter().for_each(|(key, value)| out.member(key, value));
        }
    });
    Encoded { body, losses }
}

fn write_calls(said: &Said<'_>, is_home: bool, losses: &mut Losses, out: &mut Object<'_>) {
    if said.calls.is_empty() {
        return;
    }
    out.list("tool_calls", |out| {
        for (index, Call { call, extra, path }) in (0..).zip(&said.calls) {
            let extra = if is_home { extra } else { [].as_slice() };
            out.object(|out| say::call(call, Some(&call.id), Some(index), extra, path, losses, out));
        }
    });
}

/// Names what only the origin's dialect says. Ids of answers and items are handles into the provider's store, not part
/// of what is said.
fn name_foreign(response: &Response<'_>, losses: &mut Losses) {
    leftover::lose(&response.extra, Loss::PROVIDERS_OWN, losses);
    let mut members = |path: &str, extra: &[Member<'_>]| {
        for (key, _) in extra {
            losses.add(format!("{path}{key}"), Loss::PROVIDERS_OWN);
        }
    };
    if let Some(choice) = response.choices.first() {
        members("choices[0].", &choice.extra);
        for (place, Block { extra, .. }) in choice.blocks.iter().enumerate() {
            members(&format!("choices[0].content[{place}]."), extra);
        }
        if choice.stop.as_ref().is_some_and(|stop| stop.details.is_some()) {
            losses.add("choices[0].stop_details", NO_PLACE);
        }
    }
    if response.service_tier.is_some() {
        losses.add("service_tier", NO_PLACE);
    }
}
