//! From the wire to the model.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{FUNCTION, GENERATE_ONLY, OPTIONS};
use crate::{
    codec::RequestHead,
    dialects::ollama::{NAME, ids, is_generate, media, wire},
    ir::{
        Block, Content, Effort, Fault, FaultKind, Members, Message, Number, OutputFormat, Raw, Reasoning,
        Request, Role, Text, Thinking, Tool, ToolKind, ToolResult, ToolUse, raw,
    },
};

fn bad(what: impl Into<String>) -> Fault {
    Fault::new(FaultKind::BadRequest, what)
}

fn parse<'a, T: serde::Deserialize<'a>>(body: &'a [u8]) -> Result<T, Fault> {
    serde_json::from_slice(body).map_err(|error| bad(format!("the body is not a request: {error}")))
}

/// Reads a request of either path.
pub(in crate::dialects::ollama) fn decode<'a>(
    head: RequestHead<'_>,
    body: &'a [u8],
) -> Result<Request<'a>, Fault> {
    let mut request = Request { origin: NAME, stream: true, ..Request::default() };
    if is_generate(head.path) {
        let wire: wire::Generate<'a> = parse(body)?;
        common(
            &mut request,
            Common {
                model: wire.model,
                stream: wire.stream,
                format: wire.format,
                options: wire.options,
                think: wire.think,
                logprobs: wire.logprobs,
                top_logprobs: wire.top_logprobs,
                extra: wire.extra.into_iter().filter(is_of_generate).collect(),
            },
        )?;
        let mut talk = Talk::default();
        if let Some(system) = wire.system.filter(|system| !system.is_empty()) {
            talk.system.push(Content::text(system).into());
        }
        let prompt = wire.prompt.filter(|prompt| !prompt.is_empty()).map(Content::text);
        let images = wire.images.unwrap_or_default().into_iter().map(media::read);
        let blocks: Vec<Block<'a>> = prompt.into_iter().chain(images).map(Block::from).collect();
        if !blocks.is_empty() {
            talk.messages.push(Message::new(Role::User, blocks));
        }
        (request.system, request.messages) = (talk.system, talk.messages);
        return Ok(request);
    }
    let wire: wire::Chat<'a> = parse(body)?;
    common(
        &mut request,
        Common {
            model: wire.model,
            stream: wire.stream,
            format: wire.format,
            options: wire.options,
            think: wire.think,
            logprobs: wire.logprobs,
            top_logprobs: wire.top_logprobs,
            extra: wire.extra,
        },
    )?;
    let mut talk = Talk::default();
    for (place, message) in wire.messages.unwrap_or_default().into_iter().enumerate() {
        talk.message(place, message)?;
    }
    (request.system, request.messages) = (talk.system, talk.messages);
    for (place, wire) in wire.tools.unwrap_or_default().into_iter().enumerate() {
        request.tools.push(tool(place, wire)?);
    }
    Ok(request)
}

/// What both paths have.
struct Common<'a> {
    model: Option<Text<'a>>,
    stream: Option<bool>,
    format: Option<&'a RawValue>,
    options: Option<wire::Options<'a>>,
    think: Option<&'a RawValue>,
    logprobs: Option<bool>,
    top_logprobs: Option<u64>,
    extra: Members<'a>,
}

fn common<'a>(request: &mut Request<'a>, wire: Common<'a>) -> Result<(), Fault> {
    let model = wire.model.filter(|model| !model.is_empty());
    request.model = model.ok_or_else(|| bad("`model` is missing: name the model to ask"))?;
    request.stream = wire.stream.unwrap_or(true);
    request.format = wire.format.map(format).transpose()?.flatten();
    request.reasoning = wire.think.map(think).transpose()?;
    request.extra = wire.extra.into_iter().filter(says_something).collect();
    match (wire.logprobs, wire.top_logprobs.filter(|most| *most > 0)) {
        (Some(true), most) => request.logprobs = Some(most.unwrap_or(0)),
        // Without `logprobs` the server ignores it; it is not ours to drop.
        (_, Some(most)) => request.extra.push(("top_logprobs".into(), raw(&most))),
        (_, None) => {}
    }
    options(request, wire.options.unwrap_or_default());
    Ok(())
}

/// False for a member that asks for nothing, as some clients send every member they know: null, and what is empty where
/// the server takes empty for absent.
fn says_something((key, value): &(Text<'_>, Raw<'_>)) -> bool {
    let is_empty = matches!(value.get(), "\"\"" | "[]" | "false" | "0");
    value.get() != "null" && !(is_empty && GENERATE_ONLY.contains(&&**key))
}

