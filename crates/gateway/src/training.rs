//! Training files: each call that was answered whole as a line, written behind its answer by a thread of its own.

mod tape;
mod writer;

use std::{path::PathBuf, sync::Arc};

use lockgate_config::{Config, TrainingForm, TrainingReasoning};
use lockgate_training::{Form, Reasoning, Settings};

pub(crate) use tape::{About, Tape};
pub(crate) use writer::Writer;

/// Where in the data folder they are.
const FOLDER: &str = "requests_responses";

/// What one config wants written.
#[derive(Debug)]
pub(crate) struct Wish {
    settings: Settings,
    folder: PathBuf,
}

impl Wish {
    /// What `config` wants, if it wants any.
    pub(crate) fn of(config: &Config) -> Option<Arc<Self>> {
        let files = config.log.training_files.as_ref()?;
        let settings = Settings {
            form: match files.form {
                TrainingForm::Messages => Form::Messages,
                TrainingForm::Sharegpt => Form::ShareGpt,
                TrainingForm::Openai => Form::OpenAi,
            },
            reasoning: match files.reasoning {
                TrainingReasoning::Think => Reasoning::Think,
                TrainingReasoning::Field => Reasoning::Field,
            },
            models: files.models.clone(),
            keys: files.keys.clone(),
        };
        Some(Arc::new(Self { settings, folder: config.data_dir.0.join(FOLDER) }))
    }

    /// Whether a call for `model` with the key of that name is wanted.
    pub(crate) fn is_for(&self, model: &str, key: Option<&str>) -> bool {
        self.settings.wants(model, key)
    }
}
