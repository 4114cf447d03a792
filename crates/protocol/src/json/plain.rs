//! The plain text within a JSON string: up to its end, an escape, or a byte that may not stand there.

use memchr::memchr2;

/// How many words of eight bytes are looked at one by one: most strings are names and numbers of no more than that, for
/// which a search through vectors takes longer to begin than to end.
const SHORT: usize = 6;

/// How many bytes at the front of `text` are neither a quote nor a backslash nor a control character.
pub(crate) fn run(text: &[u8]) -> usize {
    let (words, _) = text.as_chunks::<8>();
    for (place, word) in words.iter().take(SHORT).enumerate() {
        let marks = marks(u64::from_le_bytes(*word));
        if marks != 0 {
            return place * 8 + marks.trailing_zeros() as usize / 8;
        }
    }
    let done = words.len().min(SHORT) * 8;
    done + if words.len() > SHORT { run_of_long(&text[done..]) } else { run_of_short(&text[done..]) }
}

/// The highest bit of each byte that ends the text. A byte above one of those may be marked too, so that only the lowest
/// one counts.
fn marks(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 0xff;
    const HIGHEST: u64 = ONES << 7;
    let below = |word: u64, bound: u8| word.wrapping_sub(ONES * u64::from(bound)) & !word;
    let quotes = below(word ^ (ONES * u64::from(b'"')), 1);
    let escapes = below(word ^ (ONES * u64::from(b'\\')), 1);
    (quotes | escapes | below(word, 0x20)) & HIGHEST
}

fn run_of_short(text: &[u8]) -> usize {
    text.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)).unwrap_or(text.len())
}

fn run_of_long(text: &[u8]) -> usize {
    let run = &text[..memchr2(b'"', b'\\', text).unwrap_or(text.len())];
    // The smallest byte of the run, in one pass that the compiler turns into vector instructions.
    if run.iter().fold(u8::MAX, |least, byte| least.min(*byte)) >= 0x20 {
        return run.len();
    }
    run.iter().position(|byte| *byte < 0x20).unwrap_or(run.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_byte_at_any_place_is_found() {
        for length in [0, 1, 7, 8, 9, 40, 47, 48, 49, 56, 57, 100, 300] {
            let mut text = "zürich ~ \u{7f} 東京 ".repeat(20).into_bytes();
            text.truncate(length);
            assert_eq!(run(&text), length);
            for place in 0..length {
                let was = text[place];
                for byte in 0..=u8::MAX {
                    text[place] = byte;
                    let is_plain = !matches!(byte, b'"' | b'\\' | 0..0x20);
                    assert_eq!(
                        run(&text),
                        if is_plain { length } else { place },
                        "{byte} at {place} of {length}"
                    );
                }
                text[place] = was;
            }
        }
    }

    #[test]
    fn the_first_of_several_counts() {
        for text in [&b"abc\"\\\n"[..], b"abc\n\"", b"abc\\\"", b"abc\"#[\x1f\x1f\x1f\x1f\x1f\x1f"] {
            assert_eq!(run(text), 3, "{text:?}");
        }
    }
}
