//! What answers a model name, and how its pool is balanced.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use lockgate_routing::{STRATEGIES, StrategyRow};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer};

use crate::target::Target;
use crate::types::{Budgets, CallerLimits, HealthOverride, Price, RetryOverride};
use crate::units;

/// What answers a model name.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Model {
    /// How requests are spread over the targets, in place of the top-level `strategy`.
    pub strategy: Option<Strategy>,
    /// The pool that answers.
    pub targets: Vec<Target>,
    /// What is asked, in this order, when the whole pool has failed.
    pub fallback: Vec<Target>,
    /// What is asked, in this order, when the conversation does not fit the model that was asked.
    pub on_context_length: Vec<Target>,
    /// What is asked, in this order, when a provider's policy refused the content. Without it that is the answer.
    pub on_content_filter: Vec<Target>,
    /// Other names for the same model; `*` and `?` work, and such a pattern counts where no other name fits.
    pub aliases: Vec<String>,
    /// Whether a request that its target cannot be told everything of is translated all the same or refused.
    #[schemars(extend("default" = "allow"))]
    pub on_loss: OnLoss,
    /// When a streamed answer begins to leave: until then a failure is another deployment's work, and the client sees
    /// nothing of it.
    #[schemars(extend("default" = "first_output"))]
    pub commit: Commit,
    /// Whether a streamed answer that breaks off is gone on with by another deployment, exactly where the client's text
    /// ends. What cannot be gone on with, such as a tool call that has begun, ends in an error all the same.
    #[schemars(extend("default" = false))]
    pub resume: bool,
    /// After how long without output a second deployment is asked beside the first; who has something to say first
    /// answers, the other is given up. Both may be billed.
    #[serde(deserialize_with = "units::optional_duration")]
    #[schemars(with = "Option<units::Time>")]
    pub hedge_after: Option<Duration>,
    /// Whether it may think for minutes before it says anything, so that `retry.first_byte` and `retry.first_token` do
    /// not count for it. Without a word on it the names of known models decide.
    pub slow: Option<bool>,
    /// What it costs, in place of what `prices` says.
    pub price: Option<Price>,
    /// The most requests for it in a minute, whoever asks.
    #[schemars(range(min = 1))]
    pub rpm: Option<u32>,
    /// The most tokens in a minute, in and out: what a request may take is counted ahead, and set right when it is done.
    #[schemars(range(min = 1))]
    pub tpm: Option<u32>,
    /// The most requests for it under way at once.
    #[schemars(range(min = 1))]
    pub max_concurrent: Option<u32>,
    /// What may be spent on it, whoever asks: one budget or several, each of which must have room.
    pub budget: Budgets,
    /// What this model does differently from the top-level `retry`.
    pub retry: Option<RetryOverride>,
    /// What this model does differently from the top-level `health`.
    pub health: Option<HealthOverride>,
}

impl Model {
    /// How much it may be asked for.
    pub fn limits(&self) -> CallerLimits {
        CallerLimits { rpm: self.rpm, tpm: self.tpm, max_concurrent: self.max_concurrent }
    }
}

/// When a streamed answer begins to leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Commit {
    /// With the first of its output.
    #[default]
    FirstOutput,
    /// With the first of its output that is no thinking.
    AfterThinking,
    /// When all of it is there: nothing that goes wrong on the way is seen, and nothing comes before the end.
    Whole,
}

/// What becomes of a request that loses something in translation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnLoss {
    /// It is translated; the answer names what was lost.
    #[default]
    Allow,
    /// It is refused with what would be lost.
    Reject,
}

/// How requests are spread over the targets of a pool: a row of the table of strategies.
#[derive(Clone, Copy)]
pub struct Strategy(&'static StrategyRow);

// === impl Strategy ===

impl Strategy {
    /// The row.
    pub fn row(self) -> &'static StrategyRow {
        self.0
    }
}

impl fmt::Debug for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name)
    }
}

impl Default for Strategy {
    fn default() -> Self {
        Self(&STRATEGIES[0])
    }
}

impl<'de> Deserialize<'de> for Strategy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        lockgate_routing::find(&name)
            .map(Self)
            .ok_or_else(|| D::Error::invalid_value(Unexpected::Str(&name), &"a strategy"))
    }
}

impl JsonSchema for Strategy {
    fn schema_name() -> Cow<'static, str> {
        "Strategy".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let row = |row: &StrategyRow| json_schema!({ "const": row.name, "description": row.doc });
        json_schema!({
            "description": "How requests are spread over the targets of a pool.",
            "oneOf": STRATEGIES.iter().map(row).collect::<Vec<_>>(),
        })
    }
}
