//! `POST /embeddings`: unit vectors that follow from the text, as numbers or in base64.

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::{
    Answered, ApiError, Ask, Object, models,
    rules::{self, ANY, Kind, Param, optional, required},
};
use crate::{
    Usage,
    reply::{Reply, json_bytes},
    text,
};

const PARAMS: &[Param] = &[
    optional("model", Kind::Text(ANY)),
    required("input", Kind::TextOrArray("strings", 1, 2048)),
    optional("encoding_format", Kind::OneOf(&["float", "base64"])),
    optional("dimensions", Kind::Integer(1, 8192)),
    optional("user", Kind::Text(ANY)),
];

#[derive(Serialize)]
struct List<'a> {
    object: &'a str,
    data: Vec<Embedding<'a>>,
    model: &'a str,
    usage: WireUsage,
}

#[derive(Serialize)]
struct Embedding<'a> {
    object: &'a str,
    index: usize,
    embedding: Vector,
}

enum Vector {
    Float(Vec<f32>),
    Base64(Vec<f32>),
}

#[derive(Serialize)]
struct WireUsage {
    prompt_tokens: u64,
    total_tokens: u64,
}

/// One vector for each text.
pub(super) fn create(ask: &Ask<'_>, body: &Object) -> Answered {
    let model = ask.json_model(body, models::Use::Embedding)?;
    let native = dimensions_of(&model);
    if ask.call.strict {
        rules::check(PARAMS, body, "")?;
        check_dimensions(&model, native, body)?;
    }
    let wanted = body.get("dimensions").and_then(Value::as_u64).and_then(|count| usize::try_from(count).ok());
    let dimensions = wanted.unwrap_or(native).clamp(1, 8192);
    let base64 = body.get("encoding_format").and_then(Value::as_str) == Some("base64");
    let inputs = inputs(body.get("input"));
    let tokens = inputs.iter().map(|input| input.tokens).sum();
    let embed = |(index, input): (usize, &Input)| {
        let vector = text::vector(input.hash, dimensions);
        let embedding = if base64 { Vector::Base64(vector) } else { Vector::Float(vector) };
        Embedding { object: "embedding", index, embedding }
    };
    let list = List {
        object: "list",
        data: inputs.iter().enumerate().map(embed).collect(),
        model: &model,
        usage: WireUsage { prompt_tokens: tokens, total_tokens: tokens },
    };
    let usage = Usage { input: tokens, ..Usage::default() };
    Ok(Reply::json(200, json_bytes(&list)).noting(&model, Some(usage)))
}

fn dimensions_of(model: &str) -> usize {
    match model {
        "text-embedding-3-large" => 3072,
        model if model.starts_with("mock-") => 8,
        _ => 1536,
    }
}

fn check_dimensions(model: &str, native: usize, body: &Object) -> Result<(), ApiError> {
    match body.get("dimensions").and_then(Value::as_u64) {
        Some(_) if model == "text-embedding-ada-002" => {
            Err(ApiError::bad("This model does not support specifying dimensions."))
        }
        Some(wanted) if wanted > native as u64 && !model.starts_with("mock-") => {
            let message =
                format!("Invalid value for 'dimensions' = {wanted}. Must be less than or equal to {native}.");
            Err(ApiError::bad(message))
        }
        _ => Ok(()),
    }
}

/// One input: a text, or a list of tokens.
struct Input {
    hash: u64,
    tokens: u64,
}

fn inputs(input: Option<&Value>) -> Vec<Input> {
    let of_text = |text: &str| Input { hash: text::hash(text.as_bytes()), tokens: text::input_tokens(text) };
    let of_tokens = |tokens: &[Value]| {
        let hash = tokens.iter().fold(0, |hash, token| text::mix(hash ^ token.as_u64().unwrap_or_default()));
        Input { hash, tokens: tokens.len() as u64 }
    };
    match input {
        Some(Value::String(text)) => vec![of_text(text)],
        Some(Value::Array(tokens)) if tokens.first().is_some_and(Value::is_number) => vec![of_tokens(tokens)],
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| match item {
                Value::Array(tokens) => of_tokens(tokens),
                other => of_text(other.as_str().unwrap_or_default()),
            })
            .collect(),
        _ => Vec::new(),
    }
}

impl Serialize for Vector {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Float(numbers) => numbers.serialize(to),
            Self::Base64(numbers) => {
                let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
                to.serialize_str(&text::base64(&bytes))
            }
        }
    }
}
