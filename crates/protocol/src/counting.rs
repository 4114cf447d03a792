//! How a provider is asked to count the tokens of a conversation, in the dialects that have a way to ask.

use crate::{
    codec::{Call, Encoded, Target},
    ir::{Fault, FaultKind, Request, Sampling},
    json::{self, Object},
};

/// Writes requests to count and reads the counts, for providers of one dialect. Stateless.
pub trait Counting: Sync {
    /// Where a provider of this dialect counts for `model`.
    fn call(&self, model: &str) -> Call;

    /// Writes a request to count the tokens of `request`, which is bare as [`strip`] leaves it.
    fn encode(&self, request: &Request<'_>, target: Target<'_>) -> Result<Encoded, Fault>;

    /// Reads the count. Fails with `Garbled` if there is none.
    fn decode(&self, body: &[u8]) -> Result<u64, Fault>;
}

/// More than any model puts out, for encoders that fit a budget of reasoning into what the answer may have.
const PLENTY: u64 = 1 << 31;

/// Takes from `request` what says how to answer, which is no part of its prompt: nobody who counts needs it, and what needs
/// not be said cannot be lost.
pub fn strip(request: &mut Request<'_>) {
    request.stream = false;
    request.sampling = Sampling::default();
    request.max_tokens = Some(PLENTY);
    request.choices = None;
    request.logprobs = None;
    request.audio = None;
    request.modalities.clear();
    request.verbosity = None;
    request.service_tier = None;
    request.user = None;
    request.metadata = None;
    request.cache_key = None;
    request.store = None;
    request.stream_usage = None;
}

/// The object `body` with no members but `names`: what an encoder writes for answers and a count does not take.
pub(crate) fn only(body: &[u8], names: &[&str]) -> Vec<u8> {
    let Ok(object) = Object::scan(body) else { return body.to_vec() };
    let mut out = vec![b'{'];
    for (key, value) in object.members(body) {
        if json::text(key).is_some_and(|key| names.contains(&&*key)) {
            if out.len() > 1 {
                out.push(b',');
            }
            out.extend_from_slice(key);
            out.push(b':');
            out.extend_from_slice(value);
        }
    }
    out.push(b'}');
    out
}

/// The number that the member `name` of the object `body` is.
pub(crate) fn number(body: &[u8], name: &'static str) -> Result<u64, Fault> {
    let object = Object::scan(body).ok();
    let place = object.and_then(|object| object.get(body, name).ok().flatten());
    let number = place.and_then(|place| std::str::from_utf8(&body[place]).ok()?.parse().ok());
    number
        .ok_or_else(|| Fault::new(FaultKind::Garbled, format!("the provider's count has no number `{name}`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_named_stays() {
        let only = |body: &str| String::from_utf8(only(body.as_bytes(), &["a", "c"])).unwrap();
        assert_eq!(only(r#"{"a": {"b":1}, "b":2,"c":[3.0] }"#), r#"{"a":{"b":1},"c":[3.0]}"#);
        assert_eq!(only(r#"{"b":2}"#), "{}");
    }

    #[test]
    fn a_count_is_a_number() {
        assert_eq!(number(br#"{"n":17}"#, "n").unwrap(), 17);
        for body in ["{}", r#"{"n":-1}"#, r#"{"n":"17"}"#, r#"{"n":1.5}"#, "[]", ""] {
            assert_eq!(number(body.as_bytes(), "n").unwrap_err().kind, FaultKind::Garbled, "{body}");
        }
    }
}
