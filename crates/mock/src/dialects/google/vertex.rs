//! Vertex AI: the models of several publishers under one address, each in its publisher's dialect.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::{
    super::{Address, Call, Dialect, Refusal, anthropic::Anthropic, gemini::Gemini, openai::OpenAi},
    Refused, token,
};
use crate::reply::Reply;

/// Vertex AI.
pub(in super::super) struct Vertex;

/// What stands in the body for a version in the header: the first by a name of its own, the next by the maker's, which the
/// official SDK writes since 2.11.
const VERSIONS: &[(&str, &str)] = &[("vertex-2023-10-16", "2023-06-01"), ("2026-10-21", "2026-10-21")];
const KEY: &str = "x-goog-api-key";

/// A path in its parts.
#[derive(Debug, PartialEq, Eq)]
enum Asked<'a> {
    /// A publisher's model, and what is done with it.
    Model { publisher: &'a str, model: &'a str, verb: &'a str },
    /// The endpoint that speaks OpenAI's dialect.
    OpenApi,
}

/// The same call as the publisher's own service would get it.
struct Inner {
    dialect: &'static dyn Dialect,
    path: String,
    query: String,
    headers: HeaderMap,
    body: Bytes,
}

impl Dialect for Vertex {
    fn claims(&self, address: &Address<'_>) -> bool {
        parts(address.path).is_some()
    }

    fn answer(&self, call: &Call<'_>) -> Reply {
        match check(call).and_then(|()| inner(call)) {
            Ok(inner) => inner.dialect.answer(&inner.call(call)),
            Err(refusal) => refusal.reply(),
        }
    }

    fn refusal(&self, call: &Call<'_>, model: &str, refusal: Refusal) -> Reply {
        match (inner(call), refusal) {
            // What has nothing to do with the content is refused by the host, in its own words.
            (Ok(inner), Refusal::Status(_)) => Gemini.refusal(&inner.call(call), model, refusal),
            (Ok(inner), _) => inner.dialect.refusal(&inner.call(call), model, refusal),
            (Err(refused), _) => refused.reply(),
        }
    }

    fn hint_retry(&self, reply: &mut Reply, after: &str) {
        Gemini.hint_retry(reply, after);
    }

    fn error_event(&self, call: &Call<'_>, refusal: Option<Refusal>, alone: bool) -> Bytes {
        inner(call).map_or_else(
            |_| Bytes::new(),
            |inner| inner.dialect.error_event(&inner.call(call), refusal, alone),
        )
    }

    fn malformed_event(&self, call: &Call<'_>) -> Bytes {
        inner(call).map_or_else(|_| Bytes::new(), |inner| inner.dialect.malformed_event(&inner.call(call)))
    }
}

/// `/v1/projects/{p}/locations/{l}/publishers/{publisher}/models/{model}:{verb}`, without a project for API keys.
fn parts(path: &str) -> Option<Asked<'_>> {
    let tail = path.strip_prefix("/v1/").or_else(|| path.strip_prefix("/v1beta1/"))?;
    let tail = match tail.strip_prefix("projects/") {
        Some(rest) => {
            let (_, rest) = rest.split_once("/locations/")?;
            rest.split_once('/')?.1
        }
        None => tail,
    };
    if tail == "endpoints/openapi/chat/completions" {
        return Some(Asked::OpenApi);
    }
    let (publisher, rest) = tail.strip_prefix("publishers/")?.split_once("/models/")?;
    let (model, verb) = rest.rsplit_once(':')?;
    Some(Asked::Model { publisher, model, verb })
}

/// Projects want a token; without one a key does.
fn check(call: &Call<'_>) -> Result<(), Refused> {
    let is_express =
        call.path.starts_with("/v1/publishers/") || call.path.starts_with("/v1beta1/publishers/");
    if is_express && call.headers.contains_key(KEY) { Ok(()) } else { token(call).map(drop) }
}

