//! Calls by their ids. Ids are random, so an index of them would touch a page of the database for each call; instead the
//! ids of a segment are written together, in parts, once the segment is finished.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use super::bundles::Bundles;
use crate::Position;

/// What is kept of an id, and where its call is in its segment.
const ENTRY: usize = 8;
/// Bits of the hash that say which part an id is in.
const PART_BITS: u32 = 8;

/// FNV-1a: the same in every process and version.
fn hash(id: &[u8]) -> u64 {
    id.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

fn part(hash: u64) -> i64 {
    i64::try_from(hash >> (64 - PART_BITS)).unwrap_or(0)
}

fn entry(hash: u64, offset: u64) -> Option<[u8; ENTRY]> {
    let hash = u32::try_from(hash & u64::from(u32::MAX)).ok()?;
    let offset = u32::try_from(offset).ok()?;
    let mut entry = [0; ENTRY];
    entry[..4].copy_from_slice(&hash.to_be_bytes());
    entry[4..].copy_from_slice(&offset.to_be_bytes());
    Some(entry)
}

/// Writes the ids of a segment to which no call comes any more.
pub(super) fn finish(connection: &Connection, segment: u64) -> rusqlite::Result<()> {
    let mut parts: BTreeMap<i64, Vec<u8>> = BTreeMap::new();
    let (start, end) =
        (Position::start_of(segment).key(), Position::start_of(segment.saturating_add(1)).key());
    Bundles::new(connection).each_id(start, end, |position, id| {
        let hash = hash(id);
        let offset = Position::of_key(position).offset;
        parts.entry(part(hash)).or_default().extend(entry(hash, offset).into_iter().flatten());
    })?;
    let mut insert = connection.prepare_cached("INSERT OR REPLACE INTO id_part VALUES (?, ?, ?)")?;
    for (part, ids) in parts {
        insert.execute(params![part, i64::try_from(segment).unwrap_or(i64::MAX), ids])?;
    }
    Ok(())
}

/// The calls of that id, whose finished segments end before `unfinished`.
pub(super) fn find(
    connection: &Connection,
    bundles: &Bundles<'_>,
    id: &str,
    unfinished: Position,
) -> rusqlite::Result<Vec<i64>> {
    let hash = hash(id.as_bytes());
    let mut candidates = Vec::new();
    let mut parts = connection.prepare_cached("SELECT segment, ids FROM id_part WHERE part = ?")?;
    let mut rows = parts.query([part(hash)])?;
    while let Some(row) = rows.next()? {
        let segment = u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0);
        for found in row.get_ref(1)?.as_blob()?.chunks_exact(ENTRY) {
            let (name, offset) = found.split_at(ENTRY / 2);
            let offset = offset.iter().fold(0, |offset, byte| offset << 8 | u64::from(*byte));
            if entry(hash, offset).is_some_and(|entry| entry.starts_with(name)) {
                candidates.push(Position { segment, offset }.key());
            }
        }
    }
    let mut found = Vec::new();
    bundles.each_id(Position::start_of(unfinished.segment).key(), i64::MAX, |position, other| {
        if other == id.as_bytes() {
            found.push(position);
        }
    })?;
    for candidate in candidates {
        let bundle = bundles.holding(candidate)?;
        let call = bundle.as_ref().and_then(|bundle| bundle.at(candidate));
        found.extend(call.filter(|call| call.id == id).map(|call| call.position));
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}
