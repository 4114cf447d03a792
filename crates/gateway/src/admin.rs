//! The admin API: what is known of deployments, why a model is answered by whom, and what an operator may change about it.
//!
//! Not part of any client's dialect. Who may use it is [`Door`](crate::door::Door)'s to say; nothing of it shows a secret.

mod config;
mod deployments;
mod explain;
mod overview;
mod said;
mod words;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header, request::Parts};
use http_body_util::{BodyExt, Limited};
use lockgate_protocol::ir::Fault;
use percent_encoding::percent_decode_str;
use serde::{Serialize, de::DeserializeOwned};

pub use explain::explain;
pub use said::{
    AdminError, CallLimits, Candidate, Condition, ConfigChanged, ConfigError, ConfigStatus, ConfigText,
    DeploymentStatus, Deployments, ErrorBody, Explanation, FaultText, GatewayStatus, KeyRights, NoteText,
    ProblemText, Reloaded, Retries, Serves, Tested,
};

use crate::{
    Setup,
    arriving::Arriving,
    body::AnswerBody,
    data_path::mark_id,
    door::{CARRIER, Shut},
    route::decoded,
    setup::Live,
};

/// The code of the answer where there is no admin API.
pub const ADMIN_OFF: &str = "admin_off";
/// Where the API is.
const ROOT: &str = "/admin";
/// The one path of it that is elsewhere.
const SHORT: &str = "/api/config";
/// Largest body that is read.
const MAX_BODY: usize = 1 << 20;
/// How long the body may take.
const BODY_PATIENCE: Duration = Duration::from_secs(10);

/// What can be asked.
#[derive(Debug, Clone, Copy)]
enum Errand {
    Deployments,
    Deployment,
    Reset,
    Drain,
    Undrain,
    Test,
    Explain,
    Gateway,
    Config,
    PutConfig,
    Reload,
}

/// One method of one path; `*` stands for a deployment's name.
struct Row {
    method: Method,
    path: &'static str,
    errand: Errand,
}

const fn row(method: Method, path: &'static str, errand: Errand) -> Row {
    Row { method, path, errand }
}

/// All there is.
const ROWS: &[Row] = &[
    row(Method::GET, "/admin/v1/deployments", Errand::Deployments),
    row(Method::GET, "/admin/v1/explain", Errand::Explain),
    row(Method::GET, "/admin/v1/gateway", Errand::Gateway),
    row(Method::GET, "/admin/v1/config", Errand::Config),
    row(Method::PUT, "/admin/v1/config", Errand::PutConfig),
    row(Method::POST, SHORT, Errand::PutConfig),
    row(Method::POST, "/admin/v1/config/reload", Errand::Reload),
    row(Method::POST, "/admin/v1/deployments/*/reset", Errand::Reset),
    row(Method::POST, "/admin/v1/deployments/*/drain", Errand::Drain),
    row(Method::DELETE, "/admin/v1/deployments/*/drain", Errand::Undrain),
    row(Method::POST, "/admin/v1/deployments/*/test", Errand::Test),
    // Last, since names may contain slashes: the first path that fits counts.
    row(Method::GET, "/admin/v1/deployments/*", Errand::Deployment),
];

impl Row {
    /// What `*` stands for, if `path` is this one.
    fn matched<'p>(&self, path: &'p str) -> Option<&'p str> {
        match self.path.split_once('*') {
            Some((front, back)) => {
                path.strip_prefix(front)?.strip_suffix(back).filter(|between| !between.is_empty())
            }
            None => (path == self.path).then_some(""),
        }
    }

    /// How it stands in docs.
    fn shown(&self) -> String {
        format!("{} {}", self.method, self.path.replace('*', "{name}"))
    }
}

/// A request that is not done, and with which status that is said.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    error: Box<AdminError>,
    /// The methods that the path takes.
    allow: Option<HeaderValue>,
}

