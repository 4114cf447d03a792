//! What a failure says something about: this request, the deployment, or the credential whatever it is used for.

use lockgate_protocol::ir::{FaultKind, Scope};
use serde_json::Value;

use crate::complaint::Said;

/// Something that providers write when a failure reaches further, or less far, than its kind does by itself.
struct Mark {
    scope: Scope,
    /// The kinds with which it is believed.
    of: &'static [FaultKind],
    /// Codes, types and reasons, lower case.
    codes: &'static [&'static str],
    /// Parts of the message, lower case.
    phrases: &'static [&'static str],
}

const LIMITS: &[FaultKind] = &[FaultKind::RateLimited, FaultKind::QuotaExhausted];

/// In this order: who names the model and the organization means the model's limit in that organization.
const MARKS: &[Mark] = &[
    // OpenAI and Groq: more tokens in one request than a whole minute has. Smaller ones are welcome.
    Mark { scope: Scope::Request, of: LIMITS, codes: &[], phrases: &["request too large for"] },
    Mark {
        scope: Scope::Deployment,
        of: LIMITS,
        codes: &["allocationquota.freetieronly"],
        phrases: &[
            // OpenAI: `Rate limit reached for gpt-4o in organization org-..`; Groq: `... for model `x` in organization ..`.
            "rate limit reached for ",
            // Anthropic: `your organization's rate limit of .. (org: .., model: ..)`.
            "model: ",
            // Vertex: `.._per_minute_per_project_per_base_model with base model: ..`.
            "base_model",
            // GitHub Models: `.. exceeded for UserByModelByDay`.
            "bymodel",
            "free tier of the model",
            // OpenRouter: the account's allowance for models that cost nothing, not for the others.
            "free-models-per-",
        ],
    },
    Mark {
        scope: Scope::Credential,
        of: LIMITS,
        codes: &["usage_limit_reached"],
        phrases: &[
            // Anthropic: `the rate limit for your organization of ..`, `your account's rate limit`; Moonshot: `request
            // reached organization max RPM`, `.. project TPM rate limit`.
            "your organization",
            "your account",
            "your workspace",
            "organization rate limit",
            "request reached organization",
            "request reached project",
            "your api key",
            // Google: a limit of the project's as a whole.
            "for consumer '",
        ],
    },
    // The key is good, and this model is not among what it may use.
    Mark {
        scope: Scope::Deployment,
        of: &[FaultKind::KeyRefused],
        codes: &[
            // OpenAI: 403 `Project .. does not have access to model ..`.
            "model_not_found",
            // Groq: switched off in the organization's or the project's settings.
            "model_permission_blocked_org",
            "model_permission_blocked_project",
            // Alibaba Cloud Model Studio.
            "model.accessdenied",
            // LiteLLM's proxy: this key, its team, its user.
            "key_model_access_denied",
            "team_model_access_denied",
            "user_model_access_denied",
        ],
        phrases: &[
            "access to model",
            "access to the model",
            "access to this model",
            "no access to the requested model",
            "model access is denied",
            // AWS and Google name what the account may not use.
            ":foundation-model/",
            ":inference-profile/",
            "/publishers/",
        ],
    },
];

/// What has to rest after a failure of `kind` that was told with `said`.
pub(crate) fn of(kind: FaultKind, said: &Said) -> Scope {
    let told = if LIMITS.contains(&kind) { said.json.as_ref().and_then(quota) } else { None };
    let mark = || MARKS.iter().find(|mark| mark.of.contains(&kind) && said.tells(mark.codes, mark.phrases));
    told.or_else(|| mark().map(|mark| mark.scope)).unwrap_or_else(|| kind.scope())
}

/// Google's `QuotaFailure` (google.rpc) names each limit that was reached: those of a model have it among their dimensions
/// or in their id (`GenerateRequestsPerDayPerProjectPerModel`). One that has not is the project's for all models.
fn quota(body: &Value) -> Option<Scope> {
    let body = body.get(0).unwrap_or(body);
    let details = body.get("error")?.get("details")?.as_array()?;
    let mut violations =
        details.iter().filter_map(|detail| detail.get("violations")?.as_array()).flatten().peekable();
    violations.peek()?;
    let is_of_model = |violation: &Value| {
        let names_it = |field| {
            let name = violation.get(field).and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
            ["permodel", "per_model", "perbasemodel", "per_base_model"].iter().any(|part| name.contains(part))
        };
        let dimension = violation.get("quotaDimensions").and_then(|all| all.get("model"));
        dimension.is_some() || names_it("quotaId") || names_it("quotaMetric")
    };
    Some(if violations.all(is_of_model) { Scope::Deployment } else { Scope::Credential })
}