/// False for the members of chat, which generate does not know: a request that is written as chat has its own.
fn is_of_generate((key, _): &(Text<'_>, Raw<'_>)) -> bool {
    !matches!(&**key, "messages" | "tools")
}

fn format(raw: &RawValue) -> Result<Option<OutputFormat<'_>>, Fault> {
    match raw.get() {
        "\"\"" => Ok(None),
        "\"json\"" => Ok(Some(OutputFormat::Json)),
        schema if schema.starts_with('{') => Ok(Some(OutputFormat::Schema {
            name: None,
            description: None,
            schema: Cow::Borrowed(raw),
            strict: None,
        })),
        _ => Err(bad("`format` must be \"json\" or a JSON schema")),
    }
}

fn think(raw: &RawValue) -> Result<Reasoning<'_>, Fault> {
    let effort = match raw.get() {
        "true" => None,
        "false" => return Ok(Reasoning { enabled: Some(false), ..Reasoning::default() }),
        "\"low\"" => Some(Effort::Low),
        "\"medium\"" => Some(Effort::Medium),
        "\"high\"" => Some(Effort::High),
        "\"max\"" => Some(Effort::Max),
        _ => return Err(bad("`think` must be true, false, \"low\", \"medium\", \"high\" or \"max\"")),
    };
    Ok(Reasoning { enabled: Some(true), effort, ..Reasoning::default() })
}

fn options<'a>(request: &mut Request<'a>, wire: wire::Options<'a>) {
    let sampling = &mut request.sampling;
    let spelled = |number: Option<Number<'a>>| number.map(|number| number.0);
    sampling.temperature = spelled(wire.temperature);
    sampling.top_p = spelled(wire.top_p);
    sampling.top_k = spelled(wire.top_k);
    sampling.min_p = spelled(wire.min_p);
    sampling.repetition_penalty = spelled(wire.repeat_penalty);
    sampling.presence_penalty = spelled(wire.presence_penalty);
    sampling.frequency_penalty = spelled(wire.frequency_penalty);
    sampling.seed = spelled(wire.seed);
    sampling.stop = wire.stop.map(|stop| stop.0).unwrap_or_default();
    // Below one the number is no limit but a mode: -1 without end, -2 until the context is full.
    if let Some(Number(most)) = wire.num_predict {
        match most.get().parse() {
            Ok(most @ 1..) => request.max_tokens = Some(most),
            _ => request.extra.push((format!("{OPTIONS}num_predict").into(), most)),
        }
    }
    let rest = wire.extra.into_iter().filter(|(_, value)| value.get() != "null");
    request.extra.extend(rest.map(|(key, value)| (format!("{OPTIONS}{key}").into(), value)));
}

fn tool<'a>(place: usize, wire: wire::Tool<'a>) -> Result<Tool<'a>, Fault> {
    if let Some(kind) = wire.kind.filter(|kind| *kind != "function") {
        return Err(bad(format!("`tools[{place}].type` is `{kind}`: only `function` exists")));
    }
    let function = wire.function.unwrap_or_default();
    let name = function.name.filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| bad(format!("`tools[{place}].function.name` is missing")))?;
    Ok(Tool::Client {
        name,
        description: function.description,
        schema: function.parameters.map(Cow::Borrowed),
        strict: None,
        kind: ToolKind::Function,
        cache: None,
        extra: fronted(wire.extra, function.extra),
    })
}

/// The unknown members of an object and of its `function`, which get a front.
fn fronted<'a>(outer: Members<'a>, function: Members<'a>) -> Members<'a> {
    let function = function.into_iter().map(|(key, value)| (format!("{FUNCTION}{key}").into(), value));
    outer.into_iter().chain(function).collect()
}

/// One call as a block.
pub(in crate::dialects::ollama) fn tool_use<'a>(
    wire: wire::ToolCall<'a>,
    made_up: impl FnOnce(&str) -> Text<'a>,
) -> Result<Block<'a>, &'static str> {
    let function = wire.function.unwrap_or_default();
    let name = function.name.filter(|name| !name.is_empty()).ok_or("`function.name` is missing")?;
    let input = match function.arguments.map(RawValue::get) {
        None => "{}",
        Some(object) if object.starts_with('{') => object,
        Some(_) => return Err("`function.arguments` must be an object"),
    };
    let id = wire.id.filter(|id| !id.is_empty()).unwrap_or_else(|| made_up(&name));
    let content =
        ToolUse { id, name, input: input.into(), kind: ToolKind::Function, signature: None, item: None };
    let extra = fronted(wire.extra, function.extra);
    Ok(Block { content: Content::ToolUse(content), cache: None, extra })
}

