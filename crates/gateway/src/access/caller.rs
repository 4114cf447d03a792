//! One client key's rights: what it may be used for, on whose bill.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use lockgate_config::{self as config, Share, Use};
use lockgate_protocol::{
    dialect::Operation,
    ir::{Fault, FaultKind},
};
use wildmatch::WildMatch;

use super::Identity;
use crate::metrics::OwnMeter;
use crate::purses::Allowance;

/// Every use by its name in the config.
const USES: [(Use, &str); 6] = [
    (Use::Generate, "generate"),
    (Use::CountTokens, "count_tokens"),
    (Use::Embed, "embed"),
    (Use::Audio, "audio"),
    (Use::Images, "images"),
    (Use::Other, "other"),
];

/// What one client key may do, whether it stands in the config or was created.
pub(crate) struct Caller {
    /// The key's name in records.
    pub(crate) name: Arc<str>,
    /// What tells it from all others, for good: what is remembered for it is found by that.
    pub(crate) id: Arc<str>,
    /// What its calls are counted by beside its name, as records have it: `name:value`.
    pub(crate) tags: Vec<Arc<str>>,
    models: Vec<WildMatch>,
    /// `None` where all may answer.
    providers: Option<Vec<WildMatch>>,
    /// Empty is everything.
    uses: Vec<Use>,
    expires: Option<SystemTime>,
    /// Where its calls are counted.
    pub(crate) meter: OwnMeter,
    /// Of which of its calls bodies are kept, where the key says so.
    pub(crate) log_bodies: Option<Share>,
    /// Tells it from other keys, as long as the process lives.
    pub(crate) mark: u64,
    /// When it was last used, in seconds since 1970; nought is never.
    used: AtomicU64,
    /// How much it may ask for and spend.
    pub(crate) allowance: Allowance,
}

/// How many callers there were.
static COUNT: AtomicU64 = AtomicU64::new(0);

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Caller").field(&self.name).finish()
    }
}

impl Caller {
    /// The rights of `key`. What the key itself is does not matter here.
    pub(crate) fn new(key: &config::ClientKey, identity: &Identity) -> Self {
        let globs = |texts: &[String]| texts.iter().map(|glob| WildMatch::new(glob)).collect();
        Self {
            name: key.name.as_str().into(),
            id: Arc::clone(&identity.id),
            tags: key.tags.iter().map(|(name, value)| format!("{name}:{value}").into()).collect(),
            models: globs(&key.models),
            providers: (!key.providers.iter().any(|glob| glob == "*")).then(|| globs(&key.providers)),
            uses: key.operations.clone(),
            expires: key.expires,
            meter: OwnMeter::default(),
            log_bodies: key.log_bodies,
            mark: COUNT.fetch_add(1, Ordering::Relaxed),
            used: AtomicU64::new(0),
            allowance: Allowance::of_key(key, identity),
        }
    }

    /// One of that name who may do nothing.
    pub(crate) fn nobody(name: &str, identity: &Identity) -> Self {
        Self {
            name: name.into(),
            id: Arc::clone(&identity.id),
            tags: Vec::new(),
            models: Vec::new(),
            providers: Some(Vec::new()),
            uses: Vec::new(),
            expires: None,
            meter: OwnMeter::default(),
            log_bodies: None,
            mark: COUNT.fetch_add(1, Ordering::Relaxed),
            used: AtomicU64::new(0),
            allowance: Allowance::of_nobody(name, identity),
        }
    }

    /// Notes that the key was used just now. Written once a second at most, so that the threads that serve one key do not
    /// wait for each other.
    pub(super) fn note_use(&self, now_ms: u128) {
        let now = u64::try_from(now_ms / 1000).unwrap_or_default();
        if self.used.load(Ordering::Relaxed) < now {
            self.used.store(now, Ordering::Relaxed);
        }
    }

    /// When it was last used since the start of the process, in milliseconds since 1970.
    pub(crate) fn used_ms(&self) -> Option<u64> {
        Some(self.used.load(Ordering::Relaxed)).filter(|used| *used > 0).map(|used| used * 1000)
    }

    /// When its time is over.
    pub(crate) fn expires(&self) -> Option<SystemTime> {
        self.expires
    }

    /// True if the key may use `model`.
    pub(crate) fn may_use(&self, model: &str) -> bool {
        self.models.iter().any(|glob| glob.matches(model))
    }

    /// True if the provider of that name may answer the key's calls.
    pub(crate) fn may_reach(&self, provider: &str) -> bool {
        self.providers.as_ref().is_none_or(|globs| globs.iter().any(|glob| glob.matches(provider)))
    }

    /// True if not every provider may answer the key's calls.
    pub(crate) fn is_kept_to_providers(&self) -> bool {
        self.providers.is_some()
    }

