//! What a failure means: status, headers and body of a refusal become a typed fault.

use lockgate_protocol::ir::{Blame, Complaint, Fault, FaultKind, Scope};

use crate::{
    complaint::{self, Said, clip},
    exchange::Reply,
    hints,
    redact::redact,
    scope,
};

/// What only the log reads is a line, not a page.
const LONGEST_DETAIL: usize = 600;

/// Something that providers write when one kind of failure is meant, whatever the status.
struct Sign {
    kind: FaultKind,
    /// With which statuses it is believed. Errors inside a 200 are believed with any.
    on: fn(u16) -> bool,
    /// Codes, types and reasons, lower case; a star at the end stands for any ending.
    codes: &'static [&'static str],
    /// Parts of the message, lower case; phrases that no request's own words would bring into a message.
    phrases: &'static [&'static str],
}

/// In this order, because providers mix them up: a policy's refusal may come as 403, an empty account as 400, 403 or
/// 429, and a bad key as 400 (xAI, Gemini). What money or a key is to blame for must not look like the client's fault.
const SIGNS: &[Sign] = &[
    Sign {
        kind: FaultKind::ContentFilter,
        on: |status| matches!(status, 400 | 403 | 409 | 422 | 451),
        codes: &[
            "content_filter",
            "content_policy_violation",
            "responsibleaipolicyviolation",
            "moderation_blocked",
            "data_inspection_failed",
            "datainspectionfailed",
            "invalid_prompt",
            "sensitivecontentdetected*",
            "inputtextsensitivecontentdetected*",
        ],
        phrases: &[
            "content management policy",
            "content filtering policy",
            "flagged as potentially violating",
            "violates our content policy",
            "violates usage guidelines",
            "as a result of our safety system",
            "flagged by moderation",
            "input was flagged",
            "content exists risk",
            "inappropriate content",
        ],
    },
    Sign {
        kind: FaultKind::ContextLength,
        on: |status| matches!(status, 400 | 413 | 422),
        codes: &[
            "context_length_exceeded",
            "context_window_exceeded",
            "exceed_context_size_error",
            "content_length_exceeds_threshold",
        ],
        phrases: &[
            "maximum context length",
            "context length",
            "context window",
            "context size",
            "prompt is too long",
            "prompt too long",
            "input is too long",
            "input tokens exceed",
            "exceeds the maximum number of tokens",
            "reduce the length of the messages",
            "range of input length should be",
        ],
    },
    // Alibaba Cloud calls the tokens of a minute a quota too, and says `insufficient_quota` of them.
    Sign {
        kind: FaultKind::RateLimited,
        on: |status| matches!(status, 429),
        codes: &[],
        phrases: &["allocated quota exceeded, please increase your quota limit"],
    },
    Sign {
        kind: FaultKind::QuotaExhausted,
        on: |status| matches!(status, 400..=499),
        codes: &[
            "insufficient_quota",
            "billing_*",
            "exceeded_current_quota_error",
            "arrearage",
            "accountoverdueerror",
            "insufficient_balance",
            "insufficient_credits",
            "daily_request_count",
            "monthly_request_count",
            "overage_request_limit_exceeded",
            "servicequotaexceededexception",
            "allocationquota.freetieronly",
        ],
        // Not "exceeded your current quota": Gemini says it of a rate, and OpenAI has a code beside it.
        phrases: &[
            "credit balance",
            "insufficient balance",
            "insufficient credits",
            "out of credits",
            "available credits",
            "monthly included credits",
            "billing hard limit",
            "account is in good standing",
            "key limit exceeded",
            "free allocated quota exceeded",
            "free tier of the model has been exhausted",
            "余额不足",
            "欠费",
        ],
    },
    Sign {
        kind: FaultKind::Overloaded,
        on: |status| matches!(status, 429 | 498 | 500..=599),
        codes: &[
            "overloaded_error",
            "engine_overloaded_error",
            "overloaded",
            "capacity_exceeded",
            "insufficient_model_capacity",
            "model_temporarily_unavailable",
            "serviceunavailableexception",
        ],
        phrases: &["overloaded", "at capacity"],
    },
    Sign {
        kind: FaultKind::RateLimited,
        on: |status| matches!(status, 400..=499),
        codes: &[
            "rate_limit_exceeded",
            "rate_limit_error",
            "rate_limited",
            "resource_exhausted",
            "too_many_requests",
            "throttlingexception",
        ],
        phrases: &[],
    },
    Sign {
        kind: FaultKind::KeyRefused,
        on: |status| matches!(status, 400),
        codes: &[
            "invalid_api_key",
            "invalidapikey",
            "api_key_invalid",
            "authentication_error",
            "invalid_authentication_error",
            "permission_error",
            "unauthorized",
            "accessdeniedexception",
        ],
        phrases: &[
            "incorrect api key",
            "invalid api key",
            "invalid api-key",
            "api key not valid",
            "api key is invalid",
            "api key expired",
        ],
    },
    Sign {
        kind: FaultKind::UpstreamNotFound,
        on: |status| matches!(status, 400 | 410 | 422),
        codes: &[
            "model_not_found",
            "deploymentnotfound",
            "model_decommissioned",
            "not_found_error",
            "invalid_model_id",
        ],
        phrases: &["model not exist", "is not a valid model id"],
    },
];

