//! The Gemini API under `/v1beta` and `/v1`: which path does what, and what every call must have.

mod answer;
mod content;
mod embed;
mod error;
mod models;
mod prompt;
mod proto;
mod schemas;
mod signature;
mod stream;
mod tables;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, header::AUTHORIZATION};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use self::{error::ApiError, models::Model, stream::Framing};
use super::{Address, Call, Dialect, Refusal};
use crate::reply::Reply;

/// The Gemini dialect.
pub(super) struct Gemini;

/// What a handler gives back.
type Answered = Result<Reply, ApiError>;

/// What is done with a model: the part of the path after the colon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Generate,
    Stream,
    CountTokens,
    Embed,
    BatchEmbed,
}

const VERBS: &[(&str, Verb)] = &[
    ("generateContent", Verb::Generate),
    ("streamGenerateContent", Verb::Stream),
    ("countTokens", Verb::CountTokens),
    ("embedContent", Verb::Embed),
    ("batchEmbedContents", Verb::BatchEmbed),
];

/// A call that may come in.
struct Ask<'a> {
    call: &'a Call<'a>,
    /// The model in the path.
    model: &'static Model,
    /// As the path spells it, without `models/`.
    named: &'a str,
    framing: Framing,
}

const KEY: &str = "x-goog-api-key";

impl Dialect for Gemini {
    fn claims(&self, address: &Address<'_>) -> bool {
        if address.path.starts_with("/v1beta/") {
            return true;
        }
        let Some(tail) = address.path.strip_prefix("/v1/models") else { return false };
        // Other providers have colons in the names of models too, but not before a verb of this one.
        verb(tail).is_some()
            || key_of(address.query, address.headers).is_some_and(|(place, _)| place != Place::Bearer)
    }

    fn answer(&self, call: &Call<'_>) -> Reply {
        answer(call).unwrap_or_else(|error| error.into_reply(wrapped(call)))
    }

    fn refusal(&self, call: &Call<'_>, model: &str, refusal: Refusal) -> Reply {
        if let Refusal::ContentFilter = refusal {
            // A prompt that is blocked is a 200 without candidates: fixtures gemini/non-stream/prompt-blocked.
            return answer::blocked(call, model);
        }
        ApiError::of(refusal, call, model).into_reply(wrapped(call))
    }

    fn hint_retry(&self, reply: &mut Reply, after: &str) {
        error::hint_retry(reply, after);
    }

    fn error_event(&self, call: &Call<'_>, refusal: Option<Refusal>, alone: bool) -> Bytes {
        let refusal = refusal.unwrap_or(Refusal::Status(503));
        framing(call).error(&ApiError::of(refusal, call, "").body(), alone)
    }

    fn malformed_event(&self, call: &Call<'_>) -> Bytes {
        Bytes::from_static(match framing(call) {
            Framing::Events => b"data: {\"candidates\": [{\"content\": {\"parts\": [{\"te\r\n\r\n",
            Framing::Array => b",\r\n{\n  \"candidates\": [\n    {\n      \"content\": {\n        \"pa\n",
        })
    }
}

/// Key, address, body: in the order the real one looks at them.
fn answer(call: &Call<'_>) -> Answered {
    if call.require_key {
        check_key(call)?;
    }
    let Some(tail) = tail(call.path) else { return Ok(error::no_such_page(call)) };
    let is_post = call.method == Method::POST;
    match (tail, verb(tail)) {
        ("", _) if call.method == Method::GET => models::list(call),
        (tail, None) if call.method == Method::GET => models::show(call, named_in(tail)),
        (tail, Some((model, verb))) if is_post => handle(call, model, verb, tail),
        _ => Ok(error::no_such_page(call)),
    }
}

