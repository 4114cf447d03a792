//! Requests to turn texts into vectors, and the vectors: what the dialects that have such an endpoint share.
//!
//! The model is small because the endpoints are: texts, how long the vectors shall be, and how they travel. Whatever else
//! a client says is understood by providers of its own dialect only, where nothing is translated.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::{
    codec::{Call, Encoded, RequestHead},
    ir::{Fault, FaultKind, Losses, Text},
};

/// A client's request.
#[derive(Debug, Default)]
pub struct EmbedRequest<'a> {
    /// The model the client asked for.
    pub model: Text<'a>,
    /// The texts, each of which becomes a vector.
    pub inputs: Vec<Text<'a>>,
    /// How many numbers a vector shall have.
    pub dimensions: Option<u64>,
    /// Whether a text that is too long is cut, or refused.
    pub truncate: Option<bool>,
    /// Whether the client wants the numbers packed: base64 of 32-bit floats, the lowest byte first.
    pub is_packed: bool,
    /// Members that only the client's dialect has, by their paths.
    pub own: Vec<String>,
}

/// A provider's answer.
#[derive(Debug, Default)]
pub struct Embedded<'a> {
    /// The model that answered, if it says so.
    pub model: Option<Text<'a>>,
    /// A vector for each text, in their order: JSON arrays as the provider spelled the numbers.
    pub vectors: Vec<&'a RawValue>,
    /// Tokens of all texts, if the provider counts them.
    pub tokens: Option<u64>,
}

/// Reads and writes the embeddings of one dialect. Stateless.
pub trait Embedding: Sync {
    /// Where a provider of this dialect takes a request for `model`.
    fn call(&self, model: &str) -> Call;

    /// Reads a client's request. Fails with `BadRequest` if the body is not one, with `Unsupported` if it is one that only
    /// a provider of the client's dialect can answer.
    fn decode_request<'a>(&self, head: RequestHead<'_>, body: &'a [u8]) -> Result<EmbedRequest<'a>, Fault>;

    /// Writes a request of another dialect for a provider that knows the model as `model`.
    fn encode_request(&self, request: &EmbedRequest<'_>, model: &str) -> Encoded;

    /// Reads a provider's answer. Fails with `Garbled` if it is not one.
    fn decode_answer<'a>(&self, body: &'a [u8]) -> Result<Embedded<'a>, Fault>;

    /// Writes an answer for a client that sent `request` to `path`. Fails with `Garbled` if the numbers are none.
    fn encode_answer(
        &self,
        answer: &Embedded<'_>,
        request: &EmbedRequest<'_>,
        path: &str,
    ) -> Result<Encoded, Fault>;
}

impl EmbedRequest<'_> {
    /// What no other dialect than the client's can say.
    pub(crate) fn losses(&self) -> Losses {
        let mut losses = Losses::default();
        for path in &self.own {
            losses.add(path.clone(), "the provider's dialect has no such member");
        }
        losses
    }
}

/// Most members that are noted as the dialect's own; fewer than that are named as losses.
const MAX_OWN: usize = 256;

/// The members of a JSON object, taken one by one; what is left is the dialect's own.
pub(crate) struct Fields<'a>(Vec<(Text<'a>, &'a RawValue)>);

impl<'a> Fields<'a> {
    /// The members of a client's body.
    pub(crate) fn of_request(body: &'a [u8]) -> Result<Self, Fault> {
        serde_json::from_slice(body).map_err(|error| bad(error.to_string()))
    }

    /// Takes the member that has one of these names (the same one in several spellings). Null is absent.
    pub(crate) fn take<T: Deserialize<'a>>(&mut self, names: &[&str]) -> Result<Option<T>, Fault> {
        let Some(place) = self.0.iter().position(|(name, _)| names.contains(&&**name)) else {
            return Ok(None);
        };
        let (name, raw) = self.0.remove(place);
        serde_json::from_str(raw.get()).map_err(|error| bad(format!("`{name}`: {error}")))
    }

    /// Notes the members that are left in `own`, as members of `front`, as far as anybody would read. Null says nothing.
    pub(crate) fn rest(self, front: &str, own: &mut Vec<String>) {
        let said = self.0.iter().filter(|(_, raw)| raw.get() != "null");
        own.extend(said.take(MAX_OWN.saturating_sub(own.len())).map(|(name, _)| format!("{front}{name}")));
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Vec<(Text<'de>, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }
        from.deserialize_map(Reader).map(Self)
    }
}

/// A client's request is not what it should be.
pub(crate) fn bad(why: impl fmt::Display) -> Fault {
    Fault::new(FaultKind::BadRequest, format!("the request cannot be read: {why}"))
}

/// A provider's answer is not what it should be.
pub(crate) fn garbled(why: impl fmt::Display) -> Fault {
    Fault::new(FaultKind::Garbled, "the provider's answer is not one of vectors").with_detail(why)
}

/// One text or several.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum OneOrMore<T> {
    One(T),
    More(Vec<T>),
}

impl<T> From<OneOrMore<T>> for Vec<T> {
    fn from(texts: OneOrMore<T>) -> Self {
        match texts {
            OneOrMore::One(text) => vec![text],
            OneOrMore::More(texts) => texts,
        }
    }
}

/// A vector for a client that wants it packed.
pub(crate) fn packed(vector: &RawValue) -> Result<String, Fault> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let numbers: Vec<f32> = serde_json::from_str(vector.get()).map_err(garbled)?;
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    Ok(STANDARD.encode(bytes))
}

/// Checks that every text got its vector.
pub fn check(answer: &Embedded<'_>, request: &EmbedRequest<'_>) -> Result<(), Fault> {
    let (vectors, texts) = (answer.vectors.len(), request.inputs.len());
    if vectors != texts {
        return Err(garbled(format!("{vectors} vectors for {texts} texts")));
    }
    match answer.vectors.iter().find(|vector| !vector.get().starts_with('[')) {
        Some(_) => Err(garbled("a vector is not a list")),
        None => Ok(()),
    }
}

/// Writes `body` without a loss of the answer's.
pub(crate) fn encoded(body: &impl Serialize, losses: Losses) -> Encoded {
    Encoded { body: crate::json::bytes(body).into(), losses }
}
