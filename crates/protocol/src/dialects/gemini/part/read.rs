//! From parts to blocks.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{
    super::{NAME, proof, wire, write},
    MADE_UP, is_in_store,
};
use crate::ir::{
    Block, Content, Media, Members, Signature, Source, Text, Thinking, ToolKind, ToolResult, ToolUse, raw,
};

/// The calls that were met: makes up ids for those without one and finds the call that a result answers.
pub(in super::super) struct Calls<'a> {
    /// What makes the made-up ids of one answer differ from those of another.
    answer: Option<Text<'a>>,
    made_up: usize,
    /// Id and name of the calls of the latest turn that were not answered yet.
    open: Vec<(Text<'a>, Text<'a>)>,
}

impl<'a> Calls<'a> {
    /// For a conversation, in which a call's position is unique.
    pub(in super::super) fn of_request() -> Self {
        Self { answer: None, made_up: 0, open: Vec::new() }
    }

    /// For an answer, which is one of many in a conversation.
    pub(in super::super) fn of_answer(id: Option<Text<'a>>) -> Self {
        Self { answer: id, made_up: 0, open: Vec::new() }
    }

    /// A new turn of the model begins: what it calls is answered next.
    pub(in super::super) fn turn(&mut self) {
        self.open.clear();
    }

    /// An id for a call that has none, from its position and, if there is nothing better, its name.
    pub(in super::super) fn make_up(&mut self, name: &str) -> String {
        let number = self.made_up;
        self.made_up += 1;
        let safe = |text: &str| -> String {
            let odd = |c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_');
            text.replace(odd, "_").chars().take(40).collect()
        };
        match self.answer.as_deref().filter(|id| !id.is_empty()) {
            Some(answer) => format!("{MADE_UP}{}_{number}", safe(answer)),
            None => format!("{MADE_UP}{number}_{}", safe(name)),
        }
    }

    fn called(&mut self, id: Option<Text<'a>>, name: &Text<'a>) -> Text<'a> {
        let id = id.filter(|id| !id.is_empty()).unwrap_or_else(|| self.make_up(name).into());
        self.open.push((id.clone(), name.clone()));
        id
    }

    fn answered(&mut self, id: Option<Text<'a>>, name: Option<&Text<'a>>) -> Text<'a> {
        if let Some(id) = id.filter(|id| !id.is_empty()) {
            self.open.retain(|(open, _)| *open != id);
            return id;
        }
        match self.open.iter().position(|(_, open)| Some(open) == name) {
            Some(at) => self.open.remove(at).0,
            None => self.make_up(name.map_or("", |name| name)).into(),
        }
    }
}

/// The blocks of a turn.
pub(in super::super) fn content<'a>(content: wire::Content<'a>, calls: &mut Calls<'a>) -> Vec<Block<'a>> {
    content.parts.unwrap_or_default().into_iter().map(|part| block(part, calls)).collect()
}

/// True for a call that does not say of what; no dialect can have it.
pub(in super::super) fn is_nameless(block: &Block<'_>) -> bool {
    matches!(&block.content, Content::ToolUse(call) if call.name.is_empty())
}

/// One part on its own.
pub(in super::super) fn whole(part: wire::Part<'_>) -> Block<'_> {
    block(part, &mut Calls::of_request())
}

/// One part as a block. What a part says beside its data (a signature of anything but thoughts and calls included)
/// stays in the block's `extra`.
fn block<'a>(part: wire::Part<'a>, calls: &mut Calls<'a>) -> Block<'a> {
    let is_thought = part.thought == Some(true);
    let mut signature = part.signature;
    let mut extra = part.extra;
    let content = if let Some(call) = part.call {
        keep("functionCall", call.extra, &mut extra);
        let name = call.name.unwrap_or_default();
        Content::ToolUse(ToolUse {
            id: calls.called(call.id, &name),
            input: call.args.map_or("{}", RawValue::get).into(),
            kind: ToolKind::Function,
            signature: signature.take().map(|written| proof::read(written).0),
            item: None,
            name,
        })
    } else if let Some(response) = part.response {
        Content::ToolResult(tool_result(*response, calls, &mut extra))
    } else if let Some(blob) = part.inline {
        keep("inlineData", blob.extra, &mut extra);
        let source = Source::Base64(standard(blob.data.unwrap_or_default()));
        media(source, blob.mime, blob.name)
    } else if let Some(file) = part.file {
        keep("fileData", file.extra, &mut extra);
        media(place_of(file.uri.unwrap_or_default()), file.mime, file.name)
    } else if let Some(text) = part.text {
        if is_thought {
            let read = signature.take().map(proof::read);
            let is_redacted = read.as_ref().is_some_and(|(_, is_redacted)| *is_redacted);
            let signature = read.map(|(signature, _)| signature);
            // Gemini shows summaries of its thoughts only.
            Content::Thinking(Thinking { text, is_summary: true, signature, is_redacted, item: None })
        } else {
            Content::text(text)
        }
    } else {
        return foreign(is_thought, signature.as_deref(), &extra).into();
    };
    if let Some(signature) = signature {
        extra.push((Block::PROOF.into(), raw(&*signature)));
    }
    if is_thought && !matches!(content, Content::Thinking(_)) {
        extra.push(("thought".into(), raw(&true)));
    }
    Block { content, cache: None, extra }
}

/// Moves members of the object `of` to those of its part, under their path.
pub(in super::super) fn keep<'a>(of: &str, inner: Members<'a>, extra: &mut Members<'a>) {
    extra.extend(inner.into_iter().map(|(key, value)| (format!("{of}.{key}").into(), value)));
}

