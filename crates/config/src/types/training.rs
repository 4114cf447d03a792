//! Training files: answered calls as lines that models are trained with.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, IntoDeserializer, MapAccess, Visitor};

/// What is written of the calls that were answered whole: the form alone, or a mapping with more about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrainingFiles {
    /// The form of the lines.
    pub form: TrainingForm,
    /// Where reasoning goes.
    pub reasoning: TrainingReasoning,
    /// The models whose calls are written; empty are all.
    pub models: Vec<String>,
    /// The names of the client keys whose calls are written; empty are all, and calls without a key.
    pub keys: Vec<String>,
    /// For how many days a file stays; without it until somebody takes it away.
    pub keep_days: Option<u32>,
}

/// What is written, and of which calls.
#[derive(Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "TrainingFiles")]
pub(crate) struct TrainingDetails {
    /// The form of the lines.
    #[schemars(extend("default" = "messages"))]
    form: TrainingForm,
    /// Where reasoning goes.
    #[schemars(extend("default" = "think"))]
    reasoning: TrainingReasoning,
    /// The models whose calls are written, by the names that clients ask for; `*` and `?` work. Empty are all.
    models: Vec<String>,
    /// The names of the client keys whose calls are written; `*` and `?` work. Empty are all, and calls without a key.
    keys: Vec<String>,
    /// For how many days a file stays; without it until somebody takes it away.
    #[schemars(range(min = 1, max = 36500))]
    keep_days: Option<u32>,
}

/// The form of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TrainingForm {
    /// The call as one object: its parameters, and its messages with the answer as the last.
    #[default]
    Messages,
    /// Turns of texts, as LLaMA-Factory and axolotl read them.
    Sharegpt,
    /// As OpenAI's fine-tuning takes it.
    Openai,
}

/// Where reasoning goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TrainingReasoning {
    /// Before the text, as `<think>...</think>`.
    #[default]
    Think,
    /// Beside the text, as `reasoning_content`; only `messages` has a place for it.
    Field,
}

// === impl TrainingFiles ===

impl From<TrainingForm> for TrainingFiles {
    fn from(form: TrainingForm) -> Self {
        Self {
            form,
            reasoning: TrainingReasoning::default(),
            models: Vec::new(),
            keys: Vec::new(),
            keep_days: None,
        }
    }
}

// A manual impl, because `#[serde(untagged)]` buffers its input and loses the place of an error.
impl<'de> Deserialize<'de> for TrainingFiles {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FilesVisitor)
    }
}

struct FilesVisitor;

impl<'de> Visitor<'de> for FilesVisitor {
    type Value = TrainingFiles;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a form or a mapping")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<TrainingFiles, E> {
        TrainingForm::deserialize(text.into_deserializer()).map(TrainingFiles::from)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<TrainingFiles, A::Error> {
        let TrainingDetails { form, reasoning, models, keys, keep_days } =
            TrainingDetails::deserialize(de::value::MapAccessDeserializer::new(map))?;
        Ok(TrainingFiles { form, reasoning, models, keys, keep_days })
    }
}

impl JsonSchema for TrainingFiles {
    fn schema_name() -> Cow<'static, str> {
        "TrainingFilesOrForm".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "The form of training files, or a mapping with more about them.",
            "anyOf": [generator.subschema_for::<TrainingForm>(), generator.subschema_for::<TrainingDetails>()],
        })
    }
}
