//! Writes requests.

use super::{tools::tools, turns::Turns, wire};
use crate::{
    codec::{Encoded, Target},
    ir::{Fault, FaultKind, Loss, Losses, OutputFormat, Raw, Request},
};

/// Writes one request; the members that are no part of the conversation are put in by the form.
pub(super) fn encode(request: &Request<'_>, target: Target<'_>) -> Result<Encoded, Fault> {
    let mut losses = unsaid(request);
    let mut turns = Turns::of(request, target.model, &mut losses);
    let tools = tools(request, &mut losses);
    let mut current = turns.take_current(&mut losses).ok_or_else(|| {
        Fault::new(
            FaultKind::BadRequest,
            "the conversation says nothing that can be told to the model's provider",
        )
    })?;
    current.user_input_message_context.tools = tools;
    let body = wire::Body {
        conversation_state: wire::State {
            chat_trigger_type: "MANUAL",
            current_message: wire::Turn::UserInputMessage(Box::new(current)),
            history: turns.into_history(),
        },
    };
    let mut written = Vec::with_capacity(request.size());
    serde_json::to_writer(&mut written, &body).map_err(|error| {
        Fault::new(FaultKind::Internal, "the request cannot be written").with_detail(error)
    })?;
    Ok(Encoded { body: written, losses })
}

/// What Kiro has no field for.
fn unsaid(request: &Request<'_>) -> Losses {
    let sampling = &request.sampling;
    let has = |raw: &Option<Raw<'_>>| raw.is_some();
    let reasons = request.reasoning.as_ref().is_some_and(|reasoning| {
        reasoning.is_on()
            && (reasoning.enabled.is_some() || reasoning.budget().is_some() || reasoning.adaptive)
    });
    let unsaid = [
        ("max_tokens", request.max_tokens.is_some()),
        ("temperature", has(&sampling.temperature)),
        ("top_p", has(&sampling.top_p)),
        ("top_k", has(&sampling.top_k)),
        ("min_p", has(&sampling.min_p)),
        ("frequency_penalty", has(&sampling.frequency_penalty)),
        ("presence_penalty", has(&sampling.presence_penalty)),
        ("repetition_penalty", has(&sampling.repetition_penalty)),
        ("seed", has(&sampling.seed)),
        ("logit_bias", has(&sampling.logit_bias)),
        ("stop", !sampling.stop.is_empty()),
        ("n", request.choices.is_some_and(|choices| choices > 1)),
        ("logprobs", request.logprobs.is_some()),
        ("audio", request.audio.is_some()),
        ("modalities", request.modalities.iter().any(|kind| *kind != "text")),
        ("response_format", !matches!(request.format, None | Some(OutputFormat::Text))),
        ("reasoning", reasons),
        ("verbosity", request.verbosity.is_some()),
        ("service_tier", request.service_tier.as_deref().is_some_and(|tier| tier != "auto")),
        ("user", request.user.is_some()),
        ("metadata", request.metadata.is_some()),
        ("prompt_cache_key", request.cache_key.is_some()),
        ("store", request.store == Some(true)),
        ("previous_response_id", request.previous.is_some()),
        ("parallel_tool_calls", request.parallel_tools == Some(false)),
    ];
    let mut losses = Losses::default();
    for (name, _) in unsaid.iter().filter(|(_, is_there)| *is_there) {
        losses.add(*name, "Kiro has no such field");
    }
    for (name, _) in &request.extra {
        losses.add(&**name, Loss::CLIENTS_OWN);
    }
    losses
}
