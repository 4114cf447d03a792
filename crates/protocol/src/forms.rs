//! Forms: how a host takes a dialect's bodies where it does not take them as they are, and how it gives its answers.
//!
//! A request is dressed last, after translation and edits and before it is signed; an answer is undressed first. In
//! between everything is the dialect itself, so that no codec and no watch knows of hosts.

mod code_assist;
mod invoke_model;
mod profiled;
mod raw_predict;

use std::fmt;

use bytes::Bytes;
use http::HeaderMap;

use crate::{dialect::Operation, ir::Fault};

/// What a request is dressed with.
#[derive(Debug)]
pub struct Dressing<'a> {
    /// What is asked.
    pub operation: Operation,
    /// The model as the provider knows it.
    pub model: &'a str,
    /// The project that is billed, where there is one.
    pub project: Option<&'a str>,
    /// Unique text for the request, for forms that carry one.
    pub id: &'a str,
    /// The request's headers: some forms say in the body what the dialect says there, and take it out.
    pub headers: &'a mut HeaderMap,
}

/// The form of a host. Stateless; streams have their own [`Undress`].
pub trait Form: Sync + fmt::Debug {
    /// The name in the table.
    fn name(&self) -> &'static str;

    /// Whether a body in this form has its model where the dialect has it, so that it has to be written there before the
    /// body is dressed.
    fn keeps_model(&self) -> bool {
        true
    }

    /// Puts a body of the dialect, given in pieces, into the form. What does not change stays a view of what came; a form
    /// that has to look into the body joins its pieces only if there are several.
    ///
    /// # Errors
    /// A `BadRequest` if the body cannot be put into the form.
    fn dress(&self, pieces: Vec<Bytes>, dressing: Dressing<'_>) -> Result<Vec<Bytes>, Fault>;

    /// Takes a whole answer out of the form; one that is not in it stays as it is.
    fn undress(&self, body: Bytes) -> Bytes {
        body
    }

    /// Whether an error body is one of the dialect, so that its client can read it as it is.
    fn keeps_error(&self, _body: &[u8]) -> bool {
        true
    }

    /// Starts to take a stream out of the form; `None` where streams are the dialect's as they are.
    fn stream(&self) -> Option<Box<dyn Undress>> {
        None
    }

    /// The media type of streams taken out of the form, where the host's own header does not say it.
    fn stream_type(&self) -> Option<&'static str> {
        None
    }
}

/// Takes one stream out of a form. Any split of its bytes gives the same.
pub trait Undress: Send {
    /// Takes the next bytes of the host and gives those of the dialect; none while nothing is whole.
    fn push(&mut self, chunk: &Bytes) -> Undressed;

    /// Takes the end of the bytes and gives what was left.
    fn finish(&mut self) -> Undressed;
}

/// What came out of a form.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Undressed {
    /// Bytes of the dialect.
    pub bytes: Bytes,
    /// What ends the stream behind them.
    pub end: Option<Trouble>,
}

/// Why a stream in a form ends before its answer does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The host failed: its error body.
    Failed(Bytes),
    /// The bytes are not what the form allows.
    Unreadable,
}

/// The dialect as it is.
#[derive(Debug)]
struct Plain;

impl Form for Plain {
    fn name(&self) -> &'static str {
        "plain"
    }

    fn dress(&self, pieces: Vec<Bytes>, _: Dressing<'_>) -> Result<Vec<Bytes>, Fault> {
        Ok(pieces)
    }
}

/// The dialect as it is: what most providers take.
pub const PLAIN: &dyn Form = &Plain;
/// An envelope around request and answer, with the model and the project outside.
pub const CODE_ASSIST: &dyn Form = &code_assist::CodeAssist;
/// The model in the path, version and betas in the body, streams in frames.
pub const INVOKE_MODEL: &dyn Form = &invoke_model::InvokeModel;
/// The model in the path, the version in the body.
pub const RAW_PREDICT: &dyn Form = &raw_predict::RawPredict;
/// The conversation's id and the account's profile in the body.
pub const PROFILED: &dyn Form = &profiled::Profiled;

/// Every form, the usual one first.
pub const FORMS: &[&dyn Form] = &[PLAIN, CODE_ASSIST, INVOKE_MODEL, RAW_PREDICT, PROFILED];

/// The body in one piece; only several pieces are copied.
fn joined(mut pieces: Vec<Bytes>) -> Bytes {
    match pieces.len() {
        1 => pieces.swap_remove(0),
        _ => pieces.concat().into(),
    }
}