fn inner(call: &Call<'_>) -> Result<Inner, Refused> {
    let mut headers = call.headers.clone();
    let query = call.query.to_owned();
    match parts(call.path) {
        Some(Asked::Model { publisher: "google", model, verb }) => {
            let path = format!("/v1beta/models/{model}:{verb}");
            Ok(Inner { dialect: &Gemini, path, query, headers, body: call.body.clone() })
        }
        Some(Asked::Model { publisher: "anthropic", model, verb }) => {
            let model = percent_decode_str(model).decode_utf8_lossy();
            let (body, version) = claude(call, &model, verb)?;
            let tail = if model == "count-tokens" { "/count_tokens" } else { "" };
            headers.insert(HeaderName::from_static("anthropic-version"), HeaderValue::from_static(version));
            Ok(Inner { dialect: &Anthropic, path: format!("/v1/messages{tail}"), query, headers, body })
        }
        Some(Asked::OpenApi) => {
            let mut body = object(call)?;
            let model = body.get("model").and_then(Value::as_str).and_then(|named| named.split_once('/'));
            let model = model.map(|(_, model)| model.to_owned());
            let model = model.ok_or_else(|| Refused::invalid("Malformed publisher model."))?;
            body.insert("model".to_owned(), model.into());
            let body = Value::Object(body).to_string().into();
            Ok(Inner { dialect: &OpenAi, path: "/v1/chat/completions".to_owned(), query, headers, body })
        }
        _ => Err(Refused::new(
            404,
            "NOT_FOUND",
            "Publisher Model was not found or your project does not have access to it.",
        )),
    }
}

/// The body as the Messages API takes it, and the version that leaves it; the model of the path comes in.
fn claude(call: &Call<'_>, model: &str, verb: &str) -> Result<(Bytes, &'static str), Refused> {
    let mut body = object(call)?;
    let written = body.remove("anthropic_version");
    let known = VERSIONS.iter().find(|(name, _)| written.as_ref().is_some_and(|written| written == name));
    let counts = model == "count-tokens";
    let streams = body.get("stream").and_then(Value::as_bool).unwrap_or(false);
    if call.strict {
        match () {
            () if known.is_none() => {
                return Err(Refused::invalid("anthropic_version: Field required"));
            }
            () if body.contains_key("model") != counts => {
                return Err(Refused::invalid("model: Extra inputs are not permitted"));
            }
            () if !matches!((verb, streams), ("rawPredict", false) | ("streamRawPredict", true)) => {
                return Err(Refused::invalid("stream does not fit the method"));
            }
            () if call.headers.contains_key("anthropic-version") => {
                return Err(Refused::invalid("anthropic-version stands in the body"));
            }
            () => {}
        }
    }
    let named = body.get("model").and_then(Value::as_str).unwrap_or(model);
    // Versions stand behind an at sign here.
    let named = named.replace('@', "-");
    body.insert("model".to_owned(), named.into());
    Ok((Value::Object(body).to_string().into(), known.map_or(VERSIONS[0].1, |(_, version)| version)))
}

fn object(call: &Call<'_>) -> Result<Map<String, Value>, Refused> {
    serde_json::from_slice(call.body).map_err(|_| Refused::invalid("Invalid JSON payload received."))
}

impl Inner {
    fn call<'a>(&'a self, call: &Call<'a>) -> Call<'a> {
        Call { path: &self.path, query: &self.query, headers: &self.headers, body: &self.body, ..*call }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_their_parts() {
        let model = |publisher, model, verb| Some(Asked::Model { publisher, model, verb });
        let front = "/v1/projects/p/locations/global";
        assert_eq!(parts(&format!("{front}/publishers/google/models/m:v")), model("google", "m", "v"));
        assert_eq!(parts("/v1/publishers/google/models/m:v"), model("google", "m", "v"));
        assert_eq!(parts(&format!("{front}/endpoints/openapi/chat/completions")), Some(Asked::OpenApi));
        assert_eq!(parts("/v1/models/m:v"), None);
    }
}
