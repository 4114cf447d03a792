//! AWS beside its models: the services and endpoints that give out keys, each below `/aws/`, to whoever proves what the real
//! ones want proved. All keys are good for Bedrock's paths.

mod keys;
mod near;
pub(super) mod signature;
mod sso;
mod sts;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Address, Call, Dialect, Refusal};
use crate::reply::{Reply, json_bytes};

/// The services that give out keys.
pub(super) struct Aws;

impl Dialect for Aws {
    fn claims(&self, address: &Address<'_>) -> bool {
        address.path.starts_with("/aws/")
    }

    fn answer(&self, call: &Call<'_>) -> Reply {
        let Some(key) = call.aws else {
            return said(404, &json!({ "message": "the mock was started without an AWS key" }));
        };
        let path = call.path.strip_prefix("/aws").unwrap_or_default();
        match path {
            "/sts" | "/sts/" => sts::answer(call, key),
            "/federation/credentials" => sso::keys(call, key),
            "/token" => sso::token(call),
            "/container" => near::container(call, key),
            path => near::machine(call, key, path),
        }
    }

    fn refusal(&self, _: &Call<'_>, _: &str, refusal: Refusal) -> Reply {
        match refusal {
            Refusal::Status(status) => sts::refused(status, "ServiceUnavailable", "try again later"),
            Refusal::Quota | Refusal::ContextLength | Refusal::ContentFilter | Refusal::Prefill => {
                sts::refused(400, "Throttling", "Rate exceeded")
            }
        }
    }

    /// Nothing here is a stream.
    fn error_event(&self, _: &Call<'_>, _: Option<Refusal>, _: bool) -> Bytes {
        Bytes::new()
    }

    fn malformed_event(&self, _: &Call<'_>) -> Bytes {
        Bytes::new()
    }
}

fn said(status: u16, body: &Value) -> Reply {
    Reply::json(status, json_bytes(body))
}

/// A header's text, empty where there is none.
fn header<'a>(call: &'a Call<'_>, name: &str) -> &'a str {
    call.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The value of `name` in a form or a query, unescaped; empty where there is none.
fn field(form: &str, name: &str) -> String {
    let pairs = form.split('&').filter_map(|pair| pair.split_once('='));
    let value = pairs.into_iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value);
    percent_encoding::percent_decode_str(&value.replace('+', " ")).decode_utf8_lossy().into_owned()
}
