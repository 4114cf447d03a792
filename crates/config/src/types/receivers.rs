//! Who is told of alerts.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use indexmap::IndexMap;
use lockgate_alerts::Kind;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::Secret;

/// Receivers by HTTP: an address, a mapping with more about it, or a list of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receivers(Vec<Receiver>);

/// Receivers by mail: one or a list of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mailboxes(Vec<Mailbox>);

/// One receiver by HTTP.
#[derive(Clone, Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Receiver {
    /// What it is called in the log and by `lockgate alerts`; without it by the word it stands under, the second one as
    /// `slack-2`.
    #[serde(default)]
    pub name: Option<String>,
    /// Its address, which is kept as secret as a key.
    pub url: Secret,
    /// What messages are signed with, where it checks that: a `webhook`, `feishu`, `dingtalk`.
    #[serde(default)]
    pub secret: Option<Secret>,
    /// Headers that it is sent. Their values are kept as secret as keys.
    #[serde(default)]
    pub headers: IndexMap<String, Secret>,
    /// What it is told of; empty is everything.
    #[serde(default)]
    pub kinds: Vec<AlertKind>,
    /// The proxy to it, in place of the top-level `proxy`; `direct` is none.
    #[serde(default)]
    pub proxy: Option<Secret>,
    /// A PEM file with certificates that are believed beside the public ones.
    #[serde(default)]
    pub ca_file: Option<String>,
}

/// One receiver by mail.
#[derive(Clone, Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "MailReceiver")]
pub struct Mailbox {
    /// What it is called in the log and by `lockgate alerts`; without it `email`, the second one `email-2`.
    #[serde(default)]
    pub name: Option<String>,
    /// The server that takes the mail, as `host:port`; without a port 587, 465 for `tls: always`, 25 for `tls: none`. No
    /// proxy is on the way to it.
    pub smtp: String,
    /// How it is spoken to; without it as the port has it: 465 is `always`, all others are `starttls`.
    #[serde(default)]
    pub tls: Option<MailTls>,
    /// Who signs in; without it nobody does.
    #[serde(default)]
    pub user: Option<String>,
    /// The password of `user`.
    #[serde(default)]
    pub password: Option<Secret>,
    /// From whom it is, as `address` or `Name <address>`.
    pub from: String,
    /// Who gets it: one address or more.
    pub to: Vec<String>,
    /// What they are told of; empty is everything.
    #[serde(default)]
    pub kinds: Vec<AlertKind>,
    /// A PEM file with certificates that are believed beside the public ones.
    #[serde(default)]
    pub ca_file: Option<String>,
}

/// How a mail server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MailTls {
    /// TLS is asked for, and a server that cannot do it gets no mail.
    Starttls,
    /// TLS from the first byte on.
    Always,
    /// None: for a server on this machine.
    None,
}

/// What an alert is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlertKind(pub Kind);

// === one or a list ===

impl Deref for Receivers {
    type Target = [Receiver];

    fn deref(&self) -> &[Receiver] {
        &self.0
    }
}

impl Deref for Mailboxes {
    type Target = [Mailbox];

    fn deref(&self) -> &[Mailbox] {
        &self.0
    }
}

impl From<Vec<Receiver>> for Receivers {
    fn from(receivers: Vec<Receiver>) -> Self {
        Self(receivers)
    }
}

impl From<Vec<Mailbox>> for Mailboxes {
    fn from(mailboxes: Vec<Mailbox>) -> Self {
        Self(mailboxes)
    }
}

/// What one of a list may also be written as.
trait Item: Sized {
    const EXPECTED: &'static str;

    fn of_text(text: &str) -> Option<Self>;
}

impl Item for Receiver {
    const EXPECTED: &'static str = "an address, a mapping, or a list of them";

    fn of_text(text: &str) -> Option<Self> {
        Some(Self::at(text))
    }
}

impl Item for Mailbox {
    const EXPECTED: &'static str = "a mapping or a list of them";

    fn of_text(_: &str) -> Option<Self> {
        None
    }
}

/// One or several.
struct OneOrMore<T>(Vec<T>);

/// One of several: a text or a mapping.
struct One<T>(T);

struct OneOrMoreVisitor<T>(PhantomData<T>);

struct OneVisitor<T>(PhantomData<T>);

// Manual impls, because `#[serde(untagged)]` buffers its input and loses the place of an error.
impl<'de, T: Item + Deserialize<'de>> Deserialize<'de> for OneOrMore<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrMoreVisitor(PhantomData))
    }
}

impl<'de, T: Item + Deserialize<'de>> Deserialize<'de> for One<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneVisitor(PhantomData))
    }
}

