//! The words of the form: what models' names begin with, strategies, and what of it has no meaning here.

/// A service as the first part of a model's name says it.
pub(super) struct Word {
    pub(super) word: &'static str,
    /// Its kind here.
    pub(super) kind: &'static str,
    /// The variables that are looked at for a key where none is written.
    pub(super) keys: &'static [&'static str],
    /// The variables that are looked at for an address where none is written.
    pub(super) addresses: &'static [&'static str],
}

impl Word {
    const fn new(word: &'static str, kind: &'static str, keys: &'static [&'static str]) -> Self {
        Self { word, kind, keys, addresses: &[] }
    }
}

/// The kind of a service in OpenAI's dialect of which only the address is known.
pub(super) const COMPATIBLE: &str = "openai-compatible";

/// The word for OpenAI, and with an address for whoever speaks as it does.
pub(super) const OPEN: &str = "openai";

/// The services; one that is not here goes by the name of a kind.
pub(super) const WORDS: &[Word] = &[
    Word {
        addresses: &["OPENAI_BASE_URL", "OPENAI_API_BASE"],
        ..Word::new("openai", "openai", &["OPENAI_API_KEY"])
    },
    Word::new("text-completion-openai", "openai", &["OPENAI_API_KEY"]),
    Word::new("anthropic", "anthropic", &["ANTHROPIC_API_KEY"]),
    Word::new("anthropic_text", "anthropic", &["ANTHROPIC_API_KEY"]),
    Word {
        addresses: &["AZURE_API_BASE"],
        ..Word::new("azure", "azure", &["AZURE_API_KEY", "AZURE_OPENAI_API_KEY"])
    },
    Word { addresses: &["AZURE_AI_API_BASE"], ..Word::new("azure_ai", "azure", &["AZURE_AI_API_KEY"]) },
    Word::new("gemini", "gemini", &["GEMINI_API_KEY", "GOOGLE_API_KEY"]),
    Word::new("vertex_ai", "vertex", &[]),
    Word::new("vertex_ai_beta", "vertex", &[]),
    Word::new("bedrock", "bedrock", &[]),
    Word::new("bedrock_converse", "bedrock", &[]),
    Word { addresses: &["OLLAMA_API_BASE"], ..Word::new("ollama", "ollama", &[]) },
    Word { addresses: &["OLLAMA_API_BASE"], ..Word::new("ollama_chat", "ollama", &[]) },
    Word::new("together_ai", "together", &["TOGETHERAI_API_KEY", "TOGETHER_API_KEY", "TOGETHER_AI_TOKEN"]),
    Word::new("fireworks_ai", "fireworks", &["FIREWORKS_API_KEY", "FIREWORKS_AI_API_KEY"]),
    Word::new("codestral", "mistral", &["CODESTRAL_API_KEY"]),
    Word::new("cohere", "cohere", &["COHERE_API_KEY", "CO_API_KEY"]),
    Word::new("cohere_chat", "cohere", &["COHERE_API_KEY", "CO_API_KEY"]),
    Word::new("nvidia_nim", "nvidia", &["NVIDIA_NIM_API_KEY"]),
    Word::new("perplexity", "perplexity", &["PERPLEXITYAI_API_KEY", "PERPLEXITY_API_KEY"]),
    Word::new("huggingface", "huggingface", &["HF_TOKEN", "HUGGINGFACE_API_KEY"]),
    Word::new("github", "github-models", &["GITHUB_API_KEY", "GITHUB_TOKEN"]),
    Word::new("openrouter", "openrouter", &["OPENROUTER_API_KEY", "OR_API_KEY"]),
    Word::new("volcengine", "volcengine", &["VOLCENGINE_API_KEY", "ARK_API_KEY"]),
    Word {
        addresses: &["HOSTED_VLLM_API_BASE"],
        ..Word::new("hosted_vllm", "vllm", &["HOSTED_VLLM_API_KEY"])
    },
    Word {
        addresses: &["LM_STUDIO_API_BASE"],
        ..Word::new("lm_studio", "lm-studio", &["LM_STUDIO_API_KEY"])
    },
    Word::new("llamafile", "llama.cpp", &[]),
    Word::new("openai_like", COMPATIBLE, &[]),
    Word::new("custom_openai", COMPATIBLE, &[]),
    Word {
        addresses: &["LITELLM_PROXY_API_BASE"],
        ..Word::new("litellm_proxy", COMPATIBLE, &["LITELLM_PROXY_API_KEY"])
    },
    Word::new("xinference", COMPATIBLE, &["XINFERENCE_API_KEY"]),
];

