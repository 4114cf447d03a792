//! What stands in Converse bodies, borrowed from them (Bedrock Runtime API description, 2023-09-30).

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess},
};
use serde_json::value::RawValue;

use crate::ir::{Members, Number, Raw, Text};

/// A reader's error with the member it stands in, so that the client is told where to look.
fn inside<E: de::Error>(key: &str, error: &E) -> E {
    E::custom(format!("{key}: {error}"))
}

/// Declares objects that know some members and keep the others. `null` stands for an absent member.
macro_rules! object {
    ($($(#[doc = $doc:literal])* $name:ident { $($field:ident / $key:literal : $type:ty,)* })*) => {$(
        $(#[doc = $doc])*
        #[derive(Debug, Default)]
        pub(super) struct $name<'a> {
            $(pub(super) $field: Option<$type>,)*
            /// Members that nobody here knows.
            pub(super) extra: Members<'a>,
        }

        impl<'de: 'a, 'a> Deserialize<'de> for $name<'a> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor<'a>(PhantomData<&'a ()>);

                impl<'de: 'a, 'a> de::Visitor<'de> for Visitor<'a> {
                    type Value = $name<'a>;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<$name<'a>, A::Error> {
                        let mut object = $name::default();
                        while let Some(key) = map.next_key::<Text<'a>>()? {
                            match &*key {
                                $($key => {
                                    object.$field = map.next_value().map_err(|error| inside($key, &error))?;
                                })*
                                _ => {
                                    let raw: &'a RawValue = map.next_value()?;
                                    object.extra.push((key, Raw::Borrowed(raw)));
                                }
                            }
                        }
                        Ok(object)
                    }
                }

                deserializer.deserialize_map(Visitor(PhantomData))
            }
        }
    )*};
}

