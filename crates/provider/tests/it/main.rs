//! The crate from outside: where requests go, what must never get there, what failures mean.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a failed expectation is how a test fails, in its helpers too"
)]

mod classify;
mod clouds;
mod corpus;
mod hostile;
mod page;
mod prepare;
mod room;
mod signed;
mod sites;
mod told;

use lockgate_provider::{Pass, Proof, Site, SiteError, Terms, Wish};

/// A provider as a config would have it.
fn site(
    kind: &str,
    base_url: Option<&str>,
    api_version: Option<&str>,
    headers: &[(String, String)],
) -> Result<Site, SiteError> {
    Site::new(kind, Wish { base_url, api_version, ..Wish::default() }, headers)
}

/// What requests show with an API key.
fn pass(site: &Site, key: Option<&str>, headers: &[(String, String)]) -> Result<Pass, SiteError> {
    let proof = key.map_or(Proof::Nothing, |key| Proof::Key(key.to_owned()));
    site.pass(&proof, &Terms::default(), headers)
}
