//! The short forms: what scripts and panels of other gateways look for, under the paths where they look.

use std::collections::BTreeMap;

use http::{HeaderValue, Method, header};

use super::{
    ConfigText, ModelPlace, ModelStatus, Models, ProviderStatus, Providers, SystemInfo, config, deployments,
    millis,
    table::{Answering, Ask, Row, Said},
    words,
};
use crate::{Setup, clock, metrics};

/// What takes requests.
const CLOSED: &str = "closed";

pub(super) const ROWS: &[Row] = &[
    Row::new::<ConfigText>(Method::GET, "/admin/config", "The same as `GET /admin/v1/config`.", text),
    Row::new::<ConfigText>(Method::GET, "/api/config", "The same as `GET /admin/v1/config`.", text),
    Row::new::<String>(Method::GET, "/admin/metrics", "The same as `GET /metrics`.", |ask| {
        Box::pin(async move {
            let (head, body) = metrics::page(&ask.setup, &ask.head.headers).await.into_parts();
            let plain = HeaderValue::from_static("text/plain");
            let media = head.headers.get(header::CONTENT_TYPE).cloned().unwrap_or(plain);
            Ok(Said { status: head.status, body, media, tag: None })
        })
    })
    .says_text(),
    Row::new::<Models>(Method::GET, "/admin/models", "Every model, and who answers it.", |ask| {
        Box::pin(async move { Ok(Said::json(&models(&ask.setup))) })
    }),
    Row::new::<Providers>(Method::GET, "/api/providers", "Every provider, and how it does.", |ask| {
        Box::pin(async move { Ok(Said::json(&providers(&ask.setup))) })
    }),
    Row::new::<SystemInfo>(Method::GET, "/api/system-info", "The gateway's version, age and place.", |ask| {
        Box::pin(async move { Ok(Said::json(&system(&ask.setup))) })
    }),
];

fn text(ask: Ask) -> Answering {
    Box::pin(async move { config::show(&ask.live) })
}

fn models(setup: &Setup) -> Models {
    let now = clock::now();
    let models = setup.fleet.all().into_iter().map(|(name, model)| {
        let places = model.explain(now).into_iter().filter_map(|place| {
            let deployment = model.deployments.get(place.deployment)?;
            Some(ModelPlace {
                name: deployment.name.to_string(),
                list: place.list.to_string(),
                tier: place.tier,
                state: deployment.health.status(now).state.name().to_owned(),
            })
        });
        ModelStatus { name, strategy: model.strategy.name.to_owned(), deployments: places.collect() }
    });
    Models { models: models.collect() }
}

fn providers(setup: &Setup) -> Providers {
    let now = clock::now();
    let mut found: BTreeMap<String, ProviderStatus> = BTreeMap::new();
    for row in deployments::each(setup) {
        let (name, status) = (&row.deployment.provider.name, row.deployment.health.status(now));
        let provider = found.entry(name.clone()).or_default();
        provider.name.clone_from(name);
        provider.healthy |= status.state.name() == CLOSED;
        *provider.deployments.entry(status.state.name().to_owned()).or_default() += 1;
        provider.requests += status.requests;
        provider.answered += status.answered;
        provider.in_flight += status.in_flight;
        for (kind, count) in &status.faults {
            *provider.faults.entry((*kind).to_owned()).or_default() += count;
        }
    }
    Providers { providers: found.into_values().collect() }
}

fn system(setup: &Setup) -> SystemInfo {
    let gateway = &setup.gateway;
    let uptime = clock::now().saturating_duration_since(gateway.since);
    let started = clock::wall().checked_sub(uptime);
    let started = started.and_then(|at| words::at(at.duration_since(std::time::UNIX_EPOCH).ok()?));
    SystemInfo {
        name: "lockgate".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started: started.unwrap_or_default(),
        uptime_ms: millis(uptime),
        pid: std::process::id(),
        os: std::env::consts::OS.to_owned(),
        arch: std::env::consts::ARCH.to_owned(),
        cpus: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        calls: gateway.calls.now(),
        connections: gateway.connections.now(),
        models: setup.fleet.all().len(),
        providers: setup.fleet.providers(),
    }
}
