//! Where tokens come from: Google's token and authorization endpoints and a machine's metadata server.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, header::LOCATION};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use super::{
    super::{Address, Call, Dialect, Refusal},
    JSON, token,
};
use crate::reply::Reply;

/// The endpoints that know accounts.
pub(in super::super) struct Accounts;

const TOKEN: &str = "/token";
const AUTHORIZATION: &str = "/o/oauth2/v2/auth";
const METADATA: &str = "/computeMetadata/v1/";
const FLAVOR: HeaderName = HeaderName::from_static("metadata-flavor");

impl Dialect for Accounts {
    fn claims(&self, address: &Address<'_>) -> bool {
        // Google's own library looks at the root first, to see whether it is on a machine of Google's.
        let is_machine =
            address.path.starts_with(METADATA) || address.path == "/" && address.headers.contains_key(FLAVOR);
        is_machine || address.path == TOKEN || address.path == AUTHORIZATION
    }

    fn answer(&self, call: &Call<'_>) -> Reply {
        match (call.path, call.method == Method::POST) {
            (TOKEN, true) => token::answer(call),
            (AUTHORIZATION, false) => authorization(call),
            (path, false) => metadata(call, path.strip_prefix(METADATA).unwrap_or_default()),
            _ => Reply::whole(404, "text/plain", "not found"),
        }
    }

    fn refusal(&self, _: &Call<'_>, _: &str, refusal: Refusal) -> Reply {
        match refusal {
            Refusal::Status(status @ 500..) => token::denied(status, "internal_failure", "Backend Error"),
            Refusal::Status(status @ 429) => {
                token::denied(status, "rate_limit_exceeded", "Rate Limit Exceeded")
            }
            _ => token::denied(400, "invalid_grant", "Bad Request"),
        }
    }

    fn error_event(&self, _: &Call<'_>, _: Option<Refusal>, _: bool) -> Bytes {
        Bytes::new()
    }

    fn malformed_event(&self, _: &Call<'_>) -> Bytes {
        Bytes::new()
    }
}

/// A user who agrees at once; the client `denied` meets one who does not.
fn authorization(call: &Call<'_>) -> Reply {
    let query = token::form(call.query);
    let field = |name: &str| query.get(name).cloned().unwrap_or_default();
    let bad = |why: &'static str| Reply::whole(400, "text/html; charset=utf-8", why);
    let redirect = field("redirect_uri");
    if !redirect.starts_with("http://127.0.0.1:") {
        return bad("Error 400: redirect_uri_mismatch");
    }
    if field("response_type") != "code"
        || field("code_challenge_method") != "S256"
        || field("code_challenge").len() != 43
    {
        return bad("Error 400: invalid_request");
    }
    let client = field("client_id");
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let outcome = if client == "denied" {
        "error=access_denied".to_owned()
    } else {
        let code = token::Code {
            client,
            redirect: redirect.clone(),
            challenge: field("code_challenge"),
            scope: field("scope"),
        };
        format!("code={}", BASE64.encode(serde_json::to_vec(&code).unwrap_or_default()))
    };
    let mut reply = Reply::whole(302, "text/html; charset=utf-8", "");
    let target = format!("{redirect}?{outcome}&state={}", encoded(&field("state")));
    match HeaderValue::from_str(&target) {
        Ok(target) => {
            reply.headers.push((LOCATION, target));
            reply
        }
        Err(_) => bad("Error 400: invalid_request"),
    }
}

fn metadata(call: &Call<'_>, path: &str) -> Reply {
    if call.headers.get(FLAVOR).is_none_or(|flavor| flavor != "Google") {
        return Reply::whole(403, "text/html; charset=UTF-8", "Missing Metadata-Flavor:Google header.");
    }
    let mut reply = match path {
        "instance/service-accounts/default/token" => {
            let mut body = token::token("mock", call.serial, "");
            body.as_object_mut().map(|body| body.remove("scope"));
            Reply::whole(200, JSON, body.to_string())
        }
        "" => Reply::whole(200, "application/text", "computeMetadata/"),
        "instance/service-accounts/default/" => {
            let account = json!({ "aliases": ["default"], "email": "mock@mock-project.iam.gserviceaccount.com", "scopes": [] });
            Reply::whole(200, JSON, account.to_string())
        }
        "project/project-id" => Reply::whole(200, "application/text", "mock-project"),
        _ => Reply::whole(404, "text/html; charset=UTF-8", "not found"),
    };
    reply.headers.push((FLAVOR, HeaderValue::from_static("Google")));
    reply
}
