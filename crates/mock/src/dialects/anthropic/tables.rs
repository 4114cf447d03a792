//! What a request may say: the fields of the official SDKs' types (0.125 and 2.12), old ones included where the API
//! still takes them.

use super::{
    ApiError, Ask, Object, Version,
    rules::{Kind, Param, Place, Variant, check_fields, nullable, open_variant, optional, required, variant},
};

/// No bound that matters.
const ANY: i64 = i64::MAX;

/// The fields of `/v1/messages`, in the order the API looks at them.
pub(super) const MESSAGES: &[Param] = &[
    required("model", Kind::Text),
    required("messages", Kind::List(&MESSAGE)),
    // Zero fills the cache and generates nothing.
    required("max_tokens", Kind::Integer(0, ANY)),
    nullable("billing_policy", Kind::Anything),
    nullable("cache_control", CACHE_CONTROL),
    nullable("compaction", Kind::Anything),
    nullable("container", Kind::Anything),
    nullable("context_management", Kind::Object(CONTEXT_MANAGEMENT)),
    nullable("diagnostics", Kind::Anything),
    nullable("fallback_credit_token", Kind::Anything),
    nullable("fallbacks", Kind::Anything),
    nullable("inference_geo", Kind::Text),
    optional("mcp_servers", Kind::List(&Kind::Tagged(&[open_variant("url")]))),
    optional("metadata", Kind::Object(&[nullable("user_id", Kind::Text)])),
    optional("output_config", OUTPUT_CONFIG),
    nullable("output_format", OUTPUT_FORMAT),
    optional("service_tier", Kind::OneOf(&["auto", "standard_only"])),
    nullable("speed", Kind::OneOf(&["standard", "fast"])),
    optional("stop_sequences", Kind::List(&Kind::Text)),
    optional("stream", Kind::Bool),
    optional("system", Kind::TextOrList(&SYSTEM_BLOCK)),
    optional("temperature", Kind::Number(0.0, 1.0)),
    optional("thinking", THINKING),
    nullable("thread", Kind::Anything),
    optional("tool_choice", TOOL_CHOICE),
    optional("tools", Kind::List(&Kind::TaggedOr(TOOLS))),
    optional("top_k", Kind::Integer(0, ANY)),
    optional("top_p", Kind::Number(0.0, 1.0)),
];

/// The fields of `/v1/messages/count_tokens`: nothing about the answer.
pub(super) const COUNT_TOKENS: &[Param] = &[
    required("model", Kind::Text),
    required("messages", Kind::List(&MESSAGE)),
    nullable("billing_policy", Kind::Anything),
    nullable("cache_control", CACHE_CONTROL),
    nullable("compaction", Kind::Anything),
    nullable("context_management", Kind::Object(CONTEXT_MANAGEMENT)),
    optional("mcp_servers", Kind::List(&Kind::Tagged(&[open_variant("url")]))),
    optional("output_config", OUTPUT_CONFIG),
    nullable("output_format", OUTPUT_FORMAT),
    nullable("speed", Kind::OneOf(&["standard", "fast"])),
    optional("system", Kind::TextOrList(&SYSTEM_BLOCK)),
    optional("thinking", THINKING),
    optional("tool_choice", TOOL_CHOICE),
    optional("tools", Kind::List(&Kind::TaggedOr(TOOLS))),
];

/// Fields that are known only where a beta was asked for; any of these prefixes will do.
const BETA_FIELDS: &[(&str, &[&str])] = &[
    ("billing_policy", &[""]),
    ("compaction", &["compact-"]),
    ("context_management", &["context-management-", "compact-"]),
    ("fallback_credit_token", &["server-side-fallback-"]),
    ("fallbacks", &["server-side-fallback-"]),
    ("mcp_servers", &["mcp-client-"]),
    ("thread", &[""]),
];

/// Fields the newer version does not know. Refused at any value, the default included.
const GONE_SINCE_2026: &[&str] = &["output_format", "temperature", "top_k", "top_p"];

const MESSAGE: Kind = Kind::Object(&[
    required("role", Kind::Text),
    required("content", Kind::TextOrList(&Kind::Tagged(BLOCKS))),
    // For the system messages in the middle of a conversation.
    nullable("clear_at", Kind::OneOf(&["next_user_message", "never"])),
    nullable("output_config", OUTPUT_CONFIG),
]);

