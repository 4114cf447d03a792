//! One conversation out of a call: what was asked with all that stood before it, and the answer behind it.

use bytes::Bytes;
use lockgate_protocol::{
    dialect::Operation,
    envelope::Envelope,
    ir::{Loss, Message, Request, Role, Stop, StopReason},
};

use crate::{Call, Form, Line, Settings, forms};

/// A call that can be trained on: read, answered to the end, and all of it there.
#[derive(Debug, Clone)]
pub struct Conversation<'a> {
    /// What was asked; the answer is its last message.
    pub(crate) request: Request<'a>,
    /// Why the answer ended.
    pub(crate) stop: Option<Stop<'a>>,
    /// The number of the answer, and those of further answers, which are left out.
    pub(crate) choice: u64,
    pub(crate) others: Vec<u64>,
    /// How many blocks of the last message stood in the request: the answer goes on behind them.
    pub(crate) begun: usize,
}

/// Why there is no line of a call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotUsable {
    /// It asked for something else than an answer.
    #[error("only calls that continue a conversation make lines")]
    Operation,
    /// The request cannot be read, because it is not whole or not what its dialect allows.
    #[error("the request cannot be read")]
    Request,
    /// The answer is not whole, or is an error.
    #[error("the answer is not a whole one")]
    Answer,
    /// It continues a conversation, or a prompt, that is kept somewhere else and not repeated in it.
    #[error("the conversation before it is kept elsewhere")]
    Elsewhere,
    /// The answer has nothing that can be said.
    #[error("the answer says nothing")]
    Empty,
    /// The answer was ended by a limit or a filter, and the form cannot say so: a model would learn to stop there.
    #[error("the answer was ended by a limit or a filter, which this form cannot say")]
    Cut,
    /// Something is in it that the form cannot say and that would change its meaning if it were left out.
    #[error("`{}` cannot be said in this form: {}", .0.path, .0.reason)]
    Unsaid(Loss),
}

impl NotUsable {
    /// Its name, for counts of what was left out.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Operation => "operation",
            Self::Request => "request",
            Self::Answer => "answer",
            Self::Elsewhere => "elsewhere",
            Self::Empty => "empty",
            Self::Cut => "cut",
            Self::Unsaid(_) => "unsaid",
        }
    }
}

impl<'a> Conversation<'a> {
    /// Reads a call: `request` as the client sent it, `answer` as a whole one ([`crate::assemble`]).
    ///
    /// # Errors
    /// When it is no conversation, or not all of one; see [`NotUsable`].
    pub fn of(call: &Call<'_>, request: &'a [u8], answer: &'a [u8]) -> Result<Self, NotUsable> {
        if call.operation != Operation::Generate {
            return Err(NotUsable::Operation);
        }
        let codec = call.dialect.codec();
        let response = codec.decode_response(answer).map_err(|_| NotUsable::Answer)?;
        let mut whole = codec.decode_request(call.head(), request).map_err(|_| NotUsable::Request)?;
        if codec.continues_what_is_kept(&whole) || is_in_conversation(call, request)? {
            return Err(NotUsable::Elsewhere);
        }
        let model = response.model.as_deref().unwrap_or(call.model).to_owned();
        let mut choices = response.choices.into_iter();
        let first = choices.next().ok_or(NotUsable::Empty)?;
        let is_begun = whole.messages.last().is_some_and(|last| last.role == Role::Assistant)
            && codec.prefill(&whole, &model, None).is_some();
        let begun = match whole.messages.last_mut().filter(|_| is_begun) {
            // One turn of the model: its beginning came with the request.
            Some(last) => {
                let begun = last.blocks.len();
                last.blocks.extend(first.blocks);
                begun
            }
            None => {
                whole.messages.push(Message::new(Role::Assistant, first.blocks));
                0
            }
        };
        Ok(Self {
            request: whole,
            stop: first.stop,
            choice: first.index,
            others: choices.map(|choice| choice.index).collect(),
            begun,
        })
    }

    /// The call as a line of a training file, in the form and manner of `settings`. Whether the call is wanted
    /// ([`Settings::wants`]) is not asked here.
    ///
    /// # Errors
    /// When the form cannot say it; see [`NotUsable`].
    pub fn line(&self, call: &Call<'_>, settings: &Settings) -> Result<Line, NotUsable> {
        match settings.form {
            Form::Messages => forms::messages::line(self, call, settings.reasoning),
            Form::ShareGpt => forms::sharegpt::line(self, settings.reasoning),
            Form::OpenAi => forms::openai::line(self, settings.reasoning),
        }
    }

    /// Whether the answer ended where its model wanted it to.
    pub(crate) fn is_finished(&self) -> bool {
        !self.stop.as_ref().is_some_and(|stop| {
            matches!(
                stop.reason,
                StopReason::MaxTokens
                    | StopReason::ContextFull
                    | StopReason::ContentFilter
                    | StopReason::Malformed
                    | StopReason::Pause
            )
        })
    }
}

/// Whether the request belongs to a conversation that its provider keeps.
fn is_in_conversation(call: &Call<'_>, request: &[u8]) -> Result<bool, NotUsable> {
    let Some(conversations) = call.dialect.conversations() else { return Ok(false) };
    let envelope = Envelope::read(None, Bytes::copy_from_slice(request)).map_err(|_| NotUsable::Request)?;
    Ok(conversations.wish(&envelope).is_in_conversation)
}
