//! Signatures that receivers check.

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// HMAC-SHA256 (RFC 2104).
fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // It takes a key of any length, so that the second arm is never used.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

/// The same in hexadecimal digits.
pub(crate) fn hex(key: &[u8], parts: &[&[u8]]) -> String {
    mac(key, parts).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The same in base64.
pub(crate) fn base64(key: &[u8], parts: &[&[u8]]) -> String {
    BASE64_STANDARD.encode(mac(key, parts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_mac_of_rfc_4231() {
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(hex(b"Jefe", &[b"what do ya want ", b"for nothing?"]), expected);
        assert_eq!(
            base64(b"Jefe", &[b"what do ya want for nothing?"]),
            "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM="
        );
    }
}
