//! What the operator wrote: strict, documented, with errors that name the place.
//!
//! A file goes through five steps, one module each, and every step but the first collects its problems
//! instead of stopping at one: `tree` (text to nodes with places), `interpolate` (`${VAR}`),
//! `check` (shape, along the JSON Schema of [`Config`]), deserialisation, `validate` (meaning).
//! The doc comment of a field in `types` is its description in the schema and in the errors.

mod any;
mod check;
mod environment;
mod finding;
mod interpolate;
mod nearest;
mod problem;
mod proxy;
mod quote;
mod secret;
mod shield;
mod span;
mod target;
mod text;
mod tree;
mod types;
mod units;
mod validate;
mod value;

use std::io::Read;
use std::path::Path;

pub use any::AnyJson;
pub use bytesize::ByteSize;
pub use environment::{FromEnv, from_env};
pub use problem::{Errors, Problem};
pub use proxy::{Proxy, Route, Scheme};
pub use quote::Quote;
pub use secret::Secret;
pub use target::Target;
pub use types::{
    Access, Auth, CheckMethod, ClientKey, Cloak, CloakMode, CloakPlace, CloakSystem, CloakUser, Commit,
    Config, Credential, FilterRule, Health, HealthOverride, Log, LogFormat, LogLevel, Match, Model, OnLoss,
    Price, Provider, Retry, RetryOverride, Rules, Served, Server, SetRule, Strategy, Timeouts, Tls, Usd,
    WireApi,
};

use finding::Findings;
use quote::Known;

/// The most bytes a config file may have.
pub const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// Looks up one environment variable. The crate never reads the environment by itself.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Reads a config from YAML text. `file_name` is only what the errors call it.
///
/// # Errors
/// Every problem of the text, in the order of their places.
pub fn parse(file_name: &str, text: &str, env: Env<'_>) -> Result<Config, Errors> {
    let mut findings = Findings::default();
    let Some(mut tree) = tree::parse(text, &mut findings) else {
        let keys = check::keys(&schema());
        return Err(Errors::of_findings(findings, file_name, text, &Known::Keys(&keys)));
    };
    interpolate::interpolate(&mut tree.root, "", env, &mut findings);
    let root = &tree.root;
    let config = check::check(root, &schema(), &mut findings)
        .and_then(|checked| value::deserialize(checked, root, &mut findings));
    if let Some(config) = &config {
        validate::validate(config, root, &mut findings);
    }
    match config {
        Some(config) if findings.is_empty() => Ok(config),
        _ => Err(Errors::of_findings(findings, file_name, text, &Known::Pieces(&tree.pieces))),
    }
}

/// Reads a config file.
///
/// # Errors
/// Every problem of the file; a file that is missing, unreadable, larger than [`MAX_FILE_BYTES`] or not
/// UTF-8 is one problem at line 0.
pub fn load(path: &Path, env: Env<'_>) -> Result<Config, Errors> {
    let file_name = path.display().to_string();
    match read(path) {
        Ok(text) => parse(&file_name, &text, env),
        Err(message) => Err(Errors::of_file(&file_name, message)),
    }
}

/// The JSON Schema (2020-12) of the config file.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Config).to_value()
}

fn read(path: &Path) -> Result<String, String> {
    let file = std::fs::File::open(path).map_err(|error| format!("cannot be opened: {error}"))?;
    let mut bytes = Vec::new();
    // One byte more than allowed is enough to know, also for a file without an end such as /dev/zero.
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("cannot be read: {error}"))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(format!("is larger than {}, the most a config file may have", ByteSize(MAX_FILE_BYTES)));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = valid.iter().filter(|byte| **byte == b'\n').count() + 1;
        format!("is not UTF-8 text: line {line} has other bytes")
    })
}
