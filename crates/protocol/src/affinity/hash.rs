//! A hash that is the same in every process, whatever it was built with.

/// Of names of sessions.
pub(super) const ID: u64 = 1;
/// Of how conversations begin.
pub(super) const BEGINNING: u64 = 2;
/// Of a value inside of those.
pub(super) const VALUE: u64 = 3;

/// Odd numbers without a pattern: the digits of pi.
const DIGITS: [u64; 2] = [0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7345];

/// The hash of `bytes` as something of this kind. Eight bytes a step, as wyhash mixes them. Whoever wants two texts to meet
/// can have that: he moves his own requests only.
pub(super) fn of(kind: u64, bytes: &[u8]) -> u64 {
    let mut state = mix(kind ^ DIGITS[0], DIGITS[1]);
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        state = mix(state ^ u64::from_le_bytes(*word), DIGITS[0]);
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    state = mix(state ^ u64::from_le_bytes(last), DIGITS[0]);
    mix(state ^ bytes.len() as u64, DIGITS[1])
}

/// Both halves of the product.
fn mix(left: u64, right: u64) -> u64 {
    let product = u128::from(left) * u128::from(right);
    (product as u64) ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Nodes of different builds have to agree: these numbers may never change.
    #[test]
    fn it_is_the_same_for_ever() {
        assert_eq!(of(ID, b""), 0x988b_22e2_9707_4f7c);
        assert_eq!(of(ID, b"session"), 0xa78c_92c8_7615_5154);
        assert_eq!(of(BEGINNING, b"a conversation"), 0x95bb_b733_9a65_1551);
    }

    #[test]
    fn what_differs_a_little_differs() {
        let texts =
            (0..2000_u32).flat_map(|n| [format!("{n}"), format!("{n}\0"), format!("long before it {n}")]);
        let hashes: BTreeSet<u64> = texts.map(|text| of(ID, text.as_bytes())).collect();
        assert_eq!(hashes.len(), 6000);
        assert_ne!(of(ID, b"x"), of(BEGINNING, b"x"));
    }
}
