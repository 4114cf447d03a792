//! Walks a request and covers the words in all that a model or a provider reads of it.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde_json::value::RawValue;

use super::{
    Mask, Parts,
    json::{self, Of},
    proof,
};
use crate::ir::{
    Block, Citation, Content, Media, Members, Message, OutputFormat, Raw, Request, Role, Source, Text,
    Thinking, Tool, ToolChoice, ToolKind, ToolUse,
};

impl Parts {
    /// Puts the operator's system prompt where it belongs.
    pub(super) fn put_system(&self, request: &mut Request<'_>) {
        let Some(system) = &self.system else { return };
        if system.replaces {
            request.system.clear();
            request.messages.retain(|message| !matches!(message.role, Role::System | Role::Developer));
        }
        request.system.insert(0, Content::text(system.text.clone()).into());
    }
}

impl Mask {
    /// Covers all words in `request`.
    pub(super) fn cover_request(&mut self, request: &mut Request<'_>) {
        // Signed text comes apart from its proof even where no words are listed any more.
        for block in request.messages.iter_mut().flat_map(|message| &mut message.blocks) {
            if let Content::Thinking(thinking) = &mut block.content {
                self.thinking(thinking);
            }
        }
        if self.is_idle() {
            return;
        }
        self.blocks(&mut request.system);
        for message in &mut request.messages {
            self.message(message);
        }
        for tool in &mut request.tools {
            self.tool(tool);
        }
        match &mut request.tool_choice {
            Some(ToolChoice::Named(name)) => self.text(name),
            Some(ToolChoice::Allowed { names, .. }) => names.iter_mut().for_each(|name| self.text(name)),
            Some(ToolChoice::Foreign { raw, .. }) => self.raw(raw, Of::Api),
            Some(ToolChoice::Auto | ToolChoice::None | ToolChoice::Required) | None => {}
        }
        if let Some(OutputFormat::Schema { name, description, schema, .. }) = &mut request.format {
            self.maybe(name);
            self.maybe(description);
            self.raw(schema, Of::People);
        }
        request.sampling.stop.iter_mut().for_each(|stop| self.text(stop));
        self.maybe(&mut request.user);
        self.maybe(&mut request.cache_key);
        if let Some(metadata) = &mut request.metadata {
            self.raw(metadata, Of::People);
        }
        self.members(&mut request.extra);
    }

    fn message(&mut self, message: &mut Message<'_>) {
        self.maybe(&mut message.name);
        self.blocks(&mut message.blocks);
        self.members(&mut message.extra);
    }

    fn blocks(&mut self, blocks: &mut [Block<'_>]) {
        for block in blocks {
            self.content(&mut block.content);
            self.members(&mut block.extra);
        }
    }

    fn content(&mut self, content: &mut Content<'_>) {
        match content {
            Content::Text { text, citations } => {
                self.text(text);
                citations.iter_mut().for_each(|citation| self.citation(citation));
            }
            Content::Image(media)
            | Content::Document(media)
            | Content::Audio(media)
            | Content::Video(media) => {
                self.media(media);
            }
            Content::ToolUse(call) => self.call(call),
            Content::ToolResult(result) => {
                self.text(&mut result.id);
                self.maybe(&mut result.name);
                self.blocks(&mut result.blocks);
            }
            // Seen to before everything else.
            Content::Thinking(_) => {}
            Content::Refusal(text) => self.text(text),
            Content::Foreign { raw, .. } => self.raw(raw, Of::Api),
        }
    }

    fn thinking(&mut self, thinking: &mut Thinking<'_>) {
        match thinking.signature.as_ref().and_then(proof::apart) {
            Some((text, signature)) => {
                thinking.text = text.into();
                thinking.signature = Some(signature);
            }
            None => self.text(&mut thinking.text),
        }
    }

    fn media(&mut self, media: &mut Media<'_>) {
        match &mut media.source {
            Source::Text(text) | Source::Url(text) => self.text(text),
            Source::Blocks(blocks) => self.blocks(blocks),
            Source::Base64(data) => {
                let is_text = |kind: &Text<'_>| kind.starts_with("text/") || *kind == "application/json";
                if media.media_type.as_ref().is_some_and(is_text) {
                    self.encoded(data);
                }
            }
            Source::File(_) => {}
        }
        self.maybe(&mut media.name);
        self.maybe(&mut media.context);
    }

    /// A text that came as bytes.
    fn encoded(&mut self, data: &mut Text<'_>) {
        let text = BASE64.decode(data.as_bytes()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        if let Some(covered) = text.and_then(|text| self.cover(&text)) {
            *data = BASE64.encode(covered).into();
        }
    }

    fn call(&mut self, call: &mut ToolUse<'_>) {
        // Some decoders make ids up from names.
        self.text(&mut call.id);
        self.text(&mut call.name);
        let covered = match call.kind {
            ToolKind::Function => json::cover(&call.input, Of::People, &mut |text| self.cover(text)),
            ToolKind::Custom => self.cover(&call.input),
        };
        put(&mut call.input, covered);
    }

    fn tool(&mut self, tool: &mut Tool<'_>) {
        match tool {
            Tool::Client { name, description, schema, extra, .. } => {
                self.text(name);
                self.maybe(description);
                if let Some(schema) = schema {
                    self.raw(schema, Of::People);
                }
                self.members(extra);
            }
            Tool::Foreign { raw, .. } => self.raw(raw, Of::Api),
        }
    }

    fn citation(&mut self, citation: &mut Citation<'_>) {
        self.maybe(&mut citation.text);
        self.maybe(&mut citation.url);
        self.maybe(&mut citation.title);
        self.raw(&mut citation.raw, Of::Api);
    }

    /// The values; the names are the API's.
    pub(super) fn members(&mut self, members: &mut Members<'_>) {
        for (_, raw) in members {
            self.raw(raw, Of::Api);
        }
    }

    fn raw(&mut self, raw: &mut Raw<'_>, of: Of) {
        let covered = json::cover(raw.get(), of, &mut |text| self.cover(text));
        if let Some(covered) = covered.and_then(|text| RawValue::from_string(text).ok()) {
            *raw = Raw::Owned(covered);
        }
    }

    fn maybe(&mut self, text: &mut Option<Text<'_>>) {
        if let Some(text) = text {
            self.text(text);
        }
    }

    fn text(&mut self, text: &mut Text<'_>) {
        let covered = self.cover(text);
        put(text, covered);
    }
}

fn put(text: &mut Text<'_>, covered: Option<String>) {
    if let Some(covered) = covered {
        *text = covered.into();
    }
}
