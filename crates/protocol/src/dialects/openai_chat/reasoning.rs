//! The names under which servers of this dialect spell reasoning, and how it finds back to the same name.
//!
//! OpenAI itself shows none. DeepSeek, Z.ai, vLLM and others have `reasoning_content`; Ollama, Groq and OpenRouter
//! `reasoning`; OpenRouter also `reasoning_details`, which carry proofs; Mistral puts parts into `content`. Some of
//! them want it back on the next turn, under the same name: so a thinking block from an answer bears a signature that
//! is the name, or the details themselves as JSON.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{NAME, object::read};
use crate::ir::{Content, Request, Signature, Text, Thinking};

/// It came as `reasoning_content`.
pub(super) const AS_CONTENT: &str = "reasoning_content";
/// It came as `reasoning`.
pub(super) const AS_REASONING: &str = "reasoning";
/// It came as parts of `content`.
pub(super) const AS_PART: &str = "content";
/// OpenRouter's list, which carries proofs too.
const DETAILS: &str = "reasoning_details";

/// Whether a signature only says under which name the reasoning came.
pub(super) fn is_name(signature: &str) -> bool {
    [AS_CONTENT, AS_REASONING, AS_PART].contains(&signature)
}

/// Whether a member of a delta, its raw key with quotes, is thinking and nothing else. No other member is read.
pub(super) fn is_only_thinking(key: &[u8], value: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Part<'a> {
        #[serde(borrow, rename = "type", default)]
        kind: Text<'a>,
    }
    let name = key.get(1..key.len().saturating_sub(1)).unwrap_or_default();
    if name == AS_PART.as_bytes() {
        return value.first() == Some(&b'[')
            && serde_json::from_slice::<Vec<Part<'_>>>(value)
                .is_ok_and(|parts| parts.iter().all(|part| *part.kind == *"thinking"));
    }
    [AS_CONTENT, AS_REASONING, DETAILS].iter().any(|thinking| name == thinking.as_bytes())
}

/// One of OpenRouter's `reasoning_details`.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Detail<'a> {
    #[serde(borrow, rename = "type", default)]
    pub(super) kind: Text<'a>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) format: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) index: Option<u64>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) summary: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) data: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) signature: Option<Text<'a>>,
}

impl<'a> Detail<'a> {
    /// What of it can be read.
    pub(super) fn readable(&self) -> Option<&Text<'a>> {
        self.text.as_ref().or(self.summary.as_ref())
    }

    /// Length of its texts and proofs in bytes.
    pub(super) fn len(&self) -> usize {
        [&self.text, &self.summary, &self.data, &self.signature]
            .into_iter()
            .flatten()
            .map(|text| text.len())
            .sum()
    }

    fn into_owned(self) -> Detail<'static> {
        let own = |text: Option<Text<'_>>| text.map(Text::into_owned);
        Detail {
            kind: self.kind.into_owned(),
            id: own(self.id),
            format: own(self.format),
            index: self.index,
            text: own(self.text),
            summary: own(self.summary),
            data: own(self.data),
            signature: own(self.signature),
        }
    }
}

/// Adds the details of one chunk to those before: a text that goes on is one detail.
pub(super) fn add_details(all: &mut Vec<Detail<'static>>, more: Vec<Detail<'_>>) {
    for detail in more {
        let before = all.last_mut().filter(|before| {
            before.kind == *detail.kind
                && before.index == detail.index
                && before.data.is_none()
                && detail.data.is_none()
        });
        let Some(before) = before else {
            all.push(detail.into_owned());
            continue;
        };
        let append = |to: &mut Option<Text<'static>>, more: Option<Text<'_>>| match (to, more) {
            (Some(to), Some(more)) => to.0.to_mut().push_str(&more),
            (to, Some(more)) => *to = Some(more.into_owned()),
            (_, None) => {}
        };
        append(&mut before.text, detail.text);
        append(&mut before.summary, detail.summary);
        let own = |text: Option<Text<'_>>| text.map(Text::into_owned);
        before.signature = own(detail.signature).or(before.signature.take());
        before.id = own(detail.id).or(before.id.take());
        before.format = own(detail.format).or(before.format.take());
    }
}