impl Refusal {
    fn new(status: StatusCode, code: &str, message: String) -> Self {
        let (paths, problems) = (Vec::new(), Vec::new());
        let error = Box::new(AdminError { code: code.to_owned(), message, paths, problems });
        Self { status, error, allow: None }
    }

    fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message.into())
    }
}

impl From<Shut> for Refusal {
    fn from(shut: Shut) -> Self {
        match shut {
            Shut::NoKey => Self::new(
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                format!(
                    "the admin API needs the admin key: send it as `Authorization: Bearer KEY` or `{CARRIER}: KEY`"
                ),
            ),
            Shut::Off => Self::new(
                StatusCode::NOT_FOUND,
                ADMIN_OFF,
                "the admin API is off: set `access.admin_key`".to_owned(),
            ),
        }
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        let status = StatusCode::from_u16(fault.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self::new(status, fault.kind.name(), fault.public)
    }
}

/// Whether a path is the admin API's.
pub(crate) fn claims(path: &str) -> bool {
    path == SHORT || path.strip_prefix(ROOT).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Answers one request. Nobody who may not come in learns what there is.
pub(crate) async fn answer(
    live: &Arc<Live>,
    setup: &Arc<Setup>,
    request: Request<Arriving>,
) -> Response<AnswerBody> {
    let (head, body) = request.into_parts();
    let answered = match setup.door.admit(&head.headers) {
        Ok(()) => answered(live, setup, &head, body).await,
        Err(shut) => Err(shut.into()),
    };
    let (status, Said { body, tag }, allow) = match answered {
        Ok(said) => (StatusCode::OK, said, None),
        Err(Refusal { status, error, allow }) => (status, json(&ErrorBody { error: *error }).into(), allow),
    };
    let mut response = Response::new(AnswerBody::Whole(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(allow) = allow {
        headers.insert(header::ALLOW, allow);
    }
    if let Some(tag) = tag {
        headers.insert(header::ETAG, tag);
    }
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    mark_id(&setup.gateway.ids.next(), headers);
    response
}

/// What is answered.
struct Said {
    body: Bytes,
    /// What it is known by.
    tag: Option<HeaderValue>,
}

impl From<Bytes> for Said {
    fn from(body: Bytes) -> Self {
        Self { body, tag: None }
    }
}

async fn answered(
    live: &Arc<Live>,
    setup: &Arc<Setup>,
    head: &Parts,
    body: Arriving,
) -> Result<Said, Refusal> {
    let (errand, name) = find(&head.method, head.uri.path())?;
    let name = decoded(name).ok_or_else(|| Refusal::bad("the deployment's name in the path is not text"))?;
    let query = Query(head.uri.query().unwrap_or_default());
    let said = match errand {
        Errand::Deployments => json(&deployments::all(setup)),
        Errand::Deployment => json(&deployments::one(setup, &name)?),
        Errand::Reset => json(&deployments::reset(setup, &name)?),
        Errand::Drain => json(&deployments::drain(setup, &name, read::<deployments::Drain>(body).await?.on)?),
        Errand::Undrain => json(&deployments::drain(setup, &name, false)?),
        Errand::Test => json(&deployments::test(setup, &name, read(body).await?).await?),
        Errand::Explain => {
            let model = query.get("model").ok_or_else(|| {
                Refusal::bad(
                    "say which model: `/admin/v1/explain?model=NAME`, and whose plan with `&key=NAME`",
                )
            })?;
            json(&explain::now(setup, &model, query.get("key").as_deref()).await?)
        }
        Errand::Gateway => json(&overview::now(live, setup)),
        Errand::Config => return config::show(live),
        Errand::PutConfig => return config::put(live, &head.headers, body).await,
        Errand::Reload => json(&config::reload(live).await?),
    };
    Ok(said.into())
}

fn find<'p>(method: &Method, path: &'p str) -> Result<(Errand, &'p str), Refusal> {
    let Some((first, name)) = ROWS.iter().find_map(|row| Some((row, row.matched(path)?))) else {
        let message = "nothing is at this path of the admin API: `paths` has what there is".to_owned();
        let mut refusal = Refusal::new(StatusCode::NOT_FOUND, "unknown_path", message);
        refusal.error.paths = ROWS.iter().map(Row::shown).collect();
        return Err(refusal);
    };
    let at_path = || ROWS.iter().filter(|row| row.path == first.path);
    if let Some(row) = at_path().find(|row| row.method == *method) {
        return Ok((row.errand, name));
    }
    let methods: Vec<_> = at_path().map(|row| row.method.as_str()).collect();
    let methods = methods.join(", ");
    let message = format!("this path takes {methods}");
    let mut refusal = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message);
    refusal.allow = HeaderValue::from_str(&methods).ok();
    Err(refusal)
}

/// The query of a request.
struct Query<'h>(&'h str);

impl Query<'_> {
    /// The value of that name, if it is there and not empty.
    fn get(&self, name: &str) -> Option<String> {
        let mut pairs = self.0.split('&').filter_map(|pair| pair.split_once('='));
        let (_, value) = pairs.find(|(key, _)| *key == name)?;
        let value = value.replace('+', " ");
        let value = percent_decode_str(&value).decode_utf8().ok()?.into_owned();
        (!value.is_empty()).then_some(value)
    }
}