object! {
    /// The body of Converse and ConverseStream.
    Request {
        model / "modelId": Text<'a>,
        messages / "messages": Vec<Message<'a>>,
        system / "system": Vec<Block<'a>>,
        inference / "inferenceConfig": Inference<'a>,
        tools / "toolConfig": ToolConfig<'a>,
        additional / "additionalModelRequestFields": &'a RawValue,
        metadata / "requestMetadata": &'a RawValue,
        tier / "serviceTier": Tier<'a>,
        output / "outputConfig": OutputConfig<'a>,
    }
    /// One turn.
    Message {
        role / "role": Text<'a>,
        content / "content": Vec<Block<'a>>,
    }
    /// Sampling and the limit of tokens.
    Inference {
        max_tokens / "maxTokens": u64,
        temperature / "temperature": Number<'a>,
        top_p / "topP": Number<'a>,
        stop / "stopSequences": Vec<Text<'a>>,
    }
    /// The tools and how to choose.
    ToolConfig {
        tools / "tools": Vec<&'a RawValue>,
        choice / "toolChoice": &'a RawValue,
    }
    /// One of the members of a tool.
    Tool {
        spec / "toolSpec": ToolSpec<'a>,
        cache / "cachePoint": CachePoint<'a>,
    }
    /// A tool of the client.
    ToolSpec {
        name / "name": Text<'a>,
        description / "description": Text<'a>,
        schema / "inputSchema": Schema<'a>,
        strict / "strict": bool,
    }
    /// A tool's schema.
    Schema {
        json / "json": &'a RawValue,
    }
    /// One of the members of a choice.
    Choice {
        auto / "auto": Empty<'a>,
        any / "any": Empty<'a>,
        tool / "tool": NamedTool<'a>,
    }
    /// An object with nothing in it.
    Empty {}
    /// The tool that has to be called.
    NamedTool {
        name / "name": Text<'a>,
    }
    /// The class of service.
    Tier {
        kind / "type": Text<'a>,
    }
    /// The form of the answer.
    OutputConfig {
        format / "textFormat": TextFormat<'a>,
        effort / "effort": Text<'a>,
    }
    /// The form of a text answer.
    TextFormat {
        kind / "type": Text<'a>,
        structure / "structure": Structure<'a>,
    }
    /// One of the members of a structure.
    Structure {
        json / "jsonSchema": JsonSchema<'a>,
    }
    /// A schema, itself spelled as a string.
    JsonSchema {
        schema / "schema": Text<'a>,
        name / "name": Text<'a>,
        description / "description": Text<'a>,
    }
    /// A place where the prompt cache shall end.
    CachePoint {
        kind / "type": Text<'a>,
        ttl / "ttl": Text<'a>,
    }
    /// A picture, a document, a film or a sound.
    Media {
        format / "format": Text<'a>,
        source / "source": Source<'a>,
        name / "name": Text<'a>,
        context / "context": Text<'a>,
        citations / "citations": CitationsConfig<'a>,
    }
    /// Where its bytes are: one of these.
    Source {
        bytes / "bytes": Text<'a>,
        text / "text": Text<'a>,
        content / "content": Vec<Block<'a>>,
        s3 / "s3Location": &'a RawValue,
    }
    /// A place in S3.
    S3 {
        uri / "uri": Text<'a>,
    }
    /// What a search found.
    SearchResult {
        source / "source": Text<'a>,
        title / "title": Text<'a>,
        content / "content": Vec<Block<'a>>,
        citations / "citations": CitationsConfig<'a>,
    }
    /// Whether a document shall be cited.
    CitationsConfig {
        enabled / "enabled": bool,
    }
    /// A call of a tool.
    ToolUse {
        id / "toolUseId": Text<'a>,
        name / "name": Text<'a>,
        input / "input": &'a RawValue,
        kind / "type": Text<'a>,
    }
    /// What a tool gave back.
    ToolResult {
        id / "toolUseId": Text<'a>,
        content / "content": Vec<Block<'a>>,
        status / "status": Text<'a>,
        kind / "type": Text<'a>,
    }
    /// Reasoning: one of these.
    Reasoning {
        text / "reasoningText": ReasoningText<'a>,
        redacted / "redactedContent": Text<'a>,
    }
    /// Readable reasoning and its proof.
    ReasoningText {
        text / "text": Text<'a>,
        signature / "signature": Text<'a>,
    }
    /// A text with what backs it.
    CitationsContent {
        content / "content": Vec<Block<'a>>,
        citations / "citations": Vec<&'a RawValue>,
    }
    /// What backs a text.
    Citation {
        title / "title": Text<'a>,
        source / "source": Text<'a>,
        content / "sourceContent": Vec<SourceText<'a>>,
        location / "location": Location<'a>,
    }
    /// The words that back a text.
    SourceText {
        text / "text": Text<'a>,
    }
    /// Where they are from; the places in documents stay raw.
    Location {
        web / "web": Web<'a>,
    }
    /// A page.
    Web {
        url / "url": Text<'a>,
        domain / "domain": Text<'a>,
    }
    /// A whole answer.
    Response {
        output / "output": Output<'a>,
        stop / "stopReason": Text<'a>,
        usage / "usage": Usage<'a>,
        tier / "serviceTier": Tier<'a>,
    }
    /// What the model said.
    Output {
        message / "message": Message<'a>,
    }
    /// What it cost.
    Usage {
        input / "inputTokens": u64,
        output / "outputTokens": u64,
        total / "totalTokens": u64,
        cache_read / "cacheReadInputTokens": u64,
        cache_write / "cacheWriteInputTokens": u64,
        cache_details / "cacheDetails": Vec<CacheDetail<'a>>,
    }
    /// Tokens written to the cache to live for so long.
    CacheDetail {
        ttl / "ttl": Text<'a>,
        tokens / "inputTokens": u64,
    }
    /// Any event of a stream.
    Event {
        index / "contentBlockIndex": u64,
        start / "start": Start<'a>,
        delta / "delta": Delta<'a>,
        stop / "stopReason": Text<'a>,
        additional / "additionalModelResponseFields": &'a RawValue,
        usage / "usage": Usage<'a>,
        tier / "serviceTier": Tier<'a>,
        // Hides the length of what is said; named here so that it costs nothing to pass over.
        _padding / "p": &'a RawValue,
    }
    /// How a block begins: one of these.
    Start {
        tool_use / "toolUse": ToolUse<'a>,
        tool_result / "toolResult": &'a RawValue,
    }
    /// How a block goes on: one of these.
    Delta {
        text / "text": Text<'a>,
        tool_use / "toolUse": InputDelta<'a>,
        tool_result / "toolResult": Vec<&'a RawValue>,
        reasoning / "reasoningContent": ReasoningDelta<'a>,
        citation / "citation": &'a RawValue,
    }
    /// A part of a call's arguments.
    InputDelta {
        input / "input": Text<'a>,
    }
    /// A part of the reasoning: one of these.
    ReasoningDelta {
        text / "text": Text<'a>,
        redacted / "redactedContent": Text<'a>,
        signature / "signature": Text<'a>,
    }
    /// The stop sequence that was met, where a client asked for this field of Anthropic's answer.
    Additional {
        sequence / "stop_sequence": Text<'a>,
    }
    /// A chunk of InvokeModel: an event of the maker's dialect in base64.
    Chunk {
        bytes / "bytes": Text<'a>,
    }
    /// An error, in the spellings AWS services have for it.
    Failure {
        message / "message": Text<'a>,
        message_upper / "Message": Text<'a>,
        kind / "__type": Text<'a>,
    }
}