impl<'de, T: Item + Deserialize<'de>> Visitor<'de> for OneOrMoreVisitor<T> {
    type Value = OneOrMore<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_unit<E: de::Error>(self) -> Result<OneOrMore<T>, E> {
        Ok(OneOrMore(Vec::new()))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<OneOrMore<T>, E> {
        OneVisitor(PhantomData).visit_str(text).map(|One(one)| OneOrMore(vec![one]))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<OneOrMore<T>, A::Error> {
        OneVisitor(PhantomData).visit_map(map).map(|One(one)| OneOrMore(vec![one]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<OneOrMore<T>, A::Error> {
        let mut several = Vec::new();
        while let Some(One(item)) = items.next_element()? {
            several.push(item);
        }
        Ok(OneOrMore(several))
    }
}

impl<'de, T: Item + Deserialize<'de>> Visitor<'de> for OneVisitor<T> {
    type Value = One<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<One<T>, E> {
        T::of_text(text).map(One).ok_or_else(|| E::invalid_type(de::Unexpected::Str("..."), &self))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<One<T>, A::Error> {
        T::deserialize(de::value::MapAccessDeserializer::new(map)).map(One)
    }
}

impl<'de> Deserialize<'de> for Receivers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        OneOrMore::deserialize(deserializer).map(|OneOrMore(several)| Self(several))
    }
}

impl<'de> Deserialize<'de> for Mailboxes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        OneOrMore::deserialize(deserializer).map(|OneOrMore(several)| Self(several))
    }
}

impl JsonSchema for Receivers {
    fn schema_name() -> Cow<'static, str> {
        "Receivers".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (url, receiver) = (generator.subschema_for::<Secret>(), generator.subschema_for::<Receiver>());
        json_schema!({
            "description": "An address, a mapping with more about it, or a list of them.",
            "anyOf": [url, receiver, { "type": "array", "items": { "anyOf": [url, receiver] } }],
        })
    }
}

impl JsonSchema for Mailboxes {
    fn schema_name() -> Cow<'static, str> {
        "MailReceivers".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mailbox = generator.subschema_for::<Mailbox>();
        json_schema!({
            "description": "A receiver by mail, or a list of them.",
            "anyOf": [mailbox, { "type": "array", "items": mailbox }],
        })
    }
}

// === impl Receiver ===

impl Receiver {
    /// One at that address, with nothing more about it.
    pub fn at(url: &str) -> Self {
        Self {
            name: None,
            url: Secret::new(url),
            secret: None,
            headers: IndexMap::new(),
            kinds: Vec::new(),
            proxy: None,
            ca_file: None,
        }
    }
}

/// By all that it says: what a reload has to know.
impl PartialEq for Receiver {
    fn eq(&self, other: &Self) -> bool {
        fn shown(secret: Option<&Secret>) -> Option<&str> {
            secret.map(Secret::expose)
        }
        let headers = |of: &Self| -> Vec<(String, String)> {
            of.headers.iter().map(|(name, value)| (name.clone(), value.expose().to_owned())).collect()
        };
        let Self { name, url, secret, headers: _, kinds, proxy, ca_file } = self;
        (name, kinds, ca_file) == (&other.name, &other.kinds, &other.ca_file)
            && url.expose() == other.url.expose()
            && shown(secret.as_ref()) == shown(other.secret.as_ref())
            && shown(proxy.as_ref()) == shown(other.proxy.as_ref())
            && headers(self) == headers(other)
    }
}

impl Eq for Receiver {}

/// By all that it says: what a reload has to know.
impl PartialEq for Mailbox {
    fn eq(&self, other: &Self) -> bool {
        let Self { name, smtp, tls, user, password, from, to, kinds, ca_file } = self;
        (name, smtp, tls, user) == (&other.name, &other.smtp, &other.tls, &other.user)
            && (from, to, kinds, ca_file) == (&other.from, &other.to, &other.kinds, &other.ca_file)
            && password.as_ref().map(Secret::expose) == other.password.as_ref().map(Secret::expose)
    }
}

impl Eq for Mailbox {}

// === impl AlertKind ===

impl<'de> Deserialize<'de> for AlertKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Kind::named(&name).map(Self).ok_or_else(|| de::Error::custom(format_args!("unknown kind `{name}`")))
    }
}

impl JsonSchema for AlertKind {
    fn schema_name() -> Cow<'static, str> {
        "AlertKind".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let kinds: Vec<_> = Kind::all()
            .filter(|kind| *kind != Kind::Test)
            .map(|kind| json_schema!({ "const": kind.name(), "description": kind.meaning() }))
            .collect();
        json_schema!({ "description": "What an alert is about.", "oneOf": kinds })
    }
}
