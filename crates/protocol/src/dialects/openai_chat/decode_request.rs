//! A client's request, from the wire.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{
    NAME, Spelling,
    decode_messages::{Conversation, MessageWire},
    decode_parts::{CacheControl, cache_hint},
    object::{Count, List, TextOr, keep, keep_inner, object, read},
};
use crate::{
    codec::RequestHead,
    ir::{
        Audio, Effort, Fault, FaultKind, Members, Number, OutputFormat, Reasoning, Request, Sampling, Text,
        Tool, ToolChoice, ToolKind,
    },
};

/// Longest reason that is given to a client, in characters.
const MAX_REASON: usize = 400;

object! {
    RequestWire<'a> {
        model = "model": Text<'a>,
        messages = "messages": List<MessageWire<'a>>,
        stream = "stream": bool,
        stream_options = "stream_options": StreamOptions<'a>,
        tools = "tools": Vec<&'a RawValue>,
        tool_choice = "tool_choice": &'a RawValue,
        parallel_tool_calls = "parallel_tool_calls": bool,
        functions = "functions": List<FunctionWire<'a>>,
        function_call = "function_call": &'a RawValue,
        response_format = "response_format": &'a RawValue,
        reasoning_effort = "reasoning_effort": &'a RawValue,
        reasoning = "reasoning": &'a RawValue,
        thinking = "thinking": &'a RawValue,
        temperature = "temperature": Number<'a>,
        top_p = "top_p": Number<'a>,
        top_k = "top_k": Number<'a>,
        min_p = "min_p": Number<'a>,
        frequency_penalty = "frequency_penalty": Number<'a>,
        presence_penalty = "presence_penalty": Number<'a>,
        repetition_penalty = "repetition_penalty": Number<'a>,
        seed = "seed": Number<'a>,
        logit_bias = "logit_bias": &'a RawValue,
        stop = "stop": TextOr<'a, Text<'a>>,
        max_tokens = "max_tokens": Count,
        max_completion_tokens = "max_completion_tokens": Count,
        n = "n": Count,
        logprobs = "logprobs": bool,
        top_logprobs = "top_logprobs": Count,
        audio = "audio": &'a RawValue,
        modalities = "modalities": Vec<Text<'a>>,
        verbosity = "verbosity": Text<'a>,
        service_tier = "service_tier": Text<'a>,
        user = "user": Text<'a>,
        safety_identifier = "safety_identifier": Text<'a>,
        metadata = "metadata": &'a RawValue,
        prompt_cache_key = "prompt_cache_key": Text<'a>,
        store = "store": bool,
    }
}

object! {
    StreamOptions<'a> {
        include_usage = "include_usage": bool,
    }
}

/// Reads the body of `POST /v1/chat/completions`. Source of the fields: the OpenAI API description, schema
/// `CreateChatCompletionRequest`, and the fields that servers of the same dialect add.
pub(super) fn decode<'a>(head: RequestHead<'_>, body: &'a [u8]) -> Result<Request<'a>, Fault> {
    // The parser quotes what it did not expect, however long it is.
    let bad = |text: String| {
        let text: String = text.chars().take(MAX_REASON).collect();
        Fault::new(FaultKind::BadRequest, format!("the request cannot be read: {text}"))
    };
    let wire: RequestWire<'a> = serde_json::from_slice(body).map_err(|error| bad(error.to_string()))?;
    request(head, wire).map_err(bad)
}

