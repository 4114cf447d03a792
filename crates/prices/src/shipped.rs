//! Lookups in the list that is part of the binary, in its text: a table of it takes most of a megabyte, and a gateway has few
//! models.

use crate::table::{BATCH, TEXT, Table};
use crate::{Price, names};

/// What [`Table::find`] finds in [`Table::shipped`], without the table.
pub fn listed(kind: &str, model: &str) -> Option<Price> {
    // Rows begin behind the line of heads, of which this is the last.
    let (_, rows) = TEXT.split_once(BATCH)?;
    let rows = rows.trim_start();
    names::found(kind, model, |kind, name| exactly(rows, (kind, name)))
}

/// The price of a row with those of its tiers behind it.
fn exactly(rows: &str, key: (&str, &str)) -> Option<Price> {
    let mut found = Table::default();
    for line in rows.get(first(rows, key)..)?.lines().take_while(|line| key_of(line) == key) {
        found.row(line).ok()?;
    }
    found.rows().first().map(|row| row.price.clone())
}

/// Where the first row begins that does not come before `key`.
fn first(rows: &str, key: (&str, &str)) -> usize {
    let is_end = |byte: &u8| *byte == b'\n';
    let (mut low, mut high) = (0, rows.len());
    while low < high {
        let (before, behind) = rows.as_bytes().split_at(low + (high - low) / 2);
        let start = before.iter().rposition(is_end).map_or(0, |end| end + 1);
        let end = before.len() + behind.iter().position(is_end).unwrap_or(behind.len());
        if rows.get(start..end).is_some_and(|line| key_of(line) < key) {
            low = end + 1;
        } else {
            high = start;
        }
    }
    low
}

/// The kind and the model of a row.
fn key_of(line: &str) -> (&str, &str) {
    let mut cells = line.split(',');
    (cells.next().unwrap_or_default(), cells.next().unwrap_or_default())
}