/// What the names of models begin with that are written without their service.
pub(super) const FAMILIES: &[(&str, &str)] = &[
    ("gpt-", "openai"),
    ("chatgpt-", "openai"),
    ("o1", "openai"),
    ("o3", "openai"),
    ("o4", "openai"),
    ("text-embedding-", "openai"),
    ("claude-", "anthropic"),
    ("gemini-", "vertex_ai"),
    ("command-", "cohere"),
];

/// Parts between the service and the model that say in which of its dialects it is asked.
pub(super) const ROUTES: &[(&str, &str)] =
    &[("bedrock", "converse/"), ("bedrock", "invoke/"), ("bedrock", "converse_like/")];
/// The same where it chooses one of OpenAI's two APIs.
pub(super) const RESPONSES: &str = "responses/";

/// Strategies, ours, and what is to know where they are not quite the same.
pub(super) const STRATEGIES: &[(&str, &str, Option<&str>)] = &[
    ("simple-shuffle", "random", None),
    ("least-busy", "least_connections", None),
    ("latency-based-routing", "latency", None),
    ("cost-based-routing", "cost", None),
    (
        "usage-based-routing",
        "round_robin",
        Some(
            "Every deployment in turn, by its `tpm` or `rpm`: what a minute has used so far is not compared.",
        ),
    ),
    (
        "usage-based-routing-v2",
        "round_robin",
        Some(
            "Every deployment in turn, by its `tpm` or `rpm`: what a minute has used so far is not compared.",
        ),
    ),
];

/// Parameters that are fields of OpenAI's chat requests: the client's own come before them.
pub(super) const FIELDS: &[&str] = &[
    "temperature",
    "top_p",
    "max_tokens",
    "max_completion_tokens",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "n",
    "seed",
    "stop",
    "user",
    "response_format",
    "reasoning_effort",
    "service_tier",
    "parallel_tool_calls",
];
/// The dialect whose fields these are.
pub(super) const FIELDS_DIALECT: &str = "openai-chat";

const NO_STORE: &str = "there is no database: keys and models are in this file";
const NO_CALLBACK: &str = "calls are on record here, and sent to nobody";
const NO_CACHE: &str = "answers are not cached";
const NO_REDIS: &str = "limits and rests are this process's own";
const IN_LISTS: &str = "it describes the model in lists";
const PRICED: &str = "prices are for tokens";

/// Parameters of a row that have no meaning here, and why.
pub(super) const PARAMS: &[(&str, &str)] = &[
    ("max_retries", "a request is tried as often as `num_retries` says"),
    ("num_retries", "a request is tried as often as the settings for all say"),
    ("aws_session_name", "a session is named after this program"),
    ("use_in_pass_through", "any endpoint of a provider can be asked by its own path"),
    ("tags", "a request is spread over all deployments of its model"),
    ("merge_reasoning_content_in_choices", "reasoning stays where each dialect has it"),
    ("drop_params", "what a provider does not know is taken out and named, always"),
    ("additional_drop_params", "what a provider does not know is taken out and named, always"),
    ("mock_response", "`lockgate mock` is a provider that makes answers up"),
    ("input_cost_per_second", PRICED),
    ("output_cost_per_second", PRICED),
    ("max_budget", "nobody has a budget yet"),
    ("budget_duration", "nobody has a budget yet"),
    ("azure_ad_token", "a token that ends is had with `auth: { tenant_id, client_id, client_secret }`"),
];

