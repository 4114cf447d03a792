//! A call as it stands in the list.

use rusqlite::{Connection, Row};
use serde::Serialize;

use super::{bundles::Packed, names::BETWEEN_TAGS};
use crate::{Ended, Position};

/// A call as it stands in the list. Its record, with its attempts and bodies, is in the journal at `position`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CallRow {
    /// Where its record is.
    pub position: Position,
    /// The id the client saw.
    pub id: String,
    /// When the request's head was read, in milliseconds since 1970.
    pub started_ms: u64,
    /// From then to the end, in microseconds.
    pub micros: u64,
    /// The gateway's own part of it.
    pub overhead_micros: u64,
    /// From the request's head to the first output.
    pub first_token_micros: Option<u64>,
    /// The name of the client's key; empty for none.
    pub key: String,
    /// The model the client asked for; empty where only the record says it.
    pub model: String,
    /// The deployment that answered; empty for none.
    pub deployment: String,
    /// The dialect the client spoke.
    pub dialect: String,
    /// The path the client called; empty where only the record says it.
    pub path: String,
    /// The tags of the key.
    pub tags: Vec<String>,
    /// The gateway that answered; empty where there is one.
    pub node: String,
    /// The HTTP status.
    pub status: u16,
    /// How it ended.
    pub ended: Ended,
    /// True if a streamed answer was asked for.
    pub stream: bool,
    /// How often a deployment was asked.
    pub attempts: u64,
    /// Input tokens that came from no cache; all of these are `None` if no usage is known.
    pub input: Option<u64>,
    /// Input tokens from the provider's cache.
    pub cache_read: Option<u64>,
    /// Input tokens to the provider's cache.
    pub cache_write: Option<u64>,
    /// Output tokens.
    pub output: Option<u64>,
    /// The part of them that was reasoning.
    pub reasoning: Option<u64>,
    /// What it cost, in millionths of a dollar.
    pub cost: Option<u64>,
    /// Whether its usage is estimated.
    pub is_estimated: bool,
    /// Whether its price is unknown.
    pub is_unpriced: bool,
    /// Whether its bodies are in the journal.
    pub has_bodies: bool,
}

const KIND: &str = "
SELECT coalesce(key.text, ''), coalesce(model.text, ''), coalesce(deployment.text, ''), coalesce(dialect.text, ''),
    coalesce(path.text, ''), coalesce(tags.text, ''), coalesce(node.text, ''), status, ended, stream
FROM kind LEFT JOIN name key ON key.id = kind.key
    LEFT JOIN name model ON model.id = kind.model LEFT JOIN name deployment ON deployment.id = kind.deployment
    LEFT JOIN name path ON path.id = kind.path LEFT JOIN name dialect ON dialect.id = kind.dialect
    LEFT JOIN name tags ON tags.id = kind.tags LEFT JOIN name node ON node.id = kind.node
WHERE kind.id = ?";

/// A call as it is packed, with the names of its kind; `None` if there is no such kind.
pub(super) fn call(connection: &Connection, call: &Packed<'_>) -> rusqlite::Result<Option<CallRow>> {
    let mut kind = connection.prepare_cached(KIND)?;
    kind.query_map([call.kind], |kind| call_row(kind, call))?.next().transpose()
}

fn call_row(kind: &Row<'_>, call: &Packed<'_>) -> rusqlite::Result<CallRow> {
    let tags: String = kind.get(5)?;
    let ended: u8 = kind.get(8)?;
    let usage = |place: usize| call.usage.and_then(|usage| usage.get(place).copied());
    Ok(CallRow {
        position: Position::of_key(call.position),
        id: call.id.to_owned(),
        started_ms: call.started_ms,
        micros: call.micros,
        overhead_micros: call.overhead_micros,
        first_token_micros: call.first_token_micros,
        key: kind.get(0)?,
        model: kind.get(1)?,
        deployment: kind.get(2)?,
        dialect: kind.get(3)?,
        path: kind.get(4)?,
        tags: tags.split(BETWEEN_TAGS).filter(|tag| !tag.is_empty()).map(str::to_owned).collect(),
        node: kind.get(6)?,
        status: kind.get(7)?,
        ended: Ended::ALL.iter().map(|(way, _)| *way).find(|way| *way as u8 == ended).unwrap_or_default(),
        stream: kind.get(9)?,
        attempts: call.attempts,
        input: usage(0),
        cache_read: usage(1),
        cache_write: usage(2),
        output: usage(3),
        reasoning: usage(4),
        cost: call.cost,
        is_estimated: call.is_estimated,
        is_unpriced: call.is_unpriced,
        has_bodies: call.has_bodies,
    })
}
