//! `POST /moderations`: flags texts that contain `kill` or `bomb`, and nothing else.

use serde_json::{Map, Value, json};

use super::{
    Answered, Ask, Object, chat, models,
    rules::{self, ANY, Kind, Param, optional, required},
};
use crate::{
    reply::{Reply, json_bytes},
    text,
};

const PARAMS: &[Param] =
    &[optional("model", Kind::Text(ANY)), required("input", Kind::TextOrArray("strings", 1, ANY))];

const CATEGORIES: &[&str] = &[
    "harassment",
    "harassment/threatening",
    "sexual",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm/intent",
    "self-harm/instructions",
    "self-harm",
    "sexual/minors",
    "violence",
    "violence/graphic",
];

/// One result for each text; parts of one message are one text.
pub(super) fn create(ask: &Ask<'_>, body: &Object) -> Answered {
    let named = body.get("model").and_then(Value::as_str).unwrap_or("omni-moderation-latest");
    let model = ask.model(Some(named), models::Use::Moderation)?;
    if ask.call.strict {
        rules::check(PARAMS, body, "")?;
    }
    let results: Vec<_> = match body.get("input") {
        Some(Value::Array(texts)) if texts.iter().all(Value::is_string) => {
            texts.iter().map(|text| judge(text.as_str().unwrap_or_default())).collect()
        }
        content => vec![judge(&chat::text_of(content))],
    };
    let reply = json!({ "id": text::id("modr-", ask.call.serial), "model": model, "results": results });
    Ok(Reply::json(200, json_bytes(&reply)).noting(&model, None))
}

fn judge(text: &str) -> Value {
    let text = text.to_lowercase();
    let violent = text.contains("kill") || text.contains("bomb");
    let is = |category: &str| violent && category == "violence";
    let each = |value: &dyn Fn(&str) -> Value| -> Map<String, Value> {
        CATEGORIES.iter().map(|category| ((*category).to_owned(), value(category))).collect()
    };
    json!({
        "flagged": violent,
        "categories": each(&|category| json!(is(category))),
        "category_scores": each(&|category| json!(if is(category) { 0.98 } else { 0.0001 })),
        "category_applied_input_types": each(&|_| json!(["text"])),
    })
}
