//! From a request to the body a provider takes.

use super::{
    super::{
        NAME,
        part::{self, Place},
        schema, thinking,
        write::{self, Array, Object},
    },
    CALLING, CONFIG, TOOL_CONFIG,
};
use crate::{
    codec::{Encoded, Target},
    ir::{Block, Content, Losses, OutputFormat, Raw, Request, Role, Tool, ToolChoice, ToolKind},
};

/// Most stop sequences that Gemini takes. Source: discovery document, `GenerationConfig.stopSequences`.
const MAX_STOPS: usize = 5;

/// Writes the request for `target`.
pub(in super::super) fn write(request: &Request<'_>, target: Target<'_>) -> Encoded {
    let at_home = request.origin == NAME;
    let mut writer = part::Writer::new(at_home, false);
    writer.media_inside = thinking::is_gemini_3(target.model);
    let mut body = Vec::with_capacity(request.size());
    write::object(&mut body, |object| {
        system(request, &mut writer, object);
        object.array("contents", |array| contents(request, target.model, &mut writer, array));
        let mut losses = std::mem::take(&mut writer.losses);
        tools(request, at_home, object, &mut losses);
        object.object_if_any("toolConfig", |config| tool_config(request, at_home, config, &mut losses));
        object.object_if_any("generationConfig", |config| {
            generation(request, target.model, at_home, config, &mut losses);
        });
        rest(request, at_home, object, &mut losses);
        writer.losses = losses;
    });
    if !at_home {
        for (key, _) in &request.extra {
            writer.losses.add(&**key, "Gemini has no such field");
        }
    }
    Encoded { body, losses: writer.losses }
}

fn system<'r>(request: &'r Request<'r>, writer: &mut part::Writer<'r>, object: &mut Object<'_>) {
    if request.system.is_empty() {
        return;
    }
    object.object("systemInstruction", |content| {
        content.array("parts", |parts| {
            for (place, block) in request.system.iter().enumerate() {
                writer.block(block, Place::System(place), parts);
            }
        });
    });
}

/// One turn of the conversation as Gemini sees it, with the places of its blocks.
struct Turn<'r> {
    is_model: bool,
    blocks: Vec<(Place, &'r Block<'r>)>,
}

fn contents<'r>(request: &'r Request<'r>, model: &str, writer: &mut part::Writer<'r>, array: &mut Array<'_>) {
    let turns = turns(request, writer);
    let current = current_turn(&turns);
    let needs_signatures = !writer.at_home && thinking::is_gemini_3(model);
    for (number, turn) in turns.iter().enumerate() {
        writer.must_sign = needs_signatures && turn.is_model && number >= current;
        array.object_if(|content| {
            content.text("role", if turn.is_model { "model" } else { "user" });
            let mut has_parts = false;
            content.array("parts", |parts| {
                for (place, block) in &turn.blocks {
                    if !matches!(block.content, Content::ToolResult(_)) {
                        writer.rest(parts);
                    }
                    writer.block(block, *place, parts);
                }
                writer.rest(parts);
                has_parts = !parts.is_empty();
            });
            // A turn that says nothing is refused by Gemini, but not for the gateway to leave out at home.
            has_parts || writer.at_home
        });
    }
}

/// Where the latest words of the user begin, from which on Gemini 3 asks for signatures. What stands beside tool
/// results continues a turn.
fn current_turn(turns: &[Turn<'_>]) -> usize {
    let has_results = |turn: &Turn<'_>| {
        turn.blocks.iter().any(|(_, block)| matches!(block.content, Content::ToolResult(_)))
    };
    let (mut current, mut start) = (0, 0);
    for run in turns.chunk_by(|one, other| one.is_model == other.is_model) {
        if run.iter().all(|turn| !turn.is_model && !has_results(turn)) {
            current = start;
        }
        start += run.len();
    }
    current
}

/// The turns: at home as they came; else neighbours of the model joined, because all calls of a turn are answered by
/// the next one, and results put first, in the order of the calls.
fn turns<'r>(request: &'r Request<'r>, writer: &mut part::Writer<'r>) -> Vec<Turn<'r>> {
    let mut turns: Vec<Turn<'r>> = Vec::with_capacity(request.messages.len());
    let mut order: Vec<&str> = Vec::new();
    for (number, message) in request.messages.iter().enumerate() {
        let place = format!("messages[{number}]");
        if message.name.is_some() {
            writer.losses.add(format!("{place}.name"), "Gemini has no names of speakers");
        }
        if matches!(message.role, Role::System | Role::Developer) {
            writer
                .losses
                .add(format!("{place}.role"), "no system role within the conversation: said as the user");
        }
        writer.lose_extra(&message.extra, Some(&place));
        let is_model = message.role == Role::Assistant;
        let places = (0..).map(|block| Place::Message(number, block));
        let mut blocks: Vec<(Place, &'r Block<'r>)> = places.zip(&message.blocks).collect();
        for (_, block) in &blocks {
            if let Content::ToolUse(call) = &block.content {
                writer.names.insert(&call.id, &call.name);
                order.push(&call.id);
            }
        }
        if !writer.at_home {
            blocks.sort_by_key(|(_, block)| match &block.content {
                Content::ToolResult(result) => {
                    order.iter().rposition(|id| **id == *result.id).unwrap_or(order.len())
                }
                _ => usize::MAX,
            });
            if let Some(last) = turns.last_mut().filter(|last| last.is_model && is_model) {
                last.blocks.append(&mut blocks);
                continue;
            }
        }
        turns.push(Turn { is_model, blocks });
    }
    turns
}

