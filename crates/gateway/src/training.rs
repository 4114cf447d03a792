//! Training files: each call that was answered whole as a line, made of the journal.

use std::{path::Path, sync::Arc, time::Duration};

use arc_swap::ArcSwapOption;
use lockgate_config::{Config, TrainingForm, TrainingReasoning};
use lockgate_protocol::{dialect::Operation, dialects};
use lockgate_store::{CallRecord, Hourly};
use lockgate_training::{Call, Form, Line, NotUsable, Reasoning, Settings};

/// The training files that one config wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Files {
    /// What they are made of.
    pub(crate) settings: Settings,
    /// How long they stay; `None`: until somebody takes them away.
    pub(crate) keep: Option<Duration>,
}

impl Files {
    /// What `config` wants written, if it wants any.
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
        let keep = files.keep_days.map(|days| Duration::from_secs(u64::from(days) * 24 * 60 * 60));
        Some(Arc::new(Self { settings, keep }))
    }
}

/// The line of a call on record, in the form and manner of `settings`. Whether it is wanted is not asked.
///
/// # Errors
/// When it makes none: its bodies are not kept, or not whole, or cannot be said in this form.
pub fn line(record: &CallRecord, settings: &Settings) -> Result<Line, NotUsable> {
    let operation = Operation::find(&record.operation).unwrap_or(Operation::Other);
    let dialect = dialects::find(&record.dialect).ok_or(NotUsable::Request)?;
    let bodies = record.bodies.as_ref().filter(|bodies| !bodies.truncated);
    let request = bodies.and_then(|bodies| bodies.request.as_ref()).ok_or(NotUsable::Request)?;
    let answer = bodies.and_then(|bodies| bodies.answer.as_ref()).ok_or(NotUsable::Answer)?;
    let call = Call {
        dialect,
        operation,
        path: &record.path,
        model: record.model.as_deref().unwrap_or_default(),
        id: &record.id,
        started_ms: record.started_ms,
        micros: record.micros,
    };
    lockgate_training::line(&call, request.as_bytes(), answer.as_bytes(), settings)
}

/// The files that are made of the journal into `folder`: of those calls that were to be a line, by what counts now, or counted
/// last.
pub(crate) fn projection(folder: &Path, files: &Arc<ArcSwapOption<Files>>) -> Hourly {
    let (made, described, kept) = (Arc::clone(files), Arc::clone(files), Arc::clone(files));
    let make = move |record: &CallRecord| {
        let files = made.load_full().filter(|_| record.training)?;
        match line(record, &files.settings) {
            Ok(line) => Some(line.text),
            Err(why) => {
                tracing::debug!(call = record.id, why = why.name(), "no line in the training files");
                None
            }
        }
    };
    Hourly::new("training-files", folder, Box::new(make))
        .described(Box::new(move || {
            let Settings { form, reasoning, .. } = described.load_full()?.settings;
            form.card(reasoning)
        }))
        .keeping(Box::new(move || kept.load_full()?.keep))
}
