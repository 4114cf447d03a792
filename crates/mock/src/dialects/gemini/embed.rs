//! `:embedContent` and `:batchEmbedContents`: unit vectors that follow from the text.

use serde_json::{Value, json};

use super::{Answered, ApiError, Ask, error, items, prompt, tables, text_in};
use crate::{Usage, text};

/// `:embedContent`.
pub(super) fn one(ask: &Ask<'_>) -> Answered {
    let body = ask.json(&tables::EMBED)?;
    let mut faults = Vec::new();
    if ask.call.strict {
        check(&body, "EmbedContentRequest", &mut faults);
    }
    refuse(&faults)?;
    let embedding = embedding(ask, &body);
    let tokens = body.get("content").map_or(0, prompt::content_cost);
    Ok(error::ok(&json!({ "embedding": embedding })).noting(ask.named, Some(input(tokens))))
}

/// `:batchEmbedContents`.
pub(super) fn batch(ask: &Ask<'_>) -> Answered {
    let body = ask.json(&tables::BATCH_EMBED)?;
    let requests = items(body.get("requests"));
    let mut faults = Vec::new();
    if ask.call.strict {
        if requests.is_empty() {
            faults.push("BatchEmbedContentsRequest.requests: requests is not specified".to_owned());
        }
        for (index, request) in requests.iter().enumerate() {
            let place = format!("BatchEmbedContentsRequest.requests[{index}]");
            // Here the model is asked for a second time.
            match text_in(request, "model").strip_prefix("models/") {
                None => faults.push(format!("{place}.model: unexpected model name format")),
                Some(named) if named != ask.named => {
                    faults.push(format!("{place}.model: model name does not match the one in the URL"));
                }
                Some(_) => {}
            }
            check(request, &place, &mut faults);
        }
    }
    refuse(&faults)?;
    let embeddings: Vec<_> = requests.iter().map(|request| embedding(ask, request)).collect();
    let tokens = requests.iter().filter_map(|request| request.get("content")).map(prompt::content_cost).sum();
    Ok(error::ok(&json!({ "embeddings": embeddings })).noting(ask.named, Some(input(tokens))))
}

fn input(tokens: u64) -> Usage {
    Usage { input: tokens, ..Usage::default() }
}

fn check(request: &Value, place: &str, faults: &mut Vec<String>) {
    match request.get("content") {
        None => faults.push(format!("{place}.content: contents is not specified")),
        Some(content) if items(content.get("parts")).is_empty() => {
            faults.push(format!("{place}.content: contents.parts must not be empty."));
        }
        Some(_) => {}
    }
}

fn refuse(faults: &[String]) -> Result<(), ApiError> {
    if faults.is_empty() {
        return Ok(());
    }
    Err(ApiError::invalid(faults.iter().map(|fault| format!("* {fault}\n")).collect::<String>()))
}

fn embedding(ask: &Ask<'_>, request: &Value) -> Value {
    let native = match ask.named {
        "gemini-embedding-001" => 3072,
        "text-embedding-004" => 768,
        _ => 8,
    };
    let wanted = request.get("outputDimensionality").and_then(Value::as_u64);
    let dimensions = wanted.and_then(|wanted| usize::try_from(wanted).ok()).unwrap_or(native).clamp(1, 8192);
    let content = request.get("content").map(ToString::to_string).unwrap_or_default();
    json!({ "values": text::vector(text::hash(content.as_bytes()), dimensions) })
}