fn tools(request: &Request<'_>, at_home: bool, object: &mut Object<'_>, losses: &mut Losses) {
    let is_function = |tool: &Tool<'_>| matches!(tool, Tool::Client { kind: ToolKind::Function, .. });
    // Vertex takes one object with functions only, so they are collected; at home they stay where they were.
    let mut groups: Vec<Vec<(usize, &Tool<'_>)>> = Vec::new();
    for (number, tool) in request.tools.iter().enumerate() {
        match tool {
            Tool::Foreign { origin, .. } if *origin != NAME => {
                losses.add(format!("tools[{number}]"), "a tool that another provider runs");
            }
            Tool::Client { kind: ToolKind::Custom, .. } => {
                losses.add(format!("tools[{number}]"), "Gemini has no tools that take plain text");
            }
            _ => {
                let joins = |group: &&mut Vec<(usize, &Tool<'_>)>| {
                    is_function(tool) && group.iter().all(|(_, known)| is_function(known))
                };
                let group =
                    if at_home { groups.last_mut().filter(joins) } else { groups.iter_mut().find(joins) };
                match group {
                    Some(group) => group.push((number, tool)),
                    None => groups.push(vec![(number, tool)]),
                }
            }
        }
    }
    if groups.is_empty() {
        return;
    }
    object.array("tools", |array| {
        for group in groups {
            array.object(|object| match group.as_slice() {
                [(_, Tool::Foreign { kind, raw, .. })] => object.raw(kind, raw),
                functions => object.array("functionDeclarations", |array| {
                    for (number, function) in functions {
                        array.object(|object| declare(function, *number, at_home, object, losses));
                    }
                }),
            });
        }
    });
}

fn declare(tool: &Tool<'_>, number: usize, at_home: bool, object: &mut Object<'_>, losses: &mut Losses) {
    let Tool::Client { name, description, schema, strict, cache, extra, .. } = tool else { return };
    object.text("name", name);
    if let Some(description) = description {
        object.text("description", description);
    }
    if let Some(schema) = schema {
        let written = schema::write(schema, &format!("tools[{number}].parameters"), at_home, losses);
        let field = match written.field {
            schema::Field::Own => "parameters",
            schema::Field::Json => "parametersJsonSchema",
        };
        object.raw(field, &written.schema);
    }
    if *strict == Some(true) {
        losses.add(format!("tools[{number}].strict"), "Gemini does not promise to keep to the schema");
    }
    if cache.is_some() {
        losses.add("cache_control", "Gemini caches prompts by itself");
    }
    if at_home {
        object.members(extra);
    } else {
        extra
            .iter()
            .for_each(|(key, _)| losses.add(format!("tools[{number}].{key}"), "Gemini has no such field"));
    }
}

fn tool_config(request: &Request<'_>, at_home: bool, config: &mut Object<'_>, losses: &mut Losses) {
    // "Function calling config is set without function_declarations" is what Gemini says to a choice among none.
    let is_callable = |tool: &Tool<'_>| matches!(tool, Tool::Client { kind: ToolKind::Function, .. });
    let is_idle = !at_home && !request.tools.iter().any(is_callable);
    config.object_if_any("functionCallingConfig", |calling| {
        match &request.tool_choice {
            None => {}
            Some(ToolChoice::Auto | ToolChoice::None) if is_idle => {}
            Some(_) if is_idle => losses.add("tool_choice", "there is no tool left to choose"),
            Some(ToolChoice::Auto) => calling.text("mode", "AUTO"),
            Some(ToolChoice::None) => calling.text("mode", "NONE"),
            Some(ToolChoice::Required) => calling.text("mode", "ANY"),
            Some(ToolChoice::Named(name)) => {
                calling.text("mode", "ANY");
                calling.texts("allowedFunctionNames", [&**name]);
            }
            Some(ToolChoice::Allowed { names, required }) => {
                calling.text("mode", if *required { "ANY" } else { "VALIDATED" });
                calling.texts("allowedFunctionNames", names.iter().map(|name| &**name));
            }
            Some(ToolChoice::Foreign { origin, raw }) if *origin == NAME => {
                for (key, value) in super::super::wire::members(raw).unwrap_or_default() {
                    calling.raw(&key, value);
                }
            }
            Some(ToolChoice::Foreign { .. }) => {
                losses.add("tool_choice", "a choice that only another dialect has")
            }
        }
        if at_home {
            calling.members_under(CALLING, &request.extra);
        }
    });
    if at_home {
        config.members_under(TOOL_CONFIG, &request.extra);
    }
    if request.parallel_tools == Some(false) {
        losses.add("parallel_tool_calls", "Gemini cannot be kept from calling several tools");
    }
}

fn generation(
    request: &Request<'_>,
    model: &str,
    at_home: bool,
    config: &mut Object<'_>,
    losses: &mut Losses,
) {
    let sampling = &request.sampling;
    let mut number = |name: &str, value: &Option<Raw<'_>>| {
        if let Some(value) = value {
            config.raw(name, value);
        }
    };
    number("temperature", &sampling.temperature);
    number("topP", &sampling.top_p);
    number("topK", &sampling.top_k);
    number("presencePenalty", &sampling.presence_penalty);
    number("frequencyPenalty", &sampling.frequency_penalty);
    number("seed", &sampling.seed);
    let unsayable = [
        ("min_p", &sampling.min_p),
        ("repetition_penalty", &sampling.repetition_penalty),
        ("logit_bias", &sampling.logit_bias),
    ];
    for (name, _) in unsayable.iter().filter(|(_, value)| value.is_some()) {
        losses.add(*name, "Gemini has no such field");
    }
    if !sampling.stop.is_empty() {
        let most = if at_home { sampling.stop.len() } else { MAX_STOPS };
        if sampling.stop.len() > most {
            losses.add(format!("stop[{most}..]"), "Gemini takes five stop sequences");
        }
        config.texts("stopSequences", sampling.stop.iter().take(most).map(|text| &**text));
    }
    if let Some(limit) = request.max_tokens {
        config.plain("maxOutputTokens", limit);
    }
    if let Some(choices) = request.choices {
        config.plain("candidateCount", choices);
    }
    if let Some(logprobs) = request.logprobs {
        config.plain("responseLogprobs", true);
        if logprobs > 0 {
            config.plain("logprobs", logprobs);
        }
    }
    match &request.format {
        None => {}
        Some(OutputFormat::Text) => config.text("responseMimeType", "text/plain"),
        Some(OutputFormat::Json) => config.text("responseMimeType", "application/json"),
        Some(OutputFormat::Schema { name, description, schema, .. }) => {
            config.text("responseMimeType", "application/json");
            let written = schema::write(schema, "response_format.schema", at_home, losses);
            let field = match written.field {
                schema::Field::Own => "responseSchema",
                schema::Field::Json => "responseJsonSchema",
            };
            let titles = [("title", name), ("description", description)];
            config.raw(
                field,
                &schema::entitled(&written.schema, &titles.map(|(key, text)| (key, text.as_deref()))),
            );
        }
    }
    if !request.modalities.is_empty() {
        let upper: Vec<String> =
            request.modalities.iter().map(|modality| modality.to_ascii_uppercase()).collect();
        config.texts("responseModalities", upper.iter().map(String::as_str));
    }
    audio(request, at_home, config, losses);
    config.object_if_any("thinkingConfig", |object| {
        thinking::write(object, request, model, losses);
        if at_home {
            object.members_under("generationConfig.thinkingConfig.", &request.extra);
        }
    });
    if at_home {
        config.members_under(CONFIG, &request.extra);
    }
}

