//! Code Assist: Gemini in envelopes, for users who signed in with the Gemini CLI.

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use super::{
    super::{Address, Call, Dialect, Refusal, gemini::Gemini},
    JSON, Refused, token,
};
use crate::reply::{Frame, Payload, Reply};

/// Code Assist.
pub(in super::super) struct CodeAssist;

const FRONT: &str = "/v1internal";
/// What an envelope of a request may hold.
const MEMBERS: &[&str] = &["model", "project", "user_prompt_id", "request", "enabled_credit_types"];

/// The same call as Gemini would get it.
struct Inner {
    path: String,
    body: Bytes,
}

impl Dialect for CodeAssist {
    fn claims(&self, address: &Address<'_>) -> bool {
        address.path.strip_prefix(FRONT).is_some_and(|tail| tail.starts_with([':', '/']))
    }

    fn answer(&self, call: &Call<'_>) -> Reply {
        answer(call).unwrap_or_else(Refused::reply)
    }

    fn refusal(&self, call: &Call<'_>, model: &str, refusal: Refusal) -> Reply {
        let Ok(inner) = opened(call) else { return Refused::invalid("Bad Request").reply() };
        enveloped(Gemini.refusal(&inner.call(call), model, refusal), call)
    }

    fn hint_retry(&self, reply: &mut Reply, after: &str) {
        Gemini.hint_retry(reply, after);
    }

    fn error_event(&self, call: &Call<'_>, refusal: Option<Refusal>, alone: bool) -> Bytes {
        opened(call)
            .map_or_else(|_| Bytes::new(), |inner| Gemini.error_event(&inner.call(call), refusal, alone))
    }

    fn malformed_event(&self, call: &Call<'_>) -> Bytes {
        opened(call).map_or_else(|_| Bytes::new(), |inner| Gemini.malformed_event(&inner.call(call)))
    }
}

fn answer(call: &Call<'_>) -> Result<Reply, Refused> {
    let account = token(call)?;
    let ok = |body: Value| Ok(Reply::whole(200, JSON, body.to_string()));
    let is_new = account.contains("new");
    match (call.path.strip_prefix(FRONT).unwrap_or_default(), call.method == Method::POST) {
        (":loadCodeAssist", true) if is_new => ok(json!({
            "allowedTiers": [{ "id": "standard-tier" }, { "id": "free-tier", "isDefault": true }],
        })),
        (":loadCodeAssist", true) => {
            ok(json!({ "currentTier": { "id": "free-tier" }, "cloudaicompanionProject": "mock-assist" }))
        }
        (":onboardUser", true) => {
            let body: Value = serde_json::from_slice(call.body).unwrap_or_default();
            if body["tierId"] != "free-tier" || body.get("cloudaicompanionProject").is_some() {
                return Err(Refused::new(400, "FAILED_PRECONDITION", "Precondition check failed."));
            }
            let made = json!({ "cloudaicompanionProject": { "id": "mock-onboarded" } });
            ok(json!({ "name": "operations/mock-1", "done": true, "response": made }))
        }
        (":countTokens", true) => Ok(Gemini.answer(&opened(call)?.call(call))),
        (":generateContent" | ":streamGenerateContent", true) => {
            Ok(enveloped(Gemini.answer(&opened(call)?.call(call)), call))
        }
        _ => Err(Refused::new(404, "NOT_FOUND", "Requested entity was not found.")),
    }
}

/// What is in the envelope.
fn opened(call: &Call<'_>) -> Result<Inner, Refused> {
    let envelope: Value =
        serde_json::from_slice(call.body).map_err(|_| Refused::invalid("Invalid JSON payload received."))?;
    let verb = call.path.rsplit_once(':').map_or("", |(_, verb)| verb);
    let mut request = envelope
        .get("request")
        .cloned()
        .ok_or_else(|| Refused::invalid("Request contains an invalid argument."))?;
    let model = if verb == "countTokens" {
        let named = request.as_object_mut().and_then(|request| request.remove("model"));
        named
            .as_ref()
            .and_then(Value::as_str)
            .and_then(|named| named.strip_prefix("models/"))
            .map(str::to_owned)
    } else {
        let members = envelope.as_object().into_iter().flatten();
        if let Some((name, _)) = members.into_iter().find(|(name, _)| !MEMBERS.contains(&name.as_str())) {
            return Err(Refused::invalid(format!(
                "Invalid JSON payload received. Unknown name \"{name}\": Cannot find field."
            )));
        }
        if call.strict && envelope["project"].as_str().is_none_or(str::is_empty) {
            return Err(Refused::invalid("Request contains an invalid argument."));
        }
        envelope["model"].as_str().map(str::to_owned)
    };
    let model = model.ok_or_else(|| Refused::invalid("Request contains an invalid argument."))?;
    Ok(Inner { path: format!("/v1beta/models/{model}:{verb}"), body: request.to_string().into() })
}

/// Puts answers into envelopes; refusals have none.
fn enveloped(reply: Reply, call: &Call<'_>) -> Reply {
    if reply.status != 200 {
        return reply;
    }
    let trace = format!("mock-trace-{}", call.serial);
    let payload = match reply.payload {
        Payload::Whole(body) => Payload::Whole(wrapped(&body, &trace).into()),
        Payload::Frames(frames) if !call.query.contains("alt=sse") => {
            let list: Vec<u8> = frames.flat_map(|frame| frame.bytes).collect();
            let list: Vec<Value> = serde_json::from_slice(&list).unwrap_or_default();
            let envelopes = list.into_iter().map(|answer| json!({ "response": answer, "traceId": trace }));
            Payload::Whole(Value::Array(envelopes.collect()).to_string().into())
        }
        Payload::Frames(frames) => Payload::Frames(Box::new(frames.map(move |frame| {
            let data = frame.bytes.trim_ascii().strip_prefix(b"data: ").map(|data| wrapped(data, &trace));
            let bytes = data.map(|data| [b"data: ", data.as_slice(), b"\r\n\r\n"].concat().into());
            Frame { bytes: bytes.unwrap_or(frame.bytes), role: frame.role }
        }))),
    };
    Reply { payload, ..reply }
}

fn wrapped(answer: &[u8], trace: &str) -> Vec<u8> {
    [b"{\"response\": ", answer.trim_ascii(), b",\"traceId\": \"", trace.as_bytes(), b"\"}"].concat()
}

impl Inner {
    fn call<'a>(&'a self, call: &Call<'a>) -> Call<'a> {
        Call { path: &self.path, body: &self.body, ..*call }
    }
}