/// What `model_info` says that has no meaning here, and why.
pub(super) const INFO: &[(&str, &str)] = &[
    ("id", "a deployment is called provider/model#credential"),
    ("mode", IN_LISTS),
    ("base_model", IN_LISTS),
    ("description", IN_LISTS),
    ("metadata", IN_LISTS),
    ("max_tokens", IN_LISTS),
    ("max_input_tokens", IN_LISTS),
    ("max_output_tokens", IN_LISTS),
    ("supports_vision", IN_LISTS),
    ("supports_function_calling", IN_LISTS),
    ("supports_parallel_function_calling", IN_LISTS),
    ("supports_response_schema", IN_LISTS),
    ("supports_prompt_caching", IN_LISTS),
    ("supports_reasoning", IN_LISTS),
    ("supports_audio_input", IN_LISTS),
    ("supports_audio_output", IN_LISTS),
    ("supports_system_messages", IN_LISTS),
    ("access_groups", "a key names its models"),
    ("health_check_model", "each deployment is checked with its own model"),
    ("health_check_timeout", "a check may take as long as a call"),
    ("input_cost_per_second", PRICED),
    ("output_cost_per_second", PRICED),
    ("input_cost_per_pixel", PRICED),
    ("output_cost_per_image", PRICED),
    ("output_cost_per_reasoning_token", PRICED),
];

/// Settings of `router_settings` that have no meaning here, and why.
pub(super) const ROUTER: &[(&str, &str)] = &[
    ("redis_host", NO_REDIS),
    ("redis_port", NO_REDIS),
    ("redis_password", NO_REDIS),
    ("redis_url", NO_REDIS),
    ("redis_db", NO_REDIS),
    ("cache_responses", NO_CACHE),
    ("cache_kwargs", NO_CACHE),
    ("caching_groups", NO_CACHE),
    ("client_ttl", NO_CACHE),
    ("routing_strategy_args", "strategies have no settings"),
    ("retry_policy", "each kind of failure has its own remedy"),
    ("model_group_retry_policy", "each kind of failure has its own remedy"),
    ("allowed_fails_policy", "each kind of failure is counted or not by what it says"),
    ("retry_after", "pauses grow from 200 ms to 5 s, or are what the provider asks for"),
    ("enable_pre_call_checks", "a provider says itself that a conversation is too long"),
    ("optional_pre_call_checks", "limits are kept always"),
    ("enable_tag_filtering", "a request is spread over all deployments of its model"),
    ("tag_filtering_match_any", "a request is spread over all deployments of its model"),
    ("set_verbose", "`log.level` says how much is logged"),
    ("debug_level", "`log.level` says how much is logged"),
    ("default_litellm_params", "each row has its own parameters"),
    ("max_fallbacks", "each fallback is asked once"),
    ("provider_budget_config", "nobody has a budget yet"),
    ("alerting_config", "`general_settings.alerting` says who is told of alerts"),
    ("assistants_config", "there are no assistants"),
    ("polling_interval", NO_REDIS),
    ("default_priority", "no request waits behind another"),
];

