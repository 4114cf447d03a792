//! Lists of models as the Gemini API gives them (discovery document, schema `Model`). What is not known is left out.

use bytes::Bytes;
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Model<'a> {
    name: String,
    display_name: &'a str,
    supported_generation_methods: &'static [&'static str],
}

#[derive(Serialize)]
struct List<'a> {
    models: Vec<Model<'a>>,
}

fn row(name: &str) -> Model<'_> {
    Model {
        name: format!("models/{name}"),
        display_name: name,
        // What a model does not do is its provider's to refuse: clients hide models that say too little here.
        supported_generation_methods: &[
            "generateContent",
            "streamGenerateContent",
            "countTokens",
            "embedContent",
            "batchEmbedContents",
        ],
    }
}

/// All of them, on one page.
pub(super) fn list(names: &[&str]) -> Bytes {
    crate::json::bytes(&List { models: names.iter().map(|name| row(name)).collect() })
}

/// One of them.
pub(super) fn one(name: &str) -> Bytes {
    crate::json::bytes(&row(name))
}
