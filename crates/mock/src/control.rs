//! The control surface for tests in other processes: `/_mock/...` on the same port, outside the ledger.

use std::time::Duration;

use http::Method;
use serde::{Deserialize, Deserializer, de::Error};
use serde_json::{Map, Value, json};

use crate::{
    Door, Entry, Fault, Rule,
    reply::{Reply, json_bytes},
    settings::humane,
    shared::{Breaker, Shared},
};

const PREFIX: &str = "/_mock/";

/// A fault as `"cut:40"`, as an object, or `"ok"` and `null` for a healthy answer.
#[derive(Deserialize)]
#[serde(untagged)]
enum Wanted {
    Text(String),
    Fault(Fault),
    Healthy(()),
}

/// What is to become of connections.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shut {
    door: Door,
    #[serde(rename = "for", with = "humane", default)]
    lasts: Duration,
}

/// Reads a fault in any of the forms.
pub(crate) fn fault<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Fault>, D::Error> {
    Wanted::deserialize(from)?.fault().map_err(D::Error::custom)
}

/// Whether a path is the mock's own.
pub(crate) fn claims(path: &str) -> bool {
    path.starts_with(PREFIX)
}

/// Does what the control request asks.
pub(crate) fn answer(method: &Method, path: &str, body: &[u8], shared: &Shared, breaker: &Breaker) -> Reply {
    match answer_or_refuse(method, path, body, shared, breaker) {
        Ok(value) => Reply::json(200, json_bytes(&value)),
        Err((status, why)) => Reply::json(status, json_bytes(&json!({ "error": why }))),
    }
}

fn answer_or_refuse(
    method: &Method,
    path: &str,
    body: &[u8],
    shared: &Shared,
    breaker: &Breaker,
) -> Result<Value, (u16, String)> {
    let refused = |why: &dyn ToString| (400, why.to_string());
    match (method.as_str(), path.strip_prefix(PREFIX).unwrap_or_default()) {
        ("GET", "ledger") => Ok(shared.ledger.entries().iter().map(view).collect()),
        ("GET", "counts") => {
            let mut counts = serde_json::to_value(shared.ledger.counts()).unwrap_or_default();
            counts["open_connections"] = json!(shared.open_connections());
            counts["keys"] = json!(shared.ledger.keys());
            Ok(counts)
        }
        ("GET", "service-account") => {
            serde_json::from_str(&crate::service_account()).map_err(|why| refused(&why))
        }
        ("GET", "behaviour") => serde_json::to_value(&*shared.behaviour()).map_err(|why| refused(&why)),
        ("PUT", "behaviour") => {
            shared.set_behaviour(serde_json::from_slice(body).map_err(|why| refused(&why))?);
            Ok(json!({ "ok": true }))
        }
        ("POST", "script") => {
            let faults = faults(body).map_err(|why| (400, why))?;
            let queued = faults.len();
            shared.schedule().script(faults);
            Ok(json!({ "queued": queued }))
        }
        ("POST", "cycle") => {
            let faults = faults(body).map_err(|why| (400, why))?;
            let cycle = faults.len();
            shared.schedule().cycle(faults);
            Ok(json!({ "cycle": cycle }))
        }
        ("GET", "rules") => {
            let rules = shared.schedule().active();
            serde_json::to_value(rules).map_err(|why| refused(&why))
        }
        ("PUT", "rules") => {
            let rules: Vec<Rule> = serde_json::from_slice(body).map_err(|why| refused(&why))?;
            let count = rules.len();
            shared.schedule().rules(rules);
            Ok(json!({ "rules": count }))
        }
        ("PUT", "door") => {
            let Shut { door, lasts } = serde_json::from_slice(body).map_err(|why| refused(&why))?;
            breaker.spare();
            // That it is done is not waited for: this connection has to be told first.
            drop(shared.shut(door, lasts));
            Ok(json!({ "ok": true }))
        }
        ("POST", "reset") => {
            shared.reset();
            Ok(json!({ "ok": true }))
        }
        _ => Err((
            404,
            "use GET ledger, GET counts, GET service-account, GET or PUT behaviour, GET or PUT rules, PUT door, POST script, \
             POST cycle or POST reset"
                .to_owned(),
        )),
    }
}

fn faults(body: &[u8]) -> Result<Vec<Option<Fault>>, String> {
    let wanted: Vec<Wanted> = serde_json::from_slice(body).map_err(|why| {
        format!("the body is not a list of faults such as [\"429\", \"ok\", \"cut:40\"]: {why}")
    })?;
    wanted.into_iter().map(Wanted::fault).collect()
}

impl Wanted {
    fn fault(self) -> Result<Option<Fault>, String> {
        match self {
            Self::Healthy(()) => Ok(None),
            Self::Fault(fault) => Ok(Some(fault)),
            Self::Text(text) if text == "ok" => Ok(None),
            Self::Text(text) => text.parse().map(Some).map_err(|why: crate::UnknownFault| why.to_string()),
        }
    }
}

fn view(entry: &Entry) -> Value {
    let mut headers = Map::new();
    for (name, value) in &entry.headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        match headers.get_mut(name.as_str()) {
            Some(Value::String(values)) => {
                values.push_str(", ");
                values.push_str(&value);
            }
            _ => {
                headers.insert(name.as_str().to_owned(), value.into());
            }
        }
    }
    json!({
        "id": entry.id,
        "at": entry.at,
        "key": entry.key,
        "method": entry.method.as_str(),
        "path": entry.path,
        "headers": headers,
        "body": String::from_utf8_lossy(&entry.body),
        "model": entry.model,
        "fault": entry.fault.as_ref().map(ToString::to_string),
        "status": entry.status,
        "usage": entry.usage,
        "ended": entry.ended,
    })
}
