//! Bundles, read.

use std::{cell::RefCell, rc::Rc};

use rusqlite::{Connection, types::Type};

use super::packed::{Packed, Place};

/// A bundle and where in it each call is.
pub(in super::super) struct Bundle {
    first: i64,
    packed: Vec<u8>,
    places: Vec<Place>,
}

impl Bundle {
    fn read(first: i64, packed: Vec<u8>) -> rusqlite::Result<Self> {
        let mut places = Vec::with_capacity(super::MOST);
        let mut end = 0;
        while end < packed.len() {
            let Some(place) = Place::read(first, &packed, end) else {
                let error = format!("the calls at {first} are broken at their byte {end}");
                return Err(rusqlite::Error::FromSqlConversionFailure(1, Type::Blob, error.into()));
            };
            end = place.start + place.length;
            places.push(place);
        }
        Ok(Self { first, packed, places })
    }

    /// Where its first call is.
    pub(in super::super) fn first(&self) -> i64 {
        self.first
    }

    /// The calls as they are packed.
    pub(super) fn packed(&self) -> &[u8] {
        &self.packed
    }

    /// Where its calls are, oldest first.
    pub(in super::super) fn places(&self) -> &[Place] {
        &self.places
    }

    /// The call at a position.
    pub(in super::super) fn at(&self, position: i64) -> Option<Packed<'_>> {
        let found = self.places.binary_search_by_key(&position, |place| place.position).ok()?;
        self.call(*self.places.get(found)?)
    }

    fn call(&self, place: Place) -> Option<Packed<'_>> {
        Packed::read(place, self.packed.get(place.start..)?.get(..place.length)?)
    }
}

/// Reads bundles; the last one is at hand, since who asks for a call mostly asks for its neighbours, too.
pub(in super::super) struct Bundles<'a> {
    connection: &'a Connection,
    last: RefCell<Option<Rc<Bundle>>>,
}

impl<'a> Bundles<'a> {
    pub(in super::super) fn new(connection: &'a Connection) -> Self {
        Self { connection, last: RefCell::default() }
    }

    /// The latest one that begins at `position` or before: if the call there is in the list, it is in this one.
    pub(in super::super) fn holding(&self, position: i64) -> rusqlite::Result<Option<Rc<Bundle>>> {
        let is_in = |bundle: &&Rc<Bundle>| {
            bundle.first <= position && bundle.places.last().is_some_and(|last| last.position >= position)
        };
        if let Some(bundle) = self.last.borrow().as_ref().filter(is_in) {
            return Ok(Some(Rc::clone(bundle)));
        }
        let mut select = self.connection.prepare_cached(
            "SELECT first, packed FROM bundle WHERE first <= ? ORDER BY first DESC LIMIT 1",
        )?;
        let mut rows = select.query([position])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let bundle = Rc::new(Bundle::read(row.get(0)?, row.get(1)?)?);
        *self.last.borrow_mut() = Some(Rc::clone(&bundle));
        Ok(Some(bundle))
    }

    /// Shows the position and id of each call of the bundles that begin from `start` on and before `end`.
    pub(in super::super) fn each_id(
        &self,
        start: i64,
        end: i64,
        mut look: impl FnMut(i64, &[u8]),
    ) -> rusqlite::Result<()> {
        let mut select = self
            .connection
            .prepare_cached("SELECT first, packed FROM bundle WHERE first >= ? AND first < ?")?;
        let mut rows = select.query([start, end])?;
        while let Some(row) = rows.next()? {
            let bundle = Bundle::read(row.get(0)?, row.get(1)?)?;
            for place in &bundle.places {
                let id = bundle.packed.get(place.start..).and_then(|mut rest| Packed::read_id(&mut rest));
                id.into_iter().for_each(|id| look(place.position, id));
            }
        }
        Ok(())
    }

    /// The latest one that begins before `position` and has calls of that kind.
    pub(in super::super) fn before(&self, position: i64, kind: i64) -> rusqlite::Result<Option<i64>> {
        let mut select = self.connection.prepare_cached(
            "SELECT first FROM bundle_of_kind WHERE kind = ? AND first < ? ORDER BY first DESC LIMIT 1",
        )?;
        select.query_map([kind, position], |row| row.get(0))?.next().transpose()
    }
}
