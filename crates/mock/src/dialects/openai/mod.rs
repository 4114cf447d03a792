//! The OpenAI API, its Azure forms included: which path does what, and what every call must have.

mod audio;
mod chat;
mod completions;
mod embeddings;
mod error;
mod files;
mod images;
mod models;
mod moderations;
mod rerank;
mod responses;
mod rules;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, header::AUTHORIZATION, header::CONTENT_TYPE};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use self::error::ApiError;
use super::{Address, Call, Dialect, Refusal, limits};
use crate::{
    multipart::Form,
    reply::{Frame, Reply, Role},
    text,
};

/// The OpenAI dialect.
pub(super) struct OpenAi;

/// What a handler gives back.
type Answered = Result<Reply, ApiError>;

/// A JSON object.
type Object = Map<String, Value>;

/// One endpoint: method, path below the version, handler. `{}` stands for one segment of the path.
struct Route(Method, &'static str, Handler);

/// What a handler takes.
enum Handler {
    Json(fn(&Ask<'_>, &Object) -> Answered),
    Form(fn(&Ask<'_>, &Form) -> Answered),
    /// The path's `{}` segment, or nothing.
    Path(fn(&Ask<'_>, &str) -> Answered),
}

/// A call that has found its endpoint.
struct Ask<'a> {
    call: &'a Call<'a>,
    /// The Azure deployment in the path, which takes the place of the body's `model`.
    deployment: Option<&'a str>,
    /// The path below the version.
    tail: &'a str,
}

const ROUTES: &[Route] = &[
    Route(Method::POST, "chat/completions", Handler::Json(chat::create)),
    Route(Method::POST, "completions", Handler::Json(completions::create)),
    Route(Method::POST, "embeddings", Handler::Json(embeddings::create)),
    Route(Method::POST, "responses", Handler::Json(responses::create)),
    Route(Method::POST, "responses/input_tokens", Handler::Json(responses::count)),
    Route(Method::GET, "responses/{}", Handler::Path(responses::not_stored)),
    Route(Method::DELETE, "responses/{}", Handler::Path(responses::not_stored)),
    Route(Method::POST, "images/generations", Handler::Json(images::generate)),
    Route(Method::POST, "images/edits", Handler::Form(images::edit)),
    Route(Method::POST, "images/variations", Handler::Form(images::edit)),
    Route(Method::POST, "audio/transcriptions", Handler::Form(audio::transcribe)),
    Route(Method::POST, "audio/translations", Handler::Form(audio::translate)),
    Route(Method::POST, "audio/speech", Handler::Json(audio::speak)),
    Route(Method::POST, "moderations", Handler::Json(moderations::create)),
    Route(Method::POST, "rerank", Handler::Json(rerank::create)),
    Route(Method::POST, "files", Handler::Form(files::upload)),
    Route(Method::GET, "models", Handler::Path(models::list)),
    Route(Method::GET, "models/{}", Handler::Path(models::show)),
];

impl Dialect for OpenAi {
    fn claims(&self, address: &Address<'_>) -> bool {
        address.path.starts_with("/v1/") || address.path.starts_with("/openai/")
    }

    fn answer(&self, call: &Call<'_>) -> Reply {
        let mut reply = answer(call).unwrap_or_else(ApiError::into_reply);
        add_headers(&mut reply, call);
        reply
    }

    fn refusal(&self, call: &Call<'_>, model: &str, refusal: Refusal) -> Reply {
        let mut reply = ApiError::of(refusal, model).into_reply();
        add_headers(&mut reply, call);
        reply
    }

    fn error_event(&self, call: &Call<'_>, refusal: Option<Refusal>, _: bool) -> Bytes {
        let error = ApiError::of(refusal.unwrap_or(Refusal::Status(500)), "");
        if call.path.ends_with("/responses") {
            // Responses name their errors: fixtures openai-responses/stream/error-insufficient-quota.
            let event = json!({ "type": "error", "sequence_number": 0, "code": error.code.as_deref().unwrap_or("server_error"), "message": error.message, "param": null });
            return Frame::named(Role::Lifecycle, "error", &event).bytes;
        }
        Frame::data(Role::Lifecycle, &error.body()).bytes
    }

    fn malformed_event(&self, _: &Call<'_>) -> Bytes {
        Bytes::from_static(
            b"data: {\"id\":\"chatcmpl-broken\",\"object\":\"chat.completion.chunk\",\"choi\n\n",
        )
    }
}

/// Address, key, method, body: in the order the real one looks at them.
fn answer(call: &Call<'_>) -> Answered {
    let (deployment, tail) = address(call)?;
    if call.require_key {
        check_key(call)?;
    }
    let ask = Ask { call, deployment, tail };
    let mut known = false;
    for Route(method, path, handler) in ROUTES {
        let Some(segment) = matches(path, tail) else { continue };
        known = true;
        if method == call.method {
            return match handler {
                Handler::Json(handle) => handle(&ask, &ask.json()?),
                Handler::Form(handle) => handle(&ask, &ask.form()?),
                Handler::Path(handle) => handle(&ask, &percent_decode_str(segment).decode_utf8_lossy()),
            };
        }
    }
    Err(if known { ApiError::wrong_method(call) } else { ApiError::no_such_url(call) })
}

/// The deployment, where the path has one, and the path below the version. Azure's older form wants `api-version`.
fn address<'a>(call: &Call<'a>) -> Result<(Option<&'a str>, &'a str), ApiError> {
    if let Some(tail) = call.path.strip_prefix("/openai/deployments/") {
        let versioned = call.query.split('&').any(|pair| pair.starts_with("api-version="));
        return match tail.split_once('/') {
            Some((deployment, tail)) if versioned || !call.strict => Ok((Some(deployment), tail)),
            _ => Err(ApiError::azure_not_found()),
        };
    }
    let tail = call.path.strip_prefix("/openai/v1/").or_else(|| call.path.strip_prefix("/v1/"));
    tail.map(|tail| (None, tail)).ok_or_else(ApiError::azure_not_found)
}

/// Whether `path` fits `pattern`, and what stands for its `{}`.
fn matches<'a>(pattern: &str, path: &'a str) -> Option<&'a str> {
    match pattern.strip_suffix("{}") {
        Some(prefix) => path.strip_prefix(prefix).filter(|rest| !rest.is_empty() && !rest.contains('/')),
        None => (pattern == path).then_some(""),
    }
}

fn check_key(call: &Call<'_>) -> Result<(), ApiError> {
    let text = |name: &HeaderName| call.headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = text(&AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
    let key = bearer.or_else(|| text(&HeaderName::from_static("api-key"))).map(str::trim).unwrap_or_default();
    let azure = call.path.starts_with("/openai/");
    match key {
        "" if azure => Err(ApiError::azure_no_access()),
        "" => Err(ApiError::no_key()),
        key if key == "invalid" || key.starts_with("bad") => {
            Err(if azure { ApiError::azure_no_access() } else { ApiError::wrong_key(key) })
        }
        _ => Ok(()),
    }
}

fn add_headers(reply: &mut Reply, call: &Call<'_>) {
    let latency = u64::try_from(call.behaviour.latency.as_millis()).unwrap_or(u64::MAX);
    reply.headers.push((HeaderName::from_static("openai-version"), HeaderValue::from_static("2020-10-01")));
    reply.headers.push((HeaderName::from_static("openai-processing-ms"), latency.into()));
    if let Ok(id) = HeaderValue::from_str(&text::id("req_", call.serial)) {
        reply.headers.push((HeaderName::from_static("x-request-id"), id));
    }
    const LIMITS: &[(&str, &str)] = &[
        ("x-ratelimit-limit-requests", "10000"),
        ("x-ratelimit-limit-tokens", "200000"),
        ("x-ratelimit-remaining-requests", "9999"),
        ("x-ratelimit-remaining-tokens", "199996"),
        ("x-ratelimit-reset-requests", "8ms"),
        ("x-ratelimit-reset-tokens", "1ms"),
    ];
    if let Some(limits) = call.behaviour.rate_limit {
        const NAMES: [limits::Names; 2] = [
            ["x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"],
            ["x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"],
        ];
        reply.headers.extend(limits::headers(limits, NAMES, limits::go));
    } else if reply.usage.is_some() {
        let limits = LIMITS
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        reply.headers.extend(limits);
    }
}

// === impl Ask ===

impl Ask<'_> {
    fn json(&self) -> Result<Object, ApiError> {
        if self.call.strict {
            self.check_content_type("application/json")?;
        }
        match serde_json::from_slice(self.call.body) {
            Ok(Value::Object(body)) => Ok(body),
            _ => Err(ApiError::not_json()),
        }
    }

    fn form(&self) -> Result<Form, ApiError> {
        self.check_content_type("multipart/form-data")?;
        Form::parse(self.call.headers, self.call.body).ok_or_else(ApiError::not_a_form)
    }

    fn check_content_type(&self, wanted: &'static str) -> Result<(), ApiError> {
        let given =
            self.call.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media_type = given.split(';').next().unwrap_or_default().trim();
        if media_type.eq_ignore_ascii_case(wanted) {
            return Ok(());
        }
        Err(ApiError::wrong_content_type(given, wanted))
    }

    /// The model that answers: the deployment's, or the one the request names.
    fn model(&self, named: Option<&str>, usage: models::Use) -> Result<String, ApiError> {
        if let Some(deployment) = self.deployment {
            let deployment = percent_decode_str(deployment).decode_utf8_lossy().into_owned();
            return match models::find(&deployment) {
                None if self.call.strict => Err(ApiError::no_such_deployment()),
                _ => Ok(deployment),
            };
        }
        let named = named.filter(|named| !named.is_empty()).ok_or_else(ApiError::no_model)?;
        if self.call.strict {
            models::check(named, usage)?;
        }
        Ok(named.to_owned())
    }

    /// The model a JSON body names, or the deployment.
    fn json_model(&self, body: &Object, usage: models::Use) -> Result<String, ApiError> {
        match body.get("model") {
            Some(Value::String(named)) => self.model(Some(named), usage),
            None | Some(Value::Null) => self.model(None, usage),
            Some(other) => Err(ApiError::wrong_type("model", "a string", other)),
        }
    }
}
