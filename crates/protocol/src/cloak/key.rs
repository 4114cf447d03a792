//! What placeholders and pseudonyms are derived from.

use std::fmt;

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

/// The block of SHA-256, which is the whole key of its HMAC (RFC 2104).
const BLOCK: usize = 64;

/// A key. Who does not know it can neither undo what was derived nor check a guess. Its `Debug` shows nothing.
#[derive(Clone)]
pub struct Key([u8; BLOCK]);

impl Key {
    /// The key that `secret` stands for: the same for the same secret, today and after every restart.
    pub fn new(secret: &str) -> Self {
        let mut block = [0; BLOCK];
        let digest = Sha256::new().chain_update(b"lockgate cloak\0").chain_update(secret).finalize();
        block[..digest.len()].copy_from_slice(&digest);
        Self(block)
    }

    /// 128 bits that follow from the key, the purpose and `text`; `count` gives others.
    pub(super) fn number(&self, purpose: &str, text: &str, count: u32) -> u128 {
        let mut mac = <Hmac<Sha256> as Mac>::new(&self.0.into());
        mac.update(purpose.as_bytes());
        mac.update(&count.to_be_bytes());
        mac.update(text.as_bytes());
        let bytes = mac.finalize().into_bytes();
        bytes.iter().take(16).fold(0, |number, byte| number << 8 | u128::from(*byte))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(<redacted>)")
    }
}
