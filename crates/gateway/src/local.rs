//! What the gateway answers itself: its health and the list of models.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use lockgate_protocol::{
    dialect::Dialect,
    ir::{Fault, FaultKind},
};
use serde_json::json;

use crate::{
    Setup,
    access::Caller,
    body::AnswerBody,
    reload::{Refused, Standing},
    route::{Local, Said, decoded},
};

/// True if `local` tells nothing that needs a key.
pub(crate) fn is_public(local: Local<'_>) -> bool {
    !matches!(local, Local::Of(..))
}

/// Answers a local route.
pub(crate) async fn answer(
    setup: &Setup,
    local: Local<'_>,
    caller: Option<&Caller>,
) -> Result<Response<AnswerBody>, Fault> {
    let ready = !setup.gateway.draining.load(Ordering::Relaxed);
    match local {
        Local::Root => Ok(respond(
            StatusCode::OK,
            &json!({ "name": "lockgate", "version": env!("CARGO_PKG_VERSION"), "health": "/health", "models": "/v1/models" }),
        )),
        Local::Health => Ok(respond(
            StatusCode::OK,
            &json!({
                "status": if ready { "ok" } else { "draining" },
                "version": env!("CARGO_PKG_VERSION"),
                "providers": setup.fleet.providers(),
                "warnings": warnings(setup),
            }),
        )),
        Local::Live => Ok(respond(StatusCode::OK, &json!({ "status": "live" }))),
        Local::Ready if ready => Ok(respond(StatusCode::OK, &json!({ "status": "ready" }))),
        Local::Ready => Ok(respond(StatusCode::SERVICE_UNAVAILABLE, &json!({ "status": "draining" }))),
        Local::Of(dialect, said) => {
            let body = match said {
                Said::Models => {
                    let may_reach = |provider: &str| caller.is_none_or(|caller| caller.may_reach(provider));
                    let names = setup.fleet.names(&may_reach).await;
                    let may_use = |name: &&str| caller.is_none_or(|caller| caller.may_use(name));
                    dialect.model_list(&names.iter().map(String::as_str).filter(may_use).collect::<Vec<_>>())
                }
                Said::Model(name) => {
                    return model(setup, dialect, &decoded(name).unwrap_or_default(), caller).await;
                }
                Said::About(tail) => dialect.about(tail),
            };
            body.map(|body| json_answer(StatusCode::OK, body)).ok_or_else(nothing_to_say)
        }
    }
}

/// What an operator should look at: the fact alone, since everybody may read it.
pub(crate) fn warnings(setup: &Setup) -> Vec<String> {
    let Standing { since, refused, .. } = setup.gateway.reloads.standing();
    let warning = refused.map(|Refused { at, problems }| {
        let moment = humantime::format_rfc3339_seconds;
        let (at, since, count) = (moment(at), moment(since), problems.len());
        let plural = if count == 1 { "" } else { "s" };
        format!(
            "the config is not valid since {at}, the gateway runs on the one of {since}: {count} problem{plural}"
        )
    });
    warning.into_iter().chain(setup.gateway.store.warnings()).collect()
}

/// What `dialect` says of one model.
pub(crate) async fn model(
    setup: &Setup,
    dialect: &dyn Dialect,
    name: &str,
    caller: Option<&Caller>,
) -> Result<Response<AnswerBody>, Fault> {
    let hidden = || Fault::new(FaultKind::UnknownModel, format!("the model `{name}` does not exist here"));
    if !caller.is_none_or(|caller| caller.may_use(name)) {
        return Err(hidden());
    }
    let known = setup.fleet.model(name).await?;
    let may_reach = |provider: &str| caller.is_none_or(|caller| caller.may_reach(provider));
    if !known.is_answered_by(&may_reach) {
        return Err(hidden());
    }
    dialect.model(name).map(|body| json_answer(StatusCode::OK, body)).ok_or_else(nothing_to_say)
}

fn nothing_to_say() -> Fault {
    Fault::new(FaultKind::NoRoute, "nothing is said about this in this dialect")
}

fn json_answer(status: StatusCode, body: Bytes) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::Whole(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn respond(status: StatusCode, body: &serde_json::Value) -> Response<AnswerBody> {
    json_answer(status, body.to_string().into())
}
