//! The messages of the API, from its discovery document (v1beta, revision 20260717).

use super::proto::{Kind, Message, list, one};

pub(super) static GENERATE: Message = Message(&[
    one("model", Kind::Text),
    list("contents", Kind::Message(&CONTENT)),
    one("systemInstruction", Kind::Message(&CONTENT)),
    list("tools", Kind::Message(&TOOL)),
    one("toolConfig", Kind::Message(&TOOL_CONFIG)),
    list("safetySettings", Kind::Message(&SAFETY_SETTING)),
    one("generationConfig", Kind::Message(&GENERATION_CONFIG)),
    one("cachedContent", Kind::Text),
    one("serviceTier", Kind::Enum("ServiceTier", &["unspecified", "standard", "flex", "priority"])),
    one("store", Kind::Bool),
]);

pub(super) static COUNT_TOKENS: Message = Message(&[
    list("contents", Kind::Message(&CONTENT)),
    one("generateContentRequest", Kind::Message(&GENERATE)),
]);

pub(super) static EMBED: Message = Message(&[
    one("model", Kind::Text),
    one("content", Kind::Message(&CONTENT)),
    one("taskType", Kind::Enum("TaskType", TASK_TYPES)),
    one("title", Kind::Text),
    one("outputDimensionality", Kind::Int),
    one("embedContentConfig", Kind::Struct),
]);

pub(super) static BATCH_EMBED: Message = Message(&[list("requests", Kind::Message(&EMBED))]);

const TASK_TYPES: &[&str] = &[
    "TASK_TYPE_UNSPECIFIED",
    "RETRIEVAL_QUERY",
    "RETRIEVAL_DOCUMENT",
    "SEMANTIC_SIMILARITY",
    "CLASSIFICATION",
    "CLUSTERING",
    "QUESTION_ANSWERING",
    "FACT_VERIFICATION",
    "CODE_RETRIEVAL_QUERY",
];

static CONTENT: Message = Message(&[list("parts", Kind::Message(&PART)), one("role", Kind::Text)]);

/// What a part may be; exactly one of these stands in it.
pub(super) const PART_DATA: &[&str] = &[
    "text",
    "inlineData",
    "functionCall",
    "functionResponse",
    "fileData",
    "executableCode",
    "codeExecutionResult",
    "toolCall",
    "toolResponse",
];

static PART: Message = Message(&[
    one("text", Kind::Text),
    one("inlineData", Kind::Message(&BLOB)),
    one("functionCall", Kind::Message(&FUNCTION_CALL)),
    one("functionResponse", Kind::Message(&FUNCTION_RESPONSE)),
    one("fileData", Kind::Message(&FILE_DATA)),
    one("executableCode", Kind::Message(&EXECUTABLE_CODE)),
    one("codeExecutionResult", Kind::Message(&CODE_EXECUTION_RESULT)),
    one("toolCall", Kind::Struct),
    one("toolResponse", Kind::Struct),
    one("thought", Kind::Bool),
    one("thoughtSignature", Kind::Bytes),
    one("mediaResolution", Kind::Struct),
    one("partMetadata", Kind::Struct),
    one("videoMetadata", Kind::Struct),
]);

static BLOB: Message = Message(&[one("mimeType", Kind::Text), one("data", Kind::Bytes)]);

static FILE_DATA: Message = Message(&[one("mimeType", Kind::Text), one("fileUri", Kind::Text)]);

static FUNCTION_CALL: Message =
    Message(&[one("id", Kind::Text), one("name", Kind::Text), one("args", Kind::Struct)]);

static FUNCTION_RESPONSE: Message = Message(&[
    one("id", Kind::Text),
    one("name", Kind::Text),
    one("response", Kind::Struct),
    list("parts", Kind::Message(&FUNCTION_RESPONSE_PART)),
    one("willContinue", Kind::Bool),
    one("scheduling", Kind::Text),
]);

static FUNCTION_RESPONSE_PART: Message = Message(&[one("inlineData", Kind::Message(&BLOB))]);

static EXECUTABLE_CODE: Message =
    Message(&[one("id", Kind::Text), one("language", Kind::Text), one("code", Kind::Text)]);

static CODE_EXECUTION_RESULT: Message =
    Message(&[one("id", Kind::Text), one("outcome", Kind::Text), one("output", Kind::Text)]);

/// What a tool may be; at least one of these stands in it.
pub(super) const TOOL_TYPES: &[&str] = &[
    "functionDeclarations",
    "googleSearch",
    "googleSearchRetrieval",
    "codeExecution",
    "urlContext",
    "googleMaps",
    "fileSearch",
    "computerUse",
    "mcpServers",
];

