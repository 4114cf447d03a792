//! Embeddings: `/api/embed`, and the older `/api/embeddings` of one text (Ollama's API description, `EmbedRequest`).

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    codec::{Call, Encoded, RequestHead},
    embedding::{EmbedRequest, Embedded, Embedding, Fields, OneOrMore, bad, encoded, garbled},
    ir::{Fault, Losses, Text},
};

/// See the module.
pub(super) struct Embed;

/// The older endpoint, which takes one text and gives one vector.
fn is_old(path: &str) -> bool {
    path.ends_with("/embeddings")
}

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    input: &'a [Text<'a>],
    #[serde(skip_serializing_if = "Option::is_none")]
    dimensions: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    truncate: Option<bool>,
}

#[derive(Serialize, Deserialize)]
struct Answer<'a> {
    #[serde(borrow, default)]
    model: Option<Text<'a>>,
    #[serde(borrow)]
    embeddings: Vec<&'a RawValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prompt_eval_count: Option<u64>,
}

#[derive(Serialize)]
struct OldAnswer<'a> {
    embedding: &'a RawValue,
}

impl Embedding for Embed {
    fn call(&self, _: &str) -> Call {
        Call { tail: "/api/embed".to_owned(), query: None }
    }

    fn decode_request<'a>(&self, head: RequestHead<'_>, body: &'a [u8]) -> Result<EmbedRequest<'a>, Fault> {
        let mut fields = Fields::of_request(body)?;
        let mut request =
            EmbedRequest { model: fields.take(&["model"])?.unwrap_or_default(), ..EmbedRequest::default() };
        if is_old(head.path) {
            request.inputs = fields.take(&["prompt"])?.into_iter().collect();
        } else {
            let input: Option<OneOrMore<Text<'a>>> =
                fields.take(&["input"]).map_err(|_| bad("`input` must be a text or a list of texts"))?;
            request.inputs = input.map_or_else(Vec::new, Into::into);
            request.dimensions = fields.take(&["dimensions"])?;
            request.truncate = fields.take(&["truncate"])?;
        }
        fields.rest("", &mut request.own);
        Ok(request)
    }

    fn encode_request(&self, request: &EmbedRequest<'_>, model: &str) -> Encoded {
        let EmbedRequest { inputs, dimensions, truncate, .. } = request;
        let wire = Request { model, input: inputs, dimensions: *dimensions, truncate: *truncate };
        encoded(&wire, request.losses())
    }

    fn decode_answer<'a>(&self, body: &'a [u8]) -> Result<Embedded<'a>, Fault> {
        let answer: Answer<'a> = serde_json::from_slice(body).map_err(garbled)?;
        Ok(Embedded { model: answer.model, vectors: answer.embeddings, tokens: answer.prompt_eval_count })
    }

    fn encode_answer(
        &self,
        answer: &Embedded<'_>,
        request: &EmbedRequest<'_>,
        path: &str,
    ) -> Result<Encoded, Fault> {
        if is_old(path) {
            let embedding = answer.vectors.first().ok_or_else(|| garbled("there is no vector"))?;
            return Ok(encoded(&OldAnswer { embedding }, Losses::default()));
        }
        let wire = Answer {
            model: Some(answer.model.as_ref().unwrap_or(&request.model).borrowed()),
            embeddings: answer.vectors.clone(),
            prompt_eval_count: answer.tokens,
        };
        Ok(encoded(&wire, Losses::default()))
    }
}
