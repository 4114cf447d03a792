//! How a provider proves who it is, and the gateway to it, where TLS with the public roots is not enough.

use schemars::JsonSchema;
use serde::Deserialize;

/// TLS to a provider. The certificate is always checked: for a server with one of its own making, name that in `ca_file`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// A PEM file with certificates that are believed beside the public ones: of authorities, or a server's own, which is
    /// then taken whatever its names and dates are.
    pub ca_file: Option<String>,
    /// A PEM file with the certificate that the gateway shows, and the chain up to its authority.
    pub cert_file: Option<String>,
    /// The PEM file with the private key for `cert_file`.
    pub key_file: Option<String>,
    /// The name that is asked for and that the certificate must be for, where that is not the host of `base_url`.
    pub server_name: Option<String>,
    /// Whether HTTP/2 is offered. The server chooses; `false` is for one, or a proxy before it, that chooses HTTP/2 and then
    /// cannot do it.
    pub http2: bool,
}

// === impl Tls ===

impl Default for Tls {
    fn default() -> Self {
        Self { ca_file: None, cert_file: None, key_file: None, server_name: None, http2: true }
    }
}

impl Tls {
    /// What of it concerns other hosts on the same way, such as those that give out tokens: whom to believe, and in what to ask.
    #[must_use]
    pub fn elsewhere(&self) -> Self {
        Self { ca_file: self.ca_file.clone(), http2: self.http2, ..Self::default() }
    }
}
