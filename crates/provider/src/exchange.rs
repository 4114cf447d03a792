//! What goes into a provider and what comes out: a request as asked, where it goes, and an answer that is a failure.

use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, Method, Uri};
use lockgate_protocol::dialect::Operation;

use crate::pass::Pass;

/// One request as the gateway wants it sent.
#[derive(Debug)]
pub struct Ask<'a> {
    /// The HTTP method.
    pub method: &'a Method,
    /// The path after the version segment, starting with a slash, e.g. `/chat/completions`.
    pub tail: &'a str,
    /// The query to pass on, without its question mark.
    pub query: Option<&'a str>,
    /// The model as the provider knows it; for Azure the deployment.
    pub model: &'a str,
    /// Whether the answer shall be streamed, for providers that say so in the path.
    pub stream: bool,
    /// What the request shows to be let in, made by [`Site::pass`](crate::Site::pass).
    pub pass: &'a Pass,
}

/// What a body says, as far as it decides the form in which a provider takes it.
#[derive(Debug, Clone, Copy)]
pub struct Talk<'a> {
    /// The dialect it is in.
    pub dialect: &'a str,
    /// What is asked.
    pub operation: Operation,
    /// The model as the provider knows it.
    pub model: &'a str,
}

/// Where one request goes and what it carries.
#[derive(Debug)]
pub struct Prepared {
    /// The whole address.
    pub uri: Uri,
    /// Authentication (marked sensitive) and the operator's headers; the gateway adds the content's own to it.
    pub headers: HeaderMap,
}

/// A request that is ready to leave, for providers that want it signed.
#[derive(Debug)]
pub struct Outbound<'a> {
    /// The HTTP method.
    pub method: &'a Method,
    /// The whole address.
    pub uri: &'a Uri,
    /// All headers but the ones that frame the message; the signature is added to them.
    pub headers: &'a mut HeaderMap,
    /// The body's pieces, in order.
    pub body: &'a [Bytes],
}

/// An answer that is a failure.
#[derive(Debug)]
pub struct Reply<'a> {
    /// The HTTP status; a 2xx when the error came inside a successful answer.
    pub status: u16,
    /// The answer's headers.
    pub headers: &'a HeaderMap,
    /// The answer's body, bounded by the gateway.
    pub body: &'a Bytes,
    /// The wall clock at the answer's arrival, for hints that name a date.
    pub now: SystemTime,
}
