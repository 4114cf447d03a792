//! A call as it stands in the list.

use rusqlite::{Connection, Row};
use serde::Serialize;

use super::{
    ledger::{HAS_BODIES, IS_ESTIMATED, IS_UNPRICED},
    names::BETWEEN_TAGS,
};
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

const CALL: &str = "
SELECT position, call.id, started_ms, micros, overhead_micros, first_token_micros, coalesce(key.text, ''),
    coalesce(model.text, ''), coalesce(deployment.text, ''), coalesce(dialect.text, ''), coalesce(path.text, ''),
    coalesce(tags.text, ''), coalesce(node.text, ''), status, ended, stream, attempts, input, cache_read, cache_write,
    output, reasoning, cost, flags
FROM call JOIN kind ON kind.id = call.kind LEFT JOIN name key ON key.id = kind.key
    LEFT JOIN name model ON model.id = kind.model LEFT JOIN name deployment ON deployment.id = kind.deployment
    LEFT JOIN name path ON path.id = kind.path LEFT JOIN name dialect ON dialect.id = kind.dialect
    LEFT JOIN name tags ON tags.id = kind.tags LEFT JOIN name node ON node.id = kind.node
WHERE position = ?";

/// The call at a position of the journal.
pub(super) fn call(connection: &Connection, position: i64) -> rusqlite::Result<Option<CallRow>> {
    let mut call = connection.prepare_cached(CALL)?;
    call.query_map([position], call_row)?.next().transpose()
}

fn call_row(row: &Row<'_>) -> rusqlite::Result<CallRow> {
    let tags: String = row.get(11)?;
    let ended: u8 = row.get(14)?;
    let flags: i64 = row.get(23)?;
    Ok(CallRow {
        position: Position::of_key(row.get(0)?),
        id: row.get(1)?,
        started_ms: row.get(2)?,
        micros: row.get(3)?,
        overhead_micros: row.get(4)?,
        first_token_micros: row.get(5)?,
        key: row.get(6)?,
        model: row.get(7)?,
        deployment: row.get(8)?,
        dialect: row.get(9)?,
        path: row.get(10)?,
        tags: tags.split(BETWEEN_TAGS).filter(|tag| !tag.is_empty()).map(str::to_owned).collect(),
        node: row.get(12)?,
        status: row.get(13)?,
        ended: Ended::ALL.iter().map(|(way, _)| *way).find(|way| *way as u8 == ended).unwrap_or_default(),
        stream: row.get(15)?,
        attempts: row.get(16)?,
        input: row.get(17)?,
        cache_read: row.get(18)?,
        cache_write: row.get(19)?,
        output: row.get(20)?,
        reasoning: row.get(21)?,
        cost: row.get(22)?,
        is_estimated: flags & IS_ESTIMATED != 0,
        is_unpriced: flags & IS_UNPRICED != 0,
        has_bodies: flags & HAS_BODIES != 0,
    })
}