/// The system's blocks are of one kind, so a complaint does not name it.
const SYSTEM_BLOCK: Kind = Kind::Object(&[
    required("type", Kind::OneOf(&["text"])),
    required("text", Kind::Text),
    nullable("cache_control", CACHE_CONTROL),
    nullable("citations", Kind::List(&Kind::Map)),
]);

const TEXT: Variant = variant(
    "text",
    &[
        required("text", Kind::Text),
        nullable("cache_control", CACHE_CONTROL),
        nullable("citations", Kind::List(&Kind::Map)),
    ],
);

const IMAGE: Variant = variant(
    "image",
    &[
        required("source", Kind::Tagged(IMAGE_SOURCES)),
        nullable("cache_control", CACHE_CONTROL),
        nullable("transformations", Kind::Anything),
    ],
);

const IMAGE_SOURCES: &[Variant] = &[
    variant(
        "base64",
        &[
            required("media_type", Kind::OneOf(&["image/jpeg", "image/png", "image/gif", "image/webp"])),
            required("data", Kind::Text),
        ],
    ),
    variant("url", &[required("url", Kind::Text)]),
    variant("file", &[required("file_id", Kind::Text)]),
];

const DOCUMENT: Variant = variant(
    "document",
    &[
        required("source", Kind::Tagged(DOCUMENT_SOURCES)),
        nullable("title", Kind::Text),
        nullable("context", Kind::Text),
        nullable("citations", CITATIONS),
        nullable("cache_control", CACHE_CONTROL),
    ],
);

const DOCUMENT_SOURCES: &[Variant] = &[
    variant(
        "base64",
        &[required("media_type", Kind::OneOf(&["application/pdf"])), required("data", Kind::Text)],
    ),
    variant("text", &[required("media_type", Kind::OneOf(&["text/plain"])), required("data", Kind::Text)]),
    variant("content", &[required("content", Kind::TextOrList(&Kind::Tagged(&[TEXT, IMAGE])))]),
    variant("url", &[required("url", Kind::Text)]),
    variant("file", &[required("file_id", Kind::Text)]),
];

const SEARCH_RESULT: Variant = variant(
    "search_result",
    &[
        required("source", Kind::Text),
        required("title", Kind::Text),
        required("content", Kind::List(&Kind::Tagged(&[TEXT]))),
        optional("citations", CITATIONS),
        nullable("cache_control", CACHE_CONTROL),
    ],
);

/// What a message's content is made of. The results of the provider's own tools go back as they came.
pub(super) const BLOCKS: &[Variant] = &[
    TEXT,
    IMAGE,
    DOCUMENT,
    SEARCH_RESULT,
    variant("thinking", &[required("signature", Kind::Text), required("thinking", Kind::Text)]),
    variant("redacted_thinking", &[required("data", Kind::Text)]),
    variant(
        "tool_use",
        &[
            required("id", Kind::ToolId),
            required("name", Kind::Text),
            required("input", Kind::Map),
            nullable("cache_control", CACHE_CONTROL),
            optional("caller", Kind::Anything),
            nullable("toolset_name", Kind::Text),
        ],
    ),
    variant(
        "tool_result",
        &[
            required("tool_use_id", Kind::ToolId),
            optional("content", Kind::TextOrList(&Kind::Tagged(RESULT_BLOCKS))),
            optional("is_error", Kind::Bool),
            nullable("cache_control", CACHE_CONTROL),
            nullable("toolset_name", Kind::Text),
        ],
    ),
    open_variant("server_tool_use"),
    open_variant("web_search_tool_result"),
    open_variant("web_fetch_tool_result"),
    open_variant("advisor_tool_result"),
    open_variant("code_execution_tool_result"),
    open_variant("bash_code_execution_tool_result"),
    open_variant("text_editor_code_execution_tool_result"),
    open_variant("tool_search_tool_result"),
    open_variant("mcp_tool_use"),
    open_variant("mcp_tool_result"),
    open_variant("mcp_tool_listing"),
    open_variant("container_upload"),
    open_variant("compaction"),
    open_variant("tool_addition"),
    open_variant("tool_removal"),
    open_variant("fallback"),
];

const RESULT_BLOCKS: &[Variant] =
    &[TEXT, IMAGE, SEARCH_RESULT, DOCUMENT, open_variant("tool_reference"), open_variant("browser_state")];

