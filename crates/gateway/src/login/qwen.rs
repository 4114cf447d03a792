//! Qwen: a code that is agreed to on any machine (RFC 8628, with the proof of RFC 7636).
//!
//! Addresses, parameters and the file are Qwen Code's (QwenLM/qwen-code, `packages/core/src/qwen/qwenOAuth2.ts`), so that
//! either program goes on with the other's sign-in.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::{Desk, LoginError, SigningIn, pkce};
use crate::{
    clock,
    grants::{
        Answer,
        oauth::{self, Denial, Token},
        qwen::{CLIENT, SIGN_IN, TOKEN, millis},
    },
};

/// Where codes are given out.
const DEVICE: &str = "https://chat.qwen.ai/api/v1/oauth2/device/code";
/// What the sign-in is for.
const SCOPE: &str = "openid profile email model.completion";
/// How often is asked whether the person has agreed, where the endpoint does not say; and what is added each time it wants
/// to be asked less (RFC 8628, sections 3.2 and 3.5).
const PAUSE: Duration = Duration::from_secs(5);
/// Longest time a person is waited for, whatever the endpoint says.
const PATIENCE: Duration = Duration::from_secs(1800);

/// A code that a person is to agree to. Its `Debug` would show it, so it has none.
#[derive(Deserialize)]
struct Device {
    device_code: String,
    #[serde(default)]
    user_code: Option<String>,
    verification_uri: String,
    #[serde(default)]
    verification_uri_complete: Option<String>,
    /// Seconds.
    expires_in: f64,
    /// Seconds.
    #[serde(default)]
    interval: Option<f64>,
}

/// What an answer to "has the person agreed" comes to.
enum Heard {
    Agreed(Box<Token>),
    NotYet,
    TooOften,
}

pub(super) fn sign_in<'a>(desk: &'a Desk<'a>) -> SigningIn<'a> {
    Box::pin(async {
        let client = desk.wish.client_id.as_deref().unwrap_or(CLIENT);
        let verifier = pkce::random()?;
        let device = device(desk, client, &pkce::challenge(&verifier)).await?;
        (desk.say)(&device.words());
        let token = agreed(desk, client, &verifier, &device).await?;
        let expires = oauth::expiry(desk.host.now(), token.expires_in).and_then(millis);
        let credential = json!({
            "access_token": token.access_token,
            "token_type": token.token_type.as_deref().unwrap_or("Bearer"),
            "refresh_token": token.refresh_token,
            "resource_url": token.resource_url,
            "expiry_date": expires,
        });
        desk.keep(SIGN_IN, format!("{credential:#}\n").into_bytes()).await
    })
}

async fn device(desk: &Desk<'_>, client: &str, challenge: &str) -> Result<Device, LoginError> {
    let fields = [
        ("client_id", client),
        ("scope", SCOPE),
        ("code_challenge", challenge),
        ("code_challenge_method", "S256"),
    ];
    let url = desk.endpoint("device", DEVICE);
    let answer = oauth::ask(&desk.host, url, &fields).await.map_err(|refusal| LoginError(refusal.why))?;
    if !answer.status.is_success() {
        return Err(LoginError(oauth::denied(url, &answer).why));
    }
    serde_json::from_slice(&answer.body)
        .map_err(|_| LoginError(format!("{url} answered with something that is no code to agree to")))
}

/// The token, once the person has agreed.
async fn agreed(desk: &Desk<'_>, client: &str, verifier: &str, device: &Device) -> Result<Token, LoginError> {
    let url = desk.endpoint("token", TOKEN);
    let fields = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("client_id", client),
        ("device_code", &device.device_code),
        ("code_verifier", verifier),
    ];
    let seconds = |seconds| Duration::try_from_secs_f64(seconds).ok();
    let end = clock::now() + seconds(device.expires_in).unwrap_or(PATIENCE).min(PATIENCE);
    let mut pause = device.interval.and_then(seconds).unwrap_or(PAUSE);
    loop {
        tokio::time::sleep(pause).await;
        if clock::now() >= end {
            return Err(LoginError("nobody agreed in time; run the command again".to_owned()));
        }
        // A passing trouble on the way is no answer: the person may still agree.
        let heard = match oauth::ask(&desk.host, url, &fields).await {
            Ok(answer) => heard(url, &answer)?,
            Err(refusal) if refusal.is_final => return Err(LoginError(refusal.why)),
            Err(_) => Heard::NotYet,
        };
        match heard {
            Heard::Agreed(token) => return Ok(*token),
            Heard::NotYet => {}
            Heard::TooOften => pause += PAUSE,
        }
    }
}

fn heard(url: &str, answer: &Answer) -> Result<Heard, LoginError> {
    let failed = |refusal: crate::grants::Refusal| LoginError(refusal.why);
    if answer.status.is_success() {
        return oauth::read(url, answer).map(|token| Heard::Agreed(Box::new(token))).map_err(failed);
    }
    let denial: Option<Denial> = serde_json::from_slice(&answer.body).ok();
    match denial.as_ref().map(|denial| denial.error.as_str()) {
        Some("authorization_pending") => Ok(Heard::NotYet),
        Some("slow_down") => Ok(Heard::TooOften),
        Some("access_denied") => Err(LoginError("the sign-in was declined".to_owned())),
        Some("expired_token") => {
            Err(LoginError("the code has ended before anybody agreed; run the command again".to_owned()))
        }
        _ if answer.status.is_server_error() => Ok(Heard::NotYet),
        _ => Err(failed(oauth::denied(url, answer))),
    }
}

impl Device {
    /// What the person is to do.
    fn words(&self) -> String {
        match (&self.verification_uri_complete, &self.user_code) {
            (Some(url), _) => format!("Open this address in any browser and sign in:\n\n{url}\n"),
            (None, Some(code)) => {
                let url = &self.verification_uri;
                format!("Open this address in any browser, sign in and enter the code {code}:\n\n{url}\n")
            }
            (None, None) => {
                format!("Open this address in any browser and sign in:\n\n{}\n", self.verification_uri)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, StatusCode};

    use super::*;

    #[track_caller]
    fn check(status: u16, body: &'static str, expected: &str) {
        let status = StatusCode::from_u16(status).expect("a status");
        let answer = Answer { status, headers: HeaderMap::new(), body: Bytes::from_static(body.as_bytes()) };
        let found = match heard("http://t/token", &answer) {
            Ok(Heard::Agreed(token)) => token.access_token,
            Ok(Heard::NotYet) => "not yet".to_owned(),
            Ok(Heard::TooOften) => "too often".to_owned(),
            Err(error) => error.to_string(),
        };
        assert_eq!(found, expected, "{body}");
    }

    #[test]
    fn an_answer_says_yes_no_or_later() {
        check(200, r#"{"access_token":"t"}"#, "t");
        check(400, r#"{"error":"authorization_pending"}"#, "not yet");
        check(429, r#"{"error":"slow_down","error_description":"less"}"#, "too often");
        check(502, "<html>", "not yet");
        check(400, r#"{"error":"access_denied"}"#, "the sign-in was declined");
        check(
            400,
            r#"{"error":"expired_token"}"#,
            "the code has ended before anybody agreed; run the command again",
        );
        check(
            401,
            r#"{"error":"invalid_client","error_description":"unknown"}"#,
            "http://t/token answered 401 invalid_client: unknown",
        );
        check(200, "{}", "http://t/token answered with something that is no token");
    }
}
