//! Estimates of tokens against what providers said that the same prompts had.

use lockgate_protocol::{
    estimate,
    ir::{Block, Content, Request, Tool},
};

use super::cases::{Said, all};

/// The models whose makers tell something about how they count.
const KNOWN: &[&str] = &["gpt-4", "gpt-5.", "claude", "gemini"];

/// Whether the prompt is all there: neither a file elsewhere nor a tool of the provider, which puts in what it finds.
fn is_all_said(request: &Request<'_>) -> bool {
    let is_said = |block: &Block<'_>| match &block.content {
        Content::Text { .. } | Content::ToolUse(_) => true,
        Content::ToolResult(result) => {
            result.blocks.iter().all(|block| matches!(block.content, Content::Text { .. }))
        }
        _ => false,
    };
    let blocks = request.messages.iter().flat_map(|message| &message.blocks).chain(&request.system);
    let is_mine = |tool: &Tool<'_>| matches!(tool, Tool::Client { .. });
    request.tools.iter().all(is_mine)
        && blocks.into_iter().all(is_said)
        && request.reasoning.is_none()
        && request.extra.is_empty()
        && request.previous.is_none()
}

/// Prompts in the recordings are short, where what a provider puts around them weighs most: so a few tokens, or a third.
fn is_near(estimate: u64, counted: u64) -> bool {
    estimate.abs_diff(counted) <= (counted / 3).max(8)
}

#[test]
fn estimates_are_near_what_providers_counted() {
    let mut far = Vec::new();
    let mut compared = 0_usize;
    for source in all().iter().filter(|source| source.status == 200 && !source.id.starts_with("own/")) {
        let (Some(body), Said::Whole(answer)) = (&source.request, &source.answer) else { continue };
        let codec = source.dialect.codec();
        let Ok(request) = codec.decode_request(source.head(), body) else { continue };
        let Ok(response) = codec.decode_response(answer) else { continue };
        let Some(counted) = response.usage.map(|usage| usage.total_input()) else { continue };
        let model = if request.model.is_empty() { &source.model } else { &*request.model };
        if !is_all_said(&request) || !KNOWN.iter().any(|name| model.contains(name)) {
            continue;
        }
        let estimated = estimate::tokens(&request, model);
        compared += 1;
        if !is_near(estimated, counted) {
            far.push(format!("{} ({model}): {estimated} instead of {counted}", source.id));
        }
    }
    assert!(compared > 40 || all().len() < 20, "only {compared} were compared");
    // Reasons of the rest: how calls and their results are shown to the model, and thoughts that came along.
    assert!(far.len() * 4 <= compared, "{} of {compared}:\n{}", far.len(), far.join("\n"));
}
