//! The listeners: one or several, each a text or a mapping.

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::server_tls::ServerTls;
use crate::units;

/// How an address begins that is a socket in the file system.
pub(crate) const UNIX: &str = "unix:";
/// Who may connect to a socket in the file system if nothing is said: its owner.
const OWNER_ONLY: u32 = 0o600;

/// Where the gateway listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen(Vec<Listener>);

/// One place to listen at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Where it is.
    pub address: Address,
    /// What it does about TLS.
    pub tls: ListenerTls,
    /// Whether its connections begin with a PROXY protocol header; without it as `server.proxy_protocol` says.
    pub proxy_protocol: Option<bool>,
    /// The permissions of a socket in the file system, where they are written.
    pub mode: Option<u32>,
}

/// Where one can listen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// At an IP address and port.
    Ip(SocketAddr),
    /// At a socket in the file system.
    Unix(PathBuf),
}

/// What a listener does about TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ListenerTls {
    /// What `server.tls` says.
    #[default]
    Inherited,
    /// None, whatever that says.
    Off,
    /// Its own.
    Own(ServerTls),
}

/// A listener with more about it than its address.
#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Listener")]
pub(crate) struct Detailed {
    /// The IP address and port, or `unix:` and the path of a socket.
    #[serde(deserialize_with = "parsed")]
    #[schemars(with = "units::Address")]
    address: Address,
    /// TLS of its own in place of `server.tls`; `off` is none.
    #[serde(default)]
    #[schemars(with = "Option<TlsOrOff>")]
    tls: ListenerTls,
    /// Whether every connection begins with a PROXY protocol header, where that is not as `server.proxy_protocol` says.
    #[serde(default)]
    proxy_protocol: Option<bool>,
    /// Who may connect to a socket in the file system, as the mode of a file: `0600`, which is the default, is its owner alone,
    /// `0660` its group too.
    #[serde(default, deserialize_with = "units::optional_mode")]
    #[schemars(with = "Option<units::Mode>")]
    mode: Option<u32>,
}

/// The schema of what a listener does about TLS.
struct TlsOrOff;

// === impl Listen ===

impl Default for Listen {
    fn default() -> Self {
        Self::from(SocketAddr::from(([127, 0, 0, 1], 8317)))
    }
}

impl From<SocketAddr> for Listen {
    fn from(address: SocketAddr) -> Self {
        Self(vec![Listener::from(Address::Ip(address))])
    }
}

impl From<Vec<Listener>> for Listen {
    fn from(listeners: Vec<Listener>) -> Self {
        Self(listeners)
    }
}

impl Deref for Listen {
    type Target = [Listener];

    fn deref(&self) -> &[Listener] {
        &self.0
    }
}

impl DerefMut for Listen {
    fn deref_mut(&mut self) -> &mut [Listener] {
        &mut self.0
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, listener) in self.0.iter().enumerate() {
            let before = if index == 0 { "" } else { ", " };
            write!(f, "{before}{}", listener.address)?;
        }
        Ok(())
    }
}

// Manual impls, because `#[serde(untagged)]` buffers its input and loses the place of an error.
impl<'de> Deserialize<'de> for Listen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListenVisitor)
    }
}

struct ListenVisitor;

impl<'de> Visitor<'de> for ListenVisitor {
    type Value = Listen;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an address, a mapping, or a list of them")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Listen, E> {
        ListenerVisitor.visit_str(text).map(|listener| Listen(vec![listener]))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Listen, A::Error> {
        ListenerVisitor.visit_map(map).map(|listener| Listen(vec![listener]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Listen, A::Error> {
        let mut listeners = Vec::new();
        while let Some(listener) = items.next_element()? {
            listeners.push(listener);
        }
        Ok(Listen(listeners))
    }
}

impl JsonSchema for Listen {
    fn schema_name() -> Cow<'static, str> {
        "Listen".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let address = generator.subschema_for::<units::Address>();
        let detailed = generator.subschema_for::<Detailed>();
        json_schema!({
            "description": "A listener, or a list of them: each an IP address and port, `unix:` and a path, or a mapping.",
            "anyOf": [address, detailed, { "type": "array", "items": { "anyOf": [address, detailed] } }],
        })
    }
}

// === impl Listener ===

impl From<Address> for Listener {
    fn from(address: Address) -> Self {
        Self { address, tls: ListenerTls::Inherited, proxy_protocol: None, mode: None }
    }
}

impl Listener {
    /// The permissions of a socket in the file system.
    #[must_use]
    pub fn mode(&self) -> u32 {
        self.mode.unwrap_or(OWNER_ONLY)
    }
}

impl<'de> Deserialize<'de> for Listener {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListenerVisitor)
    }
}

struct ListenerVisitor;

impl<'de> Visitor<'de> for ListenerVisitor {
    type Value = Listener;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an address or a mapping")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Listener, E> {
        text.parse::<Address>().map(Listener::from).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Listener, A::Error> {
        let read = Detailed::deserialize(de::value::MapAccessDeserializer::new(map))?;
        Ok(Listener {
            address: read.address,
            tls: read.tls,
            proxy_protocol: read.proxy_protocol,
            mode: read.mode,
        })
    }
}

// === impl Address ===

impl Address {
    /// The IP address and port, where it is one.
    #[must_use]
    pub fn ip(&self) -> Option<SocketAddr> {
        match self {
            Self::Ip(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }

    /// Whether others than those on this machine can reach it.
    #[must_use]
    pub fn is_exposed(&self) -> bool {
        self.ip().is_some_and(|address| !address.ip().is_loopback())
    }

    pub(crate) fn path_mut(&mut self) -> Option<&mut PathBuf> {
        match self {
            Self::Ip(_) => None,
            Self::Unix(path) => Some(path),
        }
    }
}

impl FromStr for Address {
    type Err = std::net::AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix(UNIX) {
            Some(path) => Ok(Self::Unix(path.into())),
            None => text.parse().map(Self::Ip),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}

fn parsed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Address, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
}

// === impl ListenerTls ===

impl<'de> Deserialize<'de> for ListenerTls {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TlsVisitor)
    }
}

struct TlsVisitor;

impl<'de> Visitor<'de> for TlsVisitor {
    type Value = ListenerTls;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`off` or a mapping")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<ListenerTls, E> {
        match text {
            units::OFF => Ok(ListenerTls::Off),
            _ => Err(E::invalid_value(de::Unexpected::Other("a text"), &self)),
        }
    }

    fn visit_unit<E: de::Error>(self) -> Result<ListenerTls, E> {
        Ok(ListenerTls::Inherited)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ListenerTls, A::Error> {
        ServerTls::deserialize(de::value::MapAccessDeserializer::new(map)).map(ListenerTls::Own)
    }
}

impl JsonSchema for TlsOrOff {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "TlsOrOff".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [{ "type": "string", "enum": [units::OFF] }, generator.subschema_for::<ServerTls>()],
        })
    }
}
