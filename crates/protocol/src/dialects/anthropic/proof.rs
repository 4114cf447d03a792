//! Proofs of reasoning that this maker's models sign, wherever they are hosted.
//!
//! "Signature values are compatible across platforms: values generated on one platform will be compatible with another"
//! (the maker's guide to extended thinking). So hosts that have another dialect around the same models read and write them
//! as proofs of this dialect, and a conversation may go on elsewhere.

use crate::ir::{Signature, Text};

/// Whether a proof looks like one of this maker's: base64 of a message whose first field has the number 2. All that were
/// recorded here and on Bedrock do. The proof is not looked into any further; one that only looks so is refused by the
/// provider as any wrong one is.
pub(in crate::dialects) fn is_ours(proof: &str) -> bool {
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    matches!(proof.as_bytes(), [b'E', b'g'..=b'v', ..]) && proof.as_bytes().iter().all(is_base64)
}

/// A proof of this dialect.
pub(in crate::dialects) fn of_ours<'a>(proof: impl Into<Text<'a>>) -> Signature<'a> {
    Signature::new(super::NAME, proof)
}

/// The proof, if it is one that this maker's models take back.
pub(in crate::dialects) fn ours<'s>(signature: &'s Signature<'_>) -> Option<&'s str> {
    signature.at_home(super::NAME).filter(|proof| is_ours(proof))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proofs_are_told_by_how_they_begin() {
        for ours in ["EvgFCkYIBxgCKkBmxKtC", "Eu8ECkgIBxABGAIqQIhk", "EtkBCkgIEBABGAIq", "ErUBCkYIARgC=="] {
            assert!(is_ours(ours), "{ours}");
        }
        for other in ["", "E", "Eq:", "gAAAAABo", "RXU4RUNrZ0lC", "Ew==", "lockgate:anthropic:EqQB"] {
            assert!(!is_ours(other), "{other}");
        }
        assert_eq!(ours(&of_ours("EqQBCg==")), Some("EqQBCg=="));
        assert_eq!(ours(&Signature::new("bedrock", "EqQBCg==")), None);
    }
}
