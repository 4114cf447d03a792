//! The admin API's own description: an OpenAPI 3.1 document, made of the tables that requests are answered by.

use http::Method;
use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::{
    ErrorBody,
    query::{Kind, Parameter},
    rows,
    table::{Answering, Ask, Row, Said, Says, Takes},
};
use crate::door::CARRIER;

pub(super) const ROWS: &[Row] = &[Row::new::<Map<String, Value>>(
    Method::GET,
    "/admin/v1/openapi.json",
    "This API as an OpenAPI 3.1 document.",
    show,
)];

fn show(_: Ask) -> Answering {
    Box::pin(async { Ok(Said::json(&document())) })
}

/// The whole document.
pub(super) fn document() -> Value {
    let settings = SchemaSettings::draft2020_12()
        .with(|settings| settings.definitions_path = "/components/schemas".into());
    let mut answers = SchemaGenerator::new(settings.clone().for_serialize());
    let mut bodies = SchemaGenerator::new(settings.for_deserialize());
    let refused = answers.subschema_for::<ErrorBody>();
    let mut paths = Map::new();
    for row in rows() {
        let methods = paths.entry(row.path).or_insert_with(|| json!({}));
        methods[row.method.as_str().to_ascii_lowercase()] = operation(row, &mut answers, &mut bodies);
    }
    let mut schemas = answers.take_definitions(true);
    // What is only sent has names of its own.
    schemas.extend(bodies.take_definitions(true));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Lockgate's admin API",
            "description": "What a running gateway knows, and what an operator may do about it. Nothing it says has a \
                            secret in it.",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "MIT", "identifier": "MIT" },
        },
        "servers": [{ "url": "/" }],
        "security": [{ "bearer": [] }, { "header": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": {
                "Refused": {
                    "description": "Why it is not done.",
                    "content": { "application/json": { "schema": refused } },
                },
            },
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer", "description": "The config's `access.admin_key`." },
                "header": { "type": "apiKey", "in": "header", "name": CARRIER, "description": "The same key." },
            },
        },
    })
}

fn operation(row: &Row, answers: &mut SchemaGenerator, bodies: &mut SchemaGenerator) -> Value {
    let in_path = row
        .word()
        .map(|word| json!({ "name": word, "in": "path", "required": true, "schema": { "type": "string" } }));
    let in_query = row.query.iter().map(parameter);
    let (media, schema) = match row.says {
        Says::Json(schema) => ("application/json", json!(schema(answers))),
        // OpenAPI 3.1 has no words for events: the schema is that of their data.
        Says::Events(schema) => ("text/event-stream", json!(schema(answers))),
        Says::Text => ("text/plain", json!({ "type": "string" })),
    };
    let mut operation = json!({
        "operationId": name(row),
        "summary": row.about,
        "tags": [subject(row)],
        "parameters": in_path.into_iter().chain(in_query).collect::<Vec<_>>(),
        "responses": {
            "200": { "description": "Done.", "content": { media: { "schema": schema } } },
            "default": { "$ref": "#/components/responses/Refused" },
        },
    });
    operation["requestBody"] = match row.takes {
        Takes::Nothing => return operation,
        Takes::Json(schema) => json!({ "content": { "application/json": { "schema": schema(bodies) } } }),
        Takes::Config => json!({
            "required": true,
            "description": "The text of a config file.",
            "content": { "text/plain": { "schema": { "type": "string" } } },
        }),
    };
    operation
}

fn parameter(parameter: &Parameter) -> Value {
    let schema = match parameter.kind {
        Kind::Text | Kind::Moment => json!({ "type": "string" }),
        Kind::Count(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Kind::OneOf(words) => json!({ "type": "string", "enum": words }),
    };
    json!({
        "name": parameter.name,
        "in": "query",
        "required": parameter.is_required,
        "description": parameter.about,
        "schema": schema,
    })
}

/// `post_deployments_name_reset`: the method, and the words of the path behind its version.
fn name(row: &Row) -> String {
    let words = row.path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let words: Vec<_> = words.filter(|word| *word != "v1").collect();
    let words = words.strip_prefix(&["admin"]).filter(|_| row.path.contains("/v1/")).unwrap_or(&words);
    format!("{}_{}", row.method.as_str().to_ascii_lowercase(), words.join("_"))
}

/// What it is about: the first word behind the version; the paths without one are short forms.
fn subject(row: &Row) -> &'static str {
    let rest = row.path.strip_prefix("/admin/v1/");
    rest.map_or("short forms", |rest| rest.split(['/', '.']).next().unwrap_or(rest))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_row_is_in_it_under_a_name_of_its_own() {
        let document = document();
        let mut names = BTreeSet::new();
        for row in rows() {
            let operation = &document["paths"][row.path][row.method.as_str().to_ascii_lowercase()];
            assert_eq!(operation["summary"], row.about, "{}", row.shown());
            assert!(row.about.ends_with('.'), "{}", row.about);
            assert!(names.insert(operation["operationId"].as_str().unwrap().to_owned()), "{}", row.shown());
            assert_eq!(row.word().is_some(), operation["parameters"][0]["in"] == "path", "{operation}");
        }
        let operations = document["paths"].as_object().unwrap().values();
        let count: usize = operations.map(|methods| methods.as_object().unwrap().len()).sum();
        assert_eq!(count, names.len());
    }

    #[test]
    fn what_is_sent_and_what_is_said_never_share_a_name() {
        let settings = || {
            SchemaSettings::draft2020_12()
                .with(|settings| settings.definitions_path = "/components/schemas".into())
        };
        let mut answers = SchemaGenerator::new(settings().for_serialize());
        let mut bodies = SchemaGenerator::new(settings().for_deserialize());
        for row in rows() {
            operation(row, &mut answers, &mut bodies);
        }
        let (answers, bodies) = (answers.take_definitions(true), bodies.take_definitions(true));
        for (name, schema) in &bodies {
            assert!(answers.get(name).is_none_or(|other| other == schema), "{name} is two things");
        }
    }
}
