//! Writes the body of a Messages request.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{
    Hosted, NAME,
    block_encode::{Blocks, Path},
    hosted,
    model::Traits,
    reasoning::{self, Mode, Plan},
    schema, tier, tools_encode,
    turns::{self, Part, Turn, is_blank, unsayable},
    write::{Array, Object},
};
use crate::{
    codec::{Encoded, Target},
    dialects::orphan,
    ir::{Content, Effort, Losses, OutputFormat, Raw, Request, Role, Text},
};

/// The version of the API that no longer takes sampling parameters.
const STRICT_VERSION: &str = "2026-10-21";

/// See [`crate::codec::Codec::encode_request`]; `hosted` for hosts that have the model in the path.
pub(super) fn encode(request: &Request<'_>, target: Target<'_>, hosted: Option<Hosted<'_>>) -> Encoded {
    let mut losses = Losses::default();
    let home = request.origin == NAME;
    let traits = Traits::of(target.model);
    let strict = target.version == Some(STRICT_VERSION);
    let (turns, plan) = if home {
        (turns::as_they_stand(request), reasoning::as_it_stands(request, target, &mut losses))
    } else {
        let turns = turns::fitted(request, traits, &mut losses);
        let plan = reasoning::fitted(request, &turns, target, traits, &mut losses);
        (turns, plan)
    };
    let mut body = Vec::with_capacity(request.size());
    let mut into = Object::new(&mut body);
    head(&mut into, request, target, hosted);
    into.value("max_tokens", &plan.max_tokens);
    let mut blocks = Blocks { home, to_provider: true, strict, losses: &mut losses };
    // Without a conversation it is what the user says.
    if home || !request.messages.is_empty() {
        system(&mut into, request, &mut blocks);
    }
    messages(&mut into, request, &turns, &mut blocks);
    tools_encode::write(&mut into, request, home, &mut losses);
    thinking(&mut into, request, &plan, home);
    output_config(&mut into, request, &plan, &mut losses);
    sampling(&mut into, request, home, strict, &plan, traits, &mut losses);
    metadata(&mut into, request, home, &mut losses);
    service_tier(&mut into, request, home, &mut losses);
    unsayable_settings(request, &mut losses);
    extra(&mut into, request, home, hosted, &mut losses);
    drop(into);
    Encoded { body, losses }
}

/// What differs between the API itself and its hosts.
fn head(into: &mut Object<'_>, request: &Request<'_>, target: Target<'_>, hosted: Option<Hosted<'_>>) {
    match hosted {
        None => into.value("model", target.model),
        Some(hosted) => {
            into.value("anthropic_version", hosted.host.version());
            let betas = hosted::betas(request, hosted);
            if !betas.is_empty() {
                into.value("anthropic_beta", &betas);
            }
        }
    }
    if request.stream && hosted.is_none_or(|hosted| hosted.host.streams_by_body()) {
        into.value("stream", &true);
    }
}

fn system(into: &mut Object<'_>, request: &Request<'_>, blocks: &mut Blocks<'_>) {
    if blocks.home {
        if !request.system.is_empty() {
            let here = Path { parent: None, name: "system", at: 0 };
            blocks.content(into, "system", &request.system, here);
        }
        return;
    }
    let list = system_parts(request, blocks.losses);
    if !list.is_empty() {
        parts(into, "system", &list, Role::System, blocks, in_system);
    }
}

/// Where a part of the system prompt stands.
fn in_system(part: &Part<'_, '_>) -> (Option<Path<'static>>, Path<'static>) {
    (None, Path { parent: None, name: "system", at: part.at })
}

/// The system prompt of another dialect, as far as it can be said.
fn system_parts<'r, 'a>(request: &'r Request<'a>, losses: &mut Losses) -> Vec<Part<'r, 'a>> {
    let mut list: Vec<Part<'r, 'a>> = Vec::new();
    for (at, block) in request.system.iter().enumerate() {
        let part = Part { message: 0, at, block: Cow::Borrowed(block) };
        let place = format!("system[{at}]");
        match unsayable(&block.content, Role::System) {
            Some(why) => losses.add(&*place, why),
            None if is_blank(block) => {}
            None => {
                list.push(part);
                continue;
            }
        }
        turns::move_cache(&part, list.iter_mut(), &place, losses);
    }
    list
}

fn messages(into: &mut Object<'_>, request: &Request<'_>, turns: &[Turn<'_, '_>], blocks: &mut Blocks<'_>) {
    let mut list = into.array("messages");
    if !blocks.home && turns.first().is_none_or(|turn| turn.role != Role::User) {
        first_word(&mut list, request, blocks);
    }
    for (at, turn) in turns.iter().enumerate() {
        let is_last = at + 1 == turns.len();
        message(&mut list, turn, is_last, blocks);
    }
}

