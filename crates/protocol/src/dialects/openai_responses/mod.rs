//! The OpenAI Responses dialect.

mod stream;

use bytes::Bytes;
use http::Method;

use super::openai_chat;
use crate::{
    dialect::{Answer, Dialect, Endpoint, Operation, Watch},
    envelope::Envelope,
    ir::Fault,
    splice::Edits,
};

/// See the module.
#[derive(Debug)]
pub(super) struct OpenAiResponses;

const ENDPOINTS: &[Endpoint] = &[Endpoint {
    method: Method::POST,
    path: "/v1/responses",
    version: "/v1",
    operation: Operation::Generate,
}];

impl Dialect for OpenAiResponses {
    fn name(&self) -> &'static str {
        "openai-responses"
    }

    fn endpoints(&self) -> &'static [Endpoint] {
        ENDPOINTS
    }

    fn request_headers(&self) -> &'static [&'static str] {
        openai_chat::REQUEST_HEADERS
    }

    fn answer_headers(&self) -> &'static [&'static str] {
        openai_chat::ANSWER_HEADERS
    }

    fn ask_usage(&self, _: Operation, _: &Envelope, _: &mut Edits) -> Result<bool, Fault> {
        // A Responses stream always ends with its usage.
        Ok(false)
    }

    fn read_answer(&self, _: Operation, body: &[u8]) -> Answer {
        openai_chat::read_answer(body)
    }

    fn watch(&self, _: Operation, _: bool) -> Box<dyn Watch> {
        Box::new(stream::ResponseWatch::default())
    }

    fn error_body(&self, fault: &Fault) -> Bytes {
        openai_chat::error_body(fault)
    }
}
