//! What a config's `kind` stands for: a provider, and perhaps a preset of it.

use lockgate_protocol::resume::Prefill;

use crate::{
    environment::Environment,
    preset::{Key, Preset, StreamUsage},
    provider::Provider,
};

/// What a config's `kind` stands for.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// How to talk to it.
    pub provider: &'static dyn Provider,
    /// The row of the presets table, when `kind` names one.
    pub preset: Option<&'static Preset>,
}

impl Kind {
    /// The name as the config writes it.
    pub fn name(&self) -> &'static str {
        self.preset.map_or_else(|| self.provider.kind(), |preset| preset.name.as_str())
    }

    /// The name in traces and metrics: the one of OpenTelemetry's conventions for generative AI where they have one.
    pub fn trace_name(&self) -> &'static str {
        match self.preset {
            Some(preset) => preset.trace_name.as_deref().unwrap_or(&preset.name),
            None => self.provider.trace_name(),
        }
    }

    /// The dialects it speaks, the one to translate to first.
    pub fn speaks(&self) -> Vec<&str> {
        match self.preset {
            Some(preset) if !preset.speaks.is_empty() => preset.speaks.iter().map(String::as_str).collect(),
            _ => self.provider.speaks().to_vec(),
        }
    }

    /// Those in which it serves `model`, where that depends on the model.
    pub fn speaks_for(&self, model: &str) -> Option<&'static [&'static str]> {
        self.provider.speaks_for(model)
    }

    /// Whether the config has to name the base URL.
    pub fn needs_base_url(&self) -> bool {
        self.preset.is_none() && self.provider.needs_base_url()
    }

    /// Whether the place answers nobody without a key.
    pub fn needs_key(&self) -> bool {
        self.preset.map_or_else(|| self.provider.needs_key(), |preset| preset.key == Key::Required)
    }

    /// How the place can be brought to report usage in a stream.
    pub fn stream_usage(&self) -> StreamUsage {
        self.preset.map_or(StreamUsage::Ask, |preset| preset.stream_usage)
    }

    /// How a model is handed the beginning of its answer, where the place is known for more than its dialect says.
    pub fn prefill(&self) -> Option<Prefill> {
        self.preset?.prefill
    }

    /// Whether it takes tools of plain text in a dialect that has them.
    pub fn has_custom_tools(&self) -> bool {
        self.preset.is_none_or(|preset| preset.custom_tools)
    }

    /// The environment variable that usually holds the key, for hints and examples.
    pub fn key_variable(&self) -> Option<&'static str> {
        match self.preset {
            Some(preset) => preset.env.as_deref(),
            None => self.provider.environment().map(|row| row.api_key),
        }
    }

    /// The environment variables from which a start without a config file learns of this kind.
    pub fn environment(&self) -> Option<Environment> {
        match self.preset {
            Some(preset) => preset.environment(),
            None => self.provider.environment(),
        }
    }
}
