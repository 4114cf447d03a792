//! The models Anthropic has, what each takes, and `/v1/models`.

use serde_json::{Value, json};

use super::{Answered, ApiError, Ask};
use crate::reply::{Reply, json_bytes};

/// One model.
pub(super) struct Model {
    pub(super) id: &'static str,
    /// The dated name an alias answers with.
    answers_as: &'static str,
    pub(super) rules: &'static Rules,
}

/// What the models of one generation take.
pub(super) struct Rules {
    pub(super) max_output: u64,
    pub(super) sampling: Sampling,
    /// Whether the last message may be the beginning of the answer.
    pub(super) prefill: bool,
    /// Thinking with a budget.
    pub(super) budget: bool,
    /// Thinking as the model sees fit.
    pub(super) adaptive: bool,
    /// Levels of effort, in the order the API lists them; none = the parameter is refused.
    pub(super) efforts: &'static [&'static str],
    /// System messages after the first.
    pub(super) system_turns: bool,
}

/// How a model takes `temperature`, `top_p` and `top_k`.
#[derive(PartialEq, Eq)]
pub(super) enum Sampling {
    Free,
    /// Temperature or top-p, not both.
    OneOfTwo,
    Refused,
}

const CLAUDE_3: Rules = Rules {
    max_output: 8192,
    sampling: Sampling::Free,
    prefill: true,
    budget: false,
    adaptive: false,
    efforts: &[],
    system_turns: false,
};
const CLAUDE_3_7: Rules = Rules { max_output: 64_000, budget: true, ..CLAUDE_3 };
const CLAUDE_4_5: Rules = Rules { sampling: Sampling::OneOfTwo, ..CLAUDE_3_7 };
const OPUS_4_5: Rules = Rules { efforts: &["high", "low", "medium"], ..CLAUDE_4_5 };
/// Recorded: fixtures anthropic-messages/non-stream/error-400-effort.
const CLAUDE_4_6: Rules = Rules {
    max_output: 128_000,
    prefill: false,
    adaptive: true,
    efforts: &["high", "low", "max", "medium"],
    ..CLAUDE_4_5
};
const CLAUDE_4_7: Rules = Rules {
    sampling: Sampling::Refused,
    budget: false,
    efforts: &["high", "low", "max", "medium", "xhigh"],
    ..CLAUDE_4_6
};
const CLAUDE_5: Rules = Rules { system_turns: true, ..CLAUDE_4_7 };

const fn model(id: &'static str, rules: &'static Rules) -> Model {
    Model { id, answers_as: id, rules }
}

const fn alias(id: &'static str, answers_as: &'static str, rules: &'static Rules) -> Model {
    Model { id, answers_as, rules }
}

/// All models, the newest first as the API lists them.
const MODELS: &[Model] = &[
    model("claude-fable-5-2", &CLAUDE_5),
    model("claude-mythos-5-2", &CLAUDE_5),
    model("claude-haiku-5-5", &CLAUDE_5),
    model("claude-sonnet-5-5", &CLAUDE_5),
    model("claude-fable-5-1", &CLAUDE_5),
    model("claude-opus-5-5", &CLAUDE_5),
    model("claude-mythos-5-1", &CLAUDE_5),
    model("claude-sonnet-5", &CLAUDE_5),
    model("claude-fable-5", &CLAUDE_5),
    model("claude-mythos-5", &CLAUDE_5),
    model("claude-opus-5", &CLAUDE_5),
    model("claude-opus-4-8", &CLAUDE_5),
    model("claude-opus-4-7", &CLAUDE_4_7),
    model("claude-opus-4-6", &CLAUDE_4_6),
    model("claude-sonnet-4-6", &CLAUDE_4_6),
    alias("claude-opus-4-5", "claude-opus-4-5-20251101", &OPUS_4_5),
    model("claude-opus-4-5-20251101", &OPUS_4_5),
    alias("claude-haiku-4-5", "claude-haiku-4-5-20251001", &CLAUDE_4_5),
    model("claude-haiku-4-5-20251001", &CLAUDE_4_5),
    alias("claude-sonnet-4-5", "claude-sonnet-4-5-20250929", &CLAUDE_4_5),
    model("claude-sonnet-4-5-20250929", &CLAUDE_4_5),
    alias("claude-sonnet-4-0", "claude-sonnet-4-20250514", &CLAUDE_3_7),
    model("claude-sonnet-4-20250514", &CLAUDE_3_7),
    model("claude-3-7-sonnet-20250219", &CLAUDE_3_7),
    model("claude-3-5-sonnet-20240620", &CLAUDE_3),
];

/// Every name that starts with this is a model that takes anything.
pub(super) const ANYTHING: Model = Model {
    id: "mock-",
    answers_as: "",
    rules: &Rules {
        sampling: Sampling::Free,
        prefill: true,
        budget: true,
        efforts: &["high", "low", "max", "medium", "xhigh"],
        ..CLAUDE_5
    },
};

/// The model of that name.
pub(super) fn find(name: &str) -> Option<&'static Model> {
    if name.starts_with(ANYTHING.id) {
        return Some(&ANYTHING);
    }
    MODELS.iter().find(|model| model.id == name)
}

impl Model {
    /// The name in the answer to a request that asked for `named`.
    pub(super) fn answers_as<'a>(&self, named: &'a str) -> &'a str
    where
        Self: 'a,
    {
        if self.answers_as.is_empty() { named } else { self.answers_as }
    }

    fn view(&self) -> Value {
        json!({
            "type": "model",
            "id": self.id,
            "display_name": self.id,
            "created_at": "2026-01-01T00:00:00Z",
            "lifecycle": "active",
            "max_input_tokens": 200_000,
            "max_tokens": self.rules.max_output,
        })
    }
}

/// `GET /v1/models`, a page at a time.
pub(super) fn list(ask: &Ask<'_>) -> Answered {
    let query = |name: &str| {
        ask.call
            .query
            .split('&')
            .find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name))
            .map(|(_, value)| value)
    };
    let limit = match query("limit").map(str::parse::<usize>) {
        None => 20,
        Some(Ok(limit @ 1..=1000)) => limit,
        Some(Ok(0)) => return Err(ApiError::bad("limit: Input should be greater than or equal to 1")),
        Some(Ok(_)) => return Err(ApiError::bad("limit: Input should be less than or equal to 1000")),
        Some(Err(_)) => {
            return Err(ApiError::bad(
                "limit: Input should be a valid integer, unable to parse string as an integer",
            ));
        }
    };
    let mock = Model { id: "mock-1", ..ANYTHING };
    let all: Vec<&Model> = MODELS.iter().chain([&mock]).collect();
    let position = |id: Option<&str>| id.and_then(|id| all.iter().position(|model| model.id == id));
    let first = position(query("after_id")).map_or(0, |at| at + 1);
    let last = position(query("before_id")).unwrap_or(all.len()).max(first);
    let page = &all[first..last.min(first.saturating_add(limit))];
    let body = json!({
        "data": page.iter().map(|model| model.view()).collect::<Vec<_>>(),
        "has_more": first + page.len() < last,
        "first_id": page.first().map(|model| model.id),
        "last_id": page.last().map(|model| model.id),
    });
    Ok(Reply::json(200, json_bytes(&body)))
}

/// `GET /v1/models/{id}`.
pub(super) fn show(id: &str) -> Answered {
    let model = find(id).ok_or_else(|| ApiError::no_such_model(id))?;
    let mut view = model.view();
    view["id"] = json!(model.answers_as(id));
    Ok(Reply::json(200, json_bytes(&view)))
}
