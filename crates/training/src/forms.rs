//! The forms of training files: one file each, and the table of their names.

pub(crate) mod messages;
pub(crate) mod openai;
pub(crate) mod sharegpt;

use lockgate_protocol::ir::{Loss, Losses};
use serde::Serialize;

use crate::{Conversation, NotUsable, Reasoning, card, tools::Functions, turns::Turn};

/// The form of a training file's lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Form {
    /// The call as one object: parameters, and the chat API's messages with the answer behind them.
    #[default]
    Messages,
    /// `conversations` of `from` and `value`, strictly alternating, as LLaMA-Factory and axolotl read them.
    ShareGpt,
    /// What OpenAI's fine-tuning takes: `messages` and `tools`.
    OpenAi,
}

impl Form {
    /// Every form, with its name in configs and commands.
    pub const TABLE: &[(&str, Self)] =
        &[("messages", Self::Messages), ("sharegpt", Self::ShareGpt), ("openai", Self::OpenAi)];

    /// The form of that name.
    pub fn find(name: &str) -> Option<Self> {
        Self::TABLE.iter().find(|row| row.0 == name).map(|row| row.1)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::TABLE.iter().find(|row| row.1 == self).map_or("messages", |row| row.0)
    }

    /// A `README.md` for the folder of its files, from which Hugging Face `datasets` knows the columns. Without it the
    /// types are guessed from the first file's first 10 MB: a column that has nothing there is then taken for one that
    /// never has. `None` for a form whose columns have no types of their own.
    pub fn card(self, reasoning: Reasoning) -> Option<String> {
        card::of(self, reasoning)
    }
}

/// A line of a training file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// One JSON object on one line, without the line's end.
    pub text: String,
    /// What of the call is not in it. In the messages form it says so itself; the others leave out only what does not
    /// change the words.
    pub losses: Losses,
}

impl Line {
    fn new(object: &impl Serialize, losses: Losses) -> Result<Self, NotUsable> {
        // Only maps with keys that are not text cannot be written, and no form has one.
        let mut text = serde_json::to_string(object).map_err(|_| NotUsable::Request)?;
        // Those of schemas as they were spelled; within texts they are escaped.
        text.retain(|letter| !matches!(letter, '\n' | '\r'));
        Ok(Self { text, losses })
    }
}

/// JSON as a text in a column; empty if there is nothing to say.
fn json_text<T: Serialize>(list: &[T]) -> String {
    if list.is_empty() {
        return String::new();
    }
    lockgate_protocol::ir::raw(list).get().to_owned()
}

fn unsaid(path: impl Into<String>, reason: &'static str) -> NotUsable {
    NotUsable::Unsaid(Loss { path: path.into(), reason: reason.into() })
}

/// The parts of a conversation that a form without a place for losses is written from.
fn strict<'t>(
    conversation: &Conversation<'_>,
    functions: &'t Functions<'t>,
    losses: &mut Losses,
) -> Result<Vec<Turn<'t>>, NotUsable> {
    if !conversation.is_finished() {
        return Err(NotUsable::Cut);
    }
    let turns = crate::turns::Turns::of(conversation, functions.system(), functions.messages())?;
    let (list, lost) = turns.without_gaps()?;
    losses.append(lost);
    Ok(list)
}

/// Refuses reasoning that is to go into a field, for a form that has none.
fn no_field(turn: &Turn<'_>, reasoning: Reasoning) -> Result<(), NotUsable> {
    if reasoning == Reasoning::Field && !turn.reasoning.is_empty() {
        return Err(unsaid(&*turn.path, "reasoning has no field in this form: choose `think`"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_found_by_their_names() {
        for (name, form) in Form::TABLE {
            assert_eq!((Form::find(name), form.name()), (Some(*form), *name));
        }
        assert_eq!(Form::find("alpaca"), None);
    }
}
