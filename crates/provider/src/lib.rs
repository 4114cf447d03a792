//! Pure: where and how to ask a provider, and what its failures mean.
//!
//! Reading order: `provider.rs` (the seam and its one table), `site.rs` (a provider as the operator wrote it),
//! `providers/` (one folder each), `classify.rs` (a failure's bytes become a typed fault).

mod address;
mod classify;
mod complaint;
mod hints;
mod path;
mod provider;
mod providers;
mod redact;
mod site;

pub use address::SiteError;
pub use provider::{Ask, Environment, Kind, PROVIDERS, Prepared, Provider, Reply, environment, find, kinds};
pub use providers::openai_compatible::presets::{Key, Preset, StreamUsage, presets};
pub use redact::redact;
pub use site::{Credential, Place, Site, Wish};
