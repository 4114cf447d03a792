//! The wire format as it is read: borrowed, every member optional, unknown members kept.
//!
//! Source: the Ollama OpenAPI description and the server's own Go types, which know more members than it does
//! (`id` and `index` of calls, `tool_name`, `tool_call_id`, `truncate`, `shift`, `tool_calls` of generate).

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;

use crate::ir::{Members, Number, Text};

/// Puts the member's name in front of what is wrong with it.
fn named<T, E: de::Error>(key: &str, value: Result<T, E>) -> Result<T, E> {
    value.map_err(|error| E::custom(format_args!("`{key}`: {error}")))
}

/// A JSON object whose known members are read straight into their types and whose unknown members are kept raw, in one
/// pass over the text (serde's `flatten` would build a tree first, and would lose raw values).
macro_rules! object {
    ($(#[$doc:meta])* $name:ident<$life:lifetime> { $($key:literal => $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Default)]
        pub(super) struct $name<$life> {
            $(pub(super) $field: Option<$type>,)*
            pub(super) extra: Members<$life>,
        }

        impl<'de: $life, $life> Deserialize<'de> for $name<$life> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;

                impl<'de> de::Visitor<'de> for Visitor {
                    type Value = $name<'de>;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<$name<'de>, A::Error> {
                        let mut object = $name::default();
                        while let Some(key) = map.next_key::<Text<'de>>()? {
                            match &*key {
                                $($key => object.$field = named($key, map.next_value())?,)*
                                _ => {
                                    let value: &'de RawValue = named(&key, map.next_value())?;
                                    object.extra.push((key, Cow::Borrowed(value)));
                                }
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

object! {
    /// `POST /api/chat`.
    Chat<'a> {
        "model" => model: Text<'a>,
        "messages" => messages: Vec<Message<'a>>,
        "tools" => tools: Vec<Tool<'a>>,
        "stream" => stream: bool,
        "format" => format: &'a RawValue,
        "options" => options: Options<'a>,
        "think" => think: &'a RawValue,
        "logprobs" => logprobs: bool,
        "top_logprobs" => top_logprobs: u64,
    }
}

object! {
    /// `POST /api/generate`. What only it has stays in `extra`: see [`super::request::GENERATE_ONLY`].
    Generate<'a> {
        "model" => model: Text<'a>,
        "prompt" => prompt: Text<'a>,
        "system" => system: Text<'a>,
        "images" => images: Vec<Text<'a>>,
        "stream" => stream: bool,
        "format" => format: &'a RawValue,
        "options" => options: Options<'a>,
        "think" => think: &'a RawValue,
        "logprobs" => logprobs: bool,
        "top_logprobs" => top_logprobs: u64,
    }
}

object! {
    /// One message, of a request or an answer.
    Message<'a> {
        "role" => role: Text<'a>,
        "content" => content: Text<'a>,
        "thinking" => thinking: Text<'a>,
        "images" => images: Vec<Text<'a>>,
        "tool_calls" => tool_calls: Vec<ToolCall<'a>>,
        "tool_name" => tool_name: Text<'a>,
        "tool_call_id" => tool_call_id: Text<'a>,
    }
}

object! {
    /// One call. `type` is no member of the dialect, but OpenAI-minded clients send it.
    ToolCall<'a> {
        "id" => id: Text<'a>,
        "type" => kind: Text<'a>,
        "function" => function: Called<'a>,
    }
}

object! {
    /// What is called. `index` is the position of the call among those of its message.
    Called<'a> {
        "index" => index: &'a RawValue,
        "name" => name: Text<'a>,
        "arguments" => arguments: &'a RawValue,
    }
}

object! {
    /// One tool on offer.
    Tool<'a> {
        "type" => kind: Text<'a>,
        "function" => function: Function<'a>,
    }
}

object! {
    /// The function of a tool.
    Function<'a> {
        "name" => name: Text<'a>,
        "description" => description: Text<'a>,
        "parameters" => parameters: &'a RawValue,
    }
}