fn foreign<'a>(is_thought: bool, signature: Option<&str>, extra: &Members<'a>) -> Content<'a> {
    let kind = extra.iter().map(|(key, _)| key.clone()).next().unwrap_or_else(|| "part".into());
    let raw = write::raw_object(|object| {
        object.members(extra);
        if is_thought {
            object.plain("thought", true);
        }
        if let Some(signature) = signature {
            object.text("thoughtSignature", signature);
        }
    });
    Content::Foreign { origin: NAME, kind, raw: Cow::Owned(raw) }
}

/// A result's object is unwrapped if all that it has is a text under `output`, or an `error`: that is how results are
/// wrapped on the way to Gemini. Any other object is passed on as JSON text.
fn tool_result<'a>(
    response: wire::FunctionResponse<'a>,
    calls: &mut Calls<'a>,
    extra: &mut Members<'a>,
) -> ToolResult<'a> {
    keep("functionResponse", response.extra, extra);
    let mut blocks = Vec::new();
    let mut is_error = None;
    if let Some(object) = response.response {
        let entries = wire::members(object).unwrap_or_default();
        let text = match entries.as_slice() {
            [(key, value)] if *key == "error" => {
                is_error = Some(true);
                wire::string(value).unwrap_or_else(|| value.get().into())
            }
            [(key, value)] if *key == "output" => wire::string(value).unwrap_or_else(|| object.get().into()),
            _ => object.get().into(),
        };
        blocks.push(Content::text(text).into());
    }
    blocks.extend(response.parts.unwrap_or_default().into_iter().map(|part| block(part, calls)));
    ToolResult {
        id: calls.answered(response.id, response.name.as_ref()),
        name: response.name,
        blocks,
        is_error,
        kind: ToolKind::Function,
    }
}

fn media<'a>(source: Source<'a>, media_type: Option<Text<'a>>, name: Option<Text<'a>>) -> Content<'a> {
    let is_video_page =
        matches!(&source, Source::Url(url) if url.contains("youtube.com/") || url.contains("youtu.be/"));
    let class = media_type.as_deref().and_then(|mime| mime.split('/').next()).map(str::to_ascii_lowercase);
    let media = Media { source, media_type, name, ..Media::default() };
    match class.as_deref() {
        Some("image") => Content::Image(media),
        Some("audio") => Content::Audio(media),
        Some("video") => Content::Video(media),
        None if is_video_page => Content::Video(media),
        _ => Content::Document(media),
    }
}

/// Files of the Gemini API and of Cloud Storage are in the provider's store; other addresses it fetches.
fn place_of(uri: Text<'_>) -> Source<'_> {
    let is_fetched =
        ["http://", "https://"].iter().any(|scheme| uri.starts_with(scheme)) && !is_in_store(&uri);
    if is_fetched { Source::Url(uri) } else { Source::File(uri) }
}

/// Base64 in the standard alphabet; protobuf's JSON mapping, and so the Python SDK, may use the URL-safe one.
fn standard(data: Text<'_>) -> Text<'_> {
    if memchr::memchr2(b'-', b'_', data.as_bytes()).is_none() {
        return data;
    }
    data.replace('-', "+").replace('_', "/").into()
}

/// The signature of this dialect that `written` is.
pub(in super::super) fn signature(written: Text<'_>) -> Signature<'_> {
    proof::read(written).0
}
