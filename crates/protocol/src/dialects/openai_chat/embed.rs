//! Embeddings: `POST /v1/embeddings` (OpenAI's API description, `CreateEmbeddingRequest`).

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    codec::{Call, Encoded, RequestHead},
    embedding::{EmbedRequest, Embedded, Embedding, Fields, bad, encoded, garbled, packed},
    ir::{Fault, FaultKind, Losses, Text},
};

/// See the module.
pub(super) struct Embeddings;

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    input: &'a [Text<'a>],
    #[serde(skip_serializing_if = "Option::is_none")]
    dimensions: Option<u64>,
}

/// Read and written. The answer of a server that leaves `usage` out is an answer too.
#[derive(Serialize, Deserialize)]
struct List<'a, V> {
    #[serde(skip_deserializing)]
    object: &'static str,
    data: Vec<Row<V>>,
    #[serde(borrow, default)]
    model: Option<Text<'a>>,
    #[serde(default)]
    usage: Option<Usage>,
}

#[derive(Serialize, Deserialize)]
struct Row<V> {
    #[serde(skip_deserializing)]
    object: &'static str,
    #[serde(default)]
    index: usize,
    embedding: V,
}

#[derive(Serialize, Deserialize)]
struct Usage {
    prompt_tokens: u64,
    #[serde(default)]
    total_tokens: u64,
}

impl Embedding for Embeddings {
    fn call(&self, _: &str) -> Call {
        Call { tail: "/embeddings".to_owned(), query: None }
    }

    fn decode_request<'a>(&self, _: RequestHead<'_>, body: &'a [u8]) -> Result<EmbedRequest<'a>, Fault> {
        let mut fields = Fields::of_request(body)?;
        let mut request = EmbedRequest {
            model: fields.take(&["model"])?.unwrap_or_default(),
            inputs: inputs(fields.take(&["input"])?)?,
            dimensions: fields.take(&["dimensions"])?,
            ..EmbedRequest::default()
        };
        request.is_packed = match fields.take::<Text<'_>>(&["encoding_format"])?.as_deref() {
            None | Some("float") => false,
            Some("base64") => true,
            Some(other) => {
                return Err(bad(format!("`encoding_format` must be `float` or `base64`, not `{other:.20}`")));
            }
        };
        fields.rest("", &mut request.own);
        Ok(request)
    }

    fn encode_request(&self, request: &EmbedRequest<'_>, model: &str) -> Encoded {
        let mut losses = request.losses();
        if request.truncate == Some(true) {
            losses.add("truncate", "a text that is too long is refused");
        }
        encoded(&Request { model, input: &request.inputs, dimensions: request.dimensions }, losses)
    }

    fn decode_answer<'a>(&self, body: &'a [u8]) -> Result<Embedded<'a>, Fault> {
        let mut list: List<'a, &'a RawValue> = serde_json::from_slice(body).map_err(garbled)?;
        list.data.sort_by_key(|row| row.index);
        Ok(Embedded {
            model: list.model,
            vectors: list.data.into_iter().map(|row| row.embedding).collect(),
            tokens: list.usage.map(|usage| usage.prompt_tokens),
        })
    }

    fn encode_answer(
        &self,
        answer: &Embedded<'_>,
        request: &EmbedRequest<'_>,
        _: &str,
    ) -> Result<Encoded, Fault> {
        let mut losses = Losses::default();
        if answer.tokens.is_none() {
            losses.add("usage", "the provider does not say how many tokens it read");
        }
        let tokens = answer.tokens.unwrap_or_default();
        let usage = Some(Usage { prompt_tokens: tokens, total_tokens: tokens });
        let model = Some(answer.model.as_ref().unwrap_or(&request.model).borrowed());
        if request.is_packed {
            let vectors =
                answer.vectors.iter().map(|vector| packed(vector)).collect::<Result<Vec<_>, _>>()?;
            return Ok(encoded(&List { object: "list", data: rows(vectors), model, usage }, losses));
        }
        let data = rows(answer.vectors.iter().copied());
        Ok(encoded(&List { object: "list", data, model, usage }, losses))
    }
}

fn rows<V>(vectors: impl IntoIterator<Item = V>) -> Vec<Row<V>> {
    let row = |(index, embedding)| Row { object: "embedding", index, embedding };
    vectors.into_iter().enumerate().map(row).collect()
}

/// The texts. Tokens are numbers of one model's vocabulary: nobody else knows what they mean.
fn inputs(input: Option<&RawValue>) -> Result<Vec<Text<'_>>, Fault> {
    let raw = input.map_or("null", RawValue::get);
    if let Some(inside) = raw.strip_prefix('[')
        && inside.trim_start().starts_with(|c: char| c == '[' || c == '-' || c.is_ascii_digit())
    {
        let why = "`input` has tokens, which only a provider of this dialect understands: send text";
        return Err(Fault::new(FaultKind::Unsupported, why));
    }
    let read = if raw.starts_with('[') {
        serde_json::from_str(raw)
    } else {
        serde_json::from_str(raw).map(|text| vec![text])
    };
    read.map_err(|_| bad("`input` must be a text or a list of texts"))
}