object! {
    /// Those of the options that other dialects have too.
    Options<'a> {
        "temperature" => temperature: Number<'a>,
        "top_p" => top_p: Number<'a>,
        "top_k" => top_k: Number<'a>,
        "min_p" => min_p: Number<'a>,
        "repeat_penalty" => repeat_penalty: Number<'a>,
        "presence_penalty" => presence_penalty: Number<'a>,
        "frequency_penalty" => frequency_penalty: Number<'a>,
        "seed" => seed: Number<'a>,
        "num_predict" => num_predict: Number<'a>,
        "stop" => stop: Texts<'a>,
    }
}

object! {
    /// A whole answer or one line of a stream, of chat (`message`) or generate (`response` and its neighbours).
    Answer<'a> {
        "error" => error: &'a RawValue,
        "model" => model: Text<'a>,
        "created_at" => created_at: Text<'a>,
        "message" => message: Message<'a>,
        "response" => response: Text<'a>,
        "thinking" => thinking: Text<'a>,
        "tool_calls" => tool_calls: Vec<ToolCall<'a>>,
        "image" => image: Text<'a>,
        "done" => done: bool,
        "done_reason" => done_reason: Text<'a>,
        "prompt_eval_count" => prompt_eval_count: u64,
        "eval_count" => eval_count: u64,
        "logprobs" => logprobs: Vec<Logprob<'a>>,
    }
}

object! {
    /// The log probability of one token, and of what could have stood in its place.
    Logprob<'a> {
        "token" => token: Text<'a>,
        "logprob" => logprob: &'a RawValue,
        "bytes" => bytes: &'a RawValue,
        "top_logprobs" => top_logprobs: Vec<Logprob<'a>>,
    }
}

impl<'a> Answer<'a> {
    /// The same answer in the shape of chat.
    pub(super) fn into_chat(mut self) -> Self {
        let message = self.message.get_or_insert_default();
        message.content = message.content.take().or(self.response.take());
        message.thinking = message.thinking.take().or(self.thinking.take());
        message.tool_calls = message.tool_calls.take().or(self.tool_calls.take());
        if let Some(image) = self.image.take() {
            message.images.get_or_insert_default().push(image);
        }
        self
    }
}

/// One text or several: the description allows both.
#[derive(Debug)]
pub(super) struct Texts<'a>(pub(super) Vec<Text<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Texts<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?.get();
        let texts = if raw.starts_with('[') {
            serde_json::from_str(raw)
        } else {
            serde_json::from_str(raw).map(|text| vec![text])
        };
        texts.map(Self).map_err(|_| de::Error::custom("expected a string or a list of strings"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_named() {
        let error = |body: &str| serde_json::from_str::<Chat<'_>>(body).unwrap_err().to_string();
        assert_eq!(
            error(r#"{"messages":[{"content":7}]}"#),
            "`messages`: `content`: invalid type: integer `7`, expected a string at line 1 column 25"
        );
        assert_eq!(
            error(r#"{"options":{"top_k":"x"}}"#),
            "`options`: `top_k`: expected a number at line 1 column 24"
        );
        assert_eq!(
            error(r#"{"options":{"stop":{}}}"#),
            "`options`: `stop`: expected a string or a list of strings at line 1 column 22"
        );
    }

    #[test]
    fn nothing_is_copied_and_nothing_unknown_is_lost() {
        let chat: Chat<'_> = serde_json::from_str(
            r#"{"model":"m","new":{"a":[1, 2]},"messages":[{"role":"user","images":["iVBOR"],"name":"x"}]}"#,
        )
        .unwrap();
        assert_eq!(chat.extra[0].0, "new");
        assert_eq!(chat.extra[0].1.get(), r#"{"a":[1, 2]}"#);
        let message = &chat.messages.as_ref().unwrap()[0];
        assert!(matches!(message.images.as_ref().unwrap()[0], Text(Cow::Borrowed("iVBOR"))));
        assert_eq!(message.extra[0].0, "name");
    }
}
