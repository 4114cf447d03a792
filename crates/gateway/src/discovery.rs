//! What a provider itself says it serves, asked for when somebody wants to know and kept for a while.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use http::{Method, Request};
use http_body_util::{BodyExt, Limited};
use lockgate_provider::{Ask, Site};
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::{
    body::RequestBody,
    clock, headers,
    passes::Passes,
    upstream::{Upstream, signed},
};

/// How long an answer, or the lack of one, is believed.
const FRESH: Duration = Duration::from_secs(300);
/// How soon a provider that did not answer is asked again.
const RETRY: Duration = Duration::from_secs(10);
/// How long a provider may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// Largest list that is read, in bytes.
const MAX_LIST: usize = 4 * 1024 * 1024;
/// Most names that are kept.
const MAX_NAMES: usize = 10_000;

/// One provider's list.
#[derive(Debug)]
pub(crate) struct Discovery {
    /// What the config says; then nobody is asked.
    written: Arc<[String]>,
    /// Where the provider lists its models; `None` if its dialect has no such list.
    tail: Option<&'static str>,
    /// The last list and until when it counts. The lock is held while asking, so that a hundred callers ask once.
    asked: Mutex<Option<(Arc<[String]>, Instant)>>,
}

/// The list of models: rows with an `id` under `data`, or rows with a `name` under `models`.
#[derive(Deserialize)]
struct List {
    #[serde(alias = "models")]
    data: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    #[serde(alias = "name")]
    id: String,
}

impl Discovery {
    /// `tail` is where the list is, behind the provider's base URL.
    pub(crate) fn new(written: Vec<String>, tail: Option<&'static str>) -> Self {
        Self { written: written.into(), tail, asked: Mutex::default() }
    }

    /// The names the provider serves; none if it does not say.
    pub(crate) async fn names(&self, site: &Site, passes: &Passes, upstream: &Upstream) -> Arc<[String]> {
        if !self.written.is_empty() {
            return Arc::clone(&self.written);
        }
        let mut asked = self.asked.lock().await;
        match &*asked {
            Some((names, until)) if clock::now() < *until => Arc::clone(names),
            _ => {
                let answer = tokio::time::timeout(PATIENCE, ask(self.tail, site, passes, upstream))
                    .await
                    .ok()
                    .flatten();
                let fresh = if answer.is_some() { FRESH } else { RETRY };
                let names: Arc<[String]> = answer.unwrap_or_default().into();
                *asked = Some((Arc::clone(&names), clock::now() + fresh));
                names
            }
        }
    }
}

async fn ask(tail: Option<&str>, site: &Site, passes: &Passes, upstream: &Upstream) -> Option<Vec<String>> {
    let tail = tail?;
    let pass = passes.get().await.ok()?;
    let ask = Ask { method: &Method::GET, tail, query: None, model: "", pass: &pass };
    let prepared = site.prepare(&ask).ok()?;
    let mut request = Request::new(RequestBody::default());
    *request.uri_mut() = prepared.uri;
    *request.headers_mut() = prepared.headers;
    headers::usual(site.kind().provider.usual_headers(), request.headers_mut());
    let request = signed(site, &pass, request).ok()?;
    let answer = upstream.send(request).await.ok()?;
    if !answer.status().is_success() {
        tracing::debug!(
            kind = site.kind().name(),
            status = answer.status().as_u16(),
            "the provider lists no models"
        );
        return None;
    }
    let body = Limited::new(answer.into_body(), MAX_LIST).collect().await.ok()?.to_bytes();
    let list: List = serde_json::from_slice(&body).ok()?;
    // Some lists spell a name as the path of a resource.
    let name = |row: Row| row.id.strip_prefix("models/").map_or_else(|| row.id.clone(), str::to_owned);
    Some(list.data.into_iter().take(MAX_NAMES).map(name).collect())
}
