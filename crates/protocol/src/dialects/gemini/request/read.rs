//! From a client's body to a request.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{
    super::{
        NAME, part, schema, thinking,
        wire::{self, Int},
    },
    CALLING, CONFIG, TOOL_CONFIG,
};
use crate::{
    codec::RequestHead,
    ir::{
        Audio, Block, Content, Fault, FaultKind, Members, Message, OutputFormat, Request, Role, Sampling,
        Text, Tool, ToolChoice, ToolKind, raw,
    },
};

/// Reads the body of `generateContent` or `streamGenerateContent`.
pub(in super::super) fn read<'a>(head: RequestHead<'_>, body: &'a [u8]) -> Result<Request<'a>, Fault> {
    let bad = |message: String| Fault::new(FaultKind::BadRequest, message);
    let wire: wire::Request<'a> = serde_json::from_slice(body).map_err(|error| bad(error.to_string()))?;
    let model = match (head.model, wire.model) {
        (Some(model), _) => model.to_owned().into(),
        (None, Some(model)) => model,
        (None, None) => {
            return Err(bad("the path names no model: call `/v1beta/models/{model}:generateContent`".into()));
        }
    };
    let contents = wire.contents.ok_or_else(|| bad("`contents` is missing".into()))?;
    let mut request = Request {
        origin: NAME,
        model,
        stream: head.stream.unwrap_or(false),
        metadata: wire.labels.map(Cow::Borrowed),
        service_tier: wire.service_tier,
        store: wire.store,
        extra: wire.extra,
        ..Request::default()
    };
    let mut calls = part::Calls::of_request();
    request.system = wire.system.map_or_else(Vec::new, |system| part::content(system, &mut calls));
    for (place, content) in contents.into_iter().enumerate() {
        request.messages.push(message(content, place, &mut calls)?);
    }
    for tool in wire.tools.unwrap_or_default() {
        tools(tool, &mut request.tools);
    }
    if let Some(config) = wire.tool_config {
        keep(TOOL_CONFIG, config.extra, &mut request.extra);
        request.tool_choice = config.calling.and_then(|calling| choice(calling, &mut request.extra));
    }
    if let Some(config) = wire.config {
        generation(config, &mut request);
    }
    Ok(request)
}

fn message<'a>(
    mut content: wire::Content<'a>,
    place: usize,
    calls: &mut part::Calls<'a>,
) -> Result<Message<'a>, Fault> {
    let role = match content.role.as_deref() {
        Some("model") => {
            calls.turn();
            Role::Assistant
        }
        // `function` is what results were sent as before `user` was.
        None | Some("" | "user" | "function") => Role::User,
        Some(_) => {
            let message = format!("`contents[{place}].role` must be `user` or `model`");
            return Err(Fault::new(FaultKind::BadRequest, message));
        }
    };
    let extra = std::mem::take(&mut content.extra);
    let mut blocks = part::content(content, calls);
    if let Some(at) = blocks.iter().position(part::is_nameless) {
        let message = format!("`contents[{place}].parts[{at}].functionCall.name` is missing");
        return Err(Fault::new(FaultKind::BadRequest, message));
    }
    join_thoughts(&mut blocks);
    Ok(Message { extra, ..Message::new(role, blocks) })
}

/// A streamed thought comes back as the pieces it was streamed in, its proof on the last one. A proof of another
/// provider stands for the whole thought, so the pieces before it are joined to its own.
fn join_thoughts(blocks: &mut Vec<Block<'_>>) {
    let mut place = blocks.len();
    while place > 1 {
        place -= 1;
        if !is_proven_elsewhere(&blocks[place]) {
            continue;
        }
        while place > 0 && is_unproven_thought(&blocks[place - 1]) {
            let before = blocks.remove(place - 1);
            place -= 1;
            if let (Content::Thinking(whole), Content::Thinking(piece)) =
                (&mut blocks[place].content, before.content)
            {
                whole.text = format!("{}{}", piece.text, whole.text).into();
            }
        }
    }
}

fn is_proven_elsewhere(block: &Block<'_>) -> bool {
    let Content::Thinking(thinking) = &block.content else { return false };
    !thinking.is_redacted && thinking.signature.as_ref().is_some_and(|proof| proof.at_home(NAME).is_none())
}

fn is_unproven_thought(block: &Block<'_>) -> bool {
    matches!(&block.content, Content::Thinking(thinking) if thinking.signature.is_none() && !thinking.is_redacted)
}

/// The functions of one tool object, then the tools of the provider that it switches on.
fn tools<'a>(tool: wire::Tool<'a>, into: &mut Vec<Tool<'a>>) {
    for function in tool.functions.unwrap_or_default() {
        let schema = function.schema.or(function.parameters);
        into.push(Tool::Client {
            name: function.name.unwrap_or_default(),
            description: function.description,
            schema: schema.map(schema::to_json_schema),
            strict: None,
            kind: ToolKind::Function,
            cache: None,
            extra: function.extra,
        });
    }
    for (kind, raw) in tool.extra {
        into.push(Tool::Foreign { origin: NAME, kind: camel_case(kind), raw });
    }
}

