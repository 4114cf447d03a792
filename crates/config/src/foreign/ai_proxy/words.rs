//! The words of the form: its lists of keys, its strategies and dialects, and what of it has no meaning here.

use crate::tree::Node;

/// One list of keys.
pub(super) struct Row {
    pub(super) key: &'static str,
    /// An address of the service whose kind its keys are of; empty where each key's `base-url` says it.
    pub(super) home: &'static str,
    /// What the names of its models look like; empty where they may be any.
    pub(super) families: &'static [&'static str],
    /// Asked in the newer one of OpenAI's APIs.
    pub(super) is_responses: bool,
    /// Its requests could be cloaked.
    pub(super) has_cloak: bool,
}

impl Row {
    const fn new(key: &'static str, home: &'static str, families: &'static [&'static str]) -> Self {
        Self { key, home, families, is_responses: false, has_cloak: false }
    }
}

/// Every list of keys, in the order in which the providers are written.
pub(super) const SECTIONS: &[Row] = &[
    Row { has_cloak: true, ..Row::new("claude-api-key", "https://api.anthropic.com", &["claude-*"]) },
    Row::new("openai-api-key", "https://api.openai.com/v1", &[]),
    Row {
        is_responses: true,
        ..Row::new("codex-api-key", "https://api.openai.com/v1", &["gpt-*", "codex-*", "o1*", "o3*", "o4*"])
    },
    Row::new("gemini-api-key", "https://generativelanguage.googleapis.com", &["gemini-*", "gemma-*"]),
    Row::new("vertex-api-key", "https://aiplatform.googleapis.com", &["gemini-*", "gemma-*"]),
    Row::new("xai-api-key", "https://api.x.ai/v1", &["grok-*"]),
    Row::new("openai-compatibility", "", &[]),
];

/// Which of the two programs a file is for, where they read a key differently.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Program {
    AiProxy,
    CliProxy,
}

/// Keys that only ai-proxy has.
const ONLY_AI_PROXY: &[&str] = &[
    "openai-api-key",
    "retry",
    "body-limit-mb",
    "connect-timeout",
    "request-timeout",
    "log-dir",
    "non-stream-keepalive-secs",
];
/// Keys that only CLIProxyAPI has.
const ONLY_CLI_PROXY: &[&str] = &[
    "auth-dir",
    "remote-management",
    "quota-exceeded",
    "codex-api-key",
    "vertex-api-key",
    "xai-api-key",
    "max-retry-credentials",
    "nonstream-keepalive-interval",
    "transient-error-cooldown-seconds",
    "disable-cooling",
    "ws-auth",
    "usage-statistics-enabled",
    "commercial-mode",
];

impl Program {
    /// The program whose keys the file has: ai-proxy's unless only the other's are there.
    pub(super) fn of(root: &Node) -> Self {
        let has_any = |keys: &[&str]| keys.iter().any(|key| root.get(key).is_some());
        let entries = || SECTIONS.iter().filter_map(|row| root.get(row.key)).flat_map(Node::items);
        let models = || entries().filter_map(|entry| entry.get("models")).flat_map(Node::items);
        let is_ai_proxy = has_any(ONLY_AI_PROXY) || models().any(|model| model.get("id").is_some());
        let is_cli_proxy = has_any(ONLY_CLI_PROXY)
            || entries().any(|entry| entry.get("api-key-entries").is_some())
            || models().any(|model| model.get("name").is_some());
        if is_cli_proxy && !is_ai_proxy { Self::CliProxy } else { Self::AiProxy }
    }
}

/// Its strategies, and ours.
pub(super) const STRATEGIES: &[(&str, &str)] = &[
    ("round-robin", "round_robin"),
    ("weighted-round-robin", "round_robin"),
    ("fill-first", "fill_first"),
    ("latency-aware", "latency"),
];

/// What rules call dialects, and what they are called here.
pub(super) const PROTOCOLS: &[(&str, &[&str])] = &[
    ("openai", &["openai-chat"]),
    ("openai-compat", &["openai-chat"]),
    ("responses", &["openai-responses"]),
    ("codex", &["openai-responses"]),
    ("claude", &["anthropic"]),
    ("gemini", &["gemini"]),
];

const IN_LOG: &str = "the log goes to standard output";
/// Why what imitates another program has no meaning.
pub(super) const NO_CLI: &str = "no other program is imitated here";
const NO_SIGN_IN: &str = "each sign-in is named where it is used, as `auth: { file: ... }` of a provider";

/// Keys at the top that have no meaning here, and why.
pub(super) const MEANINGLESS: &[(&str, &str)] = &[
    ("logging-to-file", IN_LOG),
    ("log-dir", IN_LOG),
    ("logs-max-total-size-mb", IN_LOG),
    ("error-logs-max-files", IN_LOG),
    ("request-log", IN_LOG),
    ("max-retry-interval", "a request waits at most 60 s for a provider that asks for it"),
    ("non-stream-keepalive-secs", "an answer that is not streamed begins when it is there"),
    ("nonstream-keepalive-interval", "an answer that is not streamed begins when it is there"),
    ("passthrough-headers", "answers keep the headers that are safe to pass on, always"),
    ("codex-header-defaults", NO_CLI),
    ("disable-claude-cloak-mode", NO_CLI),
    ("claude-code", NO_CLI),
    ("codex", NO_CLI),
    ("auth-dir", NO_SIGN_IN),
    ("oauth-excluded-models", NO_SIGN_IN),
    ("oauth-model-alias", NO_SIGN_IN),
    ("auth-auto-refresh-workers", NO_SIGN_IN),
    ("quota-exceeded", "a credential whose quota is used up rests, and the others are asked"),
    ("save-cooldown-status", "rests do not outlive the process"),
    ("ws-auth", "there is no WebSocket API"),
    ("usage-statistics-enabled", "every call is on record"),
    ("redis-usage-queue-retention-seconds", "every call is on record"),
    ("commercial-mode", "memory is bounded always"),
    ("pprof", "there is no profiler"),
    ("plugins", "there are no plugins"),
    ("ampcode", "requests go to the providers of this file only"),
    ("dashboard", "operators have the admin API"),
];

/// Keys of `remote-management` that have no meaning here, and why.
pub(super) const REMOTE: &[(&str, &str)] = &[
    ("allow-remote", "the admin API is where the gateway listens"),
    ("disable-control-panel", "nothing is fetched from elsewhere"),
    ("disable-auto-update-panel", "nothing is fetched from elsewhere"),
    ("panel-github-repository", "nothing is fetched from elsewhere"),
];

/// Keys of `routing` that have no meaning here, and why.
pub(super) const ROUTING: &[(&str, &str)] = &[
    ("session-affinity-ttl", "a conversation stays where it is for as long as its place is well"),
    ("session-affinity-subagents", "a conversation is known by its own session"),
];

/// What a key says of itself that has no meaning here, and why.
pub(super) const ENTRY: &[(&str, &str)] = &[
    ("request-retry", "all keys are tried as often as the top-level `request-retry` says"),
    ("disable-cooling", "all keys rest as the top level says"),
    ("fingerprint-profile", NO_CLI),
    ("experimental-cch-signing", NO_CLI),
    ("websockets", "providers are asked over HTTP"),
];

/// What a model says of itself that has no meaning here: it describes it to programs that list models.
pub(super) const MODEL: &[&str] = &[
    "display-name",
    "max-context-length",
    "force-mapping",
    "is-compat",
    "thinking",
    "image",
    "input-modalities",
    "output-modalities",
];
