//! Reads JSON objects member by member: what nobody takes is what only this dialect knows.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser::SerializeMap};
use serde_json::value::RawValue;

use super::write::Object;
use crate::{
    ir::{self, CacheHint, Members, Raw, Text},
    json::MAX_MEMBERS,
};

/// The members of one JSON object, in order; of members with the same name the last counts.
#[derive(Debug, Default)]
pub(super) struct Fields<'a>(Vec<(Text<'a>, &'a RawValue)>);

/// Reads one value; the error says what is wrong, without a position, because `raw` is a part of something larger.
pub(super) fn read<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Result<T, String> {
    serde_json::from_str(raw.get()).map_err(|error| reason(&error))
}

/// What a JSON error says, without the position that serde puts behind it.
pub(super) fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}

impl<'a> Fields<'a> {
    /// The member `name`, which is then no longer there; null counts as absent.
    pub(super) fn raw(&mut self, name: &str) -> Option<&'a RawValue> {
        let at = self.0.iter().position(|(key, _)| *key == *name)?;
        let (_, value) = self.0.remove(at);
        (value.get() != "null").then_some(value)
    }

    /// The member `name`, read; the error names it.
    pub(super) fn take<T: Deserialize<'a>>(&mut self, name: &str) -> Result<Option<T>, String> {
        self.raw(name).map(read).transpose().map_err(|error| format!("`{name}`: {error}"))
    }

    /// The member `name`, which has to be there.
    pub(super) fn need<T: Deserialize<'a>>(&mut self, name: &str) -> Result<T, String> {
        self.take(name)?.ok_or_else(|| format!("`{name}` is missing"))
    }

    /// The member `name` as it stands, left in place.
    pub(super) fn peek(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().find(|(key, _)| *key == *name).map(|(_, value)| *value)
    }

    /// The member `name` as text, left in place.
    pub(super) fn peek_text(&self, name: &str) -> Option<Text<'a>> {
        read(self.peek(name)?).ok()
    }

    /// The member `name` if `parse` can say all of it; else it stays where it is.
    pub(super) fn take_if<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&'a RawValue) -> Option<T>,
    ) -> Option<T> {
        let parsed = parse(self.peek(name)?)?;
        self.raw(name);
        Some(parsed)
    }

    /// `cache_control`, if it is of the one kind there is.
    pub(super) fn cache(&mut self) -> Option<CacheHint<'a>> {
        self.take_if("cache_control", |raw| {
            let mut fields: Fields<'a> = read(raw).ok()?;
            let kind: Text<'a> = fields.need("type").ok()?;
            let ttl = fields.take("ttl").ok()?;
            (kind == "ephemeral" && fields.is_empty()).then_some(CacheHint { ttl })
        })
    }

    /// True if nothing is left.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is left.
    pub(super) fn rest(self) -> Members<'a> {
        self.0.into_iter().map(|(name, value)| (name, Cow::Borrowed(value))).collect()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields: Vec<(Text<'de>, &'de RawValue)> = Vec::new();
                while let Some(name) = map.next_key::<Text<'de>>()? {
                    let value = map.next_value()?;
                    if let Some(known) = fields.iter_mut().find(|(key, _)| *key == name) {
                        known.1 = value;
                    } else if fields.len() < MAX_MEMBERS {
                        fields.push((name, value));
                    } else {
                        // Every look-up goes through the list, so its length is bounded.
                        let bound = format_args!("an object has more than {MAX_MEMBERS} members");
                        return Err(de::Error::custom(bound));
                    }
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(Visitor)
    }
}

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// Content that is either one text or a list of blocks.
pub(super) enum OneOrMany<'a> {
    /// One text.
    Text(Text<'a>),
    /// Blocks.
    Blocks(Vec<Fields<'a>>),
}

impl<'a> OneOrMany<'a> {
    /// Tells the forms apart by their first byte, so that the error speaks of the form that was meant.
    pub(super) fn read(raw: &'a RawValue) -> Result<Self, String> {
        if raw.get().starts_with('"') { read(raw).map(Self::Text) } else { read(raw).map(Self::Blocks) }
    }
}

/// The counts of a `usage` object. All parts are beside each other: `input_tokens` has neither cache reads nor cache
/// writes in it, `output_tokens` has the thinking in it (types `Usage` and `MessageDeltaUsage` of the official SDK).
#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(default)]
pub(super) struct Usage {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_creation: Option<CacheCreation>,
    output_tokens_details: Option<OutputDetails>,
}

/// Tokens written to the cache, by how long they live there (type `CacheCreation` of the official SDK).
#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(default)]
pub(super) struct CacheCreation {
    ephemeral_5m_input_tokens: Option<u64>,
    ephemeral_1h_input_tokens: Option<u64>,
}

impl CacheCreation {
    /// All of them.
    pub(super) fn total(self) -> u64 {
        let count = |tokens: Option<u64>| tokens.unwrap_or(0);
        count(self.ephemeral_5m_input_tokens).saturating_add(count(self.ephemeral_1h_input_tokens))
    }
}

#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(default)]
struct OutputDetails {
    thinking_tokens: Option<u64>,
}

impl Usage {
    /// Reads the value of a `usage` member; `None` for shapes nobody documented.
    pub(super) fn read(raw: &str) -> Option<Self> {
        let usage: Self = serde_json::from_str::<Option<Self>>(raw).ok()??;
        (usage.input_tokens.is_some() || usage.output_tokens.is_some()).then_some(usage)
    }

    /// Brings `total` up to date: the counts of a stream are totals so far, and what is not named stays as it was.
    pub(super) fn update(self, total: &mut ir::Usage) {
        let set = |count: &mut u64, new: Option<u64>| *count = new.unwrap_or(*count);
        set(&mut total.input, self.input_tokens);
        set(&mut total.output, self.output_tokens);
        set(&mut total.cache_read, self.cache_read_input_tokens);
        let by_life = self.cache_creation;
        set(&mut total.cache_write, self.cache_creation_input_tokens.or(by_life.map(CacheCreation::total)));
        set(&mut total.cache_write_1h, by_life.and_then(|written| written.ephemeral_1h_input_tokens));
        // Totals that contradict their parts are not passed on.
        total.cache_write_1h = total.cache_write_1h.min(total.cache_write);
        set(&mut total.reasoning, self.output_tokens_details.and_then(|details| details.thinking_tokens));
    }
}

impl From<Usage> for ir::Usage {
    fn from(wire: Usage) -> Self {
        let mut usage = Self::default();
        wire.update(&mut usage);
        usage
    }
}

/// `members` as one object.
pub(super) fn as_object(members: &Members<'_>) -> Raw<'static> {
    let mut out = Vec::new();
    Object::new(&mut out).members(members);
    let raw = String::from_utf8(out).ok().and_then(|json| RawValue::from_string(json).ok());
    Cow::Owned(raw.unwrap_or_else(|| RawValue::NULL.to_owned()))
}

/// `fields` as one raw value.
pub(super) fn whole(fields: &Fields<'_>) -> Raw<'static> {
    ir::raw(fields)
}
