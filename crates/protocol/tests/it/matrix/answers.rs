//! Every whole answer, and every error, to every dialect.

use std::borrow::Cow;

use lockgate_protocol::{
    codec::Encoded,
    dialect::{Answer, Dialect, Operation},
    dialects::DIALECTS,
    ir::{Choice, Content, Fault, FaultKind, Loss, Losses, Request, Response, StopReason, Usage},
    translate::Pair,
};
use serde_json::Value;

use super::{
    cases::{self, Said, Source},
    differ::{self, Differences},
    gist, requests,
};

/// One answer in one dialect, and what became of it.
pub(super) struct Translated {
    pub(super) encoded: Encoded,
    pub(super) differences: Differences,
}

/// The request of a client of `dialect` that a provider of the source's was asked in place of: the recorded one
/// translated, or one that asks for all there is.
pub(super) fn request_body(source: &Source, dialect: &dyn Dialect) -> Option<Vec<u8>> {
    let request = requests::decode(source)?;
    let stream = Request { stream: true, ..request };
    let pair = Pair::new(source.dialect.codec(), dialect.codec());
    Some(pair.request(&stream, cases::target(dialect)).ok()?.body)
}

pub(super) fn request<'a>(body: Option<&'a [u8]>, dialect: &dyn Dialect) -> Request<'a> {
    let decoded =
        body.map(|body| dialect.codec().decode_request(cases::arrival(dialect, true), body).unwrap());
    let mut request = decoded.unwrap_or_default();
    request.origin = dialect.name();
    // Whether it wants usage and proofs is the client's choice: this one does.
    (request.stream, request.stream_usage, request.reasoning_proof) = (true, Some(true), Some(true));
    request
}

pub(super) fn translate(
    cell: &str,
    response: &Response<'_>,
    dialect: &dyn Dialect,
    request: &Request<'_>,
) -> Translated {
    let encoded = dialect.codec().encode_response(response, cases::reply(dialect, request));
    let body: Value = serde_json::from_slice(&encoded.body).unwrap_or_else(|error| panic!("{cell}: {error}"));
    assert!(body.is_object(), "{cell}");
    let again = dialect
        .codec()
        .decode_response(&encoded.body)
        .unwrap_or_else(|fault| panic!("{cell}: {fault}: {body:#}"));
    let mut differences = compare(response, &again, &encoded.losses);
    // The gateway's own look at an answer has to agree with the codec's.
    let look = dialect.read_answer(Operation::Generate, &encoded.body);
    if look != Answer::Whole(again.usage) {
        differences.silent.push(format!("looks like {look:?}"));
    }
    Translated { encoded, differences }
}

/// Compares two answers, choice by choice.
pub(super) fn compare(before: &Response<'_>, after: &Response<'_>, losses: &Losses) -> Differences {
    let mut found = differ::compare(&gist::of_response(before), &gist::of_response(after), losses);
    // A stream's losses name the place in the stream.
    let is_said = |line: &String| {
        let words =
            if line.starts_with("proof of") { &["signature", "proof"][..] } else { &["content", "output"] };
        let is_of =
            |loss: &Loss| words.iter().any(|word| loss.path.contains(word) || loss.reason.contains(word));
        (line.starts_with("proof of") || line.starts_with("foreign")) && losses.iter().any(is_of)
    };
    // At home there, what reasoning is proved by is the name of its member.
    let is_mark = |line: &String| line.starts_with("proof of openai-chat") && after.origin == "openai-chat";
    found.silent.retain(|line| !is_said(line) && !is_mark(line));
    for choice in &before.choices {
        let path = format!("choices[{}]", choice.index);
        let Some(other) = after.choices.iter().find(|other| other.index == choice.index) else {
            if !differ::is_named(losses, &path) {
                found.silent.push(format!("{path} is gone"));
            }
            continue;
        };
        let reasons = (
            class(choice.stop.as_ref().map(|stop| stop.reason)),
            class(other.stop.as_ref().map(|stop| stop.reason)),
        );
        if reasons.0 != reasons.1 && !is_stop_named(losses, &path) {
            found.silent.push(format!("{path} stopped for {:?} and now for {:?}", reasons.0, reasons.1));
        }
        let said = |choice: &Choice<'_>| {
            let stop = choice.stop.as_ref();
            let cites = choice.blocks.iter().any(
                |block| matches!(&block.content, Content::Text { citations, .. } if !citations.is_empty()),
            );
            [
                ("sequence", stop.is_some_and(|stop| stop.sequence.is_some())),
                ("details", stop.is_some_and(|stop| stop.details.is_some())),
                ("citations", cites),
            ]
        };
        for ((name, had), (_, has)) in said(choice).into_iter().zip(said(other)) {
            // At home what a dialect says about the end may stand beside it.
            let has = has || (name == "details" && before.origin == after.origin && !other.extra.is_empty());
            if had && !has && !losses.iter().any(|loss| loss.path.contains(name)) {
                found.silent.push(format!("{path}: {name} of the end are gone"));
            }
        }
        if choice.logprobs.is_some()
            && other.logprobs.is_none()
            && !is_any_named(losses, &["logprobs", &format!("{path}.logprobs")])
        {
            found.silent.push(format!("{path}: log probabilities are gone"));
        }
    }
    usage(before.usage.as_ref(), after.usage.as_ref(), losses, &mut found);
    if before.id.as_deref().is_some_and(|id| !id.is_empty()) && before.id != after.id {
        found.notes.push("another id of the answer".to_owned());
    }
    found
}