static TOOL: Message = Message(&[
    list("functionDeclarations", Kind::Message(&FUNCTION_DECLARATION)),
    one("googleSearch", Kind::Struct),
    one("googleSearchRetrieval", Kind::Struct),
    one("codeExecution", Kind::Struct),
    one("urlContext", Kind::Struct),
    one("googleMaps", Kind::Struct),
    one("fileSearch", Kind::Struct),
    one("computerUse", Kind::Struct),
    list("mcpServers", Kind::Struct),
]);

static FUNCTION_DECLARATION: Message = Message(&[
    one("name", Kind::Text),
    one("description", Kind::Text),
    one("behavior", Kind::Enum("FunctionDeclaration.Behavior", &["UNSPECIFIED", "BLOCKING", "NON_BLOCKING"])),
    one("parameters", Kind::Message(&SCHEMA)),
    one("parametersJsonSchema", Kind::Anything),
    one("response", Kind::Message(&SCHEMA)),
    one("responseJsonSchema", Kind::Anything),
]);

/// The part of OpenAPI's schemas that Google takes; all of JSON Schema goes where `JsonSchema` ends the name.
static SCHEMA: Message = Message(&[
    one(
        "type",
        Kind::Enum(
            "Type",
            &["TYPE_UNSPECIFIED", "STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL"],
        ),
    ),
    one("format", Kind::Text),
    one("title", Kind::Text),
    one("description", Kind::Text),
    one("nullable", Kind::Bool),
    list("enum", Kind::Text),
    one("items", Kind::Message(&SCHEMA)),
    one("maxItems", Kind::Int),
    one("minItems", Kind::Int),
    one("properties", Kind::Map(&SCHEMA)),
    list("required", Kind::Text),
    list("propertyOrdering", Kind::Text),
    one("minProperties", Kind::Int),
    one("maxProperties", Kind::Int),
    one("minimum", Kind::Float),
    one("maximum", Kind::Float),
    one("minLength", Kind::Int),
    one("maxLength", Kind::Int),
    one("pattern", Kind::Text),
    one("example", Kind::Anything),
    one("default", Kind::Anything),
    list("anyOf", Kind::Message(&SCHEMA)),
]);

static TOOL_CONFIG: Message = Message(&[
    one("functionCallingConfig", Kind::Message(&FUNCTION_CALLING_CONFIG)),
    one("retrievalConfig", Kind::Struct),
    one("includeServerSideToolInvocations", Kind::Bool),
]);

static FUNCTION_CALLING_CONFIG: Message = Message(&[
    one(
        "mode",
        Kind::Enum("FunctionCallingConfig.Mode", &["MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED"]),
    ),
    list("allowedFunctionNames", Kind::Text),
]);

static SAFETY_SETTING: Message = Message(&[one("category", Kind::Text), one("threshold", Kind::Text)]);

static GENERATION_CONFIG: Message = Message(&[
    list("stopSequences", Kind::Text),
    one("responseMimeType", Kind::Text),
    one("responseSchema", Kind::Message(&SCHEMA)),
    one("responseJsonSchema", Kind::Anything),
    one("_responseJsonSchema", Kind::Anything),
    list("responseModalities", Kind::Text),
    one("responseFormat", Kind::Struct),
    one("candidateCount", Kind::Int),
    one("maxOutputTokens", Kind::Int),
    one("temperature", Kind::Float),
    one("topP", Kind::Float),
    one("topK", Kind::Int),
    one("seed", Kind::Int),
    one("presencePenalty", Kind::Float),
    one("frequencyPenalty", Kind::Float),
    one("responseLogprobs", Kind::Bool),
    one("logprobs", Kind::Int),
    one("enableEnhancedCivicAnswers", Kind::Bool),
    one("enableAffectiveDialog", Kind::Bool),
    one("speechConfig", Kind::Struct),
    one("imageConfig", Kind::Struct),
    one("translationConfig", Kind::Struct),
    one("thinkingConfig", Kind::Message(&THINKING_CONFIG)),
    one(
        "mediaResolution",
        Kind::Enum(
            "GenerationConfig.MediaResolution",
            &[
                "MEDIA_RESOLUTION_UNSPECIFIED",
                "MEDIA_RESOLUTION_LOW",
                "MEDIA_RESOLUTION_MEDIUM",
                "MEDIA_RESOLUTION_HIGH",
            ],
        ),
    ),
]);

static THINKING_CONFIG: Message = Message(&[
    one("includeThoughts", Kind::Bool),
    one("thinkingBudget", Kind::Int),
    one(
        "thinkingLevel",
        Kind::Enum(
            "GenerationConfig.ThinkingConfig.ThinkingLevel",
            &["THINKING_LEVEL_UNSPECIFIED", "MINIMAL", "LOW", "MEDIUM", "HIGH"],
        ),
    ),
]);
