//! What a provider itself says it serves: asked for in the background and kept for a while.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use http::{Method, Request};
use http_body_util::{BodyExt, Limited};
use lockgate_provider::{Ask, Site};
use serde::Deserialize;
use tokio_util::task::TaskTracker;

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
    /// Where the provider lists its models; `None` if its dialect has no such list.
    tail: Option<&'static str>,
    tasks: TaskTracker,
    kept: Arc<Kept>,
}

/// The last list and until when it counts.
#[derive(Debug, Default)]
struct Kept {
    list: Mutex<Option<(Arc<[String]>, Instant)>>,
    /// Held by the one question that runs; whoever has to wait for it waits for the lock.
    gate: Arc<tokio::sync::Mutex<()>>,
}

/// Whom to ask.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) site: &'a Site,
    pub(crate) passes: &'a Passes,
    pub(crate) upstream: &'a Upstream,
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
    pub(crate) fn new(tail: Option<&'static str>, tasks: &TaskTracker) -> Self {
        Self { tail, tasks: tasks.clone(), kept: Arc::default() }
    }

    /// The names the provider serves; none if it does not say. Only the first callers of all wait: an old list counts
    /// until there is a new one.
    pub(crate) async fn names(&self, source: Source<'_>) -> Arc<[String]> {
        if self.kept.list().is_none() {
            self.renew(source);
            drop(self.kept.gate.lock().await);
        }
        let kept = self.kept.list();
        if kept.as_ref().is_none_or(|(_, until)| clock::now() >= *until) {
            self.renew(source);
        }
        kept.map(|(names, _)| names).unwrap_or_default()
    }

    /// Asks, unless somebody does or there is nothing to ask; nobody here waits for the answer.
    pub(crate) fn renew(&self, source: Source<'_>) {
        let Some(tail) = self.tail else { return };
        let Ok(running) = Arc::clone(&self.kept.gate).try_lock_owned() else { return };
        let (kept, site) = (Arc::clone(&self.kept), source.site.clone());
        let (passes, upstream) = (source.passes.clone(), source.upstream.clone());
        self.tasks.spawn(async move {
            let answer =
                tokio::time::timeout(PATIENCE, ask(tail, &site, &passes, &upstream)).await.ok().flatten();
            let fresh = if answer.is_some() { FRESH } else { RETRY };
            let old = kept.list().map(|(names, _)| names).unwrap_or_default();
            kept.keep(answer.map_or(old, Into::into), clock::now() + fresh);
            drop(running);
        });
    }
}

impl Kept {
    fn list(&self) -> Option<(Arc<[String]>, Instant)> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn keep(&self, names: Arc<[String]>, until: Instant) {
        *self.list.lock().unwrap_or_else(PoisonError::into_inner) = Some((names, until));
    }
}

async fn ask(tail: &str, site: &Site, passes: &Passes, upstream: &Upstream) -> Option<Vec<String>> {
    let pass = passes.get().await.ok()?;
    let ask = Ask { method: &Method::GET, tail, query: None, model: "", stream: false, pass: &pass };
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
