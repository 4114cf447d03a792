//! Proofs of reasoning in Converse: whose they are, and how they are spelled.
//!
//! Claude models sign in Converse as they sign at home, so such a proof is one of the maker's dialect. What else stands in
//! these places is Converse's own, or another dialect's that waits there for its next turn.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};

use super::{NAME, model::Family};
use crate::{
    dialects::anthropic::proof::{is_ours, of_ours, ours},
    ir::{Signature, Text},
};

/// Base64 of `lockgate:`, nine bytes that no later one changes: how a foreign proof in `redactedContent` begins.
const TAGGED: &str = "bG9ja2dhdGU6";

/// Reads `signature` of a `reasoningText`.
pub(super) fn unsign(written: Text<'_>) -> Signature<'_> {
    if is_ours(&written) { of_ours(written) } else { Signature::read(NAME, written) }
}

/// Writes what [`unsign`] reads.
pub(super) fn sign<'s>(signature: &'s Signature<'_>) -> Text<'s> {
    ours(signature).map_or_else(|| signature.write(NAME), Text::from)
}

/// Reads `redactedContent`, whose value is base64 on the wire whatever it is. What a Claude model sealed is base64 of the text
/// that it seals with at home: the recorded `redacted-content` is base64 of base64 that begins as all its proofs do.
pub(super) fn unseal(redacted: Text<'_>) -> Signature<'_> {
    let inside = BASE64.decode(redacted.as_bytes()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    match inside {
        Some(tagged) if redacted.starts_with(TAGGED) => Signature::read(NAME, tagged.into()),
        Some(data) if is_ours(&data) => of_ours(data),
        _ => Signature::new(NAME, redacted),
    }
}

/// Writes what [`unseal`] reads.
pub(super) fn seal<'s>(signature: &'s Signature<'_>) -> Text<'s> {
    match (signature.at_home(NAME), ours(signature)) {
        (Some(redacted), _) => redacted.into(),
        (None, Some(data)) => BASE64.encode(data).into(),
        (None, None) => BASE64.encode(&*signature.write(NAME)).into(),
    }
}

/// Whether a model of this family takes the proof back; `own` says that the client got it from Converse.
pub(super) fn is_taken(signature: &Signature<'_>, family: Family, own: bool) -> bool {
    let may_be_claude = own || family.may_be_claude();
    signature.at_home(NAME).is_some() || (may_be_claude && ours(signature).is_some())
}
