//! Writes a conversation as input items.

use std::borrow::Cow;

use serde::Serialize;

use super::{
    HERE,
    decode_request::is_words,
    media::DataUrl,
    settings::{NO_CACHE_MARK, foreign_members},
    write::{Array, Object},
};
use crate::{
    dialects::search_result,
    ir::{
        Block, Citation, Content, Loss, Losses, Media, Message, Request, Role, Source, Text, Thinking,
        ToolKind, ToolResult, ToolUse,
    },
};

/// The longest id that ties a result to its call (OpenAI API description, schema `FunctionCallOutputItemParam`).
const LONGEST_CALL_ID: usize = 64;

/// Writes a system prompt that is not one plain text: as a message before all others.
pub(super) fn system(request: &Request<'_>, losses: &mut Losses, array: &mut Array<'_>) {
    if request.system.is_empty() {
        return;
    }
    let mut writer = Writer { origin: request.origin, losses };
    let blocks: Vec<_> =
        request.system.iter().enumerate().map(|(n, b)| (format!("system[{n}]"), b)).collect();
    writer.message_item(Role::Developer, None, None, &blocks, array);
}

/// Writes all messages.
pub(super) fn messages(request: &Request<'_>, losses: &mut Losses, array: &mut Array<'_>) {
    let mut writer = Writer { origin: request.origin, losses };
    for (at, message) in request.messages.iter().enumerate() {
        writer.message(at, message, array);
    }
}

struct Writer<'w> {
    origin: &'static str,
    losses: &'w mut Losses,
}

/// A block and its path.
type Placed<'b> = (String, &'b Block<'b>);

