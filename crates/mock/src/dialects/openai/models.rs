//! The models the mock has, what each is for, and `/models`.

use serde_json::{Value, json};

use super::{Answered, ApiError, Ask};
use crate::reply::{Reply, json_bytes};

/// What a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Chat,
    Completion,
    Embedding,
    Transcription,
    Speech,
    Image,
    Moderation,
    Rerank,
}

/// One model.
pub(super) struct Model {
    id: &'static str,
    purpose: Use,
    /// Thinks before it answers, which costs it `max_tokens`, `temperature` and the like; absent = takes anything.
    pub(super) reasons: Option<bool>,
}

const fn model(id: &'static str, purpose: Use) -> Model {
    Model { id, purpose, reasons: Some(false) }
}

const fn thinker(id: &'static str) -> Model {
    Model { id, purpose: Use::Chat, reasons: Some(true) }
}

/// All models; besides these, every name that starts with `mock-` is a model for everything.
const MODELS: &[Model] = &[
    model("gpt-3.5-turbo", Use::Chat),
    model("gpt-4", Use::Chat),
    model("gpt-4-turbo", Use::Chat),
    model("gpt-4o", Use::Chat),
    model("gpt-4o-2024-11-20", Use::Chat),
    model("gpt-4o-mini", Use::Chat),
    model("gpt-4o-audio-preview", Use::Chat),
    model("gpt-4o-mini-audio-preview", Use::Chat),
    model("gpt-4o-mini-search-preview", Use::Chat),
    model("gpt-4.1", Use::Chat),
    model("gpt-4.1-mini", Use::Chat),
    model("gpt-4.1-nano", Use::Chat),
    thinker("gpt-5"),
    thinker("gpt-5-mini"),
    thinker("gpt-5-nano"),
    thinker("gpt-5.2"),
    thinker("gpt-5.4"),
    thinker("gpt-5.5"),
    thinker("o1-mini"),
    thinker("o3"),
    thinker("o4-mini"),
    model("gpt-3.5-turbo-instruct", Use::Completion),
    model("davinci-002", Use::Completion),
    model("babbage-002", Use::Completion),
    model("text-embedding-3-small", Use::Embedding),
    model("text-embedding-3-large", Use::Embedding),
    model("text-embedding-ada-002", Use::Embedding),
    model("whisper-1", Use::Transcription),
    model("gpt-4o-transcribe", Use::Transcription),
    model("gpt-4o-mini-transcribe", Use::Transcription),
    model("tts-1", Use::Speech),
    model("tts-1-hd", Use::Speech),
    model("gpt-4o-mini-tts", Use::Speech),
    model("gpt-image-1", Use::Image),
    model("dall-e-2", Use::Image),
    model("dall-e-3", Use::Image),
    model("omni-moderation-latest", Use::Moderation),
    model("text-moderation-latest", Use::Moderation),
    model("rerank-1", Use::Rerank),
];

/// A model that answers anything.
const ANYTHING: Model = Model { id: "mock-", purpose: Use::Chat, reasons: None };

impl Model {
    /// The most tokens it puts out, where that is less than what clients of other providers' models are used to.
    pub(super) fn max_output(&self) -> Option<u64> {
        let limits = [("gpt-4o", 16_384), ("gpt-4.1", 32_768), ("gpt-4-turbo", 4096), ("gpt-4", 8192)];
        let limits = limits.into_iter().chain([("gpt-3.5", 4096)]);
        limits.into_iter().find(|row| self.id.starts_with(row.0)).map(|row| row.1)
    }
}

/// The model of that name.
pub(super) fn find(name: &str) -> Option<&'static Model> {
    if name.starts_with(ANYTHING.id) {
        return Some(&ANYTHING);
    }
    MODELS.iter().find(|model| model.id == name)
}

/// Whether the model exists and is for that use.
pub(super) fn check(name: &str, usage: Use) -> Result<(), ApiError> {
    let model = find(name).ok_or_else(|| ApiError::no_such_model(name))?;
    if model.id == ANYTHING.id || model.purpose == usage {
        return Ok(());
    }
    Err(match usage {
        Use::Chat => ApiError::not_a_chat_model(),
        Use::Embedding => ApiError::not_an_embedding_model(),
        _ => ApiError::no_such_model(name),
    })
}

/// `GET /models`.
pub(super) fn list(_: &Ask<'_>, _: &str) -> Answered {
    let data: Vec<_> = MODELS.iter().map(|model| view(model.id)).chain([view("mock-1")]).collect();
    Ok(Reply::json(200, json_bytes(&json!({ "object": "list", "data": data }))))
}

/// `GET /models/{id}`.
pub(super) fn show(_: &Ask<'_>, id: &str) -> Answered {
    find(id).ok_or_else(|| ApiError::bad_model_path(id))?;
    Ok(Reply::json(200, json_bytes(&view(id))))
}

fn view(id: &str) -> Value {
    json!({ "id": id, "object": "model", "created": 1_715_367_049, "owned_by": "system" })
}

impl ApiError {
    fn bad_model_path(id: &str) -> Self {
        // Unlike in a body, a model in the path is a parameter.
        Self { status: 404, ..Self::bad(format!("The model '{id}' does not exist")) }
            .param("model")
            .code("model_not_found")
    }
}
