//! `POST /rerank`, in the shape Cohere and Jina share: documents by how many words of the query they contain.

use serde_json::{Value, json};

use super::{
    Answered, Ask, Object, models,
    rules::{self, ANY, Kind, Param, nullable, optional, required},
};
use crate::{
    Usage,
    reply::{Reply, json_bytes},
    text,
};

const PARAMS: &[Param] = &[
    optional("model", Kind::Text(ANY)),
    required("query", Kind::Text(ANY)),
    required("documents", Kind::Array("strings", 1, 1000)),
    nullable("top_n", Kind::Integer(1, 1000)),
    nullable("return_documents", Kind::Bool),
    nullable("max_tokens_per_doc", Kind::Integer(1, i64::MAX)),
];

/// The best documents first; equals in the order given.
pub(super) fn create(ask: &Ask<'_>, body: &Object) -> Answered {
    let model = ask.json_model(body, models::Use::Rerank)?;
    if ask.call.strict {
        rules::check(PARAMS, body, "")?;
    }
    let query = body.get("query").and_then(Value::as_str).unwrap_or_default().to_lowercase();
    let documents: Vec<&str> = body
        .get("documents")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|document| document.as_str().or_else(|| document.get("text")?.as_str()).unwrap_or_default())
        .collect();
    let mut scores: Vec<_> = documents.iter().map(|document| score(&query, document)).enumerate().collect();
    scores.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    let top = body.get("top_n").and_then(Value::as_u64).and_then(|top| usize::try_from(top).ok());
    let with_text = body.get("return_documents").and_then(Value::as_bool).unwrap_or(false);
    let result = |(index, score): &(usize, f64)| {
        let mut result = json!({ "index": index, "relevance_score": score });
        if with_text {
            result["document"] = json!({ "text": documents[*index] });
        }
        result
    };
    let results: Vec<_> = scores.iter().take(top.unwrap_or(usize::MAX)).map(result).collect();
    let read = documents.iter().map(|document| text::input_tokens(document)).sum::<u64>();
    let usage = Usage { input: text::input_tokens(&query) + read, ..Usage::default() };
    let reply = json!({
        "id": text::id("rerank-", ask.call.serial),
        "model": model,
        "results": results,
        "usage": { "prompt_tokens": usage.input, "total_tokens": usage.input },
        "meta": { "billed_units": { "search_units": 1 } },
    });
    Ok(Reply::json(200, json_bytes(&reply)).noting(&model, Some(usage)))
}

/// The share of the query's words that are in the document.
fn score(query: &str, document: &str) -> f64 {
    let document = document.to_lowercase();
    let (found, all) = query
        .split_whitespace()
        .fold((0, 0), |(found, all), word| (found + u32::from(document.contains(word)), all + 1));
    f64::from(found) / f64::from(all.max(1))
}
