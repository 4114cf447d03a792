//! The admin API: what is known of deployments, why a model is answered by whom, and what an operator may change about it.
//!
//! Not part of any client's dialect. Who may use it is [`Door`](crate::door::Door)'s to say; nothing of it shows a secret.

mod alerts;
mod allowed;
mod calls;
mod config;
mod deployments;
mod explain;
mod keys;
mod live;
mod openapi;
mod overview;
mod query;
mod refusal;
mod requests;
mod said;
mod short;
mod stats;
mod table;
mod usage;
mod words;

use std::{sync::Arc, time::Duration};

use http::{HeaderValue, Method, Request, Response, StatusCode, header};

pub use alerts::{AlertText, AlertsStatus, AlertsTested, SinkStatus, SinkTested, test_alerts};
pub(crate) use calls::line;
pub use explain::explain;
pub use keys::{BudgetStatus, CreatedKey, KeyStatus, Keys};
pub use requests::calls_on_disk;
pub use said::{
    AdminError, Allowed, BudgetState, CallBodies, CallBody, CallDetail, CallLimits, CallLine, CallTokens,
    CallTry, Calls, Candidate, Condition, ConfigChanged, ConfigError, ConfigStatus, ConfigText,
    DeploymentStats, DeploymentStatus, Deployments, ErrorBody, Explanation, FaultText, GatewayStatus,
    HealthStatus, JournalStatus, KeyRights, Minute, Missed, ModelPlace, ModelStatus, Models, NoteText,
    PriceStatus, ProblemText, ProjectionStatus, ProviderStatus, Providers, Reloaded, Retries, Second, Serves,
    Spread, Stats, Sums, SystemInfo, Tested, TierStatus, Usage, UsageRow,
};

use crate::{
    Setup, arriving::Arriving, body::AnswerBody, clock, data_path::mark_id, peer::Peer, route::decoded,
    setup::Live,
};
use query::Query;
use refusal::Refusal;
use table::{Ask, Row, Said};

/// A moment in milliseconds since 1970, as it may be said here and on the command line: `2026-11-21T20:15:00Z`, `2026-11-21`,
/// milliseconds since 1970, or how long ago it was, as `15m` or `24h`; `None` if it is none of these.
pub fn moment(text: &str) -> Option<u64> {
    query::moment(text, Duration::from_millis(clock::wall_ms()))
}

/// The code of the answer where there is no admin API.
pub const ADMIN_OFF: &str = "admin_off";
/// Where the API is.
const ROOT: &str = "/admin";
/// What the one admin key is told from others by.
const THE_ADMIN: u64 = 0;
/// The paths of it that are elsewhere.
const ELSEWHERE: &[&str] = &["/api/config", "/api/providers", "/api/system-info"];

/// All there is, by subject.
const TABLES: &[&[Row]] = &[
    openapi::ROWS,
    stats::ROWS,
    overview::ROWS,
    requests::ROWS,
    usage::ROWS,
    deployments::ROWS,
    explain::ROWS,
    config::ROWS,
    alerts::ROWS,
    keys::ROWS,
    short::ROWS,
];

/// Every row.
fn rows() -> impl Iterator<Item = &'static Row> {
    TABLES.iter().copied().flatten()
}

/// Whether a path is the admin API's.
pub(crate) fn claims(path: &str) -> bool {
    let is_under = path.strip_prefix(ROOT).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    is_under || ELSEWHERE.contains(&path)
}

/// Answers one request. Nobody who may not come in learns what there is.
pub(crate) async fn answer(
    live: Arc<Live>,
    setup: Arc<Setup>,
    peer: Peer,
    request: Request<Arriving>,
) -> Response<AnswerBody> {
    let (head, body) = request.into_parts();
    let id = setup.gateway.ids.next();
    let answered = match come_in(&setup, &head, &peer) {
        Ok(()) => answered(live, setup, head, body).await,
        Err(refusal) => Err(refusal),
    };
    let (Said { status, body, media, tag }, allow, wait) = match answered {
        Ok(said) => (said, None, None),
        Err(Refusal { status, error, allow, wait }) => {
            (Said { status, ..Said::json(&ErrorBody { error: *error }) }, allow, wait)
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, media);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    for (name, value) in [(header::ALLOW, allow), (header::ETAG, tag), (header::RETRY_AFTER, wait)] {
        if let Some(value) = value {
            headers.insert(name, value);
        }
    }
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    mark_id(&id, headers);
    response
}

/// Lets in who may come in. An address that has shown many wrong keys has to wait before another is looked at, unless the
/// right one was shown from there before.
fn come_in(setup: &Setup, head: &http::request::Parts, peer: &Peer) -> Result<(), Refusal> {
    let admitted = setup.door.admit(head, peer);
    let Some(shown) = setup.door.shown(&head.headers) else { return Ok(admitted?) };
    let (knocks, from, now) = (&setup.gateway.admin_knocks, peer.knocker(), clock::now());
    if let Some(wait) = knocks.wait(from, now)
        && !(admitted.is_ok() && knocks.is_known(from, THE_ADMIN))
    {
        return Err(Refusal::too_many(wait));
    }
    match admitted {
        Ok(()) => knocks.right(from, THE_ADMIN),
        // A key of this gateway at the wrong door is no guess.
        Err(_) if setup.gateway.keys.table().knows(shown) => {}
        Err(_) => knocks.wrong(from, shown, now),
    }
    Ok(admitted?)
}

async fn answered(
    live: Arc<Live>,
    setup: Arc<Setup>,
    head: http::request::Parts,
    body: Arriving,
) -> Result<Said, Refusal> {
    let (row, name) = find(&head.method, head.uri.path())?;
    let name = decoded(name).ok_or_else(|| Refusal::bad("the name in the path is not text"))?;
    let query = Query::read(head.uri.query().unwrap_or_default(), row.query, row.path, clock::wall())?;
    (row.run)(Ask { live, setup, head, name, query, body }).await
}

/// The row of a request, and what stands for the word in braces.
fn find<'p>(method: &Method, path: &'p str) -> Result<(&'static Row, &'p str), Refusal> {
    let fitting = rows().filter_map(|row| Some((row, row.matched(path)?)));
    let Some((best, name)) = fitting.max_by_key(|(row, _)| row.written()) else {
        let message = "nothing is at this path of the admin API: `paths` has what there is";
        let mut refusal = Refusal::new(StatusCode::NOT_FOUND, "unknown_path", message);
        refusal.error.paths = rows().map(Row::shown).collect();
        return Err(refusal);
    };
    let at_path = || rows().filter(|row| row.path == best.path);
    if let Some(row) = at_path().find(|row| row.method == *method) {
        return Ok((row, name));
    }
    let methods: Vec<_> = at_path().map(|row| row.method.as_str()).collect();
    let methods = methods.join(", ");
    let message = format!("this path takes {methods}");
    let mut refusal = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message);
    refusal.allow = HeaderValue::from_str(&methods).ok();
    Err(refusal)
}

