//! Where tokens come from that are asked for with a form or a JSON: Entra, Qwen and Kiro, at the paths they have there.

mod entra;
mod kiro;
mod qwen;

use std::collections::HashMap;

use bytes::Bytes;
use http::Method;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::{Address, Call, Dialect, Refusal};
use crate::reply::Reply;

/// The endpoints of all of them.
pub(super) struct SignIns;

/// Seconds a token counts.
const LIFE: u64 = 3599;
/// Seconds a token counts whose account asks for one that soon ends.
const SHORT_LIFE: u64 = 3;

/// Who answers at an endpoint.
type Answers = fn(&Call<'_>) -> Result<Value, Denied>;

/// Why there is no token: status, error, description.
type Denied = (u16, &'static str, &'static str);

/// How the paths of the endpoints end.
const ENDPOINTS: &[(&str, Answers)] = &[
    ("/oauth2/v2.0/token", entra::token),
    // The older endpoint, which sovereign clouds have too.
    ("/oauth2/token", entra::token),
    ("/api/v1/oauth2/token", qwen::token),
    ("/api/v1/oauth2/device/code", qwen::device),
    ("/refreshToken", kiro::social),
    ("/oidc/token", kiro::idc),
];

fn endpoint(path: &str) -> Option<Answers> {
    let longest = |rows: &&(&str, Answers)| rows.0.len();
    ENDPOINTS.iter().filter(|(end, _)| path.ends_with(end)).max_by_key(longest).map(|row| row.1)
}

impl Dialect for SignIns {
    fn claims(&self, address: &Address<'_>) -> bool {
        endpoint(address.path).is_some()
    }

    fn answer(&self, call: &Call<'_>) -> Reply {
        let answered = match endpoint(call.path) {
            Some(answers) if call.method == Method::POST => answers(call),
            _ => Err((405, "invalid_request", "The endpoint only takes POST requests.")),
        };
        match answered {
            Ok(body) => Reply::json(200, body.to_string().into_bytes()),
            Err((status, error, description)) => denied(status, error, description),
        }
    }

    fn refusal(&self, _: &Call<'_>, _: &str, refusal: Refusal) -> Reply {
        match refusal {
            Refusal::Status(status) => denied(status, "temporarily_unavailable", "try again later"),
            Refusal::Quota | Refusal::ContextLength | Refusal::ContentFilter | Refusal::Prefill => {
                denied(400, "invalid_grant", "The account has ended.")
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

fn denied(status: u16, error: &str, description: &str) -> Reply {
    let body = json!({ "error": error, "error_description": description });
    Reply::json(status, body.to_string().into_bytes())
}

/// A form.
fn form(call: &Call<'_>) -> HashMap<String, String> {
    let text = String::from_utf8_lossy(call.body);
    let decoded = |part: &str| percent_decode_str(&part.replace('+', " ")).decode_utf8_lossy().into_owned();
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decoded(name), decoded(value))).collect()
}