/// The reasoning of one whole message. In an answer plain `reasoning_content` gets its name as a signature; in a
/// request it gets none, since clients are given everybody's reasoning under that name.
pub(super) fn thinking<'a>(
    content: Option<Text<'a>>,
    reasoning: Option<Text<'a>>,
    details: Option<&'a RawValue>,
    is_answer: bool,
) -> Vec<Thinking<'a>> {
    let full = |text: &Text<'_>| !text.is_empty();
    let (content, reasoning) = (content.filter(full), reasoning.filter(full));
    let list: Vec<Detail<'a>> = details.and_then(read).unwrap_or_default();
    if let Some(raw) = details.filter(|_| !list.is_empty()) {
        return with_details(reasoning.or(content), list, raw);
    }
    let (text, name) = match (content, reasoning) {
        (Some(text), _) => (text, is_answer.then_some(AS_CONTENT)),
        (None, Some(text)) => (text, Some(AS_REASONING)),
        (None, None) => return Vec::new(),
    };
    let signature = name.map(|name| Signature::new(NAME, name));
    vec![Thinking { text, signature, ..Thinking::default() }]
}

fn with_details<'a>(text: Option<Text<'a>>, list: Vec<Detail<'a>>, raw: &'a RawValue) -> Vec<Thinking<'a>> {
    let is_ours = |proof: &Text<'a>| Signature::read(NAME, proof.borrowed()).origin == *NAME;
    let is_tagged =
        |detail: &Detail<'a>| detail.signature.iter().chain(&detail.data).any(|proof| !is_ours(proof));
    if list.iter().any(is_tagged) {
        return list.into_iter().map(from_gateway).collect();
    }
    let text = text.unwrap_or_else(|| {
        let texts: Vec<&str> =
            list.iter().filter_map(|detail| detail.readable().map(|text| &**text)).collect();
        match texts[..] {
            [_] => list.first().and_then(Detail::readable).cloned().unwrap_or_default(),
            _ => texts.concat().into(),
        }
    });
    let is_summary = list.iter().any(|detail| detail.summary.is_some());
    let is_redacted = text.is_empty();
    vec![Thinking {
        text,
        is_summary,
        is_redacted,
        signature: Some(Signature::new(NAME, raw.get())),
        item: None,
    }]
}

/// A detail that [`foreign_details`] wrote for the client.
fn from_gateway(detail: Detail<'_>) -> Thinking<'_> {
    let is_summary = detail.summary.is_some();
    let is_redacted = detail.data.is_some();
    let proof = detail.signature.or(detail.data);
    Thinking {
        text: detail.text.or(detail.summary).unwrap_or_default(),
        is_summary,
        is_redacted,
        signature: proof.map(|proof| Signature::read(NAME, proof)),
        item: None,
    }
}

/// Whether the client itself speaks `reasoning_details`: then it gets its answers with them too.
pub(super) fn client_speaks_details(request: &Request<'_>) -> bool {
    let has_details = |content: &Content<'_>| match content {
        Content::Thinking(thinking) => home_details(thinking).is_some(),
        _ => false,
    };
    request.origin == NAME
        && request
            .messages
            .iter()
            .flat_map(|message| &message.blocks)
            .any(|block| has_details(&block.content))
}

/// Why a proof is lost: most clients have no place for it.
pub(super) const NO_PROOFS: &str = "no place for a proof of reasoning";

/// True for a proof that a client which keeps no details has no place for. This dialect's own signatures say under which
/// name reasoning came, and its answers with details go to its clients untouched.
pub(super) fn is_lost_proof(signature: &Signature<'_>) -> bool {
    signature.at_home(NAME).is_none()
}

/// The `reasoning_details` that prove this thinking, if a server of this dialect gave them.
pub(super) fn home_details<'t>(thinking: &'t Thinking<'_>) -> Option<Vec<&'t RawValue>> {
    let value = thinking.signature.as_ref()?.at_home(NAME)?;
    value.starts_with('[').then(|| serde_json::from_str(value).ok())?
}

/// One detail that carries another dialect's proof through a client that keeps details.
pub(super) fn foreign_detail(thinking: &Thinking<'_>) -> Option<Detail<'static>> {
    let proof =
        thinking.signature.as_ref().filter(|signature| signature.origin != *NAME)?.write(NAME).into_owned();
    let text = (!thinking.text.is_empty()).then(|| thinking.text.borrowed().into_owned());
    Some(if thinking.is_redacted {
        Detail { kind: "reasoning.encrypted".into(), data: Some(proof), ..Detail::default() }
    } else if thinking.is_summary {
        let kind = "reasoning.summary".into();
        Detail { kind, summary: text, signature: Some(proof), ..Detail::default() }
    } else {
        Detail { kind: "reasoning.text".into(), text, signature: Some(proof), ..Detail::default() }
    })
}
