//! What an Ollama server says about its models and itself (Ollama's API description, `ListResponse`, `ShowResponse`).

use bytes::Bytes;
use serde::Serialize;

/// The version that is reported: the one whose API this is, for clients that ask before they use its newer parts.
const VERSION: &str = "0.13.0";
/// Nothing of a model's file is known here.
const UNKNOWN_TIME: &str = "1970-01-01T00:00:00Z";
/// As long as a digest is: the command line of Ollama shows the first twelve digits, and falls over if there are fewer.
const UNKNOWN_DIGEST: &str = "0000000000000000000000000000000000000000000000000000000000000000";

#[derive(Serialize, Default)]
struct Details {
    parent_model: &'static str,
    format: &'static str,
    family: &'static str,
    families: [&'static str; 0],
    parameter_size: &'static str,
    quantization_level: &'static str,
}

#[derive(Serialize)]
struct Model<'a> {
    name: &'a str,
    model: &'a str,
    modified_at: &'static str,
    size: u64,
    digest: &'static str,
    details: Details,
}

#[derive(Serialize)]
struct List<'a> {
    models: Vec<Model<'a>>,
}

#[derive(Serialize)]
struct Shown<'a> {
    modelfile: &'static str,
    parameters: &'static str,
    template: &'static str,
    modified_at: &'static str,
    details: Details,
    model_info: Info<'a>,
    capabilities: &'static [&'static str],
}

/// Of the facts in a model's file those that clients read without a look whether they are there. How long a context may be
/// is not known, and clients have a number of their own for that.
#[derive(Serialize)]
struct Info<'a> {
    #[serde(rename = "general.architecture")]
    architecture: &'static str,
    /// The name that editors show.
    #[serde(rename = "general.basename")]
    basename: &'a str,
}

/// `/api/tags`.
pub(super) fn list(names: &[&str]) -> Bytes {
    let models = names.iter().map(|name| Model {
        name,
        model: name,
        modified_at: UNKNOWN_TIME,
        size: 0,
        digest: UNKNOWN_DIGEST,
        details: Details::default(),
    });
    crate::json::bytes(&List { models: models.collect() })
}

/// `/api/show`: what a model can do is its provider's to refuse, so that no client hides a button for nothing.
pub(super) fn one(name: &str) -> Bytes {
    crate::json::bytes(&Shown {
        modelfile: "",
        parameters: "",
        template: "",
        modified_at: UNKNOWN_TIME,
        details: Details::default(),
        model_info: Info { architecture: "unknown", basename: name },
        capabilities: &["completion", "tools", "vision", "thinking"],
    })
}

/// `/api/version` and `/api/ps`.
pub(super) fn about(tail: &str) -> Option<Bytes> {
    match tail {
        "/api/version" => Some(crate::json::bytes(&serde_json::json!({ "version": VERSION }))),
        // No model is held in memory here.
        "/api/ps" => Some(Bytes::from_static(br#"{"models":[]}"#)),
        _ => None,
    }
}
