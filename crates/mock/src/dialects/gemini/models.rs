//! The models Google has, what each does, and `/models`.

use serde_json::{Value, json};

use super::{Answered, ApiError, Call, error, query};

/// One model.
pub(super) struct Model {
    id: &'static str,
    generation: Generation,
    pub(super) embeds: bool,
}

/// What models of one age have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Generation {
    /// Does not think.
    Two,
    /// Thinks to a budget, and signs its calls.
    TwoFive,
    /// Thinks to a level, gives its calls ids, and wants its signatures back.
    Three,
    /// Does what it is told.
    Anything,
}

const fn model(id: &'static str, generation: Generation) -> Model {
    Model { id, generation, embeds: false }
}

const fn embedder(id: &'static str) -> Model {
    Model { id, generation: Generation::Two, embeds: true }
}

const MODELS: &[Model] = &[
    model("gemini-1.5-flash", Generation::Two),
    model("gemini-2.0-flash", Generation::Two),
    model("gemini-2.0-flash-001", Generation::Two),
    model("gemini-2.5-flash", Generation::TwoFive),
    model("gemini-2.5-flash-lite", Generation::TwoFive),
    model("gemini-2.5-flash-preview-tts", Generation::TwoFive),
    model("gemini-2.5-pro", Generation::TwoFive),
    model("gemini-3-flash-preview", Generation::Three),
    model("gemini-3-pro-preview", Generation::Three),
    model("gemini-3.5-flash", Generation::Three),
    model("gemini-3.5-flash-lite", Generation::Three),
    model("gemini-3.8-flash", Generation::Three),
    embedder("gemini-embedding-001"),
    embedder("text-embedding-004"),
];

/// Every name that starts with this is a model for everything.
pub(super) const ANYTHING: Model = Model { id: "mock-", generation: Generation::Anything, embeds: false };

/// The model of that name.
pub(super) fn find(name: &str) -> Option<&'static Model> {
    if name.starts_with(ANYTHING.id) {
        return Some(&ANYTHING);
    }
    MODELS.iter().find(|model| model.id == name)
}

impl Model {
    pub(super) fn is_anything(&self) -> bool {
        self.generation == Generation::Anything
    }

    /// Whether it thinks unless told not to.
    pub(super) fn thinks(&self) -> bool {
        matches!(self.generation, Generation::TwoFive | Generation::Three)
    }

    /// Whether it takes `thinkingLevel`.
    pub(super) fn has_levels(&self) -> bool {
        self.generation >= Generation::Three
    }

    /// Whether its calls have ids. Older ones are matched by name and order: fixtures
    /// gemini/non-stream/tool-calls-parallel and tool-call-with-id.
    pub(super) fn has_call_ids(&self) -> bool {
        self.generation >= Generation::Three
    }

    /// Whether it signs a text it has thought about.
    pub(super) fn signs_text(&self) -> bool {
        self.generation >= Generation::Three
    }

    /// Whether calls must come back with their signatures.
    pub(super) fn wants_signatures(&self) -> bool {
        self.generation == Generation::Three
    }

    /// Whether it calls functions although JSON was asked for.
    pub(super) fn calls_in_json(&self) -> bool {
        self.generation >= Generation::Three
    }

    fn view(&self, named: &str) -> Value {
        let methods = match (self.is_anything(), self.embeds) {
            (true, _) => &["generateContent", "countTokens", "embedContent", "batchEmbedContents"][..],
            (_, true) => &["embedContent", "batchEmbedContents"][..],
            _ => &["generateContent", "countTokens"][..],
        };
        json!({
            "name": format!("models/{named}"),
            "version": "001",
            "displayName": named,
            "inputTokenLimit": 1_048_576,
            "outputTokenLimit": 65_536,
            "supportedGenerationMethods": methods,
            "temperature": 1,
            "topP": 0.95,
            "topK": 64,
            "maxTemperature": 2,
            "thinking": self.thinks(),
        })
    }
}

/// `GET /models`, a page at a time.
pub(super) fn list(call: &Call<'_>) -> Answered {
    let number = |name: &str| query(call.query, name).map(|text| text.parse::<usize>());
    let size = match number("pageSize") {
        None | Some(Ok(0)) => 50,
        Some(Ok(size)) => size.min(1000),
        Some(Err(_)) => return Err(ApiError::invalid("Invalid value at 'page_size' (TYPE_INT32)")),
    };
    let start = match number("pageToken") {
        None => 0,
        Some(Ok(start)) if start <= MODELS.len() => start,
        Some(_) => return Err(ApiError::invalid("* ListModelsRequest.page_token: page_token is invalid\n")),
    };
    let views: Vec<_> =
        MODELS.iter().map(|model| model.view(model.id)).chain([ANYTHING.view("mock-1")]).collect();
    let end = views.len().min(start + size);
    let mut page = json!({ "models": views[start..end] });
    if end < views.len() {
        page["nextPageToken"] = end.to_string().into();
    }
    Ok(error::ok(&page))
}

/// `GET /models/{id}`.
pub(super) fn show(call: &Call<'_>, named: &str) -> Answered {
    let model = find(named).ok_or_else(|| ApiError::no_such_model(call, named, "generateContent"))?;
    Ok(error::ok(&model.view(named)))
}