const CACHE_CONTROL: Kind =
    Kind::Tagged(&[variant("ephemeral", &[optional("ttl", Kind::OneOf(&["5m", "1h"]))])]);

const CITATIONS: Kind = Kind::Object(&[nullable("enabled", Kind::Bool)]);

const CONTEXT_MANAGEMENT: &[Param] = &[optional("edits", Kind::List(&Kind::Map))];

const OUTPUT_FORMAT: Kind = Kind::Tagged(&[variant("json_schema", &[required("schema", Kind::Map)])]);

const OUTPUT_CONFIG: Kind = Kind::Object(&[
    nullable("effort", Kind::OneOf(&["low", "medium", "high", "xhigh", "max"])),
    nullable("format", OUTPUT_FORMAT),
    nullable("task_budget", Kind::Map),
]);

/// `updates` is not in the SDK's older types and real clients send it.
const DISPLAY: Param = nullable("display", Kind::OneOf(&["summarized", "omitted", "updates"]));

const THINKING: Kind = Kind::Tagged(&[
    variant(
        "enabled",
        &[required("budget_tokens", Kind::Integer(1024, ANY)), DISPLAY, nullable("block_binding", Kind::Map)],
    ),
    variant("adaptive", &[DISPLAY, nullable("block_binding", Kind::Map)]),
    variant("disabled", &[]),
    variant("between_tools", &[]),
]);

const TOOL_CHOICE: Kind = Kind::Tagged(&[
    variant("auto", &[optional("disable_parallel_tool_use", Kind::Bool)]),
    variant("any", &[optional("disable_parallel_tool_use", Kind::Bool)]),
    variant("tool", &[required("name", Kind::Text), optional("disable_parallel_tool_use", Kind::Bool)]),
    variant("none", &[]),
]);

/// The tools: the client's own first, which is what a tool without a `type` is, then the provider's.
const TOOLS: &[Variant] = &[
    variant(
        "custom",
        &[
            required("name", Kind::ToolName),
            required("input_schema", Kind::Map),
            optional("description", Kind::Text),
            nullable("cache_control", CACHE_CONTROL),
            optional("strict", Kind::Bool),
            optional("defer_loading", Kind::Bool),
            optional("allowed_callers", Kind::List(&Kind::Text)),
            nullable("eager_input_streaming", Kind::Bool),
            optional("input_examples", Kind::List(&Kind::Map)),
        ],
    ),
    open_variant("advisor_20260301"),
    open_variant("bash_20241022"),
    open_variant("bash_20250124"),
    open_variant("browser_toolset_20260801"),
    open_variant("code_execution_20250522"),
    open_variant("code_execution_20250825"),
    open_variant("code_execution_20260120"),
    open_variant("code_execution_20260521"),
    open_variant("computer_20241022"),
    open_variant("computer_20250124"),
    open_variant("computer_20251124"),
    open_variant("computer_toolset_20260801"),
    open_variant("mcp_toolset"),
    open_variant("memory_20250818"),
    open_variant("text_editor_20241022"),
    open_variant("text_editor_20250124"),
    open_variant("text_editor_20250429"),
    open_variant("text_editor_20250728"),
    open_variant("tool_search_tool_bm25"),
    open_variant("tool_search_tool_bm25_20251119"),
    open_variant("tool_search_tool_regex"),
    open_variant("tool_search_tool_regex_20251119"),
    open_variant("web_fetch_20250910"),
    open_variant("web_fetch_20260209"),
    open_variant("web_fetch_20260309"),
    open_variant("web_fetch_20260318"),
    open_variant("web_search_20250305"),
    open_variant("web_search_20260209"),
    open_variant("web_search_20260318"),
];

/// The form of a body: what each field must be, whatever the others are.
pub(super) fn check(ask: &Ask<'_>, params: &[Param], body: &Object) -> Result<(), ApiError> {
    check_fields(params, None, body, &Place::Body)?;
    let given = |name: &str| body.contains_key(name);
    if ask.version >= Version::V2026
        && let Some(gone) = GONE_SINCE_2026.iter().find(|name| given(name))
    {
        return Err(Place::Field(&Place::Body, gone).extra());
    }
    let locked =
        |(name, betas): &&(&str, &[&str])| given(name) && !betas.iter().any(|beta| ask.has_beta(beta));
    match BETA_FIELDS.iter().find(locked) {
        Some((name, _)) => Err(Place::Field(&Place::Body, name).extra()),
        None => Ok(()),
    }
}
