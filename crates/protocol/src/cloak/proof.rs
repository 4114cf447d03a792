//! Reasoning that does not come back as it was signed: the proof brings the signed text along.
//!
//! A provider checks its proof against the very text that it signed. That text has placeholders where the client reads
//! words; covering the client's text gives it again. It does not where the model wrote a sensitive word by itself, which
//! would be covered now. Then the signed text is put into the proof, which clients return unread.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};

use crate::ir::Signature;

/// How a proof begins that brings its text along; then come the text in base64, a colon and the proof itself.
const MARK: &str = "lockgate-signed:";

/// The proof, with the signed text inside.
pub(super) fn with_text(signature: &Signature<'_>, text: &str) -> Signature<'static> {
    let value = format!("{MARK}{}:{}", BASE64.encode(text), signature.value);
    Signature { origin: signature.origin.borrowed().into_owned(), value: value.into() }
}

/// The signed text and the proof itself, of a proof that brings it along.
pub(super) fn apart(signature: &Signature<'_>) -> Option<(String, Signature<'static>)> {
    let (text, value) = signature.value.strip_prefix(MARK)?.split_once(':')?;
    let text = String::from_utf8(BASE64.decode(text).ok()?).ok()?;
    let origin = signature.origin.borrowed().into_owned();
    Some((text, Signature { origin, value: value.to_owned().into() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_signed_comes_back_with_its_proof() {
        let plain = Signature::new("anthropic", "EqoB:x==");
        assert_eq!(apart(&plain), None);
        assert_eq!(apart(&with_text(&plain, "é:")), Some(("é:".to_owned(), plain)));
        for broken in ["lockgate-signed:", "lockgate-signed:?:x", "lockgate-signed:/w==:x"] {
            assert_eq!(apart(&Signature::new("anthropic", broken)), None);
        }
    }
}
