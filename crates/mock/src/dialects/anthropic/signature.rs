//! Signatures of thinking blocks: what the mock signs with, and what it takes for one of the provider's own.

use crate::text;

/// What stands in the envelope before the mark of the text.
const MARK: &[u8] = b"lockgate-mock";
/// The first field of every recorded envelope: a key version and a kind.
const HEADER: &[u8] = &[0x0a, 0x04, 0x08, 0x10, 0x18, 0x02];

/// The signature of a thinking text, in the envelope the real ones have.
pub(in crate::dialects) fn sign(thinking: &str) -> String {
    let mut inner = HEADER.to_vec();
    inner.extend_from_slice(MARK);
    inner.extend_from_slice(&text::hash(thinking.as_bytes()).to_be_bytes());
    let mut envelope = vec![0x12, inner.len() as u8];
    envelope.extend_from_slice(&inner);
    envelope.extend_from_slice(&[0x18, 0x01]);
    text::base64(&envelope)
}

/// Whether a signature belongs to a text. Of a real signature only the envelope can be judged, which is enough to
/// find those that were invented, cut, or made by another provider.
pub(in crate::dialects) fn is_valid(thinking: &str, signature: &str) -> bool {
    let Some(bytes) = text::from_base64(signature) else { return false };
    let Some((inner, _)) =
        bytes.split_first().filter(|(tag, _)| **tag == 0x12).and_then(|(_, rest)| field(rest))
    else {
        return false;
    };
    if let Some(hash) = inner.strip_prefix(HEADER).and_then(|rest| rest.strip_prefix(MARK)) {
        return hash == text::hash(thinking.as_bytes()).to_be_bytes();
    }
    let header = inner.split_first().filter(|(tag, _)| **tag == 0x0a).and_then(|(_, rest)| field(rest));
    header.is_some_and(|(header, _)| matches!(header, [0x08, _, 0x18, _, ..]))
}

/// Whether the mock itself made a signature, for whichever text.
pub(in crate::dialects) fn is_own(signature: &str) -> bool {
    let bytes = text::from_base64(signature).unwrap_or_default();
    bytes.windows(MARK.len()).any(|window| window == MARK)
}

/// A length and as many bytes (the protobuf encoding), and what follows.
fn field(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut length = 0_usize;
    for (index, byte) in bytes.iter().enumerate().take(4) {
        length |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return bytes[index + 1..].split_at_checked(length);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_own_signatures_fit_their_text_only() {
        let signature = sign("hm");
        assert!(is_valid("hm", &signature));
        assert!(!is_valid("hm!", &signature));
    }

    #[test]
    fn a_real_envelope_is_enough() {
        // The beginning of fixtures anthropic-messages/non-stream/thinking, made whole.
        let real = text::base64(&[0x12, 0x08, 0x0a, 0x06, 0x08, 0x01, 0x18, 0x02, 0x22, 0x40, 0x18, 0x01]);
        assert!(is_valid("anything", &real));
        for other in ["", "sig", "bW9jaw==", &real[..8], &text::base64(&[0x12, 0x04, 0x0a, 0x02, 0x01, 0x11])]
        {
            assert!(!is_valid("anything", other), "{other}");
        }
    }
}
