//! Reads the JSON of the dialect: known members typed and borrowed, unknown members kept as they were spelled.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;

use crate::ir::{Members, Number, Text};

/// Declares an object of the dialect. Every member is optional, `null` counts as absent, and what is not declared goes
/// to `extra`: serde's own `flatten` would copy all of it and cannot borrow raw JSON.
macro_rules! object {
    ($(#[$meta:meta])* $name:ident { $($key:literal $field:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Default)]
        pub(super) struct $name<'a> {
            $(pub(super) $field: Option<$type>,)*
            pub(super) extra: Members<'a>,
        }

        impl<'de: 'a, 'a> Deserialize<'de> for $name<'a> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;

                impl<'de> de::Visitor<'de> for Visitor {
                    type Value = $name<'de>;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                        let mut object = $name::default();
                        while let Some(key) = map.next_key::<Text<'de>>()? {
                            match &*key {
                                $($key => object.$field = map.next_value().map_err(|error| within($key, &error))?,)*
                                _ => keep(&mut object.extra, key, map.next_value()?),
                            }
                        }
                        Ok(object)
                    }
                }

                deserializer.deserialize_map(Visitor)
            }
        }
    };
}

/// The error of a member, with the member named. Its position is left out: it is added once, at the top.
fn within<E: de::Error>(key: &str, error: &E) -> E {
    E::custom(format_args!("`{key}`: {}", reason(error)))
}

/// What serde has against a value, without the position.
pub(super) fn reason(error: &impl fmt::Display) -> String {
    let mut text = error.to_string();
    text.truncate(text.find(" at line ").unwrap_or(text.len()));
    text
}

/// Keeps a member nobody declared, unless it says nothing.
fn keep<'a>(extra: &mut Members<'a>, key: Text<'a>, value: &'a RawValue) {
    if value.get() != "null" {
        extra.push((key, Cow::Borrowed(value)));
    }
}

object! {
    /// A request. Source: the OpenAI API description, schema `CreateResponse`; the two penalties are in the Open
    /// Responses specification only.
    Body {
        "model" model: Text<'a>,
        "input" input: TextOr<'a>,
        "instructions" instructions: Text<'a>,
        "stream" stream: bool,
        "tools" tools: Vec<&'a RawValue>,
        "tool_choice" tool_choice: &'a RawValue,
        "parallel_tool_calls" parallel_tool_calls: bool,
        "text" text: TextSettings<'a>,
        "reasoning" reasoning: ReasoningSettings<'a>,
        "max_output_tokens" max_output_tokens: u64,
        "top_logprobs" top_logprobs: u64,
        "include" include: Vec<Text<'a>>,
        "temperature" temperature: Number<'a>,
        "top_p" top_p: Number<'a>,
        "frequency_penalty" frequency_penalty: Number<'a>,
        "presence_penalty" presence_penalty: Number<'a>,
        "service_tier" service_tier: Text<'a>,
        "user" user: Text<'a>,
        "safety_identifier" safety_identifier: Text<'a>,
        "metadata" metadata: &'a RawValue,
        "prompt_cache_key" prompt_cache_key: Text<'a>,
        "store" store: bool,
        "previous_response_id" previous_response_id: Text<'a>,
    }
}

object! {
    /// The member `text` of a request.
    TextSettings {
        "format" format: &'a RawValue,
        "verbosity" verbosity: Text<'a>,
    }
}

object! {
    /// The member `text.format` of a request.
    Format {
        "type" kind: Text<'a>,
        "name" name: Text<'a>,
        "description" description: Text<'a>,
        "schema" schema: &'a RawValue,
        "strict" strict: bool,
    }
}

object! {
    /// The member `reasoning` of a request; `generate_summary` is the old name of `summary`.
    ReasoningSettings {
        "effort" effort: Text<'a>,
        "summary" summary: Text<'a>,
        "generate_summary" generate_summary: Text<'a>,
    }
}

object! {
    /// A tool of the client.
    ClientTool {
        "type" kind: Text<'a>,
        "name" name: Text<'a>,
        "description" description: Text<'a>,
        "parameters" parameters: &'a RawValue,
        "format" format: &'a RawValue,
        "strict" strict: bool,
    }
}

