//! The fields of the config's types in the order in which they are written there, which a schema does not keep.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::Value as Json;

use crate::{self as config, check};

/// A type's name in the schema, and its fields.
type Row = (&'static str, fn() -> &'static [&'static str]);

/// The types. Of one that is not here the required fields come first.
const TYPES: &[Row] = &[
    ("Access", of::<config::Access>),
    ("Alerts", of::<config::Alerts>),
    ("Auth", of::<config::Auth>),
    ("Budget", of::<config::Budget>),
    ("CallerLimits", of::<config::CallerLimits>),
    ("ClientKey", of::<config::ClientKey>),
    ("Cloak", of::<config::Cloak>),
    ("CloakSystem", of::<config::CloakSystem>),
    ("Config", of::<config::Config>),
    ("Cors", of::<config::Cors>),
    ("Credential", of::<config::Credential>),
    ("ErrorRate", of::<config::ErrorRate>),
    ("FilterRule", of::<config::FilterRule>),
    ("Health", of::<config::Health>),
    ("HealthOverride", of::<config::HealthOverride>),
    ("Keep", of::<config::Keep>),
    ("Listener", of::<config::types::Detailed>),
    ("Log", of::<config::Log>),
    ("MailReceiver", of::<config::Mailbox>),
    ("Match", of::<config::Match>),
    ("Model", of::<config::Model>),
    ("Otlp", of::<config::Otlp>),
    ("Price", of::<config::Price>),
    ("PriceTier", of::<config::PriceTier>),
    ("Provider", of::<config::Provider>),
    ("Receiver", of::<config::Receiver>),
    ("Retry", of::<config::Retry>),
    ("RetryOverride", of::<config::RetryOverride>),
    ("Rules", of::<config::Rules>),
    ("Server", of::<config::Server>),
    ("ServerTls", of::<config::ServerTls>),
    ("SetRule", of::<config::SetRule>),
    ("Telemetry", of::<config::Telemetry>),
    ("Timeouts", of::<config::Timeouts>),
    ("Tls", of::<config::Tls>),
    ("TrainingFiles", of::<config::types::TrainingDetails>),
];

/// The keys of a type, in reading order.
pub(super) fn in_order(name: &str, schema: &Json) -> Vec<String> {
    let row = TYPES.iter().find(|(known, _)| *known == name);
    let written = row.map(|(_, fields)| fields()).unwrap_or_default().iter().copied();
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str);
    let all = || check::names(schema["properties"].as_object());
    let mut keys: Vec<String> = Vec::new();
    for key in written.chain(required).chain(all()) {
        if all().any(|known| known == key) && !keys.iter().any(|it| it == key) {
            keys.push(key.to_owned());
        }
    }
    keys
}

/// The fields of a struct, as serde knows them.
fn of<T: for<'de> Deserialize<'de>>() -> &'static [&'static str] {
    match T::deserialize(Probe) {
        Ok(_) => &[],
        Err(Fields(fields)) => fields,
    }
}

/// Asks a type for its fields instead of giving it any.
struct Probe;

/// What was learnt.
#[derive(Debug)]
struct Fields(&'static [&'static str]);

impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

impl std::error::Error for Fields {}

impl de::Error for Fields {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self(&[])
    }
}

impl<'de> Deserializer<'de> for Probe {
    type Error = Fields;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Fields> {
        Err(Fields(&[]))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Fields> {
        Err(Fields(fields))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        option unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_that_has_an_order_of_its_own_has_a_row() {
        let schema = crate::schema();
        for (name, inner) in schema["$defs"].as_object().unwrap() {
            let fields = check::names(inner["properties"].as_object()).count();
            let required = inner["required"].as_array().map_or(0, Vec::len);
            let has_row = TYPES.iter().any(|(known, _)| known == name);
            assert!(has_row || fields <= required + 1, "`{name}` belongs into the table of types");
        }
        assert_eq!(
            in_order("Log", &schema["$defs"]["Log"]),
            ["level", "format", "journal", "keep", "sync", "bodies", "body_limit", "training_files"]
        );
    }
}
