//! A typed failure: whose fault it is, what to do about it, what the client may read and what the log may read.

use std::{fmt, time::Duration};

use bytes::Bytes;

/// Who has to change something for the call to work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The request itself.
    Client,
    /// This gateway or its configuration.
    Gateway,
    /// The provider or the way to it.
    Upstream,
}

/// What may still save the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Nothing: any other deployment would say the same.
    Stop,
    /// The same deployment again, after a pause; another one at once.
    Retry,
    /// Another deployment only; this one must not be asked again in this call.
    Elsewhere,
}

/// What a failure says something about, and what therefore has to rest after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Only this request.
    Request,
    /// The target with this credential: the provider's model may answer others, and the credential other models.
    Deployment,
    /// The credential, whatever model it is used for.
    Credential,
}

/// Every way in which a call can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// The request is not what the operation takes.
    BadRequest,
    /// The request's body is larger than the gateway accepts.
    TooLarge,
    /// The request's body is of a type the gateway cannot route.
    UnsupportedMedia,
    /// The client did not show a valid key.
    Unauthorized,
    /// The client may not do this.
    Forbidden,
    /// No such path.
    NoRoute,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// No such model.
    UnknownModel,
    /// The body of the request did not arrive in time.
    SlowClient,
    /// The client went away before its answer was whole.
    ClientGone,
    /// The model's provider has no such operation.
    Unsupported,
    /// Something would be lost in translation, and the operator refuses that.
    Lossy,
    /// Every deployment of the model is disabled or excluded.
    NoDeployment,
    /// The gateway has no room for the request as long as others are under way.
    Busy,
    /// The gateway broke; always a bug.
    Internal,
    /// No connection could be made (DNS, TCP, TLS): nothing was sent.
    Connect,
    /// The provider's certificate, or the gateway's, is not believed by the other side: nothing was sent.
    Untrusted,
    /// The connection ended before an answer began.
    Reset,
    /// Nothing came within the time allowed.
    Timeout,
    /// The answer ended before it was complete.
    Cut,
    /// The answer is not what the provider's dialect allows.
    Garbled,
    /// The provider asks for fewer requests.
    RateLimited,
    /// The account behind the credential has nothing left.
    QuotaExhausted,
    /// The provider is overloaded for everybody.
    Overloaded,
    /// The provider failed.
    UpstreamFailed,
    /// The provider refused the credential.
    KeyRefused,
    /// The provider does not know the model or the path.
    UpstreamNotFound,
    /// The conversation does not fit the model.
    ContextLength,
    /// The provider's policy refused the content.
    ContentFilter,
    /// The provider refused the request as malformed.
    Refused,
}

impl FaultKind {
    /// The facts of a kind in one place: name in logs and error codes, status for the client, blame, remedy.
    const fn facts(self) -> (&'static str, u16, Blame, Remedy) {
        use Blame::{Client, Gateway, Upstream};
        use Remedy::{Elsewhere, Retry, Stop};
        match self {
            Self::BadRequest => ("bad_request", 400, Client, Stop),
            Self::TooLarge => ("request_too_large", 413, Client, Stop),
            Self::UnsupportedMedia => ("unsupported_content_type", 415, Client, Stop),
            Self::Unauthorized => ("invalid_api_key", 401, Client, Stop),
            Self::Forbidden => ("forbidden", 403, Client, Stop),
            Self::NoRoute => ("unknown_url", 404, Client, Stop),
            Self::MethodNotAllowed => ("method_not_allowed", 405, Client, Stop),
            Self::UnknownModel => ("model_not_found", 404, Client, Stop),
            Self::SlowClient => ("request_timeout", 408, Client, Stop),
            Self::ClientGone => ("client_gone", 499, Client, Stop),
            Self::Unsupported => ("unsupported_operation", 400, Gateway, Elsewhere),
            Self::Lossy => ("loss_refused", 400, Client, Elsewhere),
            Self::NoDeployment => ("no_deployment", 503, Gateway, Stop),
            Self::Busy => ("gateway_busy", 503, Gateway, Stop),
            Self::Internal => ("internal_error", 500, Gateway, Stop),
            Self::Connect => ("upstream_unreachable", 502, Upstream, Elsewhere),
            Self::Untrusted => ("upstream_untrusted", 502, Upstream, Elsewhere),
            Self::Reset => ("upstream_reset", 502, Upstream, Retry),
            Self::Timeout => ("upstream_timeout", 504, Upstream, Elsewhere),
            Self::Cut => ("upstream_cut", 502, Upstream, Retry),
            Self::Garbled => ("upstream_garbled", 502, Upstream, Retry),
            Self::RateLimited => ("rate_limit_exceeded", 429, Upstream, Retry),
            Self::QuotaExhausted => ("insufficient_quota", 429, Upstream, Elsewhere),
            Self::Overloaded => ("upstream_overloaded", 503, Upstream, Retry),
            Self::UpstreamFailed => ("upstream_failed", 502, Upstream, Retry),
            Self::KeyRefused => ("upstream_key_refused", 502, Upstream, Elsewhere),
            Self::UpstreamNotFound => ("upstream_not_found", 404, Upstream, Elsewhere),
            Self::ContextLength => ("context_length_exceeded", 400, Client, Stop),
            Self::ContentFilter => ("content_filter", 400, Client, Stop),
            Self::Refused => ("invalid_request", 400, Client, Stop),
        }
    }