fn request<'a>(head: RequestHead<'_>, wire: RequestWire<'a>) -> Result<Request<'a>, String> {
    let mut extra = wire.extra;
    let mut spelling = Vec::new();
    let model = wire.model.or_else(|| head.model.map(|model| model.to_owned().into()));

    let mut conversation = Conversation::default();
    let messages = wire.messages.ok_or("`messages` is missing")?;
    for (place, message) in messages.0.into_iter().enumerate() {
        conversation.push(message).map_err(|error| format!("`messages`: item {place}: {error}"))?;
    }
    conversation.settle_kinds();
    if conversation.leads_with_developer {
        spelling.push(Spelling::DEVELOPER);
    }

    let mut tools = Vec::new();
    for (place, raw) in wire.tools.into_iter().flatten().enumerate() {
        tools.push(tool(raw).map_err(|error| format!("`tools`: item {place}: {error}"))?);
    }
    // The older form has no place for tools of other kinds than functions: where both are mixed, the newer says it all.
    let has_tools = !tools.is_empty();
    let has_functions = wire.functions.is_some() || wire.function_call.is_some();
    for (place, wire) in wire.functions.into_iter().flat_map(|list| list.0).enumerate() {
        let tool = function(wire, Members::new(), None);
        tools.push(tool.map_err(|error| format!("`functions`: item {place}: {error}"))?);
    }
    if !has_tools && (has_functions || conversation.is_legacy) {
        spelling.push(Spelling::FUNCTIONS);
    }

    let stop = match wire.stop {
        None => Vec::new(),
        Some(TextOr::List(list)) => list,
        Some(TextOr::Text(text)) => {
            spelling.push(Spelling::STOP);
            vec![text]
        }
    };
    if wire.max_tokens.is_some() {
        spelling.push(Spelling::MAX_TOKENS);
    }
    let user = match (wire.user, wire.safety_identifier) {
        (Some(user), Some(other)) => {
            extra.push((Spelling::SAFETY_IDENTIFIER.into(), crate::ir::raw(&other)));
            Some(user)
        }
        (None, Some(user)) => {
            spelling.push(Spelling::SAFETY_IDENTIFIER);
            Some(user)
        }
        (user, None) => user,
    };
    let reasoning =
        reasoning(wire.reasoning_effort, wire.reasoning, wire.thinking, &mut spelling, &mut extra);
    let stream_usage = wire.stream_options.and_then(|options| {
        keep_inner(&mut extra, "stream_options", options.extra);
        options.include_usage
    });

    Ok(Request {
        origin: NAME,
        model: model.ok_or("`model` is missing")?,
        stream: wire.stream.or(head.stream).unwrap_or(false),
        system: conversation.system,
        messages: conversation.messages,
        tools,
        tool_choice: wire.tool_choice.or(wire.function_call).map(tool_choice),
        parallel_tools: wire.parallel_tool_calls,
        format: wire.response_format.and_then(|raw| format(raw, &mut extra)),
        reasoning,
        sampling: Sampling {
            temperature: wire.temperature.map(|number| number.0),
            top_p: wire.top_p.map(|number| number.0),
            top_k: wire.top_k.map(|number| number.0),
            min_p: wire.min_p.map(|number| number.0),
            frequency_penalty: wire.frequency_penalty.map(|number| number.0),
            presence_penalty: wire.presence_penalty.map(|number| number.0),
            repetition_penalty: wire.repetition_penalty.map(|number| number.0),
            seed: wire.seed.map(|number| number.0),
            logit_bias: wire.logit_bias.map(Cow::Borrowed),
            stop,
        },
        max_tokens: wire.max_tokens.or(wire.max_completion_tokens).map(|count| count.0),
        choices: wire.n.map(|count| count.0),
        logprobs: wire
            .logprobs
            .filter(|wanted| *wanted)
            .map(|_| wire.top_logprobs.map_or(0, |count| count.0)),
        audio: wire.audio.and_then(|raw| audio(raw, &mut extra)),
        modalities: wire.modalities.unwrap_or_default(),
        verbosity: wire.verbosity,
        service_tier: wire.service_tier,
        user,
        metadata: wire.metadata.map(Cow::Borrowed),
        cache_key: wire.prompt_cache_key,
        store: wire.store,
        previous: None,
        stream_usage,
        reasoning_proof: None,
        spelling,
        extra,
    })
}

object! {
    ToolWire<'a> {
        kind = "type": Text<'a>,
        function = "function": FunctionWire<'a>,
        custom = "custom": CustomWire<'a>,
        cache_control = "cache_control": CacheControl<'a>,
    }
}

