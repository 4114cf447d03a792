//! What Gemini's requests and answers look like on the wire, read without copying texts or media.
//!
//! Names are accepted in camelCase and in snake_case, as protobuf's JSON mapping does and clients rely on. `null` is the
//! same as absent, numbers may be spelled as strings. Members that are not listed stay in `extra`, in their order.

use std::{fmt, marker::PhantomData};

use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;

use crate::ir::{Members, Number, Text};

/// Declares a wire object: every listed member is optional and may have other spellings, the rest goes to `extra`.
macro_rules! wire {
    ($(#[$doc:meta])* struct $name:ident<$a:lifetime> { $($field:ident: $type:ty = $key:literal $(| $alias:literal)*,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Default)]
        pub(super) struct $name<$a> {
            $(pub(super) $field: Option<$type>,)*
            pub(super) extra: Members<$a>,
        }

        impl<'de: $a, $a> Deserialize<'de> for $name<$a> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;

                impl<'de> de::Visitor<'de> for Visitor {
                    type Value = $name<'de>;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                        let mut read: $name<'de> = $name::default();
                        while let Some(key) = map.next_key::<Text<'de>>()? {
                            match &*key {
                                $($key $(| $alias)* => read.$field = map.next_value().map_err(|error| within($key, &error))?,)*
                                _ => {
                                    let value: &RawValue = map.next_value()?;
                                    read.extra.push((key, std::borrow::Cow::Borrowed(value)));
                                }
                            }
                        }
                        Ok(read)
                    }
                }

                deserializer.deserialize_map(Visitor)
            }
        }
    };
}

/// The error, with the member it came up in put before it, so that the message names the whole path.
fn within<E: de::Error>(key: &str, error: &E) -> E {
    E::custom(format_args!("`{key}`: {error}"))
}

wire! {
    /// The body of `generateContent` and `streamGenerateContent`.
    struct Request<'a> {
        model: Text<'a> = "model",
        contents: Vec<Content<'a>> = "contents",
        system: Content<'a> = "systemInstruction" | "system_instruction",
        config: Config<'a> = "generationConfig" | "generation_config",
        tools: Vec<Tool<'a>> = "tools",
        tool_config: ToolConfig<'a> = "toolConfig" | "tool_config",
        service_tier: Text<'a> = "serviceTier" | "service_tier",
        store: bool = "store",
        labels: &'a RawValue = "labels",
    }
}

wire! {
    /// One turn.
    struct Content<'a> {
        role: Text<'a> = "role",
        parts: List<Part<'a>> = "parts",
    }
}

wire! {
    /// One piece of a turn. Exactly one of its data members is set, mostly the
    /// text, so that the others are boxed; a kind that is not listed here stays in `extra`.
    struct Part<'a> {
        text: Text<'a> = "text",
        thought: bool = "thought",
        signature: Text<'a> = "thoughtSignature" | "thought_signature",
        inline: Box<Blob<'a>> = "inlineData" | "inline_data",
        file: Box<File<'a>> = "fileData" | "file_data",
        call: Box<FunctionCall<'a>> = "functionCall" | "function_call",
        response: Box<FunctionResponse<'a>> = "functionResponse" | "function_response",
    }
}

wire! {
    /// Bytes in base64.
    struct Blob<'a> {
        mime: Text<'a> = "mimeType" | "mime_type",
        data: Text<'a> = "data",
        name: Text<'a> = "displayName" | "display_name",
    }
}

wire! {
    /// Bytes somewhere else.
    struct File<'a> {
        mime: Text<'a> = "mimeType" | "mime_type",
        uri: Text<'a> = "fileUri" | "file_uri",
        name: Text<'a> = "displayName" | "display_name",
    }
}

wire! {
    /// A call of a client's tool, whole or (Vertex `streamFunctionCallArguments`) in parts.
    struct FunctionCall<'a> {
        id: Text<'a> = "id",
        name: Text<'a> = "name",
        args: &'a RawValue = "args",
        partial: Vec<PartialArg<'a>> = "partialArgs" | "partial_args",
        will_continue: bool = "willContinue" | "will_continue",
    }
}