    /// Refuses a call of `model` for `operation` that the key does not allow.
    pub(crate) fn admit(&self, model: &str, operation: Operation) -> Result<(), Fault> {
        if !self.may_use(model) {
            let text = format!("the key `{}` may not use the model `{model}`", self.name);
            return Err(Fault::new(FaultKind::Forbidden, text));
        }
        match used_for(operation).filter(|wanted| !self.uses.is_empty() && !self.uses.contains(wanted)) {
            None => Ok(()),
            Some(wanted) => {
                let allowed: Vec<_> = self.uses.iter().map(|allowed| name(*allowed)).collect();
                let (wanted, allowed) = (name(wanted), allowed.join(", "));
                let text =
                    format!("the key `{}` may be used for {allowed} only, not for {wanted}", self.name);
                Err(Fault::new(FaultKind::Forbidden, text))
            }
        }
    }

    /// What is told a caller whose key lets no provider of `model` answer.
    pub(crate) fn reaches_nobody(&self, model: &str) -> Fault {
        let text = format!(
            "the key `{}` may not use any of the providers that answer the model `{model}`",
            self.name
        );
        Fault::new(FaultKind::Forbidden, text)
    }

    /// Refuses a key whose time is over.
    pub(crate) fn in_time(&self, now: SystemTime) -> Result<(), Fault> {
        match self.expires.filter(|end| *end <= now) {
            None => Ok(()),
            Some(end) => {
                let end = humantime::format_rfc3339_seconds(end);
                let text = format!(
                    "the key `{}` has expired, at {end}: ask the gateway's operator for another",
                    self.name
                );
                Err(Fault::new(FaultKind::Unauthorized, text))
            }
        }
    }
}

/// What an operation uses a model for; nothing that only tells which models there are.
fn used_for(operation: Operation) -> Option<Use> {
    match operation {
        Operation::Generate | Operation::Complete | Operation::Kept => Some(Use::Generate),
        Operation::CountTokens => Some(Use::CountTokens),
        Operation::Embed => Some(Use::Embed),
        Operation::Image => Some(Use::Images),
        Operation::Audio => Some(Use::Audio),
        Operation::Moderate | Operation::Rerank | Operation::Other => Some(Use::Other),
        Operation::ListModels | Operation::GetModel | Operation::About => None,
    }
}

/// How the config calls a use.
pub(crate) fn name(wanted: Use) -> &'static str {
    USES.iter().find(|(known, _)| *known == wanted).map_or("other", |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn caller(scopes: &str) -> Caller {
        let text = format!(
            "providers: {{ p: {{ kind: vllm }} }}\naccess: {{ keys: [{{ name: a, key: sk-a-0123456789ab, {scopes} }}] }}"
        );
        let config = config::parse("test.yaml", &text, &|_| None).unwrap_or_else(|errors| panic!("{errors}"));
        Caller::new(&config.access.keys[0], &Identity::written("a"))
    }

    #[track_caller]
    fn check(scopes: &str, model: &str, operation: Operation, expect: Result<(), &str>) {
        let got = caller(scopes).admit(model, operation).map_err(|fault| fault.public);
        assert_eq!(got.as_ref().map_err(String::as_str).copied(), expect);
    }

    #[test]
    fn models_and_operations_are_kept_to() {
        let scopes = "models: [fast, 'claude-*'], operations: [generate, count_tokens]";
        check(scopes, "fast", Operation::Generate, Ok(()));
        check(scopes, "claude-x", Operation::CountTokens, Ok(()));
        check(scopes, "fast", Operation::Complete, Ok(()));
        check(scopes, "fast", Operation::GetModel, Ok(()));
        check(scopes, "faster", Operation::Generate, Err("the key `a` may not use the model `faster`"));
        check(
            scopes,
            "fast",
            Operation::Embed,
            Err("the key `a` may be used for generate, count_tokens only, not for embed"),
        );
        check("operations: [other]", "fast", Operation::Rerank, Ok(()));
        check("", "any", Operation::Audio, Ok(()));
    }

    #[test]
    fn providers_are_matched_by_glob() {
        let kept = caller("providers: [openai, 'vllm-*']");
        assert!(kept.is_kept_to_providers());
        assert!(kept.may_reach("openai") && kept.may_reach("vllm-2") && !kept.may_reach("openai-2"));
        assert!(!caller("").is_kept_to_providers() && caller("").may_reach("any"));
        assert!(!caller("providers: []").may_reach("any"));
    }

    #[test]
    fn a_key_ends_when_it_says() {
        let caller = caller("expires: 2027-01-01");
        let end = UNIX_EPOCH + Duration::from_secs(1_798_761_600);
        assert!(caller.in_time(end - Duration::from_secs(1)).is_ok());
        let fault = caller.in_time(end).unwrap_err();
        assert_eq!(fault.status, 401);
        assert!(
            fault.public.starts_with("the key `a` has expired, at 2027-01-01T00:00:00Z"),
            "{}",
            fault.public
        );
    }

    #[test]
    fn tags_are_names_with_values() {
        let caller = caller("tags: { team: search, env: prod }");
        assert_eq!(caller.tags.iter().map(|tag| &**tag).collect::<Vec<_>>(), ["team:search", "env:prod"]);
    }
}
