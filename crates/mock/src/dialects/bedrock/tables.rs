//! What a request may say: the shapes of AWS's description of the runtime API (`ConverseRequest` and below).

use super::{
    ApiError, Object,
    rules::{self, ANY, Bounds, Kind, Member, Pattern, STRING, optional, required},
};

/// The form of a body: what each member must be, whatever the others are.
pub(super) fn check(body: &Object) -> Result<(), ApiError> {
    rules::check(REQUEST, body)
}

/// `ConverseRequest` without what is in the path.
const REQUEST: &[Member] = &[
    optional("additionalModelRequestFields", Kind::Document),
    optional("additionalModelResponseFieldPaths", Kind::List(&Kind::Text(1, 256), Bounds(0, 10))),
    optional("guardrailConfig", GUARDRAIL),
    optional(
        "inferenceConfig",
        Kind::Structure(&[
            optional("maxTokens", Kind::Integer(1)),
            optional("stopSequences", Kind::List(&NON_EMPTY, Bounds(0, 2500))),
            optional("temperature", Kind::Float(0.0, 1.0)),
            optional("topP", Kind::Float(0.0, 1.0)),
        ]),
    ),
    optional("messages", Kind::List(&MESSAGE, ANY)),
    optional(
        "outputConfig",
        Kind::Structure(&[optional("effort", Kind::Text(0, 16)), optional("textFormat", FORMAT)]),
    ),
    optional(
        "performanceConfig",
        Kind::Structure(&[optional("latency", Kind::OneOf(&["standard", "optimized"]))]),
    ),
    optional("promptVariables", Kind::Map(ANY)),
    optional("requestMetadata", Kind::Map(Bounds(1, 16))),
    optional(
        "serviceTier",
        Kind::Structure(&[required("type", Kind::OneOf(&["priority", "default", "flex", "reserved"]))]),
    ),
    optional("system", SYSTEM),
    optional("toolConfig", TOOLS),
];

/// The form of a body that is to be counted.
pub(super) fn check_count(body: &Object) -> Result<(), ApiError> {
    rules::check(COUNT, body)
}

/// `CountTokensRequest` without what is in the path.
const COUNT: &[Member] = &[required(
    "input",
    Kind::Union(
        "CountTokensInput",
        &[
            optional("invokeModel", Kind::Structure(&[required("body", STRING)])),
            optional(
                "converse",
                Kind::Structure(&[
                    optional("additionalModelRequestFields", Kind::Document),
                    optional("messages", Kind::List(&MESSAGE, ANY)),
                    optional("system", SYSTEM),
                    optional("toolConfig", TOOLS),
                ]),
            ),
        ],
    ),
)];

const SYSTEM: Kind = Kind::List(
    &Kind::Union(
        "SystemContentBlock",
        &[
            optional("text", NON_EMPTY),
            optional("guardContent", GUARDED),
            optional("cachePoint", CACHE_POINT),
        ],
    ),
    ANY,
);

const NON_EMPTY: Kind = Kind::Text(1, usize::MAX);

/// The description has the first only; recorded answers have the second, and clients send them back as they came.
const USE_TYPES: &[&str] = &["server_tool_use", "tool_use"];

const TOOL_NAME: Kind = Kind::Pattern(
    64,
    &Pattern {
        text: "[a-zA-Z0-9_-]+",
        fits: |text| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)),
    },
);

const TOOL_USE_ID: Kind = Kind::Pattern(
    64,
    &Pattern {
        text: "[a-zA-Z0-9_.:-]+",
        fits: |text| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.:-".contains(&byte)),
    },
);

const S3_URI: Kind = Kind::Pattern(
    1024,
    &Pattern {
        text: r"s3://[a-z0-9][\.\-a-z0-9]{1,61}[a-z0-9](/.*)?",
        fits: |text| {
            let bucket = text.strip_prefix("s3://").map(|rest| rest.split('/').next().unwrap_or_default());
            let allowed =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
            bucket.is_some_and(|name| (3..=63).contains(&name.len()) && name.bytes().all(allowed))
        },
    },
);

