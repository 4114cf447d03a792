//! Counts of tokens: CountTokens, `POST /model/{id}/count-tokens` (service description of bedrock-runtime, 2023-09-30).

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{call, error, request_decode, request_encode};
use crate::{
    codec::{Call, Encoded, RequestHead, Target},
    counting::{Counting, number, only},
    dialect::Answer,
    ir::{Fault, FaultKind, Request},
};

/// `CountTokensRequest`.
#[derive(Deserialize)]
struct Count<'a> {
    #[serde(borrow)]
    input: Input<'a>,
}

/// `CountTokensInput`: one of its members is there.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Input<'a> {
    #[serde(borrow, default)]
    converse: Option<&'a RawValue>,
    #[serde(borrow, default)]
    invoke_model: Option<&'a RawValue>,
}

/// What a conversation has here (`ConverseTokensRequest`).
const MEMBERS: &[&str] = &["additionalModelRequestFields", "messages", "system", "toolConfig"];

/// Reads a request to count tokens. The body of another operation, in the maker's own dialect, is for providers that speak
/// this one.
pub(super) fn read<'a>(head: RequestHead<'_>, body: &'a [u8]) -> Result<Request<'a>, Fault> {
    let bad = |why: String| Fault::new(FaultKind::BadRequest, why);
    let count: Count<'a> = serde_json::from_slice(body).map_err(|error| bad(error.to_string()))?;
    match (count.input.converse, count.input.invoke_model) {
        (Some(converse), None) => request_decode::decode(head, converse.get().as_bytes()),
        (None, Some(_)) => {
            let why = "`input.invokeModel` can only be counted by Bedrock itself: send `input.converse`";
            Err(Fault::new(FaultKind::Unsupported, why))
        }
        _ => Err(bad("`input` must have either `converse` or `invokeModel`".to_owned())),
    }
}

/// Reads a whole answer as it passes.
pub(super) fn read_answer(body: &[u8]) -> Answer {
    match CountTokens.decode(body) {
        Ok(_) => Answer::Whole(None),
        Err(_) if error::decode(body).is_some() => Answer::Failed,
        Err(fault) => Answer::Garbled(fault.to_string()),
    }
}

/// See the module.
pub(super) struct CountTokens;

impl Counting for CountTokens {
    fn call(&self, model: &str) -> Call {
        call(model, "count-tokens")
    }

    fn encode(&self, request: &Request<'_>, target: Target<'_>) -> Result<Encoded, Fault> {
        let Encoded { body, losses } = request_encode::encode(request, target);
        let inner = only(&body, MEMBERS);
        Ok(Encoded { body: [b"{\"input\":{\"converse\":".as_slice(), &inner, b"}}"].concat(), losses })
    }

    fn decode(&self, body: &[u8]) -> Result<u64, Fault> {
        number(body, "inputTokens")
    }
}
