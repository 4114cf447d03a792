//! `POST /images/generations`, `/images/edits` and `/images/variations`: always the same one-pixel picture.

use serde_json::{Value, json};

use super::{
    Answered, ApiError, Ask, Object, models,
    rules::{self, ANY, Kind, Param, nullable, optional, required},
};
use crate::{
    Usage,
    multipart::Form,
    reply::{Reply, json_bytes},
    text,
};

/// A one-pixel PNG.
const PIXEL: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
/// What a small picture costs the newer models.
const PICTURE_TOKENS: u64 = 272;

const PARAMS: &[Param] = &[
    optional("model", Kind::Text(ANY)),
    required("prompt", Kind::Text(32_000)),
    nullable("background", Kind::OneOf(&["transparent", "opaque", "auto"])),
    nullable("moderation", Kind::OneOf(&["low", "auto"])),
    nullable("n", Kind::Integer(1, 10)),
    nullable("output_compression", Kind::Integer(0, 100)),
    nullable("output_format", Kind::OneOf(&["png", "jpeg", "webp"])),
    nullable("partial_images", Kind::Integer(0, 3)),
    nullable("quality", Kind::OneOf(&["standard", "hd", "low", "medium", "high", "auto"])),
    nullable("response_format", Kind::OneOf(&["url", "b64_json"])),
    nullable("size", Kind::Text(32)),
    nullable("stream", Kind::Bool),
    nullable("style", Kind::OneOf(&["vivid", "natural"])),
    optional("user", Kind::Text(ANY)),
];

/// A picture for a prompt.
pub(super) fn generate(ask: &Ask<'_>, body: &Object) -> Answered {
    // Unlike elsewhere, the model may be left out.
    let named = match body.get("model") {
        None | Some(Value::Null) => Some("dall-e-2"),
        Some(Value::String(named)) => Some(named.as_str()),
        Some(other) => return Err(ApiError::wrong_type("model", "a string", other)),
    };
    let model = ask.model(named, models::Use::Image)?;
    if ask.call.strict {
        rules::check(PARAMS, body, "")?;
        if body.get("stream").and_then(Value::as_bool) == Some(true) {
            return Err(ApiError::unsupported_parameter("stream", None));
        }
    }
    let text = |name| body.get(name).and_then(Value::as_str);
    let n = body.get("n").and_then(Value::as_u64).unwrap_or(1);
    Ok(pictures(ask, &model, n, text("response_format"), text("prompt").unwrap_or_default()))
}

/// A picture for a picture.
pub(super) fn edit(ask: &Ask<'_>, form: &Form) -> Answered {
    let model = ask.model(Some(form.text("model").unwrap_or("dall-e-2")), models::Use::Image)?;
    if ask.call.strict {
        form.file("image").ok_or_else(|| ApiError::missing("image"))?;
        if ask.tail.ends_with("edits") && form.text("prompt").is_none_or(str::is_empty) {
            return Err(ApiError::missing("prompt"));
        }
    }
    let n = form.text("n").and_then(|n| n.parse().ok()).unwrap_or(1);
    Ok(pictures(ask, &model, n, form.text("response_format"), form.text("prompt").unwrap_or_default()))
}

fn pictures(ask: &Ask<'_>, model: &str, n: u64, format: Option<&str>, prompt: &str) -> Reply {
    let n = n.clamp(1, 10);
    let usage = Usage { input: text::input_tokens(prompt), output: PICTURE_TOKENS * n, reasoning: 0 };
    // The newer models know no URLs; the older give one unless told otherwise.
    let as_url = model.starts_with("dall-e") && format != Some("b64_json");
    let picture = |index| match as_url {
        true => json!({ "url": format!("https://images.mock.invalid/{}-{index}.png", ask.call.serial) }),
        false => json!({ "b64_json": PIXEL }),
    };
    let mut body = json!({
        "created": text::created(ask.call.serial),
        "data": (0..n).map(picture).collect::<Vec<_>>(),
    });
    if !model.starts_with("dall-e") {
        body["usage"] = json!({
            "input_tokens": usage.input,
            "input_tokens_details": { "text_tokens": usage.input, "image_tokens": 0 },
            "output_tokens": usage.output,
            "total_tokens": usage.input + usage.output,
        });
    }
    Reply::json(200, json_bytes(&body)).noting(model, Some(usage))
}