object! {
    FunctionWire<'a> {
        name = "name": Text<'a>,
        description = "description": Text<'a>,
        parameters = "parameters": &'a RawValue,
        strict = "strict": bool,
    }
}

object! {
    CustomWire<'a> {
        name = "name": Text<'a>,
        description = "description": Text<'a>,
        format = "format": &'a RawValue,
    }
}

fn tool(raw: &RawValue) -> Result<Tool<'_>, String> {
    let wire: ToolWire<'_> = serde_json::from_str(raw.get()).map_err(|error| error.to_string())?;
    let cache = cache_hint(wire.cache_control, false);
    let mut extra = wire.extra;
    match (wire.function, wire.custom) {
        (Some(wire), _) => function(wire, extra, cache),
        (None, Some(custom)) => {
            keep_inner(&mut extra, "custom", custom.extra);
            Ok(Tool::Client {
                name: custom.name.ok_or("`custom.name` is missing")?,
                description: custom.description,
                schema: custom.format.map(Cow::Borrowed),
                strict: None,
                kind: ToolKind::Custom,
                cache,
                extra,
            })
        }
        (None, None) => Ok(Tool::Foreign {
            origin: NAME,
            kind: wire.kind.ok_or("`type` is missing")?,
            raw: Cow::Borrowed(raw),
        }),
    }
}

fn function<'a>(
    wire: FunctionWire<'a>,
    mut extra: Members<'a>,
    cache: Option<crate::ir::CacheHint<'a>>,
) -> Result<Tool<'a>, String> {
    keep_inner(&mut extra, "function", wire.extra);
    Ok(Tool::Client {
        name: wire.name.ok_or("`name` is missing")?,
        description: wire.description,
        schema: wire.parameters.map(Cow::Borrowed),
        strict: wire.strict,
        kind: ToolKind::Function,
        cache,
        extra,
    })
}

/// Reads `tool_choice` and the older `function_call`. Mistral says `any` for `required`.
fn tool_choice(raw: &RawValue) -> ToolChoice<'_> {
    object! {
        Named<'a> {
            name = "name": Text<'a>,
        }
    }
    object! {
        Allowed<'a> {
            mode = "mode": Text<'a>,
            tools = "tools": Vec<Choice<'a>>,
        }
    }
    object! {
        Choice<'a> {
            name = "name": Text<'a>,
            function = "function": Named<'a>,
            custom = "custom": Named<'a>,
            allowed = "allowed_tools": Allowed<'a>,
        }
    }
    impl<'a> Choice<'a> {
        fn into_name(self) -> Option<Text<'a>> {
            self.function.or(self.custom).and_then(|named| named.name).or(self.name)
        }
    }

    let foreign = || ToolChoice::Foreign { origin: NAME, raw: Cow::Borrowed(raw) };
    if let Some(word) = read::<Text<'_>>(raw) {
        return match &*word {
            "auto" => ToolChoice::Auto,
            "none" => ToolChoice::None,
            "required" | "any" => ToolChoice::Required,
            _ => foreign(),
        };
    }
    let Some(mut choice) = read::<Choice<'_>>(raw) else { return foreign() };
    if let Some(allowed) = choice.allowed.take() {
        let tools = allowed.tools.unwrap_or_default();
        let count = tools.len();
        let names: Vec<_> = tools.into_iter().filter_map(Choice::into_name).collect();
        let required = allowed.mode.is_some_and(|mode| mode == *"required");
        return if names.len() == count { ToolChoice::Allowed { names, required } } else { foreign() };
    }
    choice.into_name().map_or_else(foreign, ToolChoice::Named)
}

