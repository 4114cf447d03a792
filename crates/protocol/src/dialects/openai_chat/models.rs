//! Lists of models as OpenAI gives them.

use bytes::Bytes;
use serde::Serialize;

/// `created` is not known and so is the same for all.
#[derive(Serialize)]
struct Model<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    owned_by: &'static str,
}

#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<Model<'a>>,
}

fn row(id: &str) -> Model<'_> {
    Model { id, object: "model", created: 0, owned_by: "lockgate" }
}

/// All of them.
pub(super) fn list(names: &[&str]) -> Bytes {
    crate::json::bytes(&List { object: "list", data: names.iter().map(|name| row(name)).collect() })
}

/// One of them.
pub(super) fn one(name: &str) -> Bytes {
    crate::json::bytes(&row(name))
}
