//! One call, packed: figures of variable length, little first, seven bits to a byte.

use super::super::rollup::figure;
use crate::{Entry, Price};

/// Usage is estimated.
const IS_ESTIMATED: u64 = 1;
/// The price is unknown.
const IS_UNPRICED: u64 = 2;
/// Bodies are kept in the journal.
const HAS_BODIES: u64 = 4;
/// Which of the figures there are that may be absent.
const HAS_FIRST_TOKEN: u64 = 8;
const HAS_USAGE: u64 = 16;
const HAS_COST: u64 = 32;

/// What the list says of a call beside the names of its kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in super::super) struct Packed<'a> {
    pub(in super::super) position: i64,
    pub(in super::super) kind: i64,
    pub(in super::super) id: &'a str,
    pub(in super::super) started_ms: u64,
    pub(in super::super) micros: u64,
    pub(in super::super) overhead_micros: u64,
    pub(in super::super) attempts: u64,
    pub(in super::super) first_token_micros: Option<u64>,
    /// Input, read from the cache and written to it, output, reasoning.
    pub(in super::super) usage: Option<[u64; 5]>,
    pub(in super::super) cost: Option<u64>,
    pub(in super::super) is_estimated: bool,
    pub(in super::super) is_unpriced: bool,
    pub(in super::super) has_bodies: bool,
}

impl<'a> Packed<'a> {
    /// Of a record whose kind is known.
    pub(in super::super) fn of(entry: &'a Entry, kind: i64) -> Self {
        let record = &entry.record;
        let figure = |count: u64| figure(count).unsigned_abs();
        let usage = record.usage.map(|usage| {
            [usage.input, usage.cache_read, usage.cache_write, usage.output, usage.reasoning].map(figure)
        });
        Self {
            position: entry.position.key(),
            kind,
            id: &record.id,
            started_ms: figure(record.started_ms),
            micros: figure(record.micros),
            overhead_micros: figure(record.overhead_micros),
            attempts: record.attempts.len() as u64,
            first_token_micros: record.first_token_micros.map(figure),
            usage,
            cost: record.cost.map(figure),
            is_estimated: record.usage.is_some_and(|usage| usage.is_estimated),
            is_unpriced: record.price == Price::Unknown,
            has_bodies: record.bodies.is_some(),
        }
    }

    /// Appends it to the bundle whose first call is at `first`. Before all that is only said of it stands what it is found
    /// by, and how long the rest is.
    pub(super) fn write(&self, first: i64, bundle: &mut Vec<u8>) {
        put(bundle, self.position.abs_diff(first));
        put(bundle, self.kind.unsigned_abs());
        let mut rest = Vec::with_capacity(80);
        self.write_rest(&mut rest);
        put(bundle, rest.len() as u64);
        bundle.extend_from_slice(&rest);
    }

    fn write_rest(&self, bundle: &mut Vec<u8>) {
        let flags = [
            (IS_ESTIMATED, self.is_estimated),
            (IS_UNPRICED, self.is_unpriced),
            (HAS_BODIES, self.has_bodies),
            (HAS_FIRST_TOKEN, self.first_token_micros.is_some()),
            (HAS_USAGE, self.usage.is_some()),
            (HAS_COST, self.cost.is_some()),
        ];
        let flags = flags.into_iter().filter(|(_, is_set)| *is_set).fold(0, |all, (flag, _)| all | flag);
        put(bundle, self.id.len() as u64);
        bundle.extend_from_slice(self.id.as_bytes());
        put(bundle, flags);
        for figure in [self.started_ms, self.micros, self.overhead_micros, self.attempts] {
            put(bundle, figure);
        }
        let usage = self.usage.iter().flatten();
        for figure in self.first_token_micros.iter().chain(usage).chain(&self.cost) {
            put(bundle, *figure);
        }
    }

