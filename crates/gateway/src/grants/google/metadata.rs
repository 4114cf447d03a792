//! The machine's own account: Google's clouds answer on a link that only the machine has.
//!
//! Paths, header and variable as in google-auth-library-python, `compute_engine/_metadata.py`.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::{Refusal, Settings, Token};
use crate::grants::{Host, host::Answer, oauth};

/// Where the machine is asked, unless GCE_METADATA_HOST or `auth.endpoints.metadata` says otherwise.
const HOST: &str = "metadata.google.internal";
/// Without it a request could have been tricked out of a browser; the answer has it too, which no captive portal does.
const FLAVOR: (&str, &str) = ("metadata-flavor", "Google");
/// Off Google's cloud nobody answers: a short wait, so that a laptop is told soon.
const PATIENCE: Duration = Duration::from_secs(3);

/// What the machine says.
#[derive(Deserialize)]
struct Machine {
    access_token: String,
    #[serde(default)]
    expires_in: Option<f64>,
}

/// The machine's token, and its project where one is needed and the operator names none.
pub(super) async fn token(host: &Host, settings: &Settings, needs_project: bool) -> Result<Token, Refusal> {
    let base = match settings.endpoint("metadata") {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => format!("http://{}", host.variable("GCE_METADATA_HOST").unwrap_or_else(|| HOST.to_owned())),
    };
    let base = format!("{base}/computeMetadata/v1");
    let now = host.now();
    let scopes = utf8_percent_encode(&settings.scope, NON_ALPHANUMERIC);
    let answer = ask(host, format!("{base}/instance/service-accounts/default/token?scopes={scopes}")).await?;
    let machine: Machine = serde_json::from_slice(&answer.body)
        .map_err(|_| Refusal::passing("the metadata server answered with something that is no token"))?;
    let mut project = None;
    if needs_project && settings.project.is_none() {
        let answer = ask(host, format!("{base}/project/project-id")).await?;
        project = String::from_utf8(answer.body.to_vec()).ok().map(|text| text.trim().to_owned());
    }
    let expires = oauth::expiry(now, machine.expires_in);
    Ok(Token { token: machine.access_token, expires, project, quota_project: None })
}

async fn ask(host: &Host, url: String) -> Result<Answer, Refusal> {
    let request = Request::builder().uri(&url).header(FLAVOR.0, FLAVOR.1).body(Bytes::new());
    let request = request.map_err(|_| Refusal::lasting("the metadata server's address is none"))?;
    let answer = match tokio::time::timeout(PATIENCE, host.send_near(request)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(refusal)) => return Err(nobody(&refusal.why)),
        Err(_) => return Err(nobody("the metadata server does not answer")),
    };
    let is_googles = answer.headers.get(FLAVOR.0).is_some_and(|flavor| flavor == FLAVOR.1);
    match (answer.status.is_success(), is_googles) {
        (true, true) => Ok(answer),
        (false, true) if answer.status.as_u16() == 404 => {
            Err(Refusal::lasting("the machine has no service account; give it one, or write `auth.file`"))
        }
        (false, true) => {
            Err(Refusal::passing(format!("the metadata server answered {}", answer.status.as_u16())))
        }
        (_, false) => Err(nobody("what answers is not Google's metadata server")),
    }
}

/// Nothing else was found before the machine was asked, so the remedy is any of them.
fn nobody(why: &str) -> Refusal {
    Refusal::passing(format!(
        "no Google credentials: write `auth.file`, set GOOGLE_APPLICATION_CREDENTIALS, or run `gcloud auth application-default login` ({why})"
    ))
}