impl Writer<'_> {
    fn is_home(&self) -> bool {
        self.origin == HERE
    }

    fn message(&mut self, at: usize, message: &Message<'_>, array: &mut Array<'_>) {
        if message.name.is_some() {
            self.losses.add(format!("messages[{at}].name"), "no such field");
        }
        if !self.is_home() {
            foreign_members(&format!("messages[{at}]."), &message.extra, self.origin, self.losses, None);
        }
        // Id and extras are those of the one message item in here that has any.
        let mut own = Some(message).filter(|_| self.is_home());
        let mut words: Vec<Placed<'_>> = Vec::new();
        let leads_to =
            message.blocks.iter().rposition(|block| !matches!(block.content, Content::Thinking(_)));
        let mut blocks = message.blocks.iter().enumerate().peekable();
        while let Some((n, block)) = blocks.next() {
            let path = format!("messages[{at}].content[{n}]");
            if is_words(&block.content) {
                words.push((path, block));
                continue;
            }
            self.flush(message.role, &mut own, &mut words, array);
            match &block.content {
                Content::ToolUse(call) => self.call(&path, block, call, array),
                Content::ToolResult(result) => self.result(&path, block, result, array),
                Content::Foreign { origin, raw, .. } if *origin == HERE => array.put(raw),
                Content::Foreign { kind, .. } => {
                    self.lose(path, format!("block of another provider: {kind}"))
                }
                Content::Thinking(thinking) => {
                    let mut item = vec![(block, thinking)];
                    let mut last = thinking;
                    while let Some((block, next)) =
                        blocks.peek().and_then(|(_, block)| same_item(last, block))
                    {
                        item.push((block, next));
                        last = next;
                        blocks.next();
                    }
                    // Reasoning without what it led to is refused.
                    let leads_on = self.is_home() || leads_to.is_some_and(|last| n < last);
                    self.reasoning(path, &item, leads_on, array);
                }
                _ => {}
            }
        }
        self.flush(message.role, &mut own, &mut words, array);
    }

    fn lose(&mut self, path: impl Into<String>, reason: impl Into<Cow<'static, str>>) {
        self.losses.add(path, reason);
    }

    fn flush(
        &mut self,
        role: Role,
        own: &mut Option<&Message<'_>>,
        words: &mut Vec<Placed<'_>>,
        array: &mut Array<'_>,
    ) {
        if !words.is_empty() {
            let own = own.take();
            self.message_item(role, own.and_then(|own| own.id.as_ref()), own, words, array);
            words.clear();
        }
    }

    /// One message item: with an id in the form of an answer's message, else in the easy form.
    fn message_item(
        &mut self,
        role: Role,
        id: Option<&Text<'_>>,
        own: Option<&Message<'_>>,
        blocks: &[Placed<'_>],
        array: &mut Array<'_>,
    ) {
        let is_whole = id.is_some() && role == Role::Assistant;
        let easy = match blocks {
            [(_, block)] if !is_whole => self.plain(block),
            _ => None,
        };
        array.object_if(|o| {
            if let Some(id) = id {
                o.put("id", id);
                o.put("type", "message");
            }
            o.put("role", role_name(role));
            let has_content = match easy {
                Some(text) => {
                    o.put("content", text);
                    true
                }
                None => o.array_of_some("content", |array| {
                    for (path, block) in blocks {
                        self.part(path, block, role, is_whole, array);
                    }
                }),
            };
            let extra = own.map(|own| &own.extra);
            if is_whole && !extra.is_some_and(|extra| extra.iter().any(|(key, _)| *key == "status")) {
                o.put("status", "completed");
            }
            if let Some(extra) = extra {
                o.extra(extra);
            }
            has_content
        });
    }

    /// The text of a block that is nothing but a text.
    fn plain<'b>(&self, block: &'b Block<'_>) -> Option<&'b Text<'b>> {
        match &block.content {
            Content::Text { text, citations }
                if citations.is_empty() && block.extra.is_empty() && block.cache.is_none() =>
            {
                Some(text)
            }
            _ => None,
        }
    }

    /// One part of a message or of a tool's output.
    fn part(&mut self, path: &str, block: &Block<'_>, role: Role, is_whole: bool, array: &mut Array<'_>) {
        let home = self.is_home();
        if block.cache.as_ref().is_some_and(|cache| !home || cache.ttl.is_some()) {
            self.lose(format!("{path}.cache"), NO_CACHE_MARK);
        }
        if !home {
            search_result::unsaid(block)
                .for_each(|(key, _)| self.lose(format!("{path}.{key}"), Loss::CLIENTS_OWN));
        }
        let close = |o: &mut Object<'_>| {
            if home && block.cache.is_some() {
                o.object("prompt_cache_breakpoint", |o| o.put("mode", "explicit"));
            }
            if home {
                o.extra(&block.extra);
            }
        };
        let is_answer = role == Role::Assistant;
        match &block.content {
            Content::Text { text, citations } => {
                let annotations = self.annotations(path, citations);
                array.object(|o| {
                    o.put("type", if is_answer { "output_text" } else { "input_text" });
                    o.put("text", text);
                    if is_whole || !annotations.is_empty() {
                        o.list("annotations", &annotations);
                    }
                    close(o);
                });
            }
            Content::Refusal(text) => array.object(|o| {
                o.put("type", if is_answer { "refusal" } else { "input_text" });
                o.put(if is_answer { "refusal" } else { "text" }, text);
                close(o);
            }),
            Content::Foreign { origin, raw, .. } if *origin == HERE => array.put(raw),
            Content::Audio(Media { context: Some(words), .. }) if is_answer => {
                self.lose(path, "the API takes only text in the model's turns: the words are said");
                array.object(|o| {
                    o.put("type", "output_text");
                    o.put("text", words);
                    if is_whole {
                        o.list("annotations", &[]);
                    }
                });
            }
            _ if is_answer => self.lose(path, "the API takes only text in the model's turns"),
            Content::Image(media) => self.image(path, media, array, close),
            Content::Document(media) => self.document(path, media, array, close),
            Content::Audio(Media { source: Source::Base64(data), media_type, .. }) if home => {
                array.object(|o| {
                    let format = media_type.as_deref().and_then(|kind| kind.strip_prefix("audio/"));
                    o.put("type", "input_audio");
                    o.object("input_audio", |o| {
                        o.put("data", data);
                        o.some("format", format.as_ref());
                    });
                    close(o);
                })
            }
            Content::Audio(_) => self.lose(path, "the API takes no sound"),
            Content::Video(_) => self.lose(path, "the API takes no moving pictures"),
            Content::Foreign { kind, .. } => self.lose(path, format!("block of another provider: {kind}")),
            Content::ToolUse(_) | Content::ToolResult(_) | Content::Thinking(_) => {
                self.lose(path, "cannot stand in a tool's output");
            }
        }
    }

    fn annotations(&mut self, path: &str, citations: &[Citation<'_>]) -> Vec<u8> {
        let mut annotations = Vec::new();
        for citation in citations {
            if citation.origin == HERE {
                Array::onto(&mut annotations).put(&citation.raw);
            } else {
                self.lose(format!("{path}.citations"), "citations of another provider");
            }
        }
        annotations
    }

    fn image(
        &mut self,
        path: &str,
        media: &Media<'_>,
        array: &mut Array<'_>,
        close: impl FnOnce(&mut Object<'_>),
    ) {
        let home = self.is_home();
        let start = |o: &mut Object<'_>| o.put("type", "input_image");
        let end = |o: &mut Object<'_>| {
            match &media.detail {
                Some(detail) => o.put("detail", detail),
                // Some servers require the member; this is its default.
                None if !home => o.put("detail", "auto"),
                None => {}
            }
            close(o);
        };
        match &media.source {
            Source::Base64(data) => array.object(|o| {
                start(o);
                o.put("image_url", &DataUrl::base64(media.media_type.as_deref(), data));
                end(o);
            }),
            Source::Url(url) => array.object(|o| {
                start(o);
                o.put("image_url", url);
                end(o);
            }),
            Source::File(id) if home => array.object(|o| {
                start(o);
                o.put("file_id", id);
                end(o);
            }),
            Source::File(_) => self.lose(path, "a file kept by another provider"),
            Source::Text(_) | Source::Blocks(_) => self.lose(path, "a picture without bytes"),
        }
    }

    fn document(
        &mut self,
        path: &str,
        media: &Media<'_>,
        array: &mut Array<'_>,
        close: impl FnOnce(&mut Object<'_>),
    ) {
        let home = self.is_home();
        if media.context.is_some() && !matches!(media.source, Source::Blocks(_)) {
            self.lose(format!("{path}.context"), "no such field");
        }
        if media.cite == Some(true) {
            self.lose(format!("{path}.cite"), "the API does not cite documents it is given");
        }
        let name = media.name.as_deref();
        match &media.source {
            Source::Base64(data) if home && media.media_type.is_none() => {
                file("file_data", data, name, media, array, close);
            }
            Source::Base64(data) => {
                let url = DataUrl::base64(media.media_type.as_deref(), data);
                let name = name.or_else(|| (!home).then(|| url.file_name()));
                file("file_data", &url, name, media, array, close);
            }
            Source::Text(text) => {
                let url = DataUrl::text(media.media_type.as_deref(), text);
                file("file_data", &url, name.or_else(|| Some(url.file_name())), media, array, close);
            }
            Source::Url(url) => file("file_url", url, name.filter(|_| home), media, array, close),
            Source::File(id) if home => file("file_id", id, name, media, array, close),
            Source::File(_) => self.lose(path, "a file kept by another provider"),
            Source::Blocks(blocks) => {
                for line in media.heading() {
                    array.object(|o| {
                        o.put("type", "input_text");
                        o.put("text", line);
                    });
                }
                for (n, block) in blocks.iter().enumerate() {
                    self.part(&format!("{path}.content[{n}]"), block, Role::User, false, array);
                }
            }
        }
    }

    fn call(&mut self, path: &str, block: &Block<'_>, call: &ToolUse<'_>, array: &mut Array<'_>) {
        if call.signature.is_some() {
            self.lose(format!("{path}.signature"), FOREIGN_PROOF);
        }
        self.beside(path, block);
        let home = self.is_home();
        let item = call.item.as_ref().filter(|_| home);
        array.object(|o| {
            o.some("id", item);
            o.put("type", if call.kind == ToolKind::Custom { "custom_tool_call" } else { "function_call" });
            o.put("call_id", &call_id(&call.id));
            o.put("name", &call.name);
            match call.kind {
                ToolKind::Custom => o.put("input", &call.input),
                ToolKind::Function if call.input.is_empty() => o.put("arguments", "{}"),
                ToolKind::Function => o.put("arguments", &call.input),
            }
            if home {
                if item.is_some() && !block.extra.iter().any(|(key, _)| *key == "status") {
                    o.put("status", "completed");
                }
                o.extra(&block.extra);
            }
        });
    }

    fn result(&mut self, path: &str, block: &Block<'_>, result: &ToolResult<'_>, array: &mut Array<'_>) {
        if result.is_error == Some(true) {
            self.lose(format!("{path}.is_error"), "no such field");
        }
        self.beside(path, block);
        let home = self.is_home();
        let text = match &result.blocks[..] {
            [block] => self.plain(block),
            _ => None,
        };
        array.object(|o| {
            let custom = result.kind == ToolKind::Custom;
            o.put("type", if custom { "custom_tool_call_output" } else { "function_call_output" });
            o.put("call_id", &call_id(&result.id));
            match text {
                Some(text) => o.put("output", text),
                None => {
                    let has_parts = o.array_of_some("output", |array| {
                        for (n, block) in result.blocks.iter().enumerate() {
                            self.part(&format!("{path}.content[{n}]"), block, Role::User, false, array);
                        }
                    });
                    if !has_parts {
                        o.put("output", "");
                    }
                }
            }
            if home {
                o.extra(&block.extra);
            }
        });
    }

    /// Names what stands beside an item's own content and cannot be said.
    fn beside(&mut self, path: &str, block: &Block<'_>) {
        if block.cache.is_some() {
            self.lose(format!("{path}.cache"), NO_CACHE_MARK);
        }
        if !self.is_home() {
            foreign_members(&format!("{path}."), &block.extra, self.origin, self.losses, None);
        }
    }

    fn reasoning(
        &mut self,
        path: String,
        item: &[(&Block<'_>, &Thinking<'_>)],
        leads_on: bool,
        array: &mut Array<'_>,
    ) {
        for (block, _) in item {
            self.beside(&path, block);
        }
        let signature = item.iter().find_map(|(_, thinking)| thinking.signature.as_ref());
        let proof = signature.and_then(|signature| signature.at_home(HERE));
        let home = self.is_home();
        if proof.is_none() && (signature.is_some() || !home) {
            let is_empty = item.iter().all(|(_, thinking)| thinking.text.is_empty());
            return match signature {
                Some(_) => self.lose(path, FOREIGN_PROOF),
                None if is_empty => {}
                None => self.lose(path, "reasoning without a proof of this provider"),
            };
        }
        if !leads_on {
            return self.lose(path, "reasoning that leads to nothing is refused");
        }
        // Through a client of another dialect a summary looks like any reasoning; with a proof it was one.
        let texts = |is_summary: bool| {
            item.iter().map(|(_, thinking)| *thinking).filter(move |thinking| {
                !thinking.text.is_empty() && (thinking.is_summary || !home) == is_summary
            })
        };
        array.object(|o| {
            o.put("type", "reasoning");
            o.some("id", item[0].1.item.as_ref().filter(|_| home));
            o.array("summary", |a| texts(true).for_each(|text| reasoning_part("summary_text", text, a)));
            if texts(false).next().is_some() {
                o.array("content", |a| {
                    texts(false).for_each(|text| reasoning_part("reasoning_text", text, a))
                });
            }
            o.some("encrypted_content", proof.as_ref());
            if home {
                item.iter().for_each(|(block, _)| o.extra(&block.extra));
            }
        });
    }
}

/// One `input_file` part, its bytes or its place under `key`.
fn file<T: Serialize>(
    key: &str,
    value: &T,
    name: Option<&str>,
    media: &Media<'_>,
    array: &mut Array<'_>,
    close: impl FnOnce(&mut Object<'_>),
) {
    array.object(|o| {
        o.put("type", "input_file");
        o.put(key, value);
        o.some("filename", name.as_ref());
        o.some("detail", media.detail.as_ref());
        close(o);
    });
}

/// Why a proof of other origin does not travel.
const FOREIGN_PROOF: &str = "reasoning proof of another provider";

fn reasoning_part(kind: &str, thinking: &Thinking<'_>, array: &mut Array<'_>) {
    array.object(|o| {
        o.put("type", kind);
        o.put("text", &thinking.text);
    });
}

/// The reasoning in `block`, if it is of the same item as `last`. Where a client's dialect has no ids for it, the proof
/// is what ends an item.
fn same_item<'b>(last: &Thinking<'_>, block: &'b Block<'b>) -> Option<(&'b Block<'b>, &'b Thinking<'b>)> {
    match &block.content {
        Content::Thinking(next)
            if next.item == last.item && (last.item.is_some() || last.signature.is_none()) =>
        {
            Some((block, next))
        }
        _ => None,
    }
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::System => "system",
        Role::Developer => "developer",
        Role::User => "user",
        Role::Assistant => "assistant",
    }
}

/// The id as the API takes it: one that is too long gets the same short one wherever it stands.
fn call_id<'i>(id: &'i Text<'_>) -> Cow<'i, str> {
    if id.len() <= LONGEST_CALL_ID {
        return Cow::Borrowed(id);
    }
    // FNV-1a, twice over, so that two calls of one conversation do not meet.
    let hash = |seed: u64| {
        id.bytes().fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
    };
    Cow::Owned(format!("call_{:016x}{:016x}", hash(0xcbf2_9ce4_8422_2325), hash(0x8422_2325_cbf2_9ce4)))
}