/// The user's message that the API wants in front: the system prompt, if that is all there is.
fn first_word(list: &mut Array<'_>, request: &Request<'_>, blocks: &mut Blocks<'_>) {
    let mut message = list.object();
    message.value("role", "user");
    let is_all = request.messages.is_empty();
    let system = if is_all { system_parts(request, blocks.losses) } else { Vec::new() };
    if system.is_empty() {
        blocks.losses.add("messages", orphan::MODEL_FIRST);
        message.value("content", orphan::PLACEHOLDER);
    } else {
        blocks.losses.add("system", orphan::SYSTEM);
        parts(&mut message, "content", &system, Role::User, blocks, in_system);
    }
}

fn message(list: &mut Array<'_>, turn: &Turn<'_, '_>, is_last: bool, blocks: &mut Blocks<'_>) {
    let mut into = list.object();
    let role = match turn.role {
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::System | Role::Developer => "system",
    };
    into.value("role", role);
    let mut list = turn.parts.clone();
    // The API refuses an answer to be continued that ends in blanks.
    if let Some(Part { block, .. }) = list.last_mut()
        && is_last
        && !blocks.home
        && turn.role == Role::Assistant
        && let Content::Text { text, .. } = &block.content
        && text.ends_with(char::is_whitespace)
    {
        let trimmed = text.trim_end().to_owned();
        if let Content::Text { text, .. } = &mut block.to_mut().content {
            *text = trimmed.into();
        }
    }
    let path = |part: &Part<'_, '_>| {
        let message = Path { parent: None, name: "messages", at: part.message };
        (Some(message), Path { parent: None, name: "content", at: part.at })
    };
    parts(&mut into, "content", &list, turn.role, blocks, path);
    if let Some(extra) = turn.extra {
        into.members(extra);
    }
}

/// Writes blocks as the member `name`: one plain text as text. `path` says where each stands.
fn parts<'p>(
    into: &mut Object<'_>,
    name: &str,
    list: &[Part<'_, '_>],
    role: Role,
    blocks: &mut Blocks<'_>,
    path: impl Fn(&Part<'_, '_>) -> (Option<Path<'p>>, Path<'p>),
) {
    if let [only] = list
        && let Content::Text { text, citations } = &only.block.content
        && citations.is_empty()
        && only.block.cache.is_none()
        && only.block.extra.is_empty()
    {
        return into.value(name, text);
    }
    let mut array = into.array(name);
    for part in list {
        let (parent, own) = path(part);
        blocks.block(&mut array, &part.block, role, Path { parent: parent.as_ref(), ..own });
    }
}

fn thinking(into: &mut Object<'_>, request: &Request<'_>, plan: &Plan<'_>, home: bool) {
    if home && has_extra(request, "thinking") {
        return;
    }
    if plan.mode == Mode::Unsaid {
        return;
    }
    let mut thinking = into.object("thinking");
    match plan.mode {
        Mode::Unsaid => {}
        Mode::Off => thinking.value("type", "disabled"),
        Mode::Adaptive => thinking.value("type", "adaptive"),
        Mode::Budget(budget) => {
            thinking.value("type", "enabled");
            thinking.value("budget_tokens", &budget);
        }
    }
    thinking.maybe("display", plan.display.as_ref());
}

fn has_extra(request: &Request<'_>, name: &str) -> bool {
    request.extra.iter().any(|(key, _)| *key == *name)
}

/// Writes `output_config`: effort, format, and what only this dialect knows of it.
fn output_config(into: &mut Object<'_>, request: &Request<'_>, plan: &Plan<'_>, losses: &mut Losses) {
    let schema = match &request.format {
        Some(OutputFormat::Schema { name, schema, description, strict }) => {
            if name.is_some() {
                losses.add("response_format.name", "the target takes a schema only");
            }
            if description.is_some() {
                losses.add("response_format.description", "the target takes a schema only");
            }
            if *strict == Some(false) {
                losses.add("response_format.strict", "the target always holds to the schema");
            }
            taken_schema(schema, request.origin == NAME, losses)
        }
        Some(OutputFormat::Json) => {
            losses.add("response_format", "the target has no JSON mode without a schema");
            None
        }
        Some(OutputFormat::Text) | None => None,
    };
    let is_home = |(key, _): &&(Text<'_>, Raw<'_>)| request.origin == NAME && *key == "output_config";
    let rest = request.extra.iter().find(is_home).map(|(_, raw)| raw);
    if schema.is_none() && plan.effort.is_none() && rest.is_none() {
        return;
    }
    let mut config = into.object("output_config");
    config.maybe("effort", plan.effort.map(Effort::name).as_ref());
    if let Some(schema) = schema {
        let mut format = config.object("format");
        format.value("type", "json_schema");
        format.json("schema", schema.get());
    }
    if let Some(rest) = rest.and_then(|raw| serde_json::from_str::<super::wire::Fields<'_>>(raw.get()).ok()) {
        config.members(&rest.rest());
    }
}

