//! What an assistant's message of a request has beside its content: calls, reasoning, refusal, citations.

use std::collections::HashMap;

use serde_json::value::RawValue;

use super::{
    NAME,
    object::{Writer, list_into, object_into, put},
    reasoning,
};
use crate::ir::{Block, Citation, Members, Text, Thinking, ToolKind, ToolUse};

/// What an assistant's message has beside its content.
#[derive(Default)]
pub(super) struct Assistant<'r> {
    pub(super) refusal: Option<&'r Text<'r>>,
    /// The id of sound, and the words it says.
    pub(super) audio: Option<(&'r Text<'r>, Option<&'r Text<'r>>)>,
    pub(super) annotations: Vec<&'r Citation<'r>>,
    pub(super) reasoning: Reasoning<'r>,
    pub(super) calls: Vec<(&'r Block<'r>, &'r ToolUse<'r>)>,
}

impl Assistant<'_> {
    /// True if there is nothing beside the content.
    pub(super) fn is_empty(&self) -> bool {
        self.refusal.is_none()
            && self.audio.is_none()
            && self.annotations.is_empty()
            && self.reasoning.is_empty()
            && self.calls.is_empty()
    }

    /// Writes it; kept members are those of this dialect, or none.
    pub(super) fn write(
        &self,
        object: &mut Writer<'_>,
        extra: &Members<'_>,
        legacy: bool,
        ids: &HashMap<&str, String>,
    ) {
        object.put_some("refusal", self.refusal.as_ref());
        self.reasoning.write(object);
        if let Some((id, transcript)) = self.audio {
            object.object("audio", |object| {
                object.put("id", id);
                object.put_some("transcript", transcript.as_ref());
                object.inner_extra(extra, "audio");
            });
        }
        if !self.annotations.is_empty() {
            list_into(object.value("annotations"), &self.annotations, |out, citation| {
                put(out, &citation.raw)
            });
        }
        match &self.calls[..] {
            [] => {}
            [(block, call)] if legacy => object.object("function_call", |object| {
                object.put("name", &call.name);
                object.put("arguments", &call.input);
                object.inner_extra(&block.extra, "function");
            }),
            calls => list_into(object.value("tool_calls"), calls, |out, (block, call)| {
                let id = ids.get(&*call.id).map_or(&*call.id, String::as_str);
                object_into(out, |object| tool_call(object, id, call, &block.extra));
            }),
        }
        object.extra(extra, &["audio"]);
    }
}

/// Writes the members of one call; kept members are those of this dialect, or none.
pub(super) fn tool_call(object: &mut Writer<'_>, id: &str, call: &ToolUse<'_>, extra: &Members<'_>) {
    object.put("id", id);
    match call.kind {
        ToolKind::Function => {
            object.put("type", "function");
            object.object("function", |object| {
                object.put("name", &call.name);
                object.put("arguments", if call.input.is_empty() { "{}" } else { &*call.input });
                object.inner_extra(extra, "function");
            });
        }
        ToolKind::Custom => {
            object.put("type", "custom");
            object.object("custom", |object| {
                object.put("name", &call.name);
                object.put("input", &call.input);
                object.inner_extra(extra, "custom");
            });
        }
    }
    extra_content(object, call);
    object.extra(extra, &["function", "custom"]);
}

/// Writes the proof that Google's server of this dialect keeps at a call.
pub(super) fn extra_content(object: &mut Writer<'_>, call: &ToolUse<'_>) {
    let proof = call.signature.as_ref().and_then(|signature| signature.at_home(NAME));
    if let Some(raw) = proof.and_then(|text| serde_json::from_str::<&RawValue>(text).ok()) {
        object.put("extra_content", raw);
    }
}

/// The reasoning of one message, sorted by the names it goes back under.
#[derive(Default)]
pub(super) struct Reasoning<'r> {
    content: Vec<&'r str>,
    plain: Vec<&'r str>,
    details: Vec<&'r RawValue>,
}

impl<'r> Reasoning<'r> {
    /// Takes thinking that a server of this dialect gave; that of others nobody here could use.
    pub(super) fn add(&mut self, thinking: &'r Thinking<'r>, home: bool) -> Result<(), &'static str> {
        let proof = match &thinking.signature {
            None if home => Some(reasoning::AS_CONTENT),
            None => None,
            Some(signature) => signature.at_home(NAME),
        };
        match proof {
            None if thinking.signature.is_some() => return Err("reasoning proof of another provider"),
            None => return Err("reasoning of another provider"),
            Some(reasoning::AS_CONTENT) => self.content.push(&thinking.text),
            Some(reasoning::AS_REASONING) => self.plain.push(&thinking.text),
            Some(_) => {
                let details = reasoning::home_details(thinking).ok_or("a reasoning proof nobody can read")?;
                self.details.extend(details);
                self.plain.push(&thinking.text);
            }
        }
        Ok(())
    }

    fn is_empty(&self) -> bool {
        self.details.is_empty()
            && [&self.content, &self.plain].into_iter().flatten().all(|text| text.is_empty())
    }

    fn write(&self, object: &mut Writer<'_>) {
        for (name, texts) in [(reasoning::AS_CONTENT, &self.content), (reasoning::AS_REASONING, &self.plain)]
        {
            if texts.iter().any(|text| !text.is_empty()) {
                object.put(name, &texts.join("\n\n"));
            }
        }
        if !self.details.is_empty() {
            list_into(object.value("reasoning_details"), &self.details, put);
        }
    }
}