/// Reads `response_format`; a form nobody here knows stays in `extra`.
fn format<'a>(raw: &'a RawValue, extra: &mut Members<'a>) -> Option<OutputFormat<'a>> {
    object! {
        Format<'a> {
            kind = "type": Text<'a>,
            json_schema = "json_schema": Schema<'a>,
        }
    }
    object! {
        Schema<'a> {
            name = "name": Text<'a>,
            description = "description": Text<'a>,
            schema = "schema": &'a RawValue,
            strict = "strict": bool,
        }
    }
    let known =
        read::<Format<'a>>(raw).and_then(|format| match (format.kind.as_deref()?, format.json_schema) {
            ("text", None) => Some(OutputFormat::Text),
            ("json_object", None) => Some(OutputFormat::Json),
            ("json_schema", Some(schema)) => {
                let inner = Cow::Borrowed(schema.schema?);
                keep_inner(extra, "json_schema", schema.extra);
                let (name, description, strict) = (schema.name, schema.description, schema.strict);
                Some(OutputFormat::Schema { name, description, schema: inner, strict })
            }
            _ => None,
        });
    if known.is_none() {
        keep(extra, "response_format".into(), raw);
    }
    known
}

/// Reads `audio`; a voice that is not a name (a custom voice) leaves all of it in `extra`.
fn audio<'a>(raw: &'a RawValue, extra: &mut Members<'a>) -> Option<Audio<'a>> {
    object! {
        AudioWire<'a> {
            voice = "voice": Text<'a>,
            format = "format": Text<'a>,
        }
    }
    match read::<AudioWire<'a>>(raw) {
        Some(audio) => {
            keep_inner(extra, "audio", audio.extra);
            Some(Audio { voice: audio.voice, format: audio.format })
        }
        None => {
            keep(extra, "audio".into(), raw);
            None
        }
    }
}

/// Reads the three spellings of reasoning: OpenAI's `reasoning_effort`, OpenRouter's `reasoning` and the `thinking`
/// that DeepSeek and Z.ai took over from Anthropic. A value that is not understood stays in `extra`.
fn reasoning<'a>(
    effort: Option<&'a RawValue>,
    reasoning: Option<&'a RawValue>,
    thinking: Option<&'a RawValue>,
    spelling: &mut Vec<&'static str>,
    extra: &mut Members<'a>,
) -> Option<Reasoning<'a>> {
    object! {
        ReasoningWire<'a> {
            effort = "effort": Text<'a>,
            max_tokens = "max_tokens": Count,
            enabled = "enabled": bool,
        }
    }
    object! {
        ThinkingWire<'a> {
            kind = "type": Text<'a>,
            budget = "budget_tokens": Count,
        }
    }
    let parse = |text: Text<'_>| Effort::parse(&text);
    let mut result = Reasoning::default();
    if let Some(raw) = reasoning {
        let wire = read::<ReasoningWire<'a>>(raw).and_then(|wire| {
            let effort = wire.effort.map(|effort| parse(effort).ok_or(()));
            Some((effort.transpose().ok()?, wire.max_tokens, wire.enabled, wire.extra))
        });
        if let Some((effort, budget, enabled, inner)) = wire {
            spelling.push(Spelling::REASONING);
            keep_inner(extra, Spelling::REASONING, inner);
            result = Reasoning { effort, budget: budget.map(|count| count.0), enabled, ..result };
        } else {
            keep(extra, Spelling::REASONING.into(), raw);
        }
    }
    if let Some(raw) = thinking {
        let wire = read::<ThinkingWire<'a>>(raw).and_then(|wire| {
            let enabled = match wire.kind.as_deref()? {
                "enabled" => true,
                "disabled" => false,
                _ => return None,
            };
            Some((enabled, wire.budget, wire.extra))
        });
        if let Some((enabled, budget, inner)) = wire {
            spelling.push(Spelling::THINKING);
            keep_inner(extra, Spelling::THINKING, inner);
            result.enabled = Some(enabled);
            result.budget = budget.map(|count| count.0).or(result.budget);
        } else {
            keep(extra, Spelling::THINKING.into(), raw);
        }
    }
    if let Some(raw) = effort {
        match read::<Text<'a>>(raw).and_then(parse) {
            Some(effort) if result.effort.is_none() => result.effort = Some(effort),
            _ => keep(extra, "reasoning_effort".into(), raw),
        }
    }
    (result != Reasoning::default()).then_some(result)
}