    /// The kind's name in logs, records and, where the dialect has no better one, error codes.
    pub const fn name(self) -> &'static str {
        self.facts().0
    }

    /// The HTTP status a client gets unless the provider gave a better one.
    pub const fn status(self) -> u16 {
        self.facts().1
    }

    /// Who has to change something.
    pub const fn blame(self) -> Blame {
        self.facts().2
    }

    /// What may still save the call.
    pub const fn remedy(self) -> Remedy {
        self.facts().3
    }

    /// What a failure of this kind says something about, unless the provider says more.
    pub const fn scope(self) -> Scope {
        match self {
            Self::KeyRefused | Self::QuotaExhausted => Scope::Credential,
            Self::Connect
            | Self::Untrusted
            | Self::Reset
            | Self::Timeout
            | Self::Cut
            | Self::Garbled
            | Self::RateLimited
            | Self::Overloaded
            | Self::UpstreamFailed => Scope::Deployment,
            // A server that lacks one endpoint may have the others.
            _ => Scope::Request,
        }
    }
}

/// What a provider said in its error body, in its own words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Complaint {
    /// The error's class, e.g. `invalid_request_error`.
    pub kind: Option<String>,
    /// The error's code, e.g. `context_length_exceeded`; numbers are spelled out.
    pub code: Option<String>,
    /// The request field that is at fault.
    pub param: Option<String>,
    /// The sentence for a person.
    pub message: Option<String>,
}

/// One failure of one call or of one attempt.
#[derive(Debug, Clone)]
pub struct Fault {
    /// What kind of failure it is: decides status, retry and blame.
    pub kind: FaultKind,
    /// The HTTP status for the client.
    pub status: u16,
    /// What the client may read: names the thing at fault and the remedy, never a key or an address.
    pub public: String,
    /// What only the log may read; empty when `public` says it all.
    pub detail: String,
    /// The provider's own words, when it gave some.
    pub complaint: Option<Box<Complaint>>,
    /// The provider's error body, for a client of the same dialect. Only set when the client caused the fault, so
    /// that a provider's words about its own keys and machines never travel.
    pub body: Option<Bytes>,
    /// How long the provider asked to wait.
    pub retry_after: Option<Duration>,
    /// What has to rest after it.
    pub scope: Scope,
}

impl Fault {
    /// A fault of `kind` with what the client may read.
    pub fn new(kind: FaultKind, public: impl Into<String>) -> Self {
        Self {
            kind,
            status: kind.status(),
            public: public.into(),
            detail: String::new(),
            complaint: None,
            body: None,
            retry_after: None,
            scope: kind.scope(),
        }
    }

    /// The same fault with what only the log may read.
    #[must_use]
    pub fn with_detail(mut self, detail: impl fmt::Display) -> Self {
        self.detail = detail.to_string();
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.name(), self.public)?;
        if self.detail.is_empty() { Ok(()) } else { write!(f, " ({})", self.detail) }
    }
}

impl std::error::Error for Fault {}
