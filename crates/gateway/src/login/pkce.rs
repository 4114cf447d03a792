//! The proof that whoever began a sign-in is who ends it (RFC 7636).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use ring::{
    digest,
    rand::{SecureRandom, SystemRandom},
};

use super::LoginError;

/// 32 random bytes as text: more than anybody can guess.
pub(super) fn random() -> Result<String, LoginError> {
    let mut bytes = [0; 32];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| LoginError("the system gives no random bytes".to_owned()))?;
    Ok(BASE64.encode(bytes))
}

/// What is shown of a verifier before it is shown itself (method `S256`).
pub(super) fn challenge(verifier: &str) -> String {
    BASE64.encode(digest::digest(&digest::SHA256, verifier.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_of_the_standard() {
        // RFC 7636, appendix B.
        let challenge = challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