fn choice<'a>(calling: wire::Calling<'a>, extra: &mut Members<'a>) -> Option<ToolChoice<'a>> {
    keep(CALLING, calling.extra, extra);
    let mut names = calling.names.unwrap_or_default();
    let mode = calling.mode?.to_ascii_uppercase();
    Some(match (mode.as_str(), names.len()) {
        ("AUTO", 0) => ToolChoice::Auto,
        ("NONE", _) => ToolChoice::None,
        ("ANY", 0) => ToolChoice::Required,
        ("ANY", 1) => ToolChoice::Named(names.remove(0)),
        ("ANY", _) => ToolChoice::Allowed { names, required: true },
        // Source: discovery document, `allowedFunctionNames`: the model calls one of these or answers in words.
        ("VALIDATED", 1..) => ToolChoice::Allowed { names, required: false },
        ("MODE_UNSPECIFIED", 0) => return None,
        _ => {
            let calling = super::super::write::raw_object(|object| {
                object.text("mode", &mode);
                if !names.is_empty() {
                    object.texts("allowedFunctionNames", names.iter().map(|name| &**name));
                }
            });
            ToolChoice::Foreign { origin: NAME, raw: Cow::Owned(calling) }
        }
    })
}

fn generation<'a>(config: wire::Config<'a>, request: &mut Request<'a>) {
    keep(CONFIG, config.extra, &mut request.extra);
    request.sampling = Sampling {
        temperature: config.temperature.map(|number| number.0),
        top_p: config.top_p.map(|number| number.0),
        top_k: config.top_k.map(|number| number.0),
        frequency_penalty: config.frequency_penalty.map(|number| number.0),
        presence_penalty: config.presence_penalty.map(|number| number.0),
        seed: config.seed.map(|number| number.0),
        stop: config.stop.unwrap_or_default(),
        ..Sampling::default()
    };
    request.max_tokens = config.max_tokens.map(Int::count);
    request.choices = config.choices.map(Int::count);
    request.logprobs = match (config.with_logprobs, config.logprobs) {
        (Some(true), number) => Some(number.map_or(0, Int::count)),
        _ => None,
    };
    let schema = config.json_schema.or(config.gemini_schema).map(schema::to_json_schema);
    request.format = match (config.mime.as_deref(), schema) {
        (None | Some("application/json"), Some(schema)) => {
            Some(OutputFormat::Schema { name: None, description: None, schema, strict: None })
        }
        (Some("application/json"), None) => Some(OutputFormat::Json),
        (Some("text/plain"), None) => Some(OutputFormat::Text),
        (None, None) => None,
        // `text/x.enum` and whatever comes.
        (Some(mime), schema) => {
            request.extra.push((format!("{CONFIG}responseMimeType").into(), raw(mime)));
            if let Some(schema) = schema {
                request.extra.push((format!("{CONFIG}responseJsonSchema").into(), schema));
            }
            None
        }
    };
    let lower = |modality: &Text<'a>| modality.to_ascii_lowercase().into();
    request.modalities = config.modalities.iter().flatten().map(lower).collect();
    if let Some(speech) = config.speech {
        match voice(speech) {
            Some(voice) => request.audio = Some(Audio { voice: Some(voice), format: None }),
            None => request.extra.push((format!("{CONFIG}speechConfig").into(), Cow::Borrowed(speech))),
        }
    }
    request.reasoning = config.thinking.map(|wire| thinking::read(wire, &mut request.extra));
}

/// The voice, if that is all that `speechConfig` says.
fn voice(raw: &RawValue) -> Option<Text<'_>> {
    let speech: wire::Speech<'_> = serde_json::from_str(raw.get()).ok()?;
    let voice = speech.voice.filter(|_| speech.extra.is_empty())?;
    let prebuilt = voice.prebuilt.filter(|_| voice.extra.is_empty())?;
    prebuilt.name.filter(|_| prebuilt.extra.is_empty())
}

/// Moves members of a nested object to those of the request, under their path.
fn keep<'a>(prefix: &str, inner: Members<'a>, extra: &mut Members<'a>) {
    extra.extend(inner.into_iter().map(|(key, value)| (format!("{prefix}{key}").into(), value)));
}

/// The name as Gemini answers it, e.g. `codeExecution` for `code_execution`.
fn camel_case(name: Text<'_>) -> Text<'_> {
    if !name.contains('_') {
        return name;
    }
    let mut words = name.split('_');
    let mut camel = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        camel.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        camel.push_str(letters.as_str());
    }
    camel.into()
}
