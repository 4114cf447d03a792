//! Requests, whole answers and errors: what is read can be written in every dialect, and read again there.

use lockgate_protocol::{
    codec::{Reply, RequestHead, Target},
    dialect::{Dialect, Operation},
    dialects::{DIALECTS, UPSTREAM_ONLY},
    ir::{Fault, FaultKind, Request},
    translate::Pair,
};

/// The answer is for a client that asked for nothing special. Gemini's streams are events where the query says so.
pub(super) fn reply<'a>(request: &'a Request<'a>) -> Reply<'a> {
    Reply { request, seed: "seed", now: 1_700_000_000, path: "/path?alt=sse" }
}

/// A client's request, on each of the paths that take one.
pub(super) fn request(dialect: &dyn Dialect, input: &[u8]) {
    for endpoint in dialect.endpoints() {
        if endpoint.operation != Operation::Generate {
            continue;
        }
        let head = RequestHead {
            model: endpoint.names_model().then_some("model"),
            stream: dialect.path_streams(endpoint.path),
            path: endpoint.path,
        };
        if let Ok(request) = dialect.codec().decode_request(head, input) {
            DIALECTS.iter().chain(UPSTREAM_ONLY).for_each(|to| write_request(dialect, *to, &request));
        }
    }
}

fn write_request(from: &dyn Dialect, to: &dyn Dialect, request: &Request<'_>) {
    let target = Target { model: "model", max_output: None, version: None };
    let Ok(encoded) = Pair::new(from.codec(), to.codec()).request(request, target) else { return };
    super::assert_json(&encoded.body, to.name());
    let head = RequestHead { model: Some("model"), stream: Some(request.stream), path: "" };
    let again = to.codec().decode_request(head, &encoded.body);
    // A schema that is no schema passes from one dialect to another as it is: refusing it is the provider's part.
    if let (Err(fault), true) = (again, from.name() == to.name()) {
        panic!("{} refuses the request it wrote ({fault}): {}", to.name(), encoded.body.escape_ascii());
    }
}

/// A provider's whole answer.
pub(super) fn response(dialect: &dyn Dialect, input: &[u8]) {
    let _ = dialect.read_answer(Operation::Generate, input);
    let Ok(response) = dialect.codec().decode_response(input) else { return };
    let request = Request::default();
    for to in DIALECTS {
        let encoded = to.codec().encode_response(&response, reply(&request));
        super::assert_json(&encoded.body, to.name());
        if let Err(fault) = to.codec().decode_response(&encoded.body) {
            panic!("{} refuses the answer it wrote ({fault}): {}", to.name(), encoded.body.escape_ascii());
        }
    }
}

/// A provider's error body.
pub(super) fn error(dialect: &dyn Dialect, input: &[u8]) {
    let Some(complaint) = dialect.codec().decode_error(input) else { return };
    for kind in [FaultKind::Refused, FaultKind::RateLimited, FaultKind::UpstreamFailed] {
        let mut fault = Fault::new(kind, "the provider failed");
        fault.complaint = Some(Box::new(complaint.clone()));
        for to in DIALECTS {
            super::assert_json(&to.codec().encode_error(&fault), to.name());
            super::assert_json(&to.error_body(&fault), to.name());
            let _ = to.error_headers(&fault);
        }
    }
}