fn audio(request: &Request<'_>, at_home: bool, config: &mut Object<'_>, losses: &mut Losses) {
    let Some(audio) = &request.audio else { return };
    match &audio.voice {
        Some(voice) if at_home => config.object("speechConfig", |speech| {
            speech.object("voiceConfig", |voices| {
                voices.object("prebuiltVoiceConfig", |prebuilt| prebuilt.text("voiceName", voice));
            });
        }),
        Some(_) => losses.add("audio.voice", "Gemini's voices have other names"),
        None => {}
    }
    if audio.format.is_some() {
        losses.add("audio.format", "Gemini speaks raw samples only");
    }
}

fn rest(request: &Request<'_>, at_home: bool, object: &mut Object<'_>, losses: &mut Losses) {
    match request.service_tier.as_deref() {
        None => {}
        // The ordinary class, in everybody's word.
        Some("auto" | "default" | "standard") if !at_home => {}
        Some(tier) if at_home || matches!(tier, "flex" | "priority") => object.text("serviceTier", tier),
        Some(_) => losses.add("service_tier", "Gemini has no such class"),
    }
    match (request.store, at_home) {
        (Some(store), true) => object.plain("store", store),
        (Some(true), false) => losses.add("store", "Gemini keeps no answers"),
        _ => {}
    }
    match &request.metadata {
        Some(labels) if at_home => object.raw("labels", labels),
        Some(_) => losses.add("metadata", "Gemini has no such field"),
        None => {}
    }
    let unsayable = [
        ("verbosity", request.verbosity.is_some()),
        ("user", request.user.is_some()),
        ("prompt_cache_key", request.cache_key.is_some()),
        ("previous_response_id", request.previous.is_some()),
    ];
    for (name, _) in unsayable.iter().filter(|(_, is_set)| *is_set) {
        losses.add(*name, "Gemini has no such field");
    }
    if at_home {
        object.members_under("", &request.extra);
    }
}