const MESSAGE: Kind = Kind::Structure(&[
    required("role", Kind::OneOf(&["user", "assistant", "system"])),
    required("content", Kind::List(&BLOCK, ANY)),
]);

/// `ContentBlock`.
const BLOCK: Kind = Kind::Union(
    "ContentBlock",
    &[
        optional("text", STRING),
        optional("image", IMAGE),
        optional("document", DOCUMENT),
        optional("video", VIDEO),
        optional("audio", AUDIO),
        optional(
            "toolUse",
            Kind::Structure(&[
                required("toolUseId", TOOL_USE_ID),
                required("name", TOOL_NAME),
                required("input", Kind::Document),
                optional("type", Kind::OneOf(USE_TYPES)),
            ]),
        ),
        optional(
            "toolResult",
            Kind::Structure(&[
                required("toolUseId", TOOL_USE_ID),
                required("content", Kind::List(&RESULT_BLOCK, ANY)),
                optional("status", Kind::OneOf(&["success", "error"])),
                optional("type", STRING),
            ]),
        ),
        optional("guardContent", GUARDED),
        optional("cachePoint", CACHE_POINT),
        optional("reasoningContent", REASONING),
        optional("citationsContent", CITED),
        optional("searchResult", SEARCH_RESULT),
        optional("toolAddition", TOOL_CHANGE),
        optional("toolRemoval", TOOL_CHANGE),
    ],
);

/// `ToolResultContentBlock`.
const RESULT_BLOCK: Kind = Kind::Union(
    "ToolResultContentBlock",
    &[
        optional("json", Kind::Document),
        optional("text", STRING),
        optional("image", IMAGE),
        optional("document", DOCUMENT),
        optional("video", VIDEO),
        optional("searchResult", SEARCH_RESULT),
    ],
);

const BYTES: Member = optional("bytes", Kind::Blob);
const S3_LOCATION: Member = optional(
    "s3Location",
    Kind::Structure(&[required("uri", S3_URI), optional("bucketOwner", Kind::Text(12, 12))]),
);
const TROUBLE: Member = optional("error", Kind::Structure(&[optional("message", STRING)]));

const IMAGE: Kind = Kind::Structure(&[
    required("format", Kind::OneOf(&["png", "jpeg", "gif", "webp"])),
    required("source", Kind::Union("ImageSource", &[BYTES, S3_LOCATION])),
    TROUBLE,
]);

const DOCUMENT: Kind = Kind::Structure(&[
    optional("format", Kind::OneOf(&["pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md"])),
    required("name", Kind::Text(1, 200)),
    required(
        "source",
        Kind::Union(
            "DocumentSource",
            &[
                BYTES,
                S3_LOCATION,
                optional("text", STRING),
                optional(
                    "content",
                    Kind::List(&Kind::Union("DocumentContentBlock", &[optional("text", STRING)]), ANY),
                ),
            ],
        ),
    ),
    optional("context", STRING),
    optional("citations", CITATIONS),
]);

const VIDEO: Kind = Kind::Structure(&[
    required("format", Kind::OneOf(&["mkv", "mov", "mp4", "webm", "flv", "mpeg", "mpg", "wmv", "three_gp"])),
    required("source", Kind::Union("VideoSource", &[BYTES, S3_LOCATION])),
]);

const AUDIO: Kind = Kind::Structure(&[
    required(
        "format",
        Kind::OneOf(&[
            "mp3", "opus", "wav", "aac", "flac", "mp4", "ogg", "mkv", "mka", "x-aac", "m4a", "mpeg", "mpga",
            "pcm", "webm",
        ]),
    ),
    required("source", Kind::Union("AudioSource", &[BYTES, S3_LOCATION])),
    TROUBLE,
]);

const CITATIONS: Kind = Kind::Structure(&[required("enabled", Kind::Bool)]);

const SEARCH_RESULT: Kind = Kind::Structure(&[
    required("source", STRING),
    required("title", STRING),
    required("content", Kind::List(&Kind::Structure(&[required("text", STRING)]), ANY)),
    optional("citations", CITATIONS),
]);