wire! {
    /// A piece of one argument.
    struct PartialArg<'a> {
        path: Text<'a> = "jsonPath" | "json_path",
        text: Text<'a> = "stringValue" | "string_value",
        number: &'a RawValue = "numberValue" | "number_value",
        flag: bool = "boolValue" | "bool_value",
        will_continue: bool = "willContinue" | "will_continue",
    }
}

wire! {
    /// What a tool gave back.
    struct FunctionResponse<'a> {
        id: Text<'a> = "id",
        name: Text<'a> = "name",
        response: &'a RawValue = "response",
        parts: Vec<Part<'a>> = "parts",
    }
}

wire! {
    /// A set of functions, or a tool of the provider (in `extra`, under its name).
    struct Tool<'a> {
        functions: Vec<Function<'a>> = "functionDeclarations" | "function_declarations",
    }
}

wire! {
    /// A tool of the client.
    struct Function<'a> {
        name: Text<'a> = "name",
        description: Text<'a> = "description",
        parameters: &'a RawValue = "parameters",
        schema: &'a RawValue = "parametersJsonSchema" | "parameters_json_schema",
    }
}

wire! {
    /// How to use the tools.
    struct ToolConfig<'a> {
        calling: Calling<'a> = "functionCallingConfig" | "function_calling_config",
    }
}

wire! {
    /// How to choose among the functions.
    struct Calling<'a> {
        mode: Text<'a> = "mode",
        names: Vec<Text<'a>> = "allowedFunctionNames" | "allowed_function_names",
    }
}

wire! {
    /// How to generate.
    struct Config<'a> {
        temperature: Number<'a> = "temperature",
        top_p: Number<'a> = "topP" | "top_p",
        top_k: Number<'a> = "topK" | "top_k",
        seed: Number<'a> = "seed",
        presence_penalty: Number<'a> = "presencePenalty" | "presence_penalty",
        frequency_penalty: Number<'a> = "frequencyPenalty" | "frequency_penalty",
        stop: Vec<Text<'a>> = "stopSequences" | "stop_sequences",
        max_tokens: Int = "maxOutputTokens" | "max_output_tokens",
        choices: Int = "candidateCount" | "candidate_count",
        with_logprobs: bool = "responseLogprobs" | "response_logprobs",
        logprobs: Int = "logprobs",
        mime: Text<'a> = "responseMimeType" | "response_mime_type",
        gemini_schema: &'a RawValue = "responseSchema" | "response_schema",
        json_schema: &'a RawValue = "responseJsonSchema" | "response_json_schema" | "_responseJsonSchema",
        modalities: Vec<Text<'a>> = "responseModalities" | "response_modalities",
        speech: &'a RawValue = "speechConfig" | "speech_config",
        thinking: Thinking<'a> = "thinkingConfig" | "thinking_config",
    }
}

wire! {
    /// How to sound.
    struct Speech<'a> {
        voice: Voice<'a> = "voiceConfig" | "voice_config",
    }
}

wire! {
    /// Which voice.
    struct Voice<'a> {
        prebuilt: Prebuilt<'a> = "prebuiltVoiceConfig" | "prebuilt_voice_config",
    }
}

wire! {
    /// A voice of the provider.
    struct Prebuilt<'a> {
        name: Text<'a> = "voiceName" | "voice_name",
    }
}

wire! {
    /// How to reason.
    struct Thinking<'a> {
        shown: bool = "includeThoughts" | "include_thoughts",
        budget: Int = "thinkingBudget" | "thinking_budget",
        level: Text<'a> = "thinkingLevel" | "thinking_level",
    }
}

wire! {
    /// A whole answer, or one event of a stream.
    struct Response<'a> {
        candidates: List<Candidate<'a>> = "candidates",
        feedback: &'a RawValue = "promptFeedback" | "prompt_feedback",
        usage: Usage<'a> = "usageMetadata" | "usage_metadata",
        model: Text<'a> = "modelVersion" | "model_version",
        id: Text<'a> = "responseId" | "response_id",
        created: Text<'a> = "createTime" | "create_time",
        error: &'a RawValue = "error",
    }
}

