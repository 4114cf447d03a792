//! What a call asks.

use super::{Block, Members, Message, Raw, Text, Tool, ToolChoice};

/// One request to continue a conversation.
#[derive(Debug, Clone, Default)]
pub struct Request<'a> {
    /// The dialect it was decoded from; decides whose `extra` members an encoder may write.
    pub origin: &'static str,
    /// The model's name.
    pub model: Text<'a>,
    /// Whether the answer shall be streamed.
    pub stream: bool,
    /// What stands before the conversation, in order: system prompts and instructions.
    pub system: Vec<Block<'a>>,
    /// The conversation.
    pub messages: Vec<Message<'a>>,
    /// The tools on offer.
    pub tools: Vec<Tool<'a>>,
    /// How to choose among them.
    pub tool_choice: Option<ToolChoice<'a>>,
    /// Whether several tools may be called in one turn.
    pub parallel_tools: Option<bool>,
    /// What form the answer shall have.
    pub format: Option<OutputFormat<'a>>,
    /// Whether and how much to reason.
    pub reasoning: Option<Reasoning<'a>>,
    /// How to sample.
    pub sampling: Sampling<'a>,
    /// Most tokens of the answer.
    pub max_tokens: Option<u64>,
    /// How many answers.
    pub choices: Option<u64>,
    /// Whether log probabilities are wanted, and of how many alternatives.
    pub logprobs: Option<u64>,
    /// Sound in the answer.
    pub audio: Option<Audio<'a>>,
    /// `text`, `audio`, `image`: kinds of output wanted, if said.
    pub modalities: Vec<Text<'a>>,
    /// How eager the answer text shall be: `low`, `medium`, `high` (OpenAI `verbosity`).
    pub verbosity: Option<Text<'a>>,
    /// The class of service paid for.
    pub service_tier: Option<Text<'a>>,
    /// The end user, for the provider's abuse watch.
    pub user: Option<Text<'a>>,
    /// Names and values the client attaches to the call.
    pub metadata: Option<Raw<'a>>,
    /// What ties calls with the same prompt front together for the provider's cache.
    pub cache_key: Option<Text<'a>>,
    /// Whether the provider shall keep the answer.
    pub store: Option<bool>,
    /// The answer this request continues (Responses).
    pub previous: Option<Text<'a>>,
    /// Whether the client wants usage in the stream, where that is a choice.
    pub stream_usage: Option<bool>,
    /// Which of several names for one thing the client used, in words of the origin dialect and for its encoder only:
    /// nothing of the request's meaning is here.
    pub spelling: Vec<&'static str>,
    /// Whether the client wants the reasoning's proof in the answer, where that is a choice (Responses `include`).
    pub reasoning_proof: Option<bool>,
    /// Members that only the origin dialect knows.
    pub extra: Members<'a>,
}

/// What form an answer shall have.
#[derive(Debug, Clone)]
pub enum OutputFormat<'a> {
    /// Plain text.
    Text,
    /// Some JSON object.
    Json,
    /// JSON that fits a schema.
    Schema {
        /// The schema's name.
        name: Option<Text<'a>>,
        /// What it is for.
        description: Option<Text<'a>>,
        /// The JSON Schema.
        schema: Raw<'a>,
        /// Whether the answer has to fit exactly.
        strict: Option<bool>,
    },
}

/// How much to reason, in steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effort {
    /// Not at all.
    None,
    /// As good as not.
    Minimal,
    /// A little.
    Low,
    /// Some.
    Medium,
    /// Much.
    High,
    /// More.
    XHigh,
    /// All there is.
    Max,
}

/// Whether and how much to reason. A dialect that knows only steps gets the step nearest to a budget and the other way
/// round: see [`Reasoning::budget`] and [`Reasoning::effort`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reasoning<'a> {
    /// `Some(false)` switches it off, `Some(true)` on.
    pub enabled: Option<bool>,
    /// True if the model decides by itself how much (Anthropic `adaptive`, Gemini budget -1).
    pub adaptive: bool,
    /// Most tokens to spend.
    pub budget: Option<u64>,
    /// How much, in steps.
    pub effort: Option<Effort>,
    /// How much of it is shown: `auto`, `concise`, `detailed` (OpenAI `summary`), `omitted`, `summarized` (Anthropic
    /// `display`); `true`-like for dialects that only know shown or not is `auto`.
    pub display: Option<Text<'a>>,
}

