//! The certificate that the gateway shows to clients, and those that it wants to see.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

/// The certificate that the gateway shows, and whose certificates it wants to see.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerTls {
    /// The PEM file with the certificate, followed by the chain up to its authority. Relative paths begin at the folder of
    /// the config file.
    pub cert: PathBuf,
    /// The PEM file with the private key for it.
    pub key: PathBuf,
    /// A PEM file with the authorities whose certificates clients show.
    #[serde(default)]
    pub client_ca: Option<PathBuf>,
    /// Whether a client without a certificate is turned away, where `client_ca` is written.
    #[serde(default)]
    #[schemars(extend("default" = "required"))]
    pub client_auth: ClientAuth,
}

/// Whether a client must show a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ClientAuth {
    /// Who shows none is turned away.
    #[default]
    Required,
    /// Only who shows one that `client_ca` did not sign is.
    Optional,
}
