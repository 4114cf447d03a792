//! Calls in the API's words, and which of them are sought.

use std::{ops::RangeInclusive, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use lockgate_store::{Bodies, Body, CallRecord, Ended, Price, Tokens, sqlite};

use super::{
    CallBodies, CallBody, CallDetail, CallLine, CallTokens, CallTry, Refusal,
    query::{Kind, Parameter, Query, may, shown},
    words,
};

/// How calls end, as [`Ended`] has it.
const ENDED: &[&str] = &["answered", "refused", "broken", "client_gone", "interrupted"];

/// What calls are sought by, except by time.
pub(super) const KEY: Parameter = may("key", Kind::Text, "the name of a client key");
pub(super) const MODEL: Parameter = may("model", Kind::Text, "the model that clients ask for");
pub(super) const DEPLOYMENT: Parameter = may("deployment", Kind::Text, "the deployment that answered");
pub(super) const TAG: Parameter = may("tag", Kind::Text, "one of the key's tags, `name:value`");
pub(super) const STATUS: Parameter = may("status", Kind::Text, "an HTTP status, `429`, `4xx` or `400-499`");
pub(super) const ENDING: Parameter = may("ended", Kind::OneOf(ENDED), "how calls ended");
pub(super) const TEXT: Parameter = may(
    "text",
    Kind::Text,
    "words, all of them: parts of names and paths, whole words of faults, or the call's whole id",
);

/// Which calls are sought. What is `None` does not matter.
#[derive(Debug, Clone, Default)]
pub(super) struct Sought {
    pub(super) from_ms: Option<u64>,
    pub(super) until_ms: Option<u64>,
    pub(super) key: Option<String>,
    pub(super) model: Option<String>,
    pub(super) deployment: Option<String>,
    pub(super) tag: Option<String>,
    pub(super) status: Option<RangeInclusive<u16>>,
    pub(super) ended: Option<Ended>,
    pub(super) text: Option<String>,
}

impl Sought {
    /// What a query asks for.
    pub(super) fn of(query: &Query) -> Result<Self, Refusal> {
        let text = |name: &str| query.get(name).map(str::to_owned);
        Ok(Self {
            from_ms: query.moment("from"),
            until_ms: query.moment("to"),
            key: text(KEY.name),
            model: text(MODEL.name),
            deployment: text(DEPLOYMENT.name),
            tag: text(TAG.name),
            status: query.get(STATUS.name).map(status).transpose()?,
            ended: query.get(ENDING.name).and_then(ended),
            text: text(TEXT.name),
        })
    }

    /// The same for the database.
    pub(super) fn filter(&self) -> sqlite::Filter {
        sqlite::Filter {
            from_ms: self.from_ms,
            until_ms: self.until_ms,
            key: self.key.clone(),
            model: self.model.clone(),
            deployment: self.deployment.clone(),
            status: self.status.clone(),
            ended: self.ended,
            tag: self.tag.clone(),
            text: self.text.clone(),
        }
    }

    /// Whether a call is one of them.
    pub(super) fn fits(&self, call: &CallLine) -> bool {
        let ended_ms = call.started_ms.saturating_add(call.took_ms as u64);
        let is = |wanted: &Option<String>, name: &Option<String>| {
            wanted.as_ref().is_none_or(|wanted| name.as_ref() == Some(wanted))
        };
        self.from_ms.is_none_or(|from| ended_ms >= from)
            && self.until_ms.is_none_or(|until| ended_ms < until)
            && is(&self.key, &call.key)
            && is(&self.model, &call.model)
            && is(&self.deployment, &call.deployment)
            && self.tag.as_ref().is_none_or(|wanted| call.tags.contains(wanted))
            && self.status.as_ref().is_none_or(|status| status.contains(&call.status))
            && self.ended.is_none_or(|ended| ended.name() == call.ended)
            && self.text.as_ref().is_none_or(|text| has_words(call, text))
    }
}

/// Whether all words are somewhere in what is said of a call.
fn has_words(call: &CallLine, text: &str) -> bool {
    let named = [&call.key, &call.model, &call.deployment, &call.node, &call.error].into_iter().flatten();
    let said = named.chain([&call.id, &call.path, &call.dialect]).chain(&call.tags);
    let said: Vec<String> = said.map(|name| name.to_lowercase()).collect();
    text.to_lowercase().split_whitespace().all(|word| said.iter().any(|name| name.contains(word)))
}

fn ended(name: &str) -> Option<Ended> {
    Ended::ALL.iter().find(|(_, known)| *known == name).map(|(ended, _)| *ended)
}

/// `429`, `4xx` or `400-499`.
fn status(text: &str) -> Result<RangeInclusive<u16>, Refusal> {
    let range = match text.split_once('-') {
        Some((first, last)) => first.parse().ok().zip(last.parse().ok()).map(|(first, last)| first..=last),
        None => match text.strip_suffix("xx") {
            Some(class) => class
                .parse()
                .ok()
                .filter(|class| (1..=5).contains(class))
                .map(|class: u16| class * 100..=class * 100 + 99),
            None => text.parse().ok().map(|status: u16| status..=status),
        },
    };
    range.ok_or_else(|| {
        let text = shown(text);
        Refusal::bad(format!(
            "`status={text}` cannot be: `status` is a status, a class or a range: `429`, `4xx`, `400-499`"
        ))
    })
}

/// A call as it stands in a list.
pub(crate) fn line(record: &CallRecord) -> CallLine {
    let deployment = record.deployment.as_ref().or_else(|| {
        let answered = record.attempts.last().filter(|last| last.fault.is_none());
        answered.map(|attempt| &attempt.deployment)
    });
    CallLine {
        id: record.id.clone(),
        started: started(record.started_ms),
        started_ms: record.started_ms,
        took_ms: ms(record.micros),
        overhead_us: record.overhead_micros,
        first_token_ms: record.first_token_micros.map(ms),
        key: record.key.as_deref().map(str::to_owned),
        model: record.model.clone(),
        deployment: deployment.map(ToString::to_string),
        dialect: record.dialect.to_string(),
        path: record.path.clone(),
        tags: record.tags.iter().map(ToString::to_string).collect(),
        node: record.node.as_deref().map(str::to_owned),
        status: record.status,
        ended: record.ended.name().to_owned(),
        stream: record.stream,
        attempts: record.attempts.len() as u64,
        tokens: record.usage.map(tokens),
        cost_micro_usd: record.cost,
        is_unpriced: record.price == Price::Unknown,
        error: error(record),
        has_bodies: record.bodies.is_some(),
    }
}

/// The same, as the database knows it: without what went wrong.
pub(super) fn line_of_row(row: &sqlite::CallRow) -> CallLine {
    let named = |name: &String| Some(name.clone()).filter(|name| !name.is_empty());
    let tokens = row.input.map(|input| CallTokens {
        input,
        cache_read: row.cache_read.unwrap_or(0),
        cache_write: row.cache_write.unwrap_or(0),
        output: row.output.unwrap_or(0),
        reasoning: row.reasoning.unwrap_or(0),
        is_estimated: row.is_estimated,
    });
    CallLine {
        id: row.id.clone(),
        started: started(row.started_ms),
        started_ms: row.started_ms,
        took_ms: ms(row.micros),
        overhead_us: row.overhead_micros,
        first_token_ms: row.first_token_micros.map(ms),
        key: named(&row.key),
        model: named(&row.model),
        deployment: named(&row.deployment),
        dialect: row.dialect.clone(),
        path: row.path.clone(),
        tags: row.tags.clone(),
        node: named(&row.node),
        status: row.status,
        ended: row.ended.name().to_owned(),
        stream: row.stream,
        attempts: row.attempts,
        tokens,
        cost_micro_usd: row.cost,
        is_unpriced: row.is_unpriced,
        error: None,
        has_bodies: row.has_bodies,
    }
}

/// All that is on record of a call.
pub(super) fn detail(record: CallRecord) -> CallDetail {
    let line = line(&record);
    let tries = record.attempts.into_iter().map(|attempt| CallTry {
        deployment: attempt.deployment.to_string(),
        fault: attempt.fault.map(std::borrow::Cow::into_owned),
        took_us: attempt.micros,
    });
    CallDetail {
        line,
        peer: record.peer.to_string(),
        tries: tries.collect(),
        losses: record.losses,
        bodies: record.bodies.map(bodies),
    }
}

fn bodies(bodies: Bodies) -> CallBodies {
    let body = |body: Body| match body {
        Body::Json(json) => CallBody { json: Some(json), ..CallBody::default() },
        Body::Bytes(bytes) => match String::from_utf8(bytes) {
            Ok(text) => CallBody { text: Some(text), ..CallBody::default() },
            Err(error) => CallBody { base64: Some(STANDARD.encode(error.as_bytes())), ..CallBody::default() },
        },
    };
    CallBodies {
        request: bodies.request.map(body),
        answer: bodies.answer.map(body),
        truncated: bodies.truncated,
    }
}

/// What went wrong in a call, if something did.
pub(super) fn error(record: &CallRecord) -> Option<String> {
    if record.ended == Ended::Answered {
        return None;
    }
    let fault = record.attempts.iter().rev().find_map(|attempt| attempt.fault.as_ref());
    record.error.as_ref().or(fault).map(ToString::to_string)
}

fn tokens(tokens: Tokens) -> CallTokens {
    CallTokens {
        input: tokens.input,
        cache_read: tokens.cache_read,
        cache_write: tokens.cache_write,
        output: tokens.output,
        reasoning: tokens.reasoning,
        is_estimated: tokens.is_estimated,
    }
}

fn started(at_ms: u64) -> String {
    words::at(Duration::from_millis(at_ms)).unwrap_or_default()
}

fn ms(micros: u64) -> f64 {
    micros as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_end_can_be_sought() {
        let known: Vec<_> = Ended::ALL.iter().map(|(_, name)| *name).collect();
        assert_eq!(ENDED, known);
    }

    #[test]
    fn statuses_are_one_or_a_class_or_a_range() {
        for (text, expect) in [
            ("429", Some(429..=429)),
            ("4xx", Some(400..=499)),
            ("400-418", Some(400..=418)),
            ("9xx", None),
            ("x", None),
            ("-", None),
        ] {
            assert_eq!(status(text).ok(), expect, "{text}");
        }
    }

    #[test]
    fn calls_are_told_apart() {
        let record = CallRecord {
            id: "req_1".into(),
            started_ms: 1_000,
            micros: 500_000,
            key: Some("alice".into()),
            model: Some("fast".into()),
            path: "/v1/chat/completions".into(),
            status: 429,
            ended: Ended::Refused,
            error: Some("the budget of alice is used up".into()),
            tags: vec!["team:search".into()],
            ..CallRecord::default()
        };
        let line = line(&record);
        let none = Sought::default;
        let text = |text: &str| Some(text.to_owned());
        for (sought, expect) in [
            (none(), true),
            (Sought { key: text("alice"), status: Some(400..=499), ..none() }, true),
            (Sought { key: text("bob"), ..none() }, false),
            (Sought { deployment: text("a"), ..none() }, false),
            (Sought { tag: text("team:search"), ended: Some(Ended::Refused), ..none() }, true),
            (Sought { tag: text("team:sea"), ..none() }, false),
            (Sought { from_ms: Some(1_500), until_ms: Some(1_501), ..none() }, true),
            (Sought { until_ms: Some(1_500), ..none() }, false),
            (Sought { text: text("BUDGET chat"), ..none() }, true),
            (Sought { text: text("budget nothing"), ..none() }, false),
        ] {
            assert_eq!(sought.fits(&line), expect, "{sought:?}");
        }
    }
}
