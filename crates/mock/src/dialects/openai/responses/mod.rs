//! `POST /responses`; nothing is stored, so `GET /responses/{id}` finds nothing.

mod prompt;
mod render;
mod rules;

use serde_json::{Value, json};

use super::{Answered, ApiError, Ask, Object, models};
use crate::{
    dialects::Refusal,
    reply::{Reply, json_bytes},
};

/// `POST /responses/input_tokens`.
pub(super) fn count(ask: &Ask<'_>, body: &Object) -> Answered {
    let model = ask.json_model(body, models::Use::Chat)?;
    if ask.call.strict {
        rules::check_count(body, models::find(&model).and_then(|model| model.reasons))?;
    }
    let counted =
        json!({ "object": "response.input_tokens", "input_tokens": prompt::of(&model, body).tokens });
    Ok(Reply::json(200, json_bytes(&counted)).noting(&model, None))
}

/// Checks, answers, and writes the answer whole or as a stream of typed events.
pub(super) fn create(ask: &Ask<'_>, body: &Object) -> Answered {
    let call = ask.call;
    let model = match ask.json_model(body, models::Use::Chat) {
        Ok(model) => model,
        Err(error) if error.code.as_deref() == Some("model_not_found") => {
            // On this path an unknown model is a 400: fixtures openai-responses/non-stream/error-400-model.
            let named = body.get("model").and_then(Value::as_str).unwrap_or_default();
            let message = format!("The requested model '{named}' does not exist.");
            return Err(ApiError::bad(message).param("model").code("model_not_found"));
        }
        Err(error) => return Err(error),
    };
    if call.strict {
        rules::check(body, models::find(&model).and_then(|model| model.reasons))?;
    }
    let prompt = prompt::of(&model, body);
    if prompt.is_refused(call.behaviour) {
        return Err(ApiError::of(Refusal::Prefill, &model));
    }
    let answer = prompt.answer(call.behaviour);
    let usage = Some(answer.usage);
    let response = render::Rendered::new(call.serial, &model, body, answer);
    let reply = match body.get("stream").and_then(Value::as_bool) {
        Some(true) => response.stream(),
        _ => response.whole(),
    };
    Ok(reply.noting(&model, usage))
}

/// `GET` and `DELETE /responses/{id}`.
pub(super) fn not_stored(_: &Ask<'_>, id: &str) -> Answered {
    let message = format!("Response with id '{id}' not found.");
    Err(ApiError { status: 404, ..ApiError::bad(message) })
}
