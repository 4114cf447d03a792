//! Turns a whole answer back, and whatever else comes back instead of one.

use serde_json::value::RawValue;

use super::{Mask, proof};
use crate::ir::{
    Block, Citation, Content, Fault, Losses, Media, Members, Raw, Response, Source, Stop, Text, Thinking,
    ToolKind, ToolUse,
};

impl Mask {
    /// Turns a whole answer back.
    pub fn response(&self, response: &mut Response<'_>) {
        if self.is_idle() {
            return;
        }
        for choice in &mut response.choices {
            self.blocks_back(&mut choice.blocks);
            if let Some(stop) = &mut choice.stop {
                self.stop_back(stop);
            }
            if let Some(logprobs) = &mut choice.logprobs {
                self.raw_back(logprobs);
            }
            self.members_back(&mut choice.extra);
        }
        self.members_back(&mut response.extra);
    }

    /// Turns back what is said of a failure: providers quote requests.
    pub fn fault(&self, fault: &mut Fault) {
        let put = |text: &mut String| {
            if let Some(restored) = self.restored(text) {
                *text = restored;
            }
        };
        put(&mut fault.public);
        put(&mut fault.detail);
        if let Some(complaint) = &mut fault.complaint {
            for text in
                [&mut complaint.kind, &mut complaint.code, &mut complaint.param, &mut complaint.message]
            {
                text.iter_mut().for_each(put);
            }
        }
        if let Some(body) = fault.body.as_deref().and_then(|body| self.json_answer(body)) {
            fault.body = Some(body.into());
        }
    }

    /// Turns back the names in `losses`.
    pub fn losses(&self, losses: &mut Losses) {
        if !self.is_idle() {
            losses.respell(&|text| self.restored(text));
        }
    }

    fn blocks_back(&self, blocks: &mut [Block<'_>]) {
        for block in blocks {
            match &mut block.content {
                Content::Text { text, citations } => {
                    self.text_back(text);
                    citations.iter_mut().for_each(|citation| self.citation_back(citation));
                }
                Content::Image(media)
                | Content::Document(media)
                | Content::Audio(media)
                | Content::Video(media) => self.media_back(media),
                Content::ToolUse(call) => self.call_back(call),
                Content::ToolResult(result) => {
                    self.text_back(&mut result.id);
                    self.maybe_back(&mut result.name);
                    self.blocks_back(&mut result.blocks);
                }
                Content::Thinking(thinking) => self.thinking_back(thinking),
                Content::Refusal(text) => self.text_back(text),
                Content::Foreign { raw, .. } => self.raw_back(raw),
            }
            self.members_back(&mut block.extra);
        }
    }

    fn thinking_back(&self, thinking: &mut Thinking<'_>) {
        if let Some(signature) = &thinking.signature
            && !self.comes_back(&thinking.text)
        {
            thinking.signature = Some(proof::with_text(signature, &thinking.text));
        }
        self.text_back(&mut thinking.text);
    }

    fn media_back(&self, media: &mut Media<'_>) {
        match &mut media.source {
            Source::Text(text) | Source::Url(text) => self.text_back(text),
            Source::Blocks(blocks) => self.blocks_back(blocks),
            Source::Base64(_) | Source::File(_) => {}
        }
        self.maybe_back(&mut media.name);
        self.maybe_back(&mut media.context);
    }

    fn call_back(&self, call: &mut ToolUse<'_>) {
        self.text_back(&mut call.id);
        self.text_back(&mut call.name);
        let restored = match call.kind {
            ToolKind::Function => self.restored_json(&call.input),
            ToolKind::Custom => self.restored(&call.input),
        };
        put(&mut call.input, restored);
    }

    pub(super) fn citation_back(&self, citation: &mut Citation<'_>) {
        self.maybe_back(&mut citation.text);
        self.maybe_back(&mut citation.url);
        self.maybe_back(&mut citation.title);
        self.raw_back(&mut citation.raw);
    }

    pub(super) fn stop_back(&self, stop: &mut Stop<'_>) {
        self.maybe_back(&mut stop.sequence);
        if let Some(details) = &mut stop.details {
            self.raw_back(details);
        }
    }

    fn members_back(&self, members: &mut Members<'_>) {
        for (_, raw) in members {
            self.raw_back(raw);
        }
    }

    pub(super) fn raw_back(&self, raw: &mut Raw<'_>) {
        let restored = self.restored_json(raw.get()).and_then(|text| RawValue::from_string(text).ok());
        if let Some(restored) = restored {
            *raw = Raw::Owned(restored);
        }
    }

    fn maybe_back(&self, text: &mut Option<Text<'_>>) {
        if let Some(text) = text {
            self.text_back(text);
        }
    }

    pub(super) fn text_back(&self, text: &mut Text<'_>) {
        let restored = self.restored(text);
        put(text, restored);
    }
}

fn put(text: &mut Text<'_>, restored: Option<String>) {
    if let Some(restored) = restored {
        *text = restored.into();
    }
}
