//! A check by a call: one attempt at one deployment that no client asked for, on the way of those that clients ask for.

use std::sync::Arc;

use http::{HeaderValue, Method, Request, header};
use lockgate_protocol::{
    codec::Target,
    dialect::Operation,
    dialects::DEFAULT,
    envelope::Envelope,
    ir::{self, Block, Content, Fault, Message, Role},
};

use crate::{
    Setup, clock,
    data_path::{attempt::Attempt, call::Call, identify::Asked, notes::Notes},
    fleet::{Deployment, Limits},
    peer::Peer,
};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// What is said; the answer does not matter.
const WORD: &str = "hi";
/// Most tokens of the answer. A dialect that wants more makes more of it.
const TOKENS: u64 = 1;

/// Has `deployment` answer one token by its own model: translated, dressed, signed and judged like a client's request, but
/// no call of any client, so that no record is kept of it.
pub(crate) async fn ask(setup: &Arc<Setup>, deployment: &Deployment, limits: &Limits) -> Result<(), Fault> {
    let asked = asked(&deployment.model)?;
    let limits = limits.of_checks();
    let mut request = Request::new(());
    request.headers_mut().insert(header::CONTENT_TYPE, JSON);
    let mut call = Call::begin(setup, Peer::none(), &request);
    // What nobody asked for belongs to no trace.
    call.trace = None;
    let (head, ()) = request.into_parts();
    let since = clock::now();
    let mut attempt = Attempt {
        setup,
        call: &call,
        head: &head,
        asked: &asked,
        deployment,
        limits: &limits,
        since,
        has_other: false,
        is_probe: false,
        notes: Notes::begin(since, None),
    };
    attempt.run().await.map(drop)
}

/// The smallest request there is for `model`.
fn asked(model: &str) -> Result<Asked, Fault> {
    let word = Block {
        content: Content::Text { text: WORD.into(), citations: Vec::new() },
        cache: None,
        extra: Vec::new(),
    };
    let message = Message { role: Role::User, blocks: vec![word], name: None, id: None, extra: Vec::new() };
    let request = ir::Request {
        model: model.into(),
        messages: vec![message],
        max_tokens: Some(TOKENS),
        ..ir::Request::default()
    };
    let codec = DEFAULT.codec();
    let body = codec.encode_request(&request, Target { model, max_output: None, version: None })?.body;
    let tail = codec.call(model, false).tail;
    Ok(Asked {
        dialect: DEFAULT,
        operation: Operation::Generate,
        method: Method::POST,
        path: tail.clone(),
        tail,
        query: None,
        stream_in_path: None,
        model_in_tail: None,
        model: model.to_owned(),
        envelope: Envelope::read(Some("application/json"), body.into())?,
        continues: None,
        is_kept: false,
        resumes: false,
    })
}
