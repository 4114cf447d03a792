//! Every request to every dialect.

use lockgate_protocol::{
    codec::Encoded,
    dialect::Dialect,
    dialects::DIALECTS,
    ir::{FaultKind, Losses, Request, ToolChoice},
    translate::Pair,
};
use serde_json::Value;

use super::{
    cases::{self, Source},
    differ::{self, Differences},
    gist,
};

/// One request in one dialect, and what became of it.
pub(super) struct Translated {
    pub(super) encoded: Encoded,
    pub(super) differences: Differences,
}

/// Why a model that reasons need not be told to sample as it does.
const REASONER: &str = "what a model that reasons does by itself";

/// What a dialect may do without a word: target, what is found, and why it is no loss.
const FITTING: &[(&str, &str, &str)] = &[
    ("ollama", "reasoning is gone: true", "models that can reason do so by themselves"),
    ("anthropic", "temperature is gone: 1.0", REASONER),
    ("anthropic", "top_p is gone: 1.0", REASONER),
    ("bedrock", "temperature is gone: 1.0", REASONER),
    ("bedrock", "top_p is gone: 1.0", REASONER),
    ("openai-chat", "temperature is gone: 1.0", REASONER),
    ("openai-chat", "top_p is gone: 1.0", REASONER),
    ("openai-responses", "temperature is gone: 1.0", REASONER),
    ("openai-responses", "top_p is gone: 1.0", REASONER),
    ("bedrock", "tools[", "calls in the conversation need their tools declared"),
];

pub(super) fn decode(source: &Source) -> Option<Request<'_>> {
    let body = source.request.as_deref()?;
    match source.dialect.codec().decode_request(source.head(), body) {
        Ok(request) => Some(request),
        Err(fault) => {
            // The provider refused it too.
            assert_eq!(fault.kind, FaultKind::BadRequest, "{}: {fault}", source.id);
            assert!(fault.public.contains('`') && source.status == 400, "{}: {fault}", source.id);
            None
        }
    }
}

pub(super) fn translate(source: &Source, request: &Request<'_>, dialect: &dyn Dialect) -> Option<Translated> {
    let cell = format!("{} -> {}", source.id, dialect.name());
    let pair = Pair::new(source.dialect.codec(), dialect.codec());
    let encoded = match pair.request(request, cases::target(dialect)) {
        Ok(encoded) => encoded,
        Err(fault) => {
            assert_eq!(fault.kind, FaultKind::BadRequest, "{cell}: {fault}");
            assert!(fault.public.contains('`'), "{cell}: {fault}");
            return None;
        }
    };
    let body: Value = serde_json::from_slice(&encoded.body).unwrap_or_else(|error| panic!("{cell}: {error}"));
    assert!(body.is_object(), "{cell}");
    let again = dialect
        .codec()
        .decode_request(cases::arrival(dialect, request.stream), &encoded.body)
        .unwrap_or_else(|fault| panic!("{cell}: {fault}: {body:#}"));
    // Every provider refuses a choice among no tools.
    let is_choice = |choice: &ToolChoice<'_>| !matches!(choice, ToolChoice::None);
    let chooses = again.tool_choice.as_ref().is_some_and(is_choice);
    assert!(!again.tools.is_empty() || !chooses, "{cell}: {body:#}");
    let differences = differences(request, &again, &encoded.losses, dialect);
    Some(Translated { encoded, differences })
}

/// What a request said and what arrived.
pub(super) fn differences(
    request: &Request<'_>,
    again: &Request<'_>,
    losses: &Losses,
    dialect: &dyn Dialect,
) -> Differences {
    let mut differences = differ::compare(&gist::of_request(request), &gist::of_request(again), losses);
    let asked = differ::compare_settings(&gist::settings(request), &gist::settings(again), losses);
    for line in asked.silent {
        let is_fitting = |row: &&(&str, &str, &str)| row.0 == dialect.name() && line.starts_with(row.1);
        match FITTING.iter().find(is_fitting) {
            Some((_, _, why)) => {
                let what = line.split(':').next().unwrap_or_default();
                differences.notes.push(format!("{what} ({why})"));
            }
            None => differences.silent.push(line),
        }
    }
    differences
}

#[test]
fn every_request_says_the_same_in_every_dialect_or_says_what_it_lost() {
    let mut silent = Vec::new();
    for source in cases::all() {
        let Some(request) = decode(&source) else { continue };
        for dialect in DIALECTS {
            let Some(translated) = translate(&source, &request, *dialect) else { continue };
            for line in translated.differences.silent {
                silent.push(format!(
                    "{} -> {}: {line} [{}]",
                    source.id,
                    dialect.name(),
                    translated.encoded.losses
                ));
            }
        }
    }
    assert!(silent.is_empty(), "{}:\n{}", silent.len(), silent.join("\n"));
}
