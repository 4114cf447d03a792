//! Why what the config asks for cannot be had.

use std::io;

use lockgate_config::Address;
use lockgate_provider::SiteError;

/// Why a gateway cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A provider cannot be set up.
    #[error("provider `{provider}`: {error}")]
    Provider {
        /// Its name in the config.
        provider: String,
        /// What is wrong with it.
        error: ProviderError,
    },
    /// The keys of clients cannot be had.
    #[error("{0}")]
    Keys(String),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// The address of the config.
        address: Address,
        /// What the system says.
        error: io::Error,
    },
    /// A receiver of alerts cannot be set up.
    #[error("alerts `{sink}`: {why}")]
    Alerts {
        /// What it is called.
        sink: String,
        /// The setting, and what is wrong with it.
        why: String,
    },
    /// Telemetry cannot be sent as the config or the environment says.
    #[error("{0}")]
    Telemetry(String),
    /// A certificate cannot be shown.
    #[error("listener {address}: {why}")]
    Tls {
        /// The address of the config.
        address: Address,
        /// The setting, and what is wrong with its file.
        why: String,
    },
}

/// Why a provider cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// Its place or its keys cannot be meant.
    #[error(transparent)]
    Site(#[from] SiteError),
    /// What its `auth` says cannot be meant.
    #[error("{0}")]
    Auth(String),
    /// Its cloak cannot be made.
    #[error("its cloak cannot be made: {0}")]
    Cloak(String),
    /// Its proxy or its TLS cannot be used.
    #[error("{0}")]
    Exit(String),
}
