//! The providers, one folder each, and the one table of them.

pub(crate) mod anthropic;
pub(crate) mod azure;
pub(crate) mod bedrock;
pub(crate) mod gemini;
pub(crate) mod kiro;
pub(crate) mod ollama;
pub(crate) mod openai;
pub(crate) mod openai_compatible;
pub(crate) mod qwen;
pub(crate) mod vertex;

use crate::{environment::Environment, kind::Kind, provider::Provider};
use anthropic::Anthropic;
use azure::Azure;
use bedrock::Bedrock;
use gemini::Gemini;
use kiro::Kiro;
use ollama::Ollama;
use openai::OpenAi;
use openai_compatible::{OpenAiCompatible, presets};
use qwen::Qwen;
use vertex::Vertex;

/// Every provider, in the order of the documentation: the ones with paths of their own before the one that stands
/// for all the others.
pub const PROVIDERS: &[&dyn Provider] =
    &[&OpenAi, &Azure, &Anthropic, &Gemini, &Vertex, &Bedrock, &Qwen, &Kiro, &Ollama, &OpenAiCompatible];

/// The kind of that name: a provider of its own or a preset.
pub fn find(kind: &str) -> Option<Kind> {
    all().find(|known| known.name() == kind)
}

/// Every name that a config's `kind` may have: [`PROVIDERS`], then the presets in the order of their table.
pub fn kinds() -> Vec<&'static str> {
    all().map(|kind| kind.name()).collect()
}

/// Where a start without a config file looks for keys, best known first.
pub fn environment() -> Vec<Environment> {
    all().filter_map(|kind| kind.environment()).collect()
}

fn all() -> impl Iterator<Item = Kind> {
    let own = PROVIDERS.iter().map(|provider| Kind { provider: *provider, preset: None });
    let presets =
        presets::presets().iter().map(|preset| Kind { provider: &OpenAiCompatible, preset: Some(preset) });
    own.chain(presets)
}