/// A conversation as far as it is read.
#[derive(Default)]
struct Talk<'a> {
    system: Vec<Block<'a>>,
    messages: Vec<Message<'a>>,
    /// Calls so far, and tool results.
    calls: usize,
    results: usize,
    /// Id and name of the calls that have no result yet.
    open: Vec<(Text<'a>, Text<'a>)>,
    /// True if the last message is one of tool results, to which the next result is added.
    in_results: bool,
}

impl<'a> Talk<'a> {
    fn message(&mut self, place: usize, mut wire: wire::Message<'a>) -> Result<(), Fault> {
        let missing = || bad(format!("`messages[{place}].role` is missing"));
        // The server takes roles in any case.
        let role = wire.role.take().ok_or_else(missing)?.to_ascii_lowercase();
        if role == "tool" {
            self.result(wire);
            return Ok(());
        }
        self.in_results = false;
        let role = match role.as_str() {
            "system" => Role::System,
            "developer" => Role::Developer,
            "user" => Role::User,
            "assistant" => Role::Assistant,
            _ => {
                let words = "must be `system`, `user`, `assistant` or `tool`";
                return Err(bad(format!("`messages[{place}].role` {words}")));
            }
        };
        let is_plain = wire.images.as_ref().is_none_or(Vec::is_empty)
            && wire.tool_calls.is_none()
            && wire.thinking.is_none();
        if role == Role::System && self.messages.is_empty() && is_plain {
            let content = Content::text(wire.content.unwrap_or_default());
            self.system.push(Block { content, cache: None, extra: wire.extra });
            return Ok(());
        }
        if role == Role::Assistant {
            self.open.clear();
        }
        let calls = wire.tool_calls.take().unwrap_or_default();
        let extra = std::mem::take(&mut wire.extra);
        let mut blocks = said(wire);
        for (number, call) in calls.into_iter().enumerate() {
            let count = self.calls;
            self.calls += 1;
            let block = tool_use(call, |name| ids::of_request(count, name))
                .map_err(|what| bad(format!("`messages[{place}].tool_calls[{number}]`: {what}")))?;
            if let Content::ToolUse(call) = &block.content {
                self.open.push((call.id.clone(), call.name.clone()));
            }
            blocks.push(block);
        }
        let message = Message { extra, ..Message::new(role, blocks) };
        self.messages.push(message);
        Ok(())
    }

    /// A tool message. Without an id it belongs to the first open call of its name, or to the first open call at all.
    fn result(&mut self, mut wire: wire::Message<'a>) {
        let said_id = wire.tool_call_id.take().filter(|id| !id.is_empty());
        let said_name = wire.tool_name.take().filter(|name| !name.is_empty());
        let open = self.open.iter().position(|(id, name)| match (&said_id, &said_name) {
            (Some(said), _) => id == said,
            (None, Some(said)) => name == said,
            (None, None) => true,
        });
        let found = open.map(|at| self.open.remove(at));
        let (id, name) = match found {
            Some((id, name)) => (said_id.unwrap_or(id), Some(said_name.unwrap_or(name))),
            None => (said_id.unwrap_or_else(|| ids::of_orphan(self.results)), said_name),
        };
        self.results += 1;
        let extra = std::mem::take(&mut wire.extra);
        let result = ToolResult { id, name, blocks: said(wire), is_error: None, kind: ToolKind::Function };
        let block = Block { content: Content::ToolResult(result), cache: None, extra };
        match self.messages.last_mut().filter(|_| self.in_results) {
            Some(last) => last.blocks.push(block),
            None => self.messages.push(Message::new(Role::User, vec![block])),
        }
        self.in_results = true;
    }
}

/// What a message says besides its calls: thinking, text, pictures.
pub(in crate::dialects::ollama) fn said(wire: wire::Message<'_>) -> Vec<Block<'_>> {
    let thinking = wire.thinking.filter(|text| !text.is_empty());
    let thinking = thinking.map(|text| Content::Thinking(Thinking { text, ..Thinking::default() }));
    let text = wire.content.filter(|text| !text.is_empty()).map(Content::text);
    let images = wire.images.unwrap_or_default().into_iter().map(media::read);
    thinking.into_iter().chain(text).chain(images).map(Block::from).collect()
}