fn handle<'a>(call: &'a Call<'a>, path: &'a str, verb: Verb, tail: &str) -> Answered {
    let named = path.strip_prefix('/').unwrap_or(path);
    // A stream is the same method to whoever looks for the model.
    let method = match verb {
        Verb::Stream => "generateContent",
        _ => tail.rsplit_once(':').map_or("", |(_, verb)| verb),
    };
    let model = match models::find(named) {
        Some(model)
            if !call.strict
                || model.embeds == matches!(verb, Verb::Embed | Verb::BatchEmbed)
                || model.is_anything() =>
        {
            model
        }
        None if !call.strict => &models::ANYTHING,
        _ => return Err(ApiError::no_such_model(call, named, method)),
    };
    let ask = Ask { call, model, named, framing: framing(call) };
    match verb {
        Verb::Generate | Verb::Stream => answer::generate(&ask, verb == Verb::Stream),
        Verb::CountTokens => answer::count(&ask),
        Verb::Embed => embed::one(&ask),
        Verb::BatchEmbed => embed::batch(&ask),
    }
}

/// What follows `/v1beta/models`.
fn tail(path: &str) -> Option<&str> {
    let tail = path.strip_prefix("/v1beta/models").or_else(|| path.strip_prefix("/v1/models"))?;
    (tail.is_empty() || tail.starts_with('/')).then_some(tail)
}

/// `/gemini-2.5-flash:countTokens` in two.
fn verb(tail: &str) -> Option<(&str, Verb)> {
    let (model, name) = tail.rsplit_once(':')?;
    let (_, verb) = VERBS.iter().find(|(known, _)| *known == name)?;
    Some((model, *verb))
}

fn named_in(tail: &str) -> &str {
    tail.strip_prefix('/').unwrap_or(tail)
}

/// How a stream is framed: as events when asked for, as one JSON array otherwise.
fn framing(call: &Call<'_>) -> Framing {
    match query(call.query, "alt").as_deref() {
        Some("sse") => Framing::Events,
        _ => Framing::Array,
    }
}

/// Whether a refusal is a list of one, which it is where a list was asked for.
fn wrapped(call: &Call<'_>) -> bool {
    tail(call.path).and_then(verb).is_some_and(|(_, verb)| verb == Verb::Stream)
        && framing(call) == Framing::Array
}

/// Where a key was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Header,
    Query,
    Bearer,
}

fn key_of(query_text: &str, headers: &HeaderMap) -> Option<(Place, String)> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let own = text(HeaderName::from_static(KEY)).map(|key| (Place::Header, key.to_owned()));
    let in_query = || query(query_text, "key").map(|key| (Place::Query, key));
    let bearer = || {
        let key = text(AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "))?;
        Some((Place::Bearer, key.trim().to_owned()))
    };
    own.or_else(in_query).or_else(bearer).filter(|(_, key)| !key.is_empty())
}

/// One parameter of the query.
fn query(query: &str, name: &str) -> Option<String> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let value = pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value)?;
    Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
}

fn check_key(call: &Call<'_>) -> Result<(), ApiError> {
    match key_of(call.query, call.headers) {
        None => Err(ApiError::no_key()),
        Some((place, key)) if key == "invalid" || key.starts_with("bad") => {
            Err(if place == Place::Bearer { ApiError::wrong_token() } else { ApiError::wrong_key() })
        }
        Some(_) => Ok(()),
    }
}

// === impl Ask ===

impl Ask<'_> {
    /// The body with every field by its JSON name, checked against `message` unless the mock is lenient.
    fn json(&self, message: &'static proto::Message) -> Result<Value, ApiError> {
        let mut body: Value = match serde_json::from_slice(self.call.body) {
            Ok(body) => body,
            Err(_) if self.call.body.is_empty() => json!({}),
            Err(why) => return Err(ApiError::invalid(format!("Invalid JSON payload received. {why}"))),
        };
        if !body.is_object() {
            return Err(ApiError::invalid("Invalid JSON payload received. Unexpected token."));
        }
        let violations = proto::normalise(message, &mut body);
        if self.call.strict && !violations.is_empty() {
            return Err(ApiError::violations(&violations));
        }
        Ok(body)
    }
}

/// The items of a list; none where there is no list.
fn items(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// A field's text, empty where there is none.
fn text_in<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}
