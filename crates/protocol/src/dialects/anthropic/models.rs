//! Lists of models as Anthropic gives them (type stubs of the official SDK, `ModelInfo`).

use bytes::Bytes;
use serde::Serialize;

/// The stubs require a time, which is not known and so is the same for all ("an epoch value if the release date is
/// unknown"), and since 2.12 a stage of life. Members that may be null are there all the same: clients of typed languages
/// look for them.
#[derive(Serialize)]
struct Model<'a> {
    r#type: &'static str,
    id: &'a str,
    display_name: &'a str,
    created_at: &'static str,
    lifecycle: &'static str,
    capabilities: Unknown,
    deprecated_at: Unknown,
    line: Unknown,
    max_input_tokens: Unknown,
    max_tokens: Unknown,
    retires_at: Unknown,
}

/// What the provider may know, written null.
type Unknown = ();

#[derive(Serialize)]
struct List<'a> {
    data: Vec<Model<'a>>,
    has_more: bool,
    first_id: Option<&'a str>,
    last_id: Option<&'a str>,
}

fn row(id: &str) -> Model<'_> {
    Model {
        r#type: "model",
        id,
        display_name: id,
        created_at: "1970-01-01T00:00:00Z",
        lifecycle: "active",
        capabilities: (),
        deprecated_at: (),
        line: (),
        max_input_tokens: (),
        max_tokens: (),
        retires_at: (),
    }
}

/// All of them, on one page.
pub(super) fn list(names: &[&str]) -> Bytes {
    let data = names.iter().map(|name| row(name)).collect();
    let (first_id, last_id) = (names.first().copied(), names.last().copied());
    crate::json::bytes(&List { data, has_more: false, first_id, last_id })
}

/// One of them.
pub(super) fn one(name: &str) -> Bytes {
    crate::json::bytes(&row(name))
}
