//! One model of the list, in this project's words.

use std::collections::BTreeMap;

use lockgate_prices::{Class, Figures};

use super::list::Members;

/// What the list calls the figure of a class.
const FIGURES: &[(&str, Class)] = &[
    ("input_cost_per_token", Class::Input),
    ("output_cost_per_token", Class::Output),
    ("cache_read_input_token_cost", Class::CacheRead),
    ("cache_creation_input_token_cost", Class::CacheWrite),
    ("cache_creation_input_token_cost_above_1hr", Class::CacheWrite1h),
    ("output_cost_per_reasoning_token", Class::Reasoning),
    ("input_cost_per_audio_token", Class::AudioInput),
    ("output_cost_per_audio_token", Class::AudioOutput),
    ("input_cost_per_image_token", Class::ImageInput),
    ("output_cost_per_image_token", Class::ImageOutput),
];

/// What a kind of model is billed for.
#[derive(Debug)]
struct Mode {
    name: &'static str,
    /// What comes out of it.
    answers: Answers,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answers {
    /// Text, and whatever else has a figure.
    Text,
    /// Nothing that is billed.
    Nothing,
    /// This class, so that a model without a figure for it is not billed by the token.
    In(Class),
}

/// The modes that are billed by the token.
const MODES: &[Mode] = &[
    Mode { name: "chat", answers: Answers::Text },
    Mode { name: "responses", answers: Answers::Text },
    Mode { name: "completion", answers: Answers::Text },
    Mode { name: "audio_transcription", answers: Answers::Text },
    Mode { name: "embedding", answers: Answers::Nothing },
    Mode { name: "image_generation", answers: Answers::In(Class::ImageOutput) },
    Mode { name: "image_edit", answers: Answers::In(Class::ImageOutput) },
    Mode { name: "audio_speech", answers: Answers::In(Class::AudioOutput) },
    Mode { name: "realtime", answers: Answers::In(Class::AudioOutput) },
];

/// One model, before it is looked at whether its figures can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The kind of provider.
    pub(crate) kind: String,
    /// The model, as the provider calls it.
    pub(crate) model: String,
    /// What comes out of it.
    pub(crate) answers: Answers,
    /// What it costs.
    pub(crate) base: Figures,
    /// What changes above so many tokens of input.
    pub(crate) tiers: BTreeMap<u64, Figures>,
    /// The figures of input and output in a batch.
    pub(crate) batch: (Option<u64>, Option<u64>),
}

/// Reads what the list says of a model.
///
/// # Errors
/// Says why it is not billed by the token.
pub(crate) fn read(kind: &str, model: &str, members: &Members) -> Result<Entry, String> {
    let name = members.text("mode").unwrap_or_else(|| "none".to_owned());
    let mode = MODES
        .iter()
        .find(|mode| mode.name == name)
        .ok_or(format!("mode {name} is not billed by the token"))?;
    let (base, mut tiers) = match members.ranges().split_first() {
        Some(((0, first), rest)) => (
            first.figures(FIGURES),
            rest.iter().map(|(start, range)| (*start, range.figures(FIGURES))).collect(),
        ),
        _ => (members.figures(FIGURES), BTreeMap::new()),
    };
    for name in members.names() {
        if let Some((class, above, figure)) = above(members, name) {
            let tier = tiers.entry(above).or_insert_with(Figures::default);
            *tier = tier.with(class, figure);
        }
    }
    let base = match mode.answers {
        Answers::Nothing => base.with(Class::Output, 0),
        // Where all that comes out is of one class, the list may have its figure alone.
        Answers::In(class) if base.get(Class::Output).is_none() => base.with(Class::Output, base.get(class)),
        _ => base,
    };
    let batch =
        (members.figure("input_cost_per_token_batches"), members.figure("output_cost_per_token_batches"));
    Ok(Entry { kind: kind.to_owned(), model: model.to_owned(), answers: mode.answers, base, tiers, batch })
}

/// A member such as `input_cost_per_token_above_200k_tokens`.
fn above(members: &Members, name: &str) -> Option<(Class, u64, u64)> {
    let (figure, thousands) = name.strip_suffix("k_tokens")?.rsplit_once("_above_")?;
    let class = FIGURES.iter().find(|(name, _)| *name == figure)?.1;
    Some((class, thousands.parse::<u64>().ok()?.checked_mul(1_000)?, members.figure(name)?))
}
