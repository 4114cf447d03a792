//! `POST /api/embed` and the older `/api/embeddings`: unit vectors that follow from the text.

use serde::Serialize;
use serde_json::Value;

use super::{Answered, ApiError, Object, models, render, rules};
use crate::{
    Usage,
    dialects::Call,
    reply::{Reply, json_bytes},
    text,
};

#[derive(Serialize)]
struct Embedded<'a> {
    model: &'a str,
    embeddings: Vec<Vec<f32>>,
    total_duration: u64,
    load_duration: u64,
    prompt_eval_count: u64,
}

#[derive(Serialize)]
struct OldEmbedded {
    embedding: Vec<f32>,
}

fn model<'a>(call: &Call<'_>, body: &'a Object) -> Result<&'a str, ApiError> {
    if call.strict {
        rules::check("EmbedRequest", rules::EMBED, body)?;
    }
    let (name, model) = models::named(call, body)?;
    if call.strict {
        rules::options(body)?;
        if !model.embeds {
            return Err(ApiError::failed("this model does not support embeddings"));
        }
    }
    Ok(name)
}

/// One vector for each text.
pub(super) fn embed(call: &Call<'_>, body: &Object) -> Answered {
    let name = model(call, body)?;
    let inputs: Vec<&str> = match body.get("input") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(text)) if text.is_empty() => Vec::new(),
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| item.as_str().ok_or_else(|| ApiError::bad("invalid input type")))
            .collect::<Result<_, _>>()?,
        Some(_) => return Err(ApiError::bad("invalid input type")),
    };
    let wanted = body.get("dimensions").and_then(Value::as_u64).filter(|count| *count > 0);
    let dimensions = wanted.unwrap_or(u64::MAX).min(dimensions_of(name));
    let tokens = inputs.iter().map(|input| text::input_tokens(input)).sum();
    let embedded = Embedded {
        model: name,
        embeddings: inputs.iter().map(|input| vector(input, dimensions)).collect(),
        total_duration: 14_143_917,
        load_duration: 1_019_500,
        prompt_eval_count: tokens,
    };
    let usage = Usage { input: tokens, ..Usage::default() };
    Ok(Reply::whole(200, render::JSON, json_bytes(&embedded)).noting(name, Some(usage)))
}

/// One vector for one text.
pub(super) fn embeddings(call: &Call<'_>, body: &Object) -> Answered {
    let name = model(call, body)?;
    let prompt = body.get("prompt").and_then(Value::as_str).unwrap_or_default();
    let dimensions = if prompt.is_empty() { 0 } else { dimensions_of(name) };
    let embedded = OldEmbedded { embedding: vector(prompt, dimensions) };
    let usage = Usage { input: text::input_tokens(prompt), ..Usage::default() };
    Ok(Reply::whole(200, render::JSON, json_bytes(&embedded)).noting(name, Some(usage)))
}

fn dimensions_of(model: &str) -> u64 {
    if model.starts_with("mock-") { 8 } else { 768 }
}

fn vector(text: &str, dimensions: u64) -> Vec<f32> {
    let seed = text::hash(text.as_bytes());
    let unit = |index: u64| (text::mix(seed.wrapping_add(index)) >> 40) as f32 / (1 << 23) as f32 - 1.0;
    let raw: Vec<f32> = (0..dimensions).map(unit).collect();
    let length = raw.iter().map(|number| number * number).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    raw.into_iter().map(|number| number / length).collect()
}
