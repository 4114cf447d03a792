//! What a provider itself says it serves: asked for in the background and kept for a while.

use std::{
    fmt::Display,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use http::{Method, Request};
use http_body_util::{BodyExt, Collected, Limited};
use lockgate_protocol::ir::{Fault, FaultKind};
use lockgate_provider::{Ask, Pass, Reply, Site};
use serde::Deserialize;
use tokio_util::task::TaskTracker;

use crate::{
    body::RequestBody,
    clock, headers,
    passes::{Passes, is_of_proof},
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
    /// `older` has asked the same provider by the same credential under an older config.
    pub(crate) fn new(tail: Option<&'static str>, tasks: &TaskTracker, older: Option<&Self>) -> Self {
        let kept = older.filter(|older| older.tail == tail).map(|older| Arc::clone(&older.kept));
        Self { tail, tasks: tasks.clone(), kept: kept.unwrap_or_default() }
    }

    /// Where the list is, behind the provider's base URL; `None` if its dialect has no such list.
    pub(crate) fn tail(&self) -> Option<&'static str> {
        self.tail
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
            let source = Source { site: &site, passes: &passes, upstream: &upstream };
            let answer = match tokio::time::timeout(PATIENCE, list(tail, source)).await {
                Ok(Ok(names)) => Some(names),
                Ok(Err(fault)) => {
                    tracing::debug!(kind = site.kind().name(), %fault, "the provider lists no models");
                    None
                }
                Err(_) => None,
            };
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

/// The names that a provider lists behind `tail`.
///
/// Fails like any request of a client, with every secret of the pass taken out of the provider's words.
pub(crate) async fn list(tail: &str, source: Source<'_>) -> Result<Vec<String>, Fault> {
    let mut is_renewed = false;
    loop {
        let pass = source.passes.get().await?;
        match ask(tail, source, &pass).await {
            Ok(names) => return Ok(names),
            // A token may be revoked before its time.
            Err(fault) if is_of_proof(&fault) && !is_renewed && source.passes.refused(&pass) => {
                is_renewed = true;
            }
            Err(mut fault) => {
                pass.conceal(&mut fault);
                return Err(fault);
            }
        }
    }
}

async fn ask(tail: &str, source: Source<'_>, pass: &Pass) -> Result<Vec<String>, Fault> {
    let Source { site, upstream, .. } = source;
    let ask = Ask { method: &Method::GET, tail, query: None, model: "", stream: false, pass };
    let prepared = site.prepare(&ask)?;
    let mut request = Request::new(RequestBody::default());
    *request.uri_mut() = prepared.uri;
    *request.headers_mut() = prepared.headers;
    headers::usual(site.kind().provider.usual_headers(), request.headers_mut());
    let request = signed(site, pass, request)?;
    let (head, body) = upstream.send(request).await?.into_parts();
    let body = Limited::new(body, MAX_LIST).collect().await;
    if !head.status.is_success() {
        // A refusal whose words do not come is still that refusal.
        let body = body.map(Collected::to_bytes).unwrap_or_default();
        let (status, headers) = (head.status.as_u16(), &head.headers);
        return Err(site.classify(&Reply { status, headers, body: &body, now: clock::wall() }));
    }
    let unfit = |why: &dyn Display| {
        Fault::new(FaultKind::Garbled, "the provider's list of models cannot be read").with_detail(why)
    };
    let body = body.map_err(|error| unfit(&error))?.to_bytes();
    let list: List = serde_json::from_slice(&body).map_err(|error| unfit(&error))?;
    // Some lists spell a name as the path of a resource.
    let name = |row: Row| row.id.strip_prefix("models/").map_or_else(|| row.id.clone(), str::to_owned);
    Ok(list.data.into_iter().take(MAX_NAMES).map(name).collect())
}
