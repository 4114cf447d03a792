//! From a request to the body a provider takes.

use super::{
    super::{
        NAME, part, schema, thinking,
        write::{self, Object},
    },
    CONFIG, tools, turns,
};
use crate::{
    codec::{Encoded, Target},
    ir::{Losses, OutputFormat, Raw, Request},
};

/// Most stop sequences that Gemini takes. Source: discovery document, `GenerationConfig.stopSequences`.
const MAX_STOPS: usize = 5;

/// Writes the request for `target`.
pub(in super::super) fn write(request: &Request<'_>, target: Target<'_>) -> Encoded {
    let at_home = request.origin == NAME;
    let mut writer = part::Writer::new(at_home, false);
    writer.is_gemini_3 = thinking::is_gemini_3(target.model);
    let mut body = Vec::with_capacity(request.size());
    write::object(&mut body, |object| {
        turns::write(request, &mut writer, object);
        let mut losses = std::mem::take(&mut writer.losses);
        tools::declare(request, at_home, object, &mut losses);
        object.object_if_any("toolConfig", |config| tools::configure(request, at_home, config, &mut losses));
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
    format(request, model, at_home, config, losses);
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

fn format(request: &Request<'_>, model: &str, at_home: bool, config: &mut Object<'_>, losses: &mut Losses) {
    let Some(format) = &request.format else { return };
    // "Function calling with a response mime type: 'application/json' is unsupported" is what models before Gemini 3
    // say. Source: ai.google.dev/gemini-api/docs/structured-output, "structured outputs with tools".
    let is_json = !matches!(format, OutputFormat::Text);
    if is_json && !at_home && !thinking::is_gemini_3(model) && tools::may_be_called(request) {
        return losses.add("response_format", "the model takes no format beside tools that it may call");
    }
    match format {
        OutputFormat::Text => config.text("responseMimeType", "text/plain"),
        OutputFormat::Json => config.text("responseMimeType", "application/json"),
        OutputFormat::Schema { name, description, schema, .. } => {
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
