//! Lists of models as Anthropic gives them (type stubs of the official SDK, `ModelInfo`).

use bytes::Bytes;
use serde::Serialize;

/// The stubs require a time, which is not known and so is the same for all, and since 2.12 a stage of life.
#[derive(Serialize)]
struct Model<'a> {
    r#type: &'static str,
    id: &'a str,
    display_name: &'a str,
    created_at: &'static str,
    lifecycle: &'static str,
}

#[derive(Serialize)]
struct List<'a> {
    data: Vec<Model<'a>>,
    has_more: bool,
    first_id: Option<&'a str>,
    last_id: Option<&'a str>,
}

fn row(id: &str) -> Model<'_> {
    Model { r#type: "model", id, display_name: id, created_at: "1970-01-01T00:00:00Z", lifecycle: "active" }
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
