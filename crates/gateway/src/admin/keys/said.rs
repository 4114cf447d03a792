//! What the admin API says of client keys, and what it takes: docs/keys.md is about these.

use std::{borrow::Cow, collections::BTreeMap};

use lockgate_config::ClientKey;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

/// `GET /admin/v1/keys`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Keys {
    /// Those of the config, then those that were created, the oldest first.
    pub keys: Vec<KeyStatus>,
    /// The id to go on behind, if there are more.
    pub next: Option<String>,
}

/// One key. What it is called with is not said: nobody knows it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct KeyStatus {
    /// What it is called by in paths; a live key's name does as well.
    pub id: String,
    /// Its name in records and bills.
    pub name: String,
    /// `config` or `created`. What is in the config is changed there.
    pub source: String,
    /// `live`, `expired`, `revoked`, or `unreadable` where another version has made settings that this one cannot read.
    pub state: String,
    /// The last characters of a created key.
    pub hint: Option<String>,
    /// The models it may use.
    pub models: Vec<String>,
    /// The providers that may answer it.
    pub providers: Vec<String>,
    /// What it may be used for; empty is everything.
    pub operations: Vec<String>,
    /// The most requests in a minute.
    pub rpm: Option<u32>,
    /// The most tokens in a minute.
    pub tpm: Option<u32>,
    /// The most requests under way at once.
    pub max_concurrent: Option<u32>,
    /// What it may spend.
    pub budget: Vec<BudgetStatus>,
    /// When it ends (RFC 3339, UTC).
    pub expires: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// What its calls are counted by beside its name.
    pub tags: BTreeMap<String, String>,
    /// Of which part of its calls the journal has what was said, from 0 to 1; absent where `log.bodies` counts.
    pub log_bodies: Option<f64>,
    /// When it was made.
    pub created_at: Option<String>,
    /// When it last got another text.
    pub rotated_at: Option<String>,
    /// Until when the text before that works.
    pub old_until: Option<String>,
    /// When it was ended.
    pub revoked_at: Option<String>,
    /// When it was last used, to about a minute; of a key of the config since the start.
    pub last_used_at: Option<String>,
}

/// What may be spent in a time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BudgetStatus {
    /// The most money, in US dollars.
    pub usd: Option<f64>,
    /// The most tokens, in and out.
    pub tokens: Option<u64>,
    /// `hour`, `day`, `week`, `month` or `total`.
    pub per: String,
    /// Whether the time is as long before now, instead of the calendar's.
    pub rolling: bool,
}

/// `POST /admin/v1/keys` and `POST /admin/v1/keys/{id}/rotate`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CreatedKey {
    /// What clients send. It is shown here and never again.
    pub key: String,
    /// What it may do.
    #[serde(flatten)]
    pub status: KeyStatus,
}

/// The body of `rotate`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Rotate {
    /// How long the text so far works beside the new one, such as `1h`; without it no longer.
    pub(super) grace: Option<String>,
}

/// The body with which a key is made: what the config says of one, without the key itself.
pub(super) struct NewKey;

/// The body with which a key is changed: what is to be different; `null` takes something back.
pub(super) struct ChangedKey;

impl JsonSchema for NewKey {
    fn schema_name() -> Cow<'static, str> {
        "NewKey".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        without_key(generator, &["name"])
    }
}

impl JsonSchema for ChangedKey {
    fn schema_name() -> Cow<'static, str> {
        "ChangedKey".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        without_key(generator, &[])
    }
}

/// The config's schema of a key, without the key itself and with other things required.
fn without_key(generator: &mut SchemaGenerator, required: &[&str]) -> Schema {
    let mut schema = ClientKey::json_schema(generator);
    if let Some(properties) = schema.get_mut("properties").and_then(|value| value.as_object_mut()) {
        properties.remove("key");
    }
    schema.insert("required".to_owned(), required.into());
    schema
}
