//! How a provider proves who it is, and the gateway to it, where TLS with the public roots is not enough.

use schemars::JsonSchema;
use serde::Deserialize;

/// TLS to a provider. The certificate is always checked: for a server with one of its own making, name that in `ca_file`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
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
}

// === impl Tls ===

impl Tls {
    /// What of it concerns other hosts on the same way, such as those that give out tokens: whom to believe.
    #[must_use]
    pub fn elsewhere(&self) -> Self {
        Self { ca_file: self.ca_file.clone(), ..Self::default() }
    }
}
