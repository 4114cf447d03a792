//! Embeddings: `:embedContent` of one content and `:batchEmbedContents` of several (discovery document, schemas
//! `EmbedContentRequest` and `BatchEmbedContentsRequest`).

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{resource, tail};
use crate::{
    codec::{Call, Encoded, RequestHead},
    embedding::{EmbedRequest, Embedded, Embedding, Fields, bad, encoded, garbled},
    ir::{Fault, FaultKind, Losses, Text},
};

/// See the module.
pub(super) struct EmbedContents;

/// Whether the endpoint is that of several contents.
fn is_batch(path: &str) -> bool {
    path.ends_with(":batchEmbedContents")
}

#[derive(Serialize)]
struct Batch<'a> {
    requests: Vec<Request<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    model: &'a str,
    content: Content<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_dimensionality: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    embed_content_config: Option<Config>,
}

#[derive(Serialize)]
struct Content<'a> {
    parts: [Part<'a>; 1],
}

#[derive(Serialize)]
struct Part<'a> {
    text: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    auto_truncate: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answers<'a> {
    #[serde(borrow)]
    embeddings: Vec<Values<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    usage_metadata: Option<Usage>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    embedding: Values<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage_metadata: Option<Usage>,
}

#[derive(Serialize, Deserialize)]
struct Values<'a> {
    #[serde(borrow)]
    values: &'a RawValue,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Usage {
    #[serde(default)]
    prompt_token_count: Option<u64>,
}

impl Embedding for EmbedContents {
    fn call(&self, model: &str) -> Call {
        Call { tail: tail(model, "batchEmbedContents"), query: None }
    }

    fn decode_request<'a>(&self, head: RequestHead<'_>, body: &'a [u8]) -> Result<EmbedRequest<'a>, Fault> {
        let mut request = EmbedRequest {
            model: head.model.unwrap_or_default().to_owned().into(),
            ..EmbedRequest::default()
        };
        let mut fields = Fields::of_request(body)?;
        if !is_batch(head.path) {
            read(fields, "", &mut request)?;
            return Ok(request);
        }
        let list: Vec<Fields<'a>> = fields.take(&["requests"])?.unwrap_or_default();
        fields.rest("", &mut request.own);
        for (index, fields) in list.into_iter().enumerate() {
            let before = (request.dimensions, request.truncate);
            (request.dimensions, request.truncate) = (None, None);
            read(fields, &format!("requests[{index}]."), &mut request)?;
            if index > 0 && before != (request.dimensions, request.truncate) {
                let why = format!(
                    "`requests[{index}]` wants other vectors than the one before: ask for them in calls of their own"
                );
                return Err(Fault::new(FaultKind::Unsupported, why));
            }
        }
        Ok(request)
    }

    fn encode_request(&self, request: &EmbedRequest<'_>, model: &str) -> Encoded {
        let model = resource(model);
        let requests = request.inputs.iter().map(|text| Request {
            model: &model,
            content: Content { parts: [Part { text }] },
            output_dimensionality: request.dimensions,
            embed_content_config: request.truncate.map(|auto_truncate| Config { auto_truncate }),
        });
        encoded(&Batch { requests: requests.collect() }, request.losses())
    }

    fn decode_answer<'a>(&self, body: &'a [u8]) -> Result<Embedded<'a>, Fault> {
        let answers: Answers<'a> = serde_json::from_slice(body).map_err(garbled)?;
        Ok(Embedded {
            model: None,
            vectors: answers.embeddings.into_iter().map(|embedding| embedding.values).collect(),
            tokens: answers.usage_metadata.and_then(|usage| usage.prompt_token_count),
        })
    }

    fn encode_answer(
        &self,
        answer: &Embedded<'_>,
        _: &EmbedRequest<'_>,
        path: &str,
    ) -> Result<Encoded, Fault> {
        let usage_metadata = answer.tokens.map(|tokens| Usage { prompt_token_count: Some(tokens) });
        let mut embeddings = answer.vectors.iter().map(|values| Values { values });
        if is_batch(path) {
            let wire = Answers { embeddings: embeddings.collect(), usage_metadata };
            return Ok(encoded(&wire, Losses::default()));
        }
        let embedding = embeddings.next().ok_or_else(|| garbled("there is no vector"))?;
        Ok(encoded(&Answer { embedding, usage_metadata }, Losses::default()))
    }
}

/// Reads one `EmbedContentRequest`, whose members stand at `front`. Settings stand in it or, newer, in an object of their
/// own.
fn read<'a>(mut fields: Fields<'a>, front: &str, request: &mut EmbedRequest<'a>) -> Result<(), Fault> {
    // The path names it.
    fields.take::<&RawValue>(&["model"])?;
    let content: Option<Fields<'a>> = fields.take(&["content"])?;
    let content = content.ok_or_else(|| bad(format!("`{front}content` is missing")))?;
    request.inputs.push(text(content, front)?);
    request.dimensions = fields.take(&["outputDimensionality", "output_dimensionality"])?;
    if let Some(mut config) = fields.take::<Fields<'a>>(&["embedContentConfig", "embed_content_config"])? {
        let dimensions = config.take(&["outputDimensionality", "output_dimensionality"])?;
        request.dimensions = dimensions.or(request.dimensions);
        request.truncate = config.take(&["autoTruncate", "auto_truncate"])?;
        config.rest(&format!("{front}embedContentConfig."), &mut request.own);
    }
    fields.rest(front, &mut request.own);
    Ok(())
}

/// The text of a content, whose parts make one vector together.
fn text<'a>(mut content: Fields<'a>, front: &str) -> Result<Text<'a>, Fault> {
    let mut texts: Vec<Text<'a>> = Vec::new();
    for mut part in content.take::<Vec<Fields<'a>>>(&["parts"])?.unwrap_or_default() {
        match part.take(&["text"])? {
            Some(text) => texts.push(text),
            None => {
                let why = format!(
                    "`{front}content` has something else than text, which only a provider of this dialect takes"
                );
                return Err(Fault::new(FaultKind::Unsupported, why));
            }
        }
    }
    match texts.as_mut_slice() {
        [one] => Ok(std::mem::take(one)),
        several => Ok(several.iter().map(|text| &**text).collect::<String>().into()),
    }
}
