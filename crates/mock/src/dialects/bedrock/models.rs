//! The models Bedrock has by the beginnings of their ids, and what those of each maker take.

use super::ApiError;

/// What the models with one beginning take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Model {
    pub(super) maker: Maker,
    /// Most tokens of an answer that may be asked for.
    pub(super) max_output: u64,
    /// Whether a conversation may begin with the assistant: fixture
    /// bedrock-converse/non-stream/history-starts-with-assistant.
    pub(super) assistant_first: bool,
    /// Whether user and assistant have to take turns: fixtures bedrock-converse/*/guardrail are of one that does not
    /// care.
    pub(super) alternates: bool,
    pub(super) tools: bool,
    pub(super) caches: bool,
    /// Whether files may be read from S3.
    pub(super) s3: bool,
    /// Whether temperature and top-p exclude each other.
    pub(super) one_of_two: bool,
    /// Whether it is reached through an inference profile only.
    profile_only: bool,
    /// Whether it is gone.
    retired: bool,
}

/// Whose model it is, which decides how reasoning is spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Maker {
    Anthropic,
    Nova,
    OpenAi,
    Other,
    /// Takes every maker's spelling.
    Anyone,
}

const OTHER: Model = Model {
    maker: Maker::Other,
    max_output: 32_768,
    assistant_first: false,
    alternates: true,
    tools: true,
    caches: false,
    s3: false,
    one_of_two: false,
    profile_only: false,
    retired: false,
};
const CLAUDE_3: Model = Model { maker: Maker::Anthropic, max_output: 8192, caches: true, ..OTHER };
const CLAUDE_3_7: Model = Model { max_output: 131_072, profile_only: true, ..CLAUDE_3 };
const CLAUDE_4: Model = Model { max_output: 64_000, assistant_first: true, ..CLAUDE_3_7 };
const CLAUDE_4_5: Model = Model { one_of_two: true, ..CLAUDE_4 };
const CLAUDE_5: Model = Model { max_output: 128_000, ..CLAUDE_4_5 };
const NOVA: Model = Model { maker: Maker::Nova, max_output: 10_000, caches: true, s3: true, ..OTHER };
const NOVA_2: Model = Model { max_output: 65_535, profile_only: true, ..NOVA };
const TITAN: Model = Model { max_output: 8192, alternates: false, tools: false, ..OTHER };

/// Whether a model takes the Messages API: Anthropic's, and what stands for anybody's.
pub(super) fn is_claude(id: &str) -> bool {
    id.contains("anthropic.") || find(id) == Ok(ANYTHING)
}

/// The maker's own name of a model: without the front that says whose it is, and without the version behind.
pub(super) fn makers_name(id: &str) -> String {
    let name = id.rsplit_once("anthropic.").map_or(id, |(_, name)| name);
    let name = name.split_once(':').map_or(name, |(name, _)| name);
    name.strip_suffix("-v1").or_else(|| name.strip_suffix("-v2")).unwrap_or(name).to_owned()
}

/// What every name that starts with `mock-`, and every resource of an account, is.
pub(super) const ANYTHING: Model = Model { maker: Maker::Anyone, max_output: 200_000, caches: true, ..OTHER };

/// The first beginning that fits decides.
const MODELS: &[(&str, Model)] = &[
    ("mock-", ANYTHING),
    ("anthropic.claude-v2", Model { retired: true, ..CLAUDE_3 }),
    ("anthropic.claude-instant", Model { retired: true, ..CLAUDE_3 }),
    ("anthropic.claude-3-7-", CLAUDE_3_7),
    ("anthropic.claude-3-", CLAUDE_3),
    ("anthropic.claude-sonnet-4-2", CLAUDE_4),
    ("anthropic.claude-opus-4-2", CLAUDE_4),
    ("anthropic.claude-sonnet-4-", CLAUDE_4_5),
    ("anthropic.claude-haiku-4-", CLAUDE_4_5),
    ("anthropic.claude-opus-4-", CLAUDE_4_5),
    ("anthropic.claude-", CLAUDE_5),
    ("amazon.nova-2-", NOVA_2),
    ("amazon.nova-", NOVA),
    ("amazon.titan-text-", TITAN),
    ("openai.gpt-oss-", Model { maker: Maker::OpenAi, ..OTHER }),
    ("meta.llama", OTHER),
    ("mistral.", OTHER),
    ("writer.palmyra-", OTHER),
    ("cohere.command-", OTHER),
    ("deepseek.", OTHER),
    ("ai21.jamba-", OTHER),
    ("qwen.", OTHER),
];

/// What stands before the id of a model where an inference profile spreads its calls.
const REGIONS: &[&str] = &["us.", "eu.", "apac.", "jp.", "au.", "ca.", "us-gov.", "global."];

/// Resources of an account, whatever model is behind them.
const OWN: &[&str] = &[
    "application-inference-profile/",
    "custom-model/",
    "custom-model-deployment/",
    "imported-model/",
    "provisioned-model/",
    "prompt/",
    "prompt-router/",
    "default-prompt-router/",
];

/// The model an id or an ARN names.
pub(super) fn find(id: &str) -> Result<Model, ApiError> {
    if !id.starts_with("arn:") {
        return by_id(id)?.ok_or_else(ApiError::no_such_model);
    }
    // arn:partition:service:region:account:resource
    let parts: Vec<&str> = id.splitn(6, ':').collect();
    let &[_, _, "bedrock", _, _, resource] = parts.as_slice() else { return Err(ApiError::no_such_model()) };
    if OWN.iter().any(|kind| resource.strip_prefix(kind).is_some_and(|name| !name.is_empty())) {
        return Ok(ANYTHING);
    }
    let named =
        resource.strip_prefix("foundation-model/").or_else(|| resource.strip_prefix("inference-profile/"));
    let named = named.filter(|named| !named.is_empty()).ok_or_else(ApiError::no_such_model)?;
    by_id(named)?.ok_or_else(ApiError::no_such_resource)
}

fn by_id(id: &str) -> Result<Option<Model>, ApiError> {
    let bare = REGIONS.iter().find_map(|region| id.strip_prefix(region));
    let name = bare.unwrap_or(id);
    let Some((_, model)) = MODELS.iter().find(|(start, _)| name.starts_with(start)) else { return Ok(None) };
    if model.retired {
        return Err(ApiError::not_found(
            "This model version has reached the end of its life. Please refer to the AWS documentation for more details.",
        ));
    }
    if model.profile_only && bare.is_none() {
        return Err(ApiError::invalid(format!(
            "Invocation of model ID {id} with on-demand throughput isn\u{2019}t supported. Retry your request with the ID or \
             ARN of an inference profile that contains this model."
        )));
    }
    Ok(Some(*model))
}
