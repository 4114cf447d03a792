//! A call, as far as it is not in its two bodies.

use lockgate_protocol::{
    codec::RequestHead,
    dialect::{Dialect, Operation},
};

/// What is on record of a call beside its bodies.
#[derive(Debug, Clone, Copy)]
pub struct Call<'c> {
    /// What the client speaks.
    pub dialect: &'static dyn Dialect,
    /// What it asked.
    pub operation: Operation,
    /// The path it called: some dialects say there whether they stream, and in which of their shapes.
    pub path: &'c str,
    /// The model it asked for.
    pub model: &'c str,
    /// The call's id; unlike that of any other call.
    pub id: &'c str,
    /// When the call began, in milliseconds since 1970.
    pub started_ms: u64,
    /// How long it took, in microseconds.
    pub micros: u64,
}

impl<'c> Call<'c> {
    /// What the request says outside its body.
    pub(crate) fn head(&self) -> RequestHead<'c> {
        RequestHead { model: Some(self.model), stream: self.dialect.path_streams(self.path), path: self.path }
    }

    /// When the call began, in seconds since 1970.
    pub(crate) fn created(&self) -> u64 {
        self.started_ms / 1000
    }
}