/// What a client reads where the credential is good and may not use the model.
const NOT_FOR_THIS_KEY: &str = "the gateway's credential may not use this model at the provider; the gateway's operator has to have it allowed";

/// What the request is to blame for, where no status says so.
const MALFORMED: &[&str] = &["invalid_request_error", "validationexception"];

/// Says what a failure means, for the providers whose errors are in the usual shapes.
pub(crate) fn classify(reply: &Reply<'_>) -> Fault {
    let said = complaint::read(reply.body);
    // Inside a successful answer the error's own code is all the status there is.
    let status = if is_success(reply.status) { said.status } else { Some(reply.status) };
    let kind = judge(status, &said);
    let wait = hints::wait(reply.headers, said.json.as_ref(), reply.now);
    let scope = scope::of(kind, &said);
    let public = match (kind, scope) {
        (FaultKind::KeyRefused, Scope::Deployment) => NOT_FOR_THIS_KEY.to_owned(),
        _ => public(kind, status.unwrap_or(reply.status), said.complaint.as_ref()),
    };
    let mut fault = Fault::new(kind, public);
    fault.scope = scope;
    if kind == FaultKind::Refused {
        fault.status = status.unwrap_or(fault.status);
    }
    fault.detail = detail(reply.status, &said);
    if travels(kind) {
        fault.body = said.complaint.is_some().then(|| reply.body.clone()).filter(|body| !has_key(body));
        fault.complaint = said.complaint.map(Box::new);
    } else {
        fault.retry_after = wait;
    }
    fault
}

fn judge(status: Option<u16>, said: &Said) -> FaultKind {
    let sign = SIGNS.iter().find(|sign| status.is_none_or(sign.on) && said.tells(sign.codes, sign.phrases));
    if let Some(sign) = sign {
        return sign.kind;
    }
    match status {
        Some(401 | 403) => FaultKind::KeyRefused,
        Some(402) => FaultKind::QuotaExhausted,
        Some(404 | 410) => FaultKind::UpstreamNotFound,
        // At these somebody on the way has already waited in vain, so the same deployment is not worth asking twice.
        Some(408 | 504 | 524) => FaultKind::Timeout,
        Some(429) => FaultKind::RateLimited,
        Some(498 | 503 | 529) => FaultKind::Overloaded,
        // Between the gateway and the provider, so nothing the client could change.
        Some(407 | 499) => FaultKind::UpstreamFailed,
        Some(400..=499) => FaultKind::Refused,
        Some(500..=599) => FaultKind::UpstreamFailed,
        // 1xx, 3xx (redirects are never followed) and what is no status at all.
        Some(_) => FaultKind::Garbled,
        None if said.codes.iter().any(|code| MALFORMED.contains(&code.as_str())) => FaultKind::Refused,
        None if said.complaint.is_some() => FaultKind::UpstreamFailed,
        None => FaultKind::Garbled,
    }
}

fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}

/// Whether the provider's words are for the client. What it says of its own keys, limits and machines is not; an
/// unknown model is, because the client named it.
fn travels(kind: FaultKind) -> bool {
    kind.blame() == Blame::Client || kind == FaultKind::UpstreamNotFound
}

fn has_key(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    redact(&text) != text
}

/// What happened and what helps, in plain words.
fn public(kind: FaultKind, status: u16, complaint: Option<&Complaint>) -> String {
    let words = complaint.and_then(|complaint| complaint.message.as_deref());
    let with_words = |what: &str| words.map_or_else(|| what.to_owned(), |words| format!("{what}: {words}"));
    match kind {
        FaultKind::ContextLength => with_words("the conversation does not fit the model"),
        FaultKind::ContentFilter => with_words("the provider's policy refused the content"),
        FaultKind::UpstreamNotFound => with_words("the provider does not know the model or the path"),
        FaultKind::Refused => with_words("the provider refused the request"),
        FaultKind::KeyRefused => {
            "the provider refused the gateway's credential; the gateway's operator has to check its key"
                .to_owned()
        }
        FaultKind::QuotaExhausted => {
            "the gateway's account at the provider is used up; the gateway's operator has to raise its limit"
                .to_owned()
        }
        FaultKind::RateLimited => "the provider asks for fewer requests; try again later".to_owned(),
        FaultKind::Overloaded => "the provider is overloaded; try again later".to_owned(),
        FaultKind::Timeout => format!("the provider gave up waiting with status {status}; try again"),
        FaultKind::Garbled if (300..400).contains(&status) => {
            format!(
                "the provider answered with a redirect (status {status}), which the gateway never follows"
            )
        }
        _ if is_success(status) => "the provider failed inside its answer; try again".to_owned(),
        _ => format!("the provider failed with status {status}; try again"),
    }
}

/// The provider's words for the log: status, codes, message, without keys.
fn detail(status: u16, said: &Said) -> String {
    let complaint = said.complaint.as_ref();
    let codes = [complaint.and_then(|c| c.kind.as_deref()), complaint.and_then(|c| c.code.as_deref())];
    let codes: Vec<&str> = codes.into_iter().flatten().collect();
    let words = complaint.and_then(|c| c.message.as_deref()).unwrap_or(&said.plain);
    let mut line = format!("the provider answered {status}");
    if !codes.is_empty() {
        line.push_str(&format!(" [{}]", codes.join(", ")));
    }
    if !words.is_empty() {
        line.push_str(": ");
        line.push_str(words);
    }
    clip(&line, LONGEST_DETAIL)
}