/// What a client does next: nobody treats an end and a stop sequence otherwise than by the sequence itself.
fn class(reason: Option<StopReason>) -> Option<StopReason> {
    match reason {
        None | Some(StopReason::End | StopReason::StopSequence) => Some(StopReason::End),
        Some(StopReason::Refusal | StopReason::ContentFilter) => Some(StopReason::ContentFilter),
        Some(StopReason::Malformed | StopReason::Other) => Some(StopReason::Other),
        other => other,
    }
}

fn is_stop_named(losses: &Losses, choice: &str) -> bool {
    let names = ["stop_reason", "finish_reason", "refusal"];
    is_any_named(losses, &names) || is_any_named(losses, &[&format!("{choice}.stop_reason")])
}

fn is_any_named(losses: &Losses, names: &[&str]) -> bool {
    names.iter().any(|name| losses.iter().any(|loss| loss.path == *name))
}

fn usage(before: Option<&Usage>, after: Option<&Usage>, losses: &Losses, found: &mut Differences) {
    let (before, after) = match (before, after) {
        (Some(before), Some(after)) => (before, after),
        // Counts of nothing are as good as none.
        (None, Some(counts)) | (Some(counts), None) if *counts == Usage::default() => return,
        (None, None) => return,
        (before, after) => return found.silent.push(format!("usage was {before:?} and is {after:?}")),
    };
    if (before.total_input(), before.output) != (after.total_input(), after.output) {
        found.silent.push(format!("usage was {before:?} and is {after:?}"));
    }
    for ((path, count), (_, other)) in before.parts().into_iter().zip(after.parts()) {
        if count != other && !differ::is_named(losses, path) {
            found.silent.push(format!("{path} was {count} and is {other}"));
        }
    }
}

/// The recorded answer, if it is one.
pub(super) fn decode(source: &Source) -> Option<Response<'_>> {
    let Said::Whole(body) = &source.answer else { return None };
    (source.status == 200).then(|| source.dialect.codec().decode_response(body).unwrap())
}

#[test]
fn every_answer_says_the_same_in_every_dialect_or_says_what_it_lost() {
    let mut silent = Vec::new();
    for source in cases::all() {
        let Some(response) = decode(&source) else { continue };
        for dialect in DIALECTS {
            let body = request_body(&source, *dialect);
            let request = request(body.as_deref(), *dialect);
            let cell = format!("{} -> {}", source.id, dialect.name());
            let translated = translate(&cell, &response, *dialect, &request);
            for line in translated.differences.silent {
                silent.push(format!("{cell}: {line} [{}]", translated.encoded.losses));
            }
        }
    }
    assert!(silent.is_empty(), "{}:\n{}", silent.len(), silent.join("\n"));
}

/// The fault that the gateway makes of a refusal.
pub(super) fn fault(source: &Source) -> Option<Fault> {
    let Said::Whole(body) = &source.answer else { return None };
    if source.status == 200 {
        return None;
    }
    let complaint = source.dialect.codec().decode_error(body).unwrap_or_else(|| panic!("{}", source.id));
    assert!(complaint.message.is_some(), "{}: {complaint:?}", source.id);
    let kind = match source.status {
        401 | 403 => FaultKind::KeyRefused,
        404 => FaultKind::UpstreamNotFound,
        429 => FaultKind::RateLimited,
        _ => FaultKind::Refused,
    };
    let mut fault = Fault::new(kind, "the provider refused the request");
    fault.complaint = Some(Box::new(complaint));
    Some(fault)
}

#[test]
fn every_error_is_one_in_every_dialect() {
    let mut count = 0;
    for source in cases::all() {
        let Some(fault) = fault(&source) else { continue };
        count += 1;
        for dialect in DIALECTS {
            let cell = format!("{} -> {}", source.id, dialect.name());
            let codec = dialect.codec();
            let body = codec.encode_error(&fault);
            let again = codec.decode_error(&body).unwrap_or_else(|| panic!("{cell}: {body:?}"));
            let told = again.message.unwrap_or_else(|| panic!("{cell}: {body:?}"));
            let words = fault.complaint.as_ref().and_then(|complaint| complaint.message.clone()).unwrap();
            let expected = [Cow::Borrowed(&*fault.public), Cow::Owned(words)];
            assert!(expected.iter().any(|text| told.contains(&**text)), "{cell}: {told}");
            assert_eq!(dialect.read_answer(Operation::Generate, &body), Answer::Failed, "{cell}: {body:?}");
            assert!(codec.decode_response(&body).is_err(), "{cell}: {body:?}");
        }
    }
    assert!(count > 0 || cases::all().len() == DIALECTS.len(), "no errors were recorded");
}
