//! Thought signatures: what the mock signs with, and what it takes for one of the provider's own.

use crate::text;

/// What stands before the mark of the signed part.
const MARK: &[u8] = b"\x01lockgate-mock";
/// What the provider's guide offers to those who have no signature.
const STAND_INS: &[&str] = &["context_engineering_is_the_way_to_go", "skip_thought_signature_validator"];

/// The signature of a part, in the envelope the recorded ones have.
pub(super) fn sign(part: &str) -> String {
    let mut inner = MARK.to_vec();
    inner.extend_from_slice(&text::hash(part.as_bytes()).to_be_bytes());
    let mut envelope = vec![0x0a, inner.len() as u8];
    envelope.extend_from_slice(&inner);
    text::base64(&envelope)
}

/// Whether a signature could have come from this provider. All recorded ones are a version byte 1 and what nobody
/// can read, in up to two protobuf envelopes; another provider's are not.
pub(super) fn is_plausible(signature: &str) -> bool {
    if STAND_INS.contains(&signature) {
        return true;
    }
    let standard: String = signature
        .chars()
        .map(|digit| match digit {
            '-' => '+',
            '_' => '/',
            digit => digit,
        })
        .collect();
    let padded = format!(
        "{:=<1$}",
        standard.trim_end_matches('='),
        standard.trim_end_matches('=').len().next_multiple_of(4)
    );
    let Some(bytes) = text::from_base64(&padded) else { return false };
    let mut inner = bytes.as_slice();
    for tag in [0x12, 0x0a] {
        if inner.first() == Some(&tag) {
            // The length is a number of up to three bytes, all but its last with the high bit.
            let length = inner.iter().skip(1).take(3).position(|byte| byte & 0x80 == 0);
            inner = length.and_then(|length| inner.get(length + 2..)).unwrap_or_default();
        }
    }
    inner.first() == Some(&0x01)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_signature() {
        // The beginnings of recorded ones, in one envelope, in two, and in none.
        for real in
            ["CuABARFNMg/Q", "EpMCCpACARFN", "EvsDCvgDAQw5", "Et0BCtoBAXLI", "AY89a19Otdr3", "AY89a19-tdr_"]
        {
            assert!(is_plausible(real), "{real}");
        }
        assert!(is_plausible(&sign("f{}")));
        assert!(is_plausible("skip_thought_signature_validator"));
        // Another provider's, and none at all.
        for other in ["EqYCCpMBCBAYAipA", "bW9jaw==", ""] {
            assert!(!is_plausible(other), "{other}");
        }
    }
}