const GUARDED: Kind = Kind::Union(
    "GuardrailConverseContentBlock",
    &[
        optional(
            "text",
            Kind::Structure(&[
                required("text", STRING),
                optional(
                    "qualifiers",
                    Kind::List(&Kind::OneOf(&["grounding_source", "query", "guard_content"]), ANY),
                ),
            ]),
        ),
        optional(
            "image",
            Kind::Structure(&[
                required("format", Kind::OneOf(&["png", "jpeg"])),
                required("source", Kind::Union("GuardrailConverseImageSource", &[BYTES])),
            ]),
        ),
    ],
);

const CACHE_POINT: Kind = Kind::Structure(&[
    required("type", Kind::OneOf(&["default"])),
    optional("ttl", Kind::OneOf(&["5m", "1h"])),
]);

const REASONING: Kind = Kind::Union(
    "ReasoningContentBlock",
    &[
        optional(
            "reasoningText",
            Kind::Structure(&[required("text", STRING), optional("signature", STRING)]),
        ),
        optional("redactedContent", Kind::Blob),
    ],
);

const CITED: Kind = Kind::Structure(&[
    optional(
        "content",
        Kind::List(&Kind::Union("CitationGeneratedContent", &[optional("text", STRING)]), ANY),
    ),
    optional(
        "citations",
        Kind::List(
            &Kind::Structure(&[
                optional("title", STRING),
                optional("source", STRING),
                optional(
                    "sourceContent",
                    Kind::List(&Kind::Union("CitationSourceContent", &[optional("text", STRING)]), ANY),
                ),
                optional("location", Kind::Map(Bounds(1, 1))),
            ]),
            ANY,
        ),
    ),
]);

const TOOL_CHANGE: Kind = Kind::Structure(&[required(
    "tool",
    Kind::Structure(&[
        optional("type", Kind::Text(1, 64)),
        optional("name", Kind::Text(1, 128)),
        optional("serverName", Kind::Text(1, 128)),
    ]),
)]);

const TOOLS: Kind = Kind::Structure(&[
    required(
        "tools",
        Kind::List(
            &Kind::Union(
                "Tool",
                &[
                    optional(
                        "toolSpec",
                        Kind::Structure(&[
                            required("name", TOOL_NAME),
                            optional("description", NON_EMPTY),
                            required(
                                "inputSchema",
                                Kind::Union("ToolInputSchema", &[optional("json", Kind::Document)]),
                            ),
                            optional("strict", Kind::Bool),
                        ]),
                    ),
                    optional("systemTool", Kind::Structure(&[required("name", TOOL_NAME)])),
                    optional("cachePoint", CACHE_POINT),
                ],
            ),
            Bounds(1, usize::MAX),
        ),
    ),
    optional(
        "toolChoice",
        Kind::Union(
            "ToolChoice",
            &[
                optional("auto", Kind::Structure(&[])),
                optional("any", Kind::Structure(&[])),
                optional("tool", Kind::Structure(&[required("name", TOOL_NAME)])),
            ],
        ),
    ),
]);

/// `streamProcessingMode` is ConverseStream's only; the description has it in a shape of its own.
const GUARDRAIL: Kind = Kind::Structure(&[
    optional("guardrailIdentifier", Kind::Text(0, 2048)),
    optional("guardrailVersion", STRING),
    optional("streamProcessingMode", Kind::OneOf(&["sync", "async"])),
    optional("trace", Kind::OneOf(&["enabled", "disabled", "enabled_full"])),
]);

const FORMAT: Kind = Kind::Structure(&[
    required("type", Kind::OneOf(&["json_schema"])),
    required(
        "structure",
        Kind::Union(
            "OutputFormatStructure",
            &[optional(
                "jsonSchema",
                Kind::Structure(&[
                    required("schema", STRING),
                    optional("name", STRING),
                    optional("description", STRING),
                ]),
            )],
        ),
    ),
]);