wire! {
    /// What matters of `promptFeedback`.
    struct Feedback<'a> {
        reason: &'a RawValue = "blockReason" | "block_reason",
    }
}

wire! {
    /// One answer of several.
    struct Candidate<'a> {
        index: Int = "index",
        content: Content<'a> = "content",
        finish: &'a RawValue = "finishReason" | "finish_reason",
        message: &'a RawValue = "finishMessage" | "finish_message",
        ratings: &'a RawValue = "safetyRatings" | "safety_ratings",
        logprobs: Box<Logprobs<'a>> = "logprobsResult" | "logprobs_result",
        grounding: &'a RawValue = "groundingMetadata" | "grounding_metadata",
    }
}

wire! {
    /// Log probabilities of a candidate.
    struct Logprobs<'a> {
        chosen: Vec<Token<'a>> = "chosenCandidates" | "chosen_candidates",
        top: Vec<TopTokens<'a>> = "topCandidates" | "top_candidates",
    }
}

wire! {
    /// The alternatives at one step.
    struct TopTokens<'a> {
        candidates: Vec<Token<'a>> = "candidates",
    }
}

wire! {
    /// One token and how probable it was.
    struct Token<'a> {
        token: Text<'a> = "token",
        logprob: &'a RawValue = "logProbability" | "log_probability",
    }
}

wire! {
    /// What the answer rests on.
    struct Grounding<'a> {
        chunks: Vec<GroundingChunk<'a>> = "groundingChunks" | "grounding_chunks",
        supports: Vec<Support<'a>> = "groundingSupports" | "grounding_supports",
    }
}

wire! {
    /// One source.
    struct GroundingChunk<'a> {
        web: Place<'a> = "web",
        maps: Place<'a> = "maps",
        retrieved: Place<'a> = "retrievedContext" | "retrieved_context",
    }
}

wire! {
    /// Where a source is found.
    struct Place<'a> {
        uri: Text<'a> = "uri",
        title: Text<'a> = "title",
    }
}

wire! {
    /// Which words rest on which sources.
    struct Support<'a> {
        segment: Segment<'a> = "segment",
        chunks: Vec<Int> = "groundingChunkIndices" | "grounding_chunk_indices",
    }
}

wire! {
    /// A stretch of one part, counted in bytes.
    struct Segment<'a> {
        part: Int = "partIndex" | "part_index",
        start: Int = "startIndex" | "start_index",
        end: Int = "endIndex" | "end_index",
        text: Text<'a> = "text",
    }
}

wire! {
    /// What was consumed. Source: discovery documents, `UsageMetadata`.
    struct Usage<'a> {
        prompt: Int = "promptTokenCount" | "prompt_token_count",
        cached: Int = "cachedContentTokenCount" | "cached_content_token_count",
        candidates: Int = "candidatesTokenCount" | "candidates_token_count",
        tool_prompt: Int = "toolUsePromptTokenCount" | "tool_use_prompt_token_count",
        thoughts: Int = "thoughtsTokenCount" | "thoughts_token_count",
        total: Int = "totalTokenCount" | "total_token_count",
        prompt_details: Vec<Modality<'a>> = "promptTokensDetails" | "prompt_tokens_details",
        candidates_details: Vec<Modality<'a>> = "candidatesTokensDetails" | "candidates_tokens_details",
        cache_details: Vec<Modality<'a>> = "cacheTokensDetails" | "cache_tokens_details",
        tool_details: Vec<Modality<'a>> = "toolUsePromptTokensDetails" | "tool_use_prompt_tokens_details",
        tier: Text<'a> = "serviceTier" | "service_tier",
    }
}

wire! {
    /// Tokens of one modality.
    struct Modality<'a> {
        modality: &'a RawValue = "modality",
        count: Int = "tokenCount" | "token_count",
    }
}