/// The body as JSON; none is one without members.
async fn read<T: DeserializeOwned>(body: Arriving) -> Result<T, Refusal> {
    let read = tokio::time::timeout(BODY_PATIENCE, Limited::new(body, MAX_BODY).collect()).await;
    let body = read
        .map_err(|_| Refusal::bad("the body did not arrive in time"))?
        .map_err(|_| Refusal::bad(format!("the body broke off or is larger than {MAX_BODY} bytes")))?
        .to_bytes();
    let body: &[u8] = if body.trim_ascii().is_empty() { b"{}" } else { &body };
    serde_json::from_slice(body)
        .map_err(|error| Refusal::bad(format!("the body is not what this takes: {error}")))
}

fn json<T: Serialize>(said: &T) -> Bytes {
    // What is said has text for names, so that nothing of it can fail.
    serde_json::to_vec(said).unwrap_or_default().into()
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
            Ok((errand, name)) => format!("{errand:?} {name}"),
            Err(refusal) => format!("{} {:?}", refusal.error.code, refusal.allow),
        };
        assert_eq!(got.trim_end(), expect);
    }

    #[test]
    fn paths_lead_where_the_table_says() {
        check("GET", "/admin/v1/deployments", "Deployments");
        check("GET", "/admin/v1/deployments/a%2Fm%231", "Deployment a%2Fm%231");
        check("GET", "/admin/v1/deployments/a/m%231", "Deployment a/m%231");
        check("POST", "/admin/v1/deployments/a/m%231/reset", "Reset a/m%231");
        check("DELETE", "/admin/v1/deployments/a%2Fm%231/drain", "Undrain a%2Fm%231");
        check("GET", "/admin/v1/deployments/a%2Fm%231/reset", "method_not_allowed Some(\"POST\")");
        check("PUT", "/admin/v1/deployments/a%2Fm%231/drain", "method_not_allowed Some(\"POST, DELETE\")");
        check("POST", "/admin/v1/explain", "method_not_allowed Some(\"GET\")");
        check("GET", "/admin/v1/deployments/", "unknown_path None");
        check("GET", "/admin/v1//explain", "unknown_path None");
        check("GET", "/admin", "unknown_path None");
        check("PUT", "/admin/v1/config", "PutConfig");
        check("POST", "/admin/v1/config/reload", "Reload");
        check("POST", "/api/config", "PutConfig");
        check("POST", "/admin/v1/config", "method_not_allowed Some(\"GET, PUT\")");
        check("GET", "/api/config", "method_not_allowed Some(\"POST\")");
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
