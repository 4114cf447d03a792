//! What the gateway answers itself: its health and the list of models.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use lockgate_protocol::ir::{Fault, FaultKind};
use serde::Serialize;
use serde_json::json;

use crate::{
    Gateway,
    access::Caller,
    body::AnswerBody,
    route::{Local, decoded},
};

/// The list of models as OpenAI gives it.
#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<Model<'a>>,
}

/// One model as OpenAI lists it. `created` is not known and so is the same for all.
#[derive(Serialize)]
struct Model<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    owned_by: &'static str,
}

impl<'a> Model<'a> {
    fn new(id: &'a str) -> Self {
        Self { id, object: "model", created: 0, owned_by: "lockgate" }
    }
}

/// True if `local` tells nothing that needs a key.
pub(crate) fn is_public(local: Local<'_>) -> bool {
    !matches!(local, Local::Models | Local::Model(_))
}

/// Answers a local route.
pub(crate) async fn answer(
    gateway: &Gateway,
    local: Local<'_>,
    caller: Option<&Caller>,
) -> Result<Response<AnswerBody>, Fault> {
    let ready = !gateway.draining.load(Ordering::Relaxed);
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
                "providers": gateway.fleet.providers(),
            }),
        )),
        Local::Live => Ok(respond(StatusCode::OK, &json!({ "status": "live" }))),
        Local::Ready if ready => Ok(respond(StatusCode::OK, &json!({ "status": "ready" }))),
        Local::Ready => Ok(respond(StatusCode::SERVICE_UNAVAILABLE, &json!({ "status": "draining" }))),
        Local::Models => {
            let names = gateway.fleet.names().await;
            let may_use = |name: &&String| caller.is_none_or(|caller| caller.may_use(name));
            let data: Vec<Model<'_>> = names.iter().filter(may_use).map(|name| Model::new(name)).collect();
            Ok(respond(StatusCode::OK, &List { object: "list", data }))
        }
        Local::Model(name) => {
            let name = decoded(name).unwrap_or_default();
            let may_use = caller.is_none_or(|caller| caller.may_use(&name));
            if !may_use {
                return Err(Fault::new(
                    FaultKind::UnknownModel,
                    format!("the model `{name}` does not exist here"),
                ));
            }
            gateway.fleet.plan(&name).await?;
            Ok(respond(StatusCode::OK, &Model::new(&name)))
        }
    }
}

fn respond(status: StatusCode, body: &impl Serialize) -> Response<AnswerBody> {
    // None of these bodies can fail to serialise; the fallback only spells that out without a panic.
    let body = serde_json::to_vec(body).map_or_else(|_| Bytes::new(), Bytes::from);
    let mut response = Response::new(AnswerBody::Whole(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
