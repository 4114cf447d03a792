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

use crate::{address::Address, environment::Environment, kind::Kind, preset::Key, provider::Provider};
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

/// The kind that an address belongs to, if a service is known to be there. Servers of one's own are not known by where
/// they are.
pub fn kind_at(base_url: &str) -> Option<Kind> {
    let written = Address::parse(base_url).ok()?;
    let host = written.host().to_ascii_lowercase();
    let services = || {
        presets::presets().iter().filter(|preset| preset.key == Key::Required).filter_map(|preset| {
            let usual = Address::parse(&preset.base_url).ok().filter(|usual| usual.host() == host)?;
            Some((preset, usual.path))
        })
    };
    let compatible = |preset| Kind { provider: &OpenAiCompatible, preset: Some(preset) };
    // A host may have a service of its own and one in OpenAI's dialect under a path.
    let under = |usual: &str| {
        !usual.is_empty()
            && written.path.strip_prefix(usual).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let by_path = services().find(|(_, usual)| under(usual)).map(|(preset, _)| compatible(preset));
    let own = || PROVIDERS.iter().copied().find(|provider| provider.is_at(&host));
    let fits = |usual: &str| usual.is_empty() || written.path.is_empty();
    let by_host = || services().find(|(_, usual)| fits(usual)).map(|(preset, _)| compatible(preset));
    by_path.or_else(|| own().map(|provider| Kind { provider, preset: None })).or_else(by_host)
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
