//! The wire languages the mock speaks: one folder each, and this table.

use bytes::Bytes;
use http::{HeaderMap, Method};

use crate::{Behaviour, reply::Reply};

mod openai;

/// All dialects; the first that claims a path answers it.
const DIALECTS: &[&dyn Dialect] = &[&openai::OpenAi];

/// A wire language. It sees whole requests and gives whole replies: pace and faults are not its business.
pub(crate) trait Dialect: Sync {
    /// Whether requests to this path are in this dialect.
    fn claims(&self, path: &str) -> bool;

    /// The provider's answer, which may be a refusal.
    fn answer(&self, call: &Call<'_>) -> Reply;

    /// What the provider says when it refuses for no fault of the request.
    fn refusal(&self, call: &Call<'_>, model: &str, refusal: Refusal) -> Reply;

    /// The provider's error inside a stream.
    fn error_event(&self, call: &Call<'_>) -> Bytes;

    /// An event that is well framed and not well formed.
    fn malformed_event(&self, call: &Call<'_>) -> Bytes;
}

/// A request.
pub(crate) struct Call<'a> {
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a Bytes,
    /// Ids and times in the answer follow from it.
    pub(crate) serial: u64,
    pub(crate) strict: bool,
    pub(crate) require_key: bool,
    pub(crate) behaviour: &'a Behaviour,
}

/// Why a provider refuses.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Refusal {
    Status(u16),
    Quota,
    ContextLength,
    ContentFilter,
}

/// The dialect of a path.
pub(crate) fn of(path: &str) -> Option<&'static dyn Dialect> {
    DIALECTS.iter().copied().find(|dialect| dialect.claims(path))
}