/// The schema of an answer as the API takes it; `None` if it takes none like it.
fn taken_schema<'r>(schema: &'r Raw<'_>, home: bool, losses: &mut Losses) -> Option<Cow<'r, RawValue>> {
    if home {
        return Some(Cow::Borrowed(schema));
    }
    let fitted = schema::fitted(schema, "response_format.schema", losses);
    if fitted.is_none() {
        losses.add("response_format", "the target takes no schema that refers to itself");
    }
    fitted
}

fn sampling(
    into: &mut Object<'_>,
    request: &Request<'_>,
    home: bool,
    strict: bool,
    plan: &Plan<'_>,
    traits: Traits,
    losses: &mut Losses,
) {
    let sampling = &request.sampling;
    let why = match () {
        () if strict => Some("this version of the API takes no sampling parameters"),
        () if home => None,
        () if !traits.sampling => Some("the model takes no sampling parameters"),
        () if plan.thinks() => Some("the target does not take it together with reasoning"),
        () => None,
    };
    let both = sampling.temperature.is_some() && sampling.top_p.is_some();
    for (name, value) in
        [("temperature", &sampling.temperature), ("top_p", &sampling.top_p), ("top_k", &sampling.top_k)]
    {
        let Some(value) = value else { continue };
        // The default of both is 1: that is what it does anyway.
        if why.is_some() && name != "top_k" && value.get().parse() == Ok(1.0) {
            continue;
        }
        if let Some(why) = why {
            losses.add(name, why);
        } else if !home && name == "top_p" && both && !traits.both {
            losses.add(name, "the model does not take it together with temperature");
        } else if !home
            && name == "temperature"
            && value.get().parse::<f64>().is_ok_and(|number| number > 1.0)
        {
            losses.add(name, "the target's range ends at 1");
            into.json(name, "1");
        } else {
            into.json(name, value.get());
        }
    }
    let (texts, blank): (Vec<_>, Vec<_>) =
        sampling.stop.iter().partition(|text| home || !text.trim().is_empty());
    if !blank.is_empty() {
        losses.add("stop", "the target takes no stop sequence of blanks");
    }
    if !texts.is_empty() {
        let mut list = into.array("stop_sequences");
        texts.into_iter().for_each(|text| list.text(text));
    }
}

fn metadata(into: &mut Object<'_>, request: &Request<'_>, home: bool, losses: &mut Losses) {
    let rest = request.metadata.as_ref().filter(|_| home);
    if request.metadata.is_some() && !home {
        losses.add("metadata", "the target knows a user only");
    }
    if request.user.is_none() && rest.is_none() {
        return;
    }
    let mut metadata = into.object("metadata");
    metadata.maybe("user_id", request.user.as_ref());
    if let Some(rest) = rest.and_then(|raw| serde_json::from_str::<super::wire::Fields<'_>>(raw.get()).ok()) {
        metadata.members(&rest.rest());
    }
}

fn service_tier(into: &mut Object<'_>, request: &Request<'_>, home: bool, losses: &mut Losses) {
    let Some(tier) = &request.service_tier else { return };
    match tier::write(tier, home) {
        Some(word) => into.value("service_tier", word),
        None => losses.add("service_tier", "the target has no such tier"),
    }
}

/// Names what this dialect has no words for. Ids of items and messages are not named: they only tie together what stands
/// together here anyway. Nor are settings that ask for what this dialect does by itself.
fn unsayable_settings(request: &Request<'_>, losses: &mut Losses) {
    let sampling = &request.sampling;
    let no_such = [
        ("min_p", sampling.min_p.is_some()),
        ("frequency_penalty", sampling.frequency_penalty.is_some()),
        ("presence_penalty", sampling.presence_penalty.is_some()),
        ("repetition_penalty", sampling.repetition_penalty.is_some()),
        ("seed", sampling.seed.is_some()),
        ("logit_bias", sampling.logit_bias.is_some()),
        ("n", request.choices.is_some_and(|choices| choices > 1)),
        ("logprobs", request.logprobs.is_some()),
        ("audio", request.audio.is_some()),
        ("modalities", request.modalities.iter().any(|kind| !kind.eq_ignore_ascii_case("text"))),
        ("verbosity", request.verbosity.is_some()),
        ("prompt_cache_key", request.cache_key.is_some()),
        ("store", request.store == Some(true)),
        ("previous_response_id", request.previous.is_some()),
    ];
    for (name, _) in no_such.into_iter().filter(|(_, is_asked)| *is_asked) {
        losses.add(name, "the target has no such field");
    }
}

fn extra(
    into: &mut Object<'_>,
    request: &Request<'_>,
    home: bool,
    hosted: Option<Hosted<'_>>,
    losses: &mut Losses,
) {
    for (key, value) in &request.extra {
        match &**key {
            _ if !home => losses.add(&**key, "only its own dialect knows it"),
            // Written with the rest of its object, or in the host's own words.
            "output_config" | "anthropic_version" => {}
            "anthropic_beta" if hosted.is_some() => {}
            "anthropic_beta" => losses.add(&**key, "a header of the target, not a field"),
            _ => into.json(key, value.get()),
        }
    }
}
