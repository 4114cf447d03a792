//! The wire languages the mock speaks: one folder each, and this table.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header::RETRY_AFTER};

use crate::{Behaviour, reply::Reply, settings::AwsKey};

mod anthropic;
mod aws;
mod bedrock;
mod gemini;
pub(crate) mod google;
mod kiro;
mod limits;
mod ollama;
mod openai;
mod sign_ins;

/// All dialects; the first that claims a request answers it. OpenAI is last because it claims all of `/v1/`.
const DIALECTS: &[&dyn Dialect] = &[
    &aws::Aws,
    &google::Accounts,
    &google::Vertex,
    &google::CodeAssist,
    &sign_ins::SignIns,
    &kiro::Kiro,
    &anthropic::Anthropic,
    &bedrock::Bedrock,
    &gemini::Gemini,
    &ollama::Ollama,
    &openai::OpenAi,
];

/// A wire language. It sees whole requests and gives whole replies: pace and faults are not its business.
pub(crate) trait Dialect: Sync {
    /// Whether a request to this address is in this dialect. Providers share paths such as `/v1/models` and are
    /// told apart by their headers and keys.
    fn claims(&self, address: &Address<'_>) -> bool;

    /// The provider's answer, which may be a refusal.
    fn answer(&self, call: &Call<'_>) -> Reply;

    /// What the provider says when it refuses for no fault of the request.
    fn refusal(&self, call: &Call<'_>, model: &str, refusal: Refusal) -> Reply;

    /// Says in a refusal when to come back: in the header, unless the provider has another place for it.
    fn hint_retry(&self, reply: &mut Reply, after: &str) {
        if let Ok(after) = HeaderValue::from_str(after) {
            reply.headers.push((RETRY_AFTER, after));
        }
    }

    /// The provider's error inside a stream, the one it says most often there if no refusal is given; `alone` where nothing
    /// comes before it.
    fn error_event(&self, call: &Call<'_>, refusal: Option<Refusal>, alone: bool) -> Bytes;

    /// An event that is well framed and not well formed.
    fn malformed_event(&self, call: &Call<'_>) -> Bytes;
}

/// What tells dialects apart.
#[derive(Clone, Copy)]
pub(crate) struct Address<'a> {
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) headers: &'a HeaderMap,
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
    /// The one AWS key, where signatures are checked.
    pub(crate) aws: Option<&'a AwsKey>,
    pub(crate) behaviour: &'a Behaviour,
}

/// Why a provider refuses.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Refusal {
    Status(u16),
    Quota,
    ContextLength,
    ContentFilter,
    /// The conversation ends with words of the assistant.
    Prefill,
}

/// The dialect of a request.
pub(crate) fn of(address: &Address<'_>) -> Option<&'static dyn Dialect> {
    DIALECTS.iter().copied().find(|dialect| dialect.claims(address))
}
