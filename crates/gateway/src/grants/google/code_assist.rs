//! The project of a Code Assist account: asked for, and made on the first use of an account that has none.
//!
//! The questions and their order are the Gemini CLI's (`packages/core/src/code_assist/setup.ts`).

use std::time::Duration;

use bytes::Bytes;
use http::{Request, header};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::Refusal;
use crate::grants::Host;

/// Where Code Assist is.
pub(super) const BASE_URL: &str = "https://cloudcode-pa.googleapis.com";
/// How often it is asked whether a new account is ready, and how long is waited in between.
const POLLS: usize = 12;
const PAUSE: Duration = Duration::from_secs(5);

/// What an account is at Code Assist.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Account {
    current_tier: Option<Tier>,
    allowed_tiers: Option<Vec<Tier>>,
    ineligible_tiers: Option<Vec<Ineligible>>,
    cloudaicompanion_project: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Tier {
    id: Option<String>,
    is_default: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ineligible {
    #[serde(default)]
    reason_message: String,
}

/// An operation that takes its time.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Operation {
    name: Option<String>,
    done: bool,
    response: Option<Onboarded>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Onboarded {
    #[serde(default)]
    cloudaicompanion_project: Option<Project>,
}

#[derive(Deserialize)]
struct Project {
    id: Option<String>,
}

/// The project that the account behind `token` is billed to.
pub(super) async fn project(host: &Host, base_url: &str, token: &str) -> Result<String, Refusal> {
    let base = format!("{}/v1internal", base_url.trim_end_matches('/'));
    let metadata =
        json!({ "ideType": "IDE_UNSPECIFIED", "platform": "PLATFORM_UNSPECIFIED", "pluginType": "GEMINI" });
    let question = json!({ "metadata": metadata });
    let account: Account = ask(host, &format!("{base}:loadCodeAssist"), token, Some(&question)).await?;
    if account.current_tier.is_some() {
        return account.cloudaicompanion_project.clone().ok_or_else(|| no_project(&account));
    }
    let tiers = account.allowed_tiers.as_deref().unwrap_or_default();
    let tier = tiers.iter().find(|tier| tier.is_default == Some(true)).and_then(|tier| tier.id.as_deref());
    let wish = json!({ "tierId": tier.unwrap_or("legacy-tier"), "metadata": metadata });
    let mut operation: Operation = ask(host, &format!("{base}:onboardUser"), token, Some(&wish)).await?;
    for _ in 0..POLLS {
        let Some(name) = operation.name.as_deref().filter(|_| !operation.done) else { break };
        // The name becomes a part of an address.
        if !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-' | b'_')) {
            return Err(Refusal::passing("Code Assist named an operation that is no path"));
        }
        tokio::time::sleep(PAUSE).await;
        operation = ask(host, &format!("{base}/{name}"), token, None).await?;
    }
    let made = operation.response.and_then(|response| response.cloudaicompanion_project);
    made.and_then(|project| project.id).ok_or_else(|| no_project(&account))
}

fn no_project(account: &Account) -> Refusal {
    let reasons = account.ineligible_tiers.iter().flatten();
    let reasons: Vec<&str> = reasons.map(|tier| tier.reason_message.as_str()).take(3).collect();
    let reasons: String = reasons.join("; ").chars().filter(|c| !c.is_control()).take(300).collect();
    Refusal::lasting(format!(
        "Code Assist names no project for this account; write `project`, or set GOOGLE_CLOUD_PROJECT ({reasons})"
    ))
}

/// Asks one of Code Assist's methods, or about an operation if there is nothing to be said.
async fn ask<T: DeserializeOwned>(
    host: &Host,
    url: &str,
    token: &str,
    body: Option<&Value>,
) -> Result<T, Refusal> {
    let method = if body.is_some() { http::Method::POST } else { http::Method::GET };
    let request = Request::builder()
        .method(method)
        .uri(url)
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(body.map_or_else(Bytes::new, |body| body.to_string().into()))
        .map_err(|_| Refusal::lasting(format!("`{url}` is no address to ask Code Assist at")))?;
    let answer = host.send(request).await?;
    let status = answer.status;
    if !status.is_success() {
        let why = format!("{url} answered {}", status.as_u16());
        let is_final = matches!(status.as_u16(), 400 | 403 | 404);
        return Err(Refusal { is_final, why });
    }
    serde_json::from_slice(&answer.body)
        .map_err(|_| Refusal::passing(format!("{url} answered with something that is not understood")))
}
