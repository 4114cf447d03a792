//! Pure: where and how to ask a provider, and what its failures mean.
//!
//! Reading order: `provider.rs` (the seam), `exchange.rs` and `place.rs` (what crosses it), `providers/` (one folder
//! each, and the one table), `site.rs` (a provider as the operator wrote it), `classify.rs` (a failure's bytes become a
//! typed fault).

pub mod sigv4;

mod address;
mod classify;
mod complaint;
mod environment;
mod exchange;
mod headers;
mod hints;
mod kind;
mod pass;
mod path;
mod place;
mod preset;
mod provider;
mod providers;
mod quirks;
mod redact;
mod room;
mod scope;
mod site;
mod slow;
mod spans;

pub use address::SiteError;
pub use environment::Environment;
pub use exchange::{Ask, Outbound, Prepared, Reply, Talk};
pub use headers::{fixed_header, header_fault};
pub use kind::Kind;
pub use pass::{Pass, Proof, SigningKeys, Terms};
pub use place::{Place, Wish};
pub use preset::{Key, Preset, Rename, StreamUsage};
pub use provider::Provider;
pub use providers::anthropic::betas::{Host, screen as screen_betas};
pub use providers::bedrock::is_region as is_aws_region;
pub use providers::openai_compatible::presets::presets;
pub use providers::{PROVIDERS, environment, find, kind_at, kinds};
pub use redact::redact;
pub use site::Site;
pub use slow::thinks_long;
