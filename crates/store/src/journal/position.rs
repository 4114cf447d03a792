//! Where in the journal a record begins.

use serde::{Deserialize, Serialize};

/// Bits of a key that are the offset: no segment is that long.
const OFFSET_BITS: u32 = 36;

/// A place in the journal. Places are ordered as the records were written, whatever the clock said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// The segment's number; they count up and are never used twice.
    pub segment: u64,
    /// Bytes from the segment's start.
    pub offset: u64,
}

impl Position {
    /// The place as one number of the same order, for a database's keys.
    pub fn key(self) -> i64 {
        let offset = self.offset.min((1 << OFFSET_BITS) - 1);
        let segment = self.segment.min((1 << (63 - OFFSET_BITS)) - 1);
        i64::try_from(segment << OFFSET_BITS | offset).unwrap_or(i64::MAX)
    }

    /// The place of a key.
    pub fn of_key(key: i64) -> Self {
        let key = u64::try_from(key).unwrap_or(0);
        Self { segment: key >> OFFSET_BITS, offset: key & ((1 << OFFSET_BITS) - 1) }
    }

    /// The start of a segment.
    pub fn start_of(segment: u64) -> Self {
        Self { segment, offset: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_order_of_places() {
        let places = [(0, 0), (0, 7), (1, 0), (1, (1 << OFFSET_BITS) - 1), (2, 0), ((1 << 27) - 1, 5)];
        let keys: Vec<i64> =
            places.iter().map(|&(segment, offset)| Position { segment, offset }.key()).collect();
        assert!(keys.is_sorted());
        for ((segment, offset), key) in places.into_iter().zip(keys) {
            assert_eq!(Position::of_key(key), Position { segment, offset });
        }
    }
}