/// One piece of a message: an object with exactly one member.
#[derive(Debug)]
pub(super) enum Block<'a> {
    Text(Text<'a>),
    Json(&'a RawValue),
    Image(Media<'a>),
    Document(Media<'a>),
    Video(Media<'a>),
    Audio(Media<'a>),
    ToolUse(&'a RawValue),
    ToolResult(&'a RawValue),
    CachePoint(CachePoint<'a>),
    Reasoning(Reasoning<'a>),
    Citations(CitationsContent<'a>),
    Other(Text<'a>, &'a RawValue),
}

impl<'de: 'a, 'a> Deserialize<'de> for Block<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(BlockVisitor(PhantomData))
    }
}

struct BlockVisitor<'a>(PhantomData<&'a ()>);

impl<'de: 'a, 'a> de::Visitor<'de> for BlockVisitor<'a> {
    type Value = Block<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a content block")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Block<'a>, A::Error> {
        let mut found: Option<Block<'a>> = None;
        while let Some(key) = map.next_key::<Text<'a>>()? {
            let next = match &*key {
                "text" => map.next_value::<Option<_>>().map(|value| value.map(Block::Text)),
                "json" => map.next_value::<Option<_>>().map(|value| value.map(Block::Json)),
                "image" => map.next_value::<Option<_>>().map(|value| value.map(Block::Image)),
                "document" => map.next_value::<Option<_>>().map(|value| value.map(Block::Document)),
                "video" => map.next_value::<Option<_>>().map(|value| value.map(Block::Video)),
                "audio" => map.next_value::<Option<_>>().map(|value| value.map(Block::Audio)),
                "toolUse" => map.next_value::<Option<_>>().map(|value| value.map(Block::ToolUse)),
                "toolResult" => map.next_value::<Option<_>>().map(|value| value.map(Block::ToolResult)),
                "cachePoint" => map.next_value::<Option<_>>().map(|value| value.map(Block::CachePoint)),
                "reasoningContent" => map.next_value::<Option<_>>().map(|value| value.map(Block::Reasoning)),
                "citationsContent" => map.next_value::<Option<_>>().map(|value| value.map(Block::Citations)),
                _ => map
                    .next_value::<Option<_>>()
                    .map(|value| value.map(|raw| Block::Other(key.borrowed().into_owned(), raw))),
            };
            let next = next.map_err(|error| inside(&key, &error))?;
            if found.is_some() && next.is_some() {
                return Err(de::Error::custom(format!(
                    "a content block has one member, so `{key}` must be a block of its own"
                )));
            }
            found = found.or(next);
        }
        found.ok_or_else(|| de::Error::custom("a content block is empty"))
    }
}
