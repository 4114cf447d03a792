//! Google's clouds around the models: accounts, Vertex AI and Code Assist. The models answer as in their own dialects.

mod accounts;
mod assertion;
mod code_assist;
mod token;
mod vertex;

use std::borrow::Cow;

use http::{HeaderMap, header::AUTHORIZATION};
use serde_json::json;

pub(super) use accounts::Accounts;
pub(crate) use assertion::service_account;
pub(super) use code_assist::CodeAssist;
pub(super) use vertex::Vertex;

use super::Call;
use crate::reply::Reply;

const JSON: &str = "application/json; charset=UTF-8";

/// A refusal of the host itself, before any model is asked.
struct Refused {
    code: u16,
    status: &'static str,
    message: Cow<'static, str>,
}

impl Refused {
    fn new(code: u16, status: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, status, message: message.into() }
    }

    fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(400, "INVALID_ARGUMENT", message)
    }

    fn reply(self) -> Reply {
        let body = json!({ "error": { "code": self.code, "message": self.message, "status": self.status } });
        Reply::whole(self.code, JSON, body.to_string())
    }
}

/// The token a call shows; a call without a fitting one is refused as Google refuses it.
fn token<'a>(call: &Call<'a>) -> Result<&'a str, Refused> {
    match bearer(call.headers) {
        Some(token) if !token.is_empty() && token != "invalid" && !token.starts_with("bad") => Ok(token),
        None if !call.require_key => Ok(""),
        _ => Err(Refused::new(
            401,
            "UNAUTHENTICATED",
            "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid \
             authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.",
        )),
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ").map(str::trim)
}