/// Sampling parameters; numbers as they were spelled.
#[derive(Debug, Clone, Default)]
pub struct Sampling<'a> {
    /// `temperature`.
    pub temperature: Option<Raw<'a>>,
    /// `top_p`.
    pub top_p: Option<Raw<'a>>,
    /// `top_k`.
    pub top_k: Option<Raw<'a>>,
    /// `min_p`.
    pub min_p: Option<Raw<'a>>,
    /// `frequency_penalty`.
    pub frequency_penalty: Option<Raw<'a>>,
    /// `presence_penalty`.
    pub presence_penalty: Option<Raw<'a>>,
    /// `repetition_penalty`, `repeat_penalty`.
    pub repetition_penalty: Option<Raw<'a>>,
    /// `seed`.
    pub seed: Option<Raw<'a>>,
    /// `logit_bias`.
    pub logit_bias: Option<Raw<'a>>,
    /// Texts at which the answer ends.
    pub stop: Vec<Text<'a>>,
}

/// Sound in the answer.
#[derive(Debug, Clone, Default)]
pub struct Audio<'a> {
    /// The voice's name.
    pub voice: Option<Text<'a>>,
    /// The encoding, e.g. `wav`.
    pub format: Option<Text<'a>>,
}

impl Effort {
    /// Every step with its name and the budget in tokens that stands for it where a dialect only knows budgets. The
    /// budgets are those that the providers' own compatibility layers use for the same names.
    const TABLE: &[(Self, &str, u64)] = &[
        (Self::None, "none", 0),
        (Self::Minimal, "minimal", 1024),
        (Self::Low, "low", 1024),
        (Self::Medium, "medium", 8192),
        (Self::High, "high", 24576),
        (Self::XHigh, "xhigh", 32768),
        (Self::Max, "max", 65536),
    ];

    /// The step of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::TABLE.iter().find(|row| row.1 == name).map(|row| row.0)
    }

    /// The step's name.
    pub fn name(self) -> &'static str {
        Self::TABLE.iter().find(|row| row.0 == self).map_or("medium", |row| row.1)
    }

    /// The budget that stands for the step.
    pub fn budget(self) -> u64 {
        Self::TABLE.iter().find(|row| row.0 == self).map_or(0, |row| row.2)
    }

    /// The lowest step whose budget covers `budget`.
    pub fn of_budget(budget: u64) -> Self {
        Self::TABLE
            .iter()
            .find(|row| row.0 != Self::Minimal && row.2 >= budget)
            .map_or(Self::Max, |row| row.0)
    }
}

impl Reasoning<'_> {
    /// The budget to name to a dialect that only knows budgets; `None` = its default.
    pub fn budget(&self) -> Option<u64> {
        self.budget.or_else(|| self.effort.map(Effort::budget))
    }

    /// The step to name to a dialect that only knows steps; `None` = its default.
    pub fn effort(&self) -> Option<Effort> {
        if self.enabled == Some(false) {
            return Some(Effort::None);
        }
        self.effort.or_else(|| self.budget.map(Effort::of_budget))
    }

    /// The same for a dialect in which naming a step is the only way to switch reasoning on: switched on without a
    /// measure is the middle step there, unless the model is to decide by itself.
    pub fn effort_that_switches_on(&self) -> Option<Effort> {
        let unmeasured = (self.enabled == Some(true) && !self.adaptive).then_some(Effort::Medium);
        self.effort().or(unmeasured)
    }

    /// True if reasoning is asked for, however much.
    pub fn is_on(&self) -> bool {
        self.enabled != Some(false) && self.effort != Some(Effort::None) && self.budget != Some(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_and_budgets_stand_for_each_other() {
        for effort in [Effort::None, Effort::Low, Effort::Medium, Effort::High, Effort::XHigh, Effort::Max] {
            assert_eq!(Effort::of_budget(effort.budget()), effort);
            assert_eq!(Effort::parse(effort.name()), Some(effort));
        }
        assert_eq!(Effort::of_budget(2000), Effort::Medium);
        assert_eq!(Effort::of_budget(u64::MAX), Effort::Max);
    }
}