/// Whole milliseconds of a time.
fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(method: &str, path: &str, expect: &str) {
        let got = match find(&method.parse().unwrap(), path) {
            Ok((row, name)) => format!("{} {name}", row.path),
            Err(refusal) => format!("{} {:?}", refusal.error.code, refusal.allow),
        };
        assert_eq!(got.trim_end(), expect);
    }

    #[test]
    fn paths_lead_where_the_table_says() {
        check("GET", "/admin/v1/deployments", "/admin/v1/deployments");
        check("GET", "/admin/v1/deployments/a%2Fm%231", "/admin/v1/deployments/{name} a%2Fm%231");
        check("GET", "/admin/v1/deployments/a/m%231", "/admin/v1/deployments/{name} a/m%231");
        check("POST", "/admin/v1/deployments/a/m%231/reset", "/admin/v1/deployments/{name}/reset a/m%231");
        check(
            "DELETE",
            "/admin/v1/deployments/a%2Fm%231/drain",
            "/admin/v1/deployments/{name}/drain a%2Fm%231",
        );
        check("GET", "/admin/v1/deployments/a%2Fm%231/reset", "method_not_allowed Some(\"POST\")");
        check("PUT", "/admin/v1/deployments/a%2Fm%231/drain", "method_not_allowed Some(\"POST, DELETE\")");
        check("POST", "/admin/v1/explain", "method_not_allowed Some(\"GET\")");
        check("GET", "/admin/v1/deployments/", "unknown_path None");
        check("GET", "/admin/v1//explain", "unknown_path None");
        check("GET", "/admin", "unknown_path None");
        check("PUT", "/admin/v1/config", "/admin/v1/config");
        check("POST", "/admin/v1/config/reload", "/admin/v1/config/reload");
        check("POST", "/api/config", "/api/config");
        check("POST", "/admin/v1/config", "method_not_allowed Some(\"GET, PUT\")");
        check("GET", "/api/config", "/api/config");
        check("PUT", "/api/config", "method_not_allowed Some(\"POST, GET\")");
        check("GET", "/admin/v1/requests/live", "/admin/v1/requests/live");
        check("GET", "/admin/v1/requests/req_1", "/admin/v1/requests/{id} req_1");
    }

    #[test]
    fn every_path_is_claimed() {
        for row in rows() {
            assert!(claims(row.path), "{}", row.shown());
        }
        assert!(ELSEWHERE.iter().all(|path| rows().any(|row| row.path == *path)));
    }

    #[test]
    fn the_page_has_every_path_and_no_other() {
        let page = include_str!("../../../docs/admin.md");
        let code = page.split("```").step_by(2).flat_map(|text| text.split('`').skip(1).step_by(2));
        let is_path = |text: &&str| {
            let (method, path) = text.split_once(' ').unwrap_or_default();
            ["GET", "POST", "PUT", "PATCH", "DELETE"].contains(&method) && claims(path)
        };
        let told: std::collections::BTreeSet<String> =
            code.filter_map(|text| text.split('?').next()).filter(is_path).map(str::to_owned).collect();
        let there: std::collections::BTreeSet<String> = rows().map(Row::shown).collect();
        assert_eq!(told, there);
    }

    #[test]
    fn only_its_own_paths_are_claimed() {
        assert!(
            claims("/admin") && claims("/admin/") && claims("/admin/v1/%2e%2e/x") && claims("/api/config")
        );
        assert!(
            !claims("/administrator")
                && !claims("/v1/admin/")
                && !claims("//admin/v1")
                && !claims("/api/config/x")
        );
    }
}