wire! {
    /// An error answer.
    struct ErrorBody<'a> {
        error: &'a RawValue = "error",
    }
}

wire! {
    /// Google's error object (`google.rpc.Status`).
    struct Status<'a> {
        code: &'a RawValue = "code",
        message: Text<'a> = "message",
        status: Text<'a> = "status",
        details: Vec<Detail<'a>> = "details",
    }
}

wire! {
    /// The members that matter of the detail types `ErrorInfo` and `BadRequest`.
    struct Detail<'a> {
        reason: Text<'a> = "reason",
        violations: Vec<Violation<'a>> = "fieldViolations" | "field_violations",
    }
}

wire! {
    /// One field that is at fault.
    struct Violation<'a> {
        field: Text<'a> = "field",
    }
}

/// A list that mostly has one item: that is what it allocates room for at first, because the items are large and there is
/// one list in every event of a stream.
#[derive(Debug)]
pub(super) struct List<T>(pub(super) Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> IntoIterator for List<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'l, T> IntoIterator for &'l List<T> {
    type Item = &'l T;
    type IntoIter = std::slice::Iter<'l, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> de::Visitor<'de> for Visitor<T> {
            type Value = List<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a sequence")
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    if items.is_empty() {
                        items.reserve_exact(1);
                    }
                    items.push(item);
                }
                Ok(List(items))
            }
        }

        deserializer.deserialize_seq(Visitor(PhantomData))
    }
}

/// A whole number, which protobuf's JSON mapping also allows as a string or with a fraction of zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Int(pub(super) i64);

impl Int {
    /// The number as a count; nothing is counted below zero.
    pub(super) fn count(self) -> u64 {
        u64::try_from(self.0).unwrap_or(0)
    }
}

impl<'de> Deserialize<'de> for Int {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Int;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Int, E> {
                Ok(Int(number))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Int, E> {
                Ok(Int(i64::try_from(number).unwrap_or(i64::MAX)))
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Int, E> {
                let whole = number as i64;
                if whole as f64 == number {
                    Ok(Int(whole))
                } else {
                    Err(E::invalid_value(de::Unexpected::Float(number), &self))
                }
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Int, E> {
                text.parse().map(Int).map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

/// A JSON object as its members, in order; `None` for any other value.
pub(super) fn members(raw: &RawValue) -> Option<Vec<(Text<'_>, &RawValue)>> {
    struct Entries<'a>(Vec<(Text<'a>, &'a RawValue)>);

    impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Visitor;

            impl<'de> de::Visitor<'de> for Visitor {
                type Value = Vec<(Text<'de>, &'de RawValue)>;

                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("an object")
                }

                fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                    let mut entries = Vec::new();
                    while let Some(entry) = map.next_entry()? {
                        entries.push(entry);
                    }
                    Ok(entries)
                }
            }

            deserializer.deserialize_map(Visitor).map(Entries)
        }
    }

    if !raw.get().starts_with('{') {
        return None;
    }
    serde_json::from_str::<Entries<'_>>(raw.get()).ok().map(|entries| entries.0)
}

/// The text, if the value is a string.
pub(super) fn string(raw: &RawValue) -> Option<Text<'_>> {
    serde_json::from_str(raw.get()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_and_odd_numbers_are_read() {
        let config: Config<'_> = serde_json::from_str(
            r#"{"max_output_tokens":"7","candidateCount":2.0,"logprobs":null,"top_p":0.50,"mediaResolution":"X"}"#,
        )
        .unwrap();
        assert_eq!((config.max_tokens, config.choices, config.logprobs), (Some(Int(7)), Some(Int(2)), None));
        assert_eq!(config.top_p.unwrap().0.get(), "0.50");
        assert_eq!(config.extra[0].0, "mediaResolution");
    }

    #[test]
    fn an_error_names_the_way_to_its_field() {
        let error =
            serde_json::from_str::<Request<'_>>(r#"{"contents":[{"parts":[{"text":3}]}]}"#).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`contents`: `parts`: `text`: invalid type: integer `3`, expected a string at line 1 column 32"
        );
    }
}
