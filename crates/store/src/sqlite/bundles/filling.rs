//! The bundle that is being filled: written again with each batch until it is full.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, params};

use super::{Bundles, MOST, Packed};
use crate::Position;

/// The last bundle of the list.
#[derive(Default)]
pub(in super::super) struct Filling {
    /// Where its first call is.
    first: i64,
    packed: Vec<u8>,
    count: usize,
    /// Kinds of its calls, and whether the table of them says so already.
    kinds: BTreeSet<(i64, bool)>,
}

impl Filling {
    /// Goes on with the last bundle the database has.
    pub(in super::super) fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let last: Option<i64> =
            connection.query_row("SELECT max(first) FROM bundle", [], |row| row.get(0)).optional()?.flatten();
        let Some(bundle) = last.map(|last| Bundles::new(connection).holding(last)).transpose()?.flatten()
        else {
            return Ok(Self::default());
        };
        Ok(Self {
            first: bundle.first(),
            packed: bundle.packed().to_vec(),
            count: bundle.places().len(),
            kinds: bundle.places().iter().map(|place| (place.kind, true)).collect(),
        })
    }

    /// Puts a call behind the others; those are written first if it does not fit in with them.
    pub(in super::super) fn add(
        &mut self,
        connection: &Connection,
        call: &Packed<'_>,
    ) -> rusqlite::Result<()> {
        let segment = |position| Position::of_key(position).segment;
        if self.count == MOST || self.count > 0 && segment(call.position) != segment(self.first) {
            self.write(connection)?;
            self.packed.clear();
            self.kinds.clear();
            self.count = 0;
        }
        if self.count == 0 {
            self.first = call.position;
        }
        call.write(self.first, &mut self.packed);
        self.count += 1;
        if !self.kinds.contains(&(call.kind, true)) {
            self.kinds.insert((call.kind, false));
        }
        Ok(())
    }

    /// What is before `position`, where a segment begins, is no more.
    pub(in super::super) fn forget(&mut self, position: i64) {
        if self.first < position {
            *self = Self::default();
        }
    }

    /// Has the database keep what is there.
    pub(in super::super) fn write(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        if self.count == 0 {
            return Ok(());
        }
        connection
            .prepare_cached("INSERT OR REPLACE INTO bundle VALUES (?, ?)")?
            .execute(params![self.first, self.packed])?;
        let mut insert = connection.prepare_cached("INSERT OR IGNORE INTO bundle_of_kind VALUES (?, ?)")?;
        for (kind, _) in self.kinds.iter().filter(|(_, is_written)| !is_written) {
            insert.execute([*kind, self.first])?;
        }
        self.kinds = self.kinds.iter().map(|(kind, _)| (*kind, true)).collect();
        Ok(())
    }
}