object! {
    /// A `tool_choice` that is not one word, and the tools listed in one.
    Choice {
        "type" kind: Text<'a>,
        "name" name: Text<'a>,
        "mode" mode: Text<'a>,
        "tools" tools: Vec<&'a RawValue>,
    }
}

object! {
    /// A message, in any of its three forms: easy, input, output.
    Message {
        "type" kind: Text<'a>,
        "id" id: Text<'a>,
        "role" role: Text<'a>,
        "status" status: Text<'a>,
        "content" content: TextOr<'a>,
    }
}

object! {
    /// A `function_call` or `custom_tool_call`.
    Call {
        "type" kind: Text<'a>,
        "id" id: Text<'a>,
        "call_id" call_id: Text<'a>,
        "name" name: Text<'a>,
        "arguments" arguments: Text<'a>,
        "input" input: Text<'a>,
        "status" status: Text<'a>,
    }
}

object! {
    /// A `function_call_output` or `custom_tool_call_output`.
    CallOutput {
        "type" kind: Text<'a>,
        "id" id: Text<'a>,
        "call_id" call_id: Text<'a>,
        "output" output: TextOr<'a>,
        "status" status: Text<'a>,
    }
}

object! {
    /// A `reasoning` item. Only `encrypted_content` of a finished item counts: at its beginning it is a shorter value.
    Reasoning {
        "type" kind: Text<'a>,
        "id" id: Text<'a>,
        "summary" summary: Vec<Part<'a>>,
        "content" content: Vec<Part<'a>>,
        "encrypted_content" encrypted_content: Text<'a>,
        "status" status: Text<'a>,
    }
}

object! {
    /// A part of a message, of a tool's output or of a reasoning item.
    Part {
        "type" kind: Text<'a>,
        "text" text: Text<'a>,
        "annotations" annotations: Vec<&'a RawValue>,
        "logprobs" logprobs: &'a RawValue,
        "refusal" refusal: Text<'a>,
        "image_url" image_url: Text<'a>,
        "file_url" file_url: Text<'a>,
        "file_data" file_data: Text<'a>,
        "file_id" file_id: Text<'a>,
        "filename" filename: Text<'a>,
        "detail" detail: Text<'a>,
        "input_audio" input_audio: Sound<'a>,
        "prompt_cache_breakpoint" prompt_cache_breakpoint: &'a RawValue,
    }
}

object! {
    /// The sound of an `input_audio` part.
    Sound {
        "data" data: Text<'a>,
        "format" format: Text<'a>,
    }
}

object! {
    /// An annotation of an answer's text: what the kinds have in common.
    Annotation {
        "type" kind: Text<'a>,
        "url" url: Text<'a>,
        "title" title: Text<'a>,
        "filename" filename: Text<'a>,
        "start_index" start_index: u64,
        "end_index" end_index: u64,
    }
}

object! {
    /// A whole answer. Source: the OpenAI API description, schema `Response`.
    Answer {
        "id" id: Text<'a>,
        "object" object: Text<'a>,
        "model" model: Text<'a>,
        "created_at" created_at: f64,
        "status" status: Text<'a>,
        "error" error: &'a RawValue,
        "incomplete_details" incomplete_details: &'a RawValue,
        "output" output: Vec<&'a RawValue>,
        "usage" usage: &'a RawValue,
        "service_tier" service_tier: Text<'a>,
    }
}

/// What kind an item, part or tool is. Read before the rest, whose types depend on it.
#[derive(Deserialize)]
pub(super) struct Kind<'a> {
    #[serde(borrow, default)]
    pub(super) r#type: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) role: Option<Text<'a>>,
}

/// What may be one text or a list.
pub(super) enum TextOr<'a> {
    /// One text.
    Text(Text<'a>),
    /// A list of items or parts.
    List(Vec<&'a RawValue>),
}

impl<'de: 'a, 'a> Deserialize<'de> for TextOr<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = TextOr<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or an array")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(TextOr::Text(text.into()))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(TextOr::Text(text.to_owned().into()))
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut list = Vec::new();
                while let Some(value) = seq.next_element()? {
                    list.push(value);
                }
                Ok(TextOr::List(list))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}