/// Settings of `litellm_settings` that have no meaning here, and why.
pub(super) const LIBRARY: &[(&str, &str)] = &[
    ("drop_params", "what a provider does not know is taken out and named, always"),
    ("modify_params", "a request is put into each dialect's form, always"),
    ("callbacks", NO_CALLBACK),
    ("success_callback", NO_CALLBACK),
    ("failure_callback", NO_CALLBACK),
    ("service_callbacks", NO_CALLBACK),
    ("langfuse_default_tags", NO_CALLBACK),
    ("turn_off_message_logging", NO_CALLBACK),
    ("redact_user_api_key_info", NO_CALLBACK),
    ("redact_messages_in_exceptions", NO_CALLBACK),
    ("store_audit_logs", NO_STORE),
    ("cache", NO_CACHE),
    ("cache_params", NO_CACHE),
    ("enable_preview_features", "there are none"),
    ("max_budget", "nobody has a budget yet"),
    ("budget_duration", "nobody has a budget yet"),
    ("max_internal_user_budget", NO_STORE),
    ("default_internal_user_params", NO_STORE),
    ("default_team_settings", NO_STORE),
    ("key_generation_settings", NO_STORE),
    ("upperbound_key_generate_params", NO_STORE),
    ("telemetry", "nothing is sent home"),
    ("suppress_debug_info", "`log.level` says how much is logged"),
    ("force_ipv4", "addresses are tried one after the other, of both kinds"),
    ("ssl_verify", "certificates are checked always: one of your own is named in `tls.ca_file`"),
    ("guardrails", "what clients say is not judged"),
    ("public_routes", "each path asks for a key where there are any"),
    ("default_in_memory_ttl", NO_CACHE),
    ("request_timeout_unit", "times are in seconds"),
    ("enable_json_schema_validation", "a provider is held to its schema by itself"),
    ("custom_provider_map", "there is no code to load"),
    ("mcp_aliases", "there are no MCP servers"),
];

/// Settings of `general_settings` that have no meaning here, and why.
pub(super) const GENERAL: &[(&str, &str)] = &[
    ("database_url", NO_STORE),
    ("database_connection_pool_limit", NO_STORE),
    ("database_connection_timeout", NO_STORE),
    ("database_type", NO_STORE),
    ("store_model_in_db", NO_STORE),
    ("store_prompts_in_spend_logs", NO_STORE),
    ("disable_spend_logs", NO_STORE),
    ("disable_spend_updates", NO_STORE),
    ("proxy_batch_write_at", NO_STORE),
    ("proxy_batch_polling_interval", NO_STORE),
    ("allow_requests_on_db_unavailable", NO_STORE),
    ("disable_adding_master_key_hash_to_db", NO_STORE),
    ("disable_reset_budget", NO_STORE),
    ("use_redis_transaction_buffer", NO_REDIS),
    ("maximum_spend_logs_retention_period", NO_STORE),
    ("ui_access_mode", NO_STORE),
    ("disable_master_key_return", "no key is ever shown"),
    ("alerting_threshold", "a slow answer is no alert: `retry` bounds it"),
    ("alerting_args", "`alerts.cooldown` says how often something is told of"),
    ("custom_auth", "there is no code to load"),
    ("custom_key_generate", "there is no code to load"),
    ("enable_jwt_auth", "clients show keys"),
    ("litellm_jwtauth", "clients show keys"),
    ("key_management_system", "secrets come from variables and files"),
    ("key_management_settings", "secrets come from variables and files"),
    ("salt_key", NO_STORE),
    ("completion_model", "a request names its model"),
    ("infer_model_from_keys", "the file says which models there are"),
    ("max_response_size_mb", "answers are passed on as they come"),
    ("forward_client_headers_to_llm_api", "a client's headers travel as its dialect has them"),
    ("pass_through_endpoints", "requests go to the providers of this file only"),
    ("health_check_details", "the admin API has the details"),
    ("enforce_user_param", "a request names its end user if it wants to"),
    ("allowed_routes", "each path asks for a key where there are any"),
    ("public_routes", "each path asks for a key where there are any"),
    ("user_header_name", "a request names its end user in its body"),
    ("control_plane_url", NO_STORE),
];

/// Keys at the top that have no meaning here, and why.
pub(super) const TOP: &[(&str, &str)] = &[
    ("guardrails", "what clients say is not judged"),
    ("callback_settings", NO_CALLBACK),
    ("mcp_servers", "there are no MCP servers"),
    ("mcp_tools", "there are no MCP servers"),
    ("vector_store_registry", "there are no vector stores"),
    ("files_settings", "files are the provider's whose path is asked"),
    ("finetune_settings", "fine-tuning is the provider's whose path is asked"),
    ("prompts", "prompts are the client's"),
    ("search_tools", "tools are the client's"),
    ("default_vertex_config", "each row of Vertex has its own parameters"),
    ("assistant_settings", "there are no assistants"),
    ("litellm_jwtauth", "clients show keys"),
];
