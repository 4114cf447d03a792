//! What leaves on the way to a provider, and what an answer says that was read whole.

use std::borrow::Cow;

use bytes::Bytes;
use http::Method;
use lockgate_protocol::ir::Usage;

/// A request on its way out, not yet addressed.
pub(crate) struct Outgoing<'a> {
    pub(crate) method: Method,
    pub(crate) tail: Cow<'a, str>,
    pub(crate) query: Option<Cow<'a, str>>,
    /// The body, in pieces.
    pub(crate) body: Vec<Bytes>,
}

/// A whole answer for the client.
pub(crate) struct WholeAnswer {
    pub(crate) body: Bytes,
    pub(crate) usage: Option<Usage>,
}

/// What an answer that was read whole says.
pub(crate) enum Said {
    /// An answer.
    Answer(WholeAnswer),
    /// An error in spite of its status: its body.
    Failed(Bytes),
}
