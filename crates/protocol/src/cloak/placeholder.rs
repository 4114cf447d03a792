//! How placeholders look.

use std::ops::Range;

use memchr::memmem;

/// Bytes of a placeholder.
pub(super) const LENGTH: usize = 10;
/// How each begins.
const FRONT: &[u8] = b"Zq";
/// How each ends.
const END: u8 = b'x';
/// What stands between: no vowels, so that it is never a word, and nothing that looks like something else. Neither the
/// first nor the last byte is among these, so that two placeholders can never overlap.
const DIGITS: &[u8; 25] = b"bcdfghjkmnpqrstvw23456789";

/// A placeholder: ASCII text.
pub(super) type Placeholder = [u8; LENGTH];

/// The placeholder that `number` stands for.
pub(super) fn of(mut number: u128) -> Placeholder {
    let mut placeholder = [END; LENGTH];
    placeholder[..FRONT.len()].copy_from_slice(FRONT);
    for byte in &mut placeholder[FRONT.len()..LENGTH - 1] {
        *byte = digit(&mut number);
    }
    placeholder
}

/// A name of that many such digits.
pub(super) fn name(mut number: u128, length: usize) -> String {
    (0..length).map(|_| char::from(digit(&mut number))).collect()
}

fn digit(number: &mut u128) -> u8 {
    let count = DIGITS.len() as u128;
    let digit = DIGITS[(*number % count) as usize];
    *number /= count;
    digit
}

/// Whether `bytes` is how a placeholder begins; a whole one is too.
pub(super) fn may_begin(bytes: &[u8]) -> bool {
    bytes.iter().enumerate().all(|(at, byte)| match at {
        0 | 1 => *byte == FRONT[at],
        at if at == LENGTH - 1 => *byte == END,
        at => at < LENGTH && DIGITS.contains(byte),
    })
}

/// Where in `text` there is something that looks like a placeholder, in order.
pub(super) fn lookalikes(text: &str) -> impl Iterator<Item = (Range<usize>, Placeholder)> {
    let bytes = text.as_bytes();
    memmem::find_iter(bytes, FRONT).filter_map(move |at| {
        let placeholder: Placeholder = bytes.get(at..at + LENGTH)?.try_into().ok()?;
        may_begin(&placeholder).then_some((at..at + LENGTH, placeholder))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_known_by_their_looks() {
        for number in [0, 1, 25, u128::MAX] {
            let placeholder = of(number);
            let text = std::str::from_utf8(&placeholder).unwrap();
            let around = format!("ZqZ{text}{text}Zq{}x", "é");
            let found: Vec<_> = lookalikes(&around).map(|found| found.0.start).collect();
            assert_eq!(found, [3, 3 + LENGTH], "{around}");
            assert!((0..=LENGTH).all(|end| may_begin(&placeholder[..end])));
            assert!(!may_begin(&placeholder[1..]) && !may_begin(b"Zqa") && !may_begin(b"Zqbcdfghjx1"));
        }
        assert_ne!(of(1), of(25));
    }
}
