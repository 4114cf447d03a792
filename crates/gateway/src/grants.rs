//! Grants: how a sign-in, an account or a machine's identity becomes a proof that counts for a while.
//!
//! One file each under `grants/`, one table: [`find`] says which one a provider's kind and the config's `auth` mean.

mod aws;
mod entra;
mod google;
mod host;
mod kept;
mod kiro;
pub(crate) mod oauth;
pub(crate) mod qwen;

use std::{fmt, future::Future, pin::Pin, sync::Arc, time::SystemTime};

use lockgate_config::Auth;
use lockgate_protocol::ir::{Fault, FaultKind};
use lockgate_provider::{Proof, Terms};

pub(crate) use host::{Answer, Host};

/// What a grant gave.
#[derive(Debug, Clone)]
pub(crate) struct Granted {
    pub(crate) proof: Proof,
    pub(crate) terms: Terms,
    /// When the proof stops counting; absent if it does not say.
    pub(crate) expires: Option<SystemTime>,
}

/// Why there is no proof. The text is for the operator's log and never holds a secret.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{why}")]
pub(crate) struct Refusal {
    /// True if asking again cannot help: a revoked sign-in, a missing file.
    pub(crate) is_final: bool,
    pub(crate) why: String,
}

/// The proof, when it is there.
pub(crate) type Obtaining<'a> = Pin<Box<dyn Future<Output = Result<Granted, Refusal>> + Send + 'a>>;

/// One way to come by a proof. What it needs of the world it asks its [`Host`] for.
pub(crate) trait Grant: Send + Sync + fmt::Debug {
    /// Gets a proof, new if `stale` is set: then one that is kept in a file does not count, even if it seems to.
    fn obtain<'a>(&'a self, host: &'a Host, stale: bool) -> Obtaining<'a>;
}

/// A grant as the config's words mean it, or why they mean none; absent if they are not for it.
type Made = Option<Result<Arc<dyn Grant>, String>>;

/// One row of the table: for which kinds of provider, and how the config's words become the grant.
struct Row {
    /// The kinds of provider that take it.
    kinds: &'static [&'static str],
    /// The grant that `auth` (empty if the operator wrote none) and the wish mean; `None` if these words are not for it.
    make: fn(&Wish<'_>) -> Made,
    /// The region that the machine's own files name for such a provider.
    region: fn(Option<&Auth>, &Host) -> Option<String>,
}

/// What the operator wrote that may matter to a grant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish<'a> {
    pub(crate) kind: &'a str,
    /// Absent if the operator wrote neither `auth` nor a key.
    pub(crate) auth: Option<&'a Auth>,
    /// The one that counts, whoever named it.
    pub(crate) region: Option<&'a str>,
    pub(crate) project: Option<&'a str>,
    pub(crate) base_url: Option<&'a str>,
}

/// In this order; the first that takes the words has them.
const GRANTS: &[Row] = &[
    Row { kinds: &["azure"], make: entra::make, region: |_, _| None },
    Row { kinds: &["bedrock"], make: aws::make, region: aws::region },
    Row { kinds: &["vertex"], make: google::cloud, region: |_, _| None },
    Row { kinds: &["gemini"], make: google::sign_in, region: |_, _| None },
    Row { kinds: &["qwen"], make: qwen::make, region: |_, _| None },
    Row { kinds: &["kiro"], make: kiro::make, region: |_, _| None },
];

/// The grant that is meant, if any.
///
/// # Errors
/// What is missing or cannot be meant, with the remedy.
pub(crate) fn find(wish: &Wish<'_>) -> Result<Option<Arc<dyn Grant>>, String> {
    let rows = GRANTS.iter().filter(|row| row.kinds.contains(&wish.kind));
    match rows.map(|row| (row.make)(wish)).find_map(|made| made) {
        Some(made) => made.map(Some),
        None if wish.auth.is_some() => Err(format!(
            "`auth` is not something that kind `{}` can prove itself with; write `api_key`",
            wish.kind
        )),
        None => Ok(None),
    }
}

/// The region that the machine's settings name for a provider of that kind: its variables, then its files.
pub(crate) fn usual_region(kind: &str, auth: Option<&Auth>, host: &Host) -> Option<String> {
    let variables = lockgate_provider::find(kind)?.environment()?.region;
    let mut rows = GRANTS.iter().filter(|row| row.kinds.contains(&kind));
    variables
        .iter()
        .find_map(|name| host.variable(name))
        .or_else(|| rows.find_map(|row| (row.region)(auth, host)))
}

impl Wish<'_> {
    /// The first word of `auth` that is none of these, which are all that the kind takes.
    fn takes_only(&self, words: &[&str]) -> Result<(), String> {
        let mut written = self.auth.into_iter().flat_map(Auth::written);
        match written.find(|word| !words.contains(word)) {
            Some(word) => {
                let known = words.join("`, `");
                Err(format!(
                    "`auth.{word}` is not for kind `{}`, which takes `{known}`; take it out",
                    self.kind
                ))
            }
            None => Ok(()),
        }
    }
}

impl Refusal {
    /// Asking again may help.
    pub(crate) fn passing(why: impl Into<String>) -> Self {
        Self { is_final: false, why: why.into() }
    }

    /// Asking again cannot help; the operator has to.
    pub(crate) fn lasting(why: impl Into<String>) -> Self {
        Self { is_final: true, why: why.into() }
    }

    /// What a client is told, and the log.
    pub(crate) fn fault(&self) -> Fault {
        let public = "the gateway could not prove itself to the provider; the gateway's operator has to look at its credential";
        let kind = if self.is_final { FaultKind::KeyRefused } else { FaultKind::Connect };
        Fault::new(kind, public).with_detail(self.why.clone())
    }
}