    /// What stands behind the place of the call.
    pub(super) fn read(place: Place, mut rest: &'a [u8]) -> Option<Self> {
        let id = Self::read_id(&mut rest)?;
        let flags = take(&mut rest)?;
        let has = |flag| flags & flag != 0;
        let mut figures = || take(&mut rest);
        let (started_ms, micros) = (figures()?, figures()?);
        let (overhead_micros, attempts) = (figures()?, figures()?);
        let first_token_micros = if has(HAS_FIRST_TOKEN) { Some(figures()?) } else { None };
        let mut usage = None;
        if has(HAS_USAGE) {
            usage = Some([figures()?, figures()?, figures()?, figures()?, figures()?]);
        }
        Some(Self {
            position: place.position,
            kind: place.kind,
            id: std::str::from_utf8(id).ok()?,
            started_ms,
            micros,
            overhead_micros,
            attempts,
            first_token_micros,
            usage,
            cost: if has(HAS_COST) { Some(figures()?) } else { None },
            is_estimated: has(IS_ESTIMATED),
            is_unpriced: has(IS_UNPRICED),
            has_bodies: has(HAS_BODIES),
        })
    }
}

impl Packed<'_> {
    /// The id alone, which stands first.
    pub(super) fn read_id<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
        let length = usize::try_from(take(rest)?).ok()?;
        let (id, behind) = rest.split_at_checked(length)?;
        *rest = behind;
        Some(id)
    }
}

/// Where a call is in a bundle, and what it is found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Place {
    pub(in super::super) position: i64,
    pub(in super::super) kind: i64,
    /// Where the rest of it begins in the bundle, and how long it is.
    pub(super) start: usize,
    pub(super) length: usize,
}

impl Place {
    /// The place of the call at byte `at` of a bundle whose first call is at `first`; `None` if there is none.
    pub(super) fn read(first: i64, bundle: &[u8], at: usize) -> Option<Self> {
        let mut rest = bundle.get(at..)?;
        let position = first.checked_add(i64::try_from(take(&mut rest)?).ok()?)?;
        let kind = i64::try_from(take(&mut rest)?).ok()?;
        let length = usize::try_from(take(&mut rest)?).ok()?;
        (length <= rest.len()).then_some(Self { position, kind, start: bundle.len() - rest.len(), length })
    }
}

fn put(bytes: &mut Vec<u8>, mut figure: u64) {
    while figure >= 0x80 {
        bytes.push((figure & 0x7f) as u8 | 0x80);
        figure >>= 7;
    }
    bytes.push(figure as u8);
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut figure = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        figure |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if *byte < 0x80 {
            return Some(figure);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Position, testing};

    #[test]
    fn a_figure_is_read_as_it_was_written() {
        for figure in [0, 1, 0x7f, 0x80, 300, 1 << 42, u64::MAX] {
            let mut bytes = vec![];
            put(&mut bytes, figure);
            assert_eq!(take(&mut bytes.as_slice()), Some(figure));
            assert_eq!(take(&mut &bytes[..bytes.len() - 1]), None);
        }
        assert_eq!(take(&mut [0xff; 11].as_slice()), None);
    }

    #[test]
    fn a_call_is_read_as_it_was_written_and_a_part_of_one_is_none() {
        let position = |number| Position { segment: 3, offset: 500 * number };
        let first = position(0).key();
        for number in 0..300 {
            let entry = Entry { position: position(number), record: testing::call(number) };
            let packed = Packed::of(&entry, 7 + number.cast_signed());
            let mut bytes = vec![9];
            packed.write(first, &mut bytes);
            for end in 1..bytes.len() {
                assert_eq!(Place::read(first, &bytes[..end], 1), None);
            }
            bytes.push(9);
            let place = Place::read(first, &bytes, 1).unwrap();
            let rest = &bytes[place.start..place.start + place.length];
            assert_eq!(Packed::read(place, rest), Some(packed));
            for end in 0..rest.len() {
                assert_eq!(Packed::read(place, &rest[..end]), None);
            }
        }
    }
}
