//! What the operator wrote: strict, documented, with errors that name the place.
//!
//! A file goes through five steps, one module each, and every step but the first collects its problems
//! instead of stopping at one: `tree` (text to nodes with places), `interpolate` (`${VAR}`),
//! `check` (shape, along the JSON Schema of [`Config`]), deserialisation, `validate` (meaning).
//! The doc comment of a field in `types` is its description in the schema and in the errors.

mod any;
mod check;
mod client_key;
mod diff;
mod document;
mod dot_env;
mod emit;
mod environment;
mod finding;
mod foreign;
mod from_file;
mod import;
mod interpolate;
mod nearest;
mod note;
mod overrides;
mod problem;
mod proxy;
mod published;
mod quote;
mod reading;
mod reference;
#[cfg(test)]
mod schema_tests;
mod secret;
mod shield;
mod sources;
mod span;
mod target;
mod text;
mod tree;
mod types;
mod units;
mod validate;
mod value;

use std::io::Read;
use std::path::{Path, PathBuf};

pub use any::AnyJson;
pub use bytesize::ByteSize;
pub use client_key::client_key;
pub use diff::waits_for_start;
pub use document::Document;
pub use environment::{FromEnv, from_env};
pub use import::{Imported, import};
pub use note::Note;
pub use problem::{Errors, Problem};
pub use proxy::{Proxy, Route, Scheme};
pub use quote::Quote;
pub use reading::Around;
pub use reference::reference;
pub use secret::Secret;
pub use target::Target;
pub use types::{
    Access, Address, AdminFor, AlertKind, Alerts, Auth, Budget, Budgets, CallerLimits, CheckMethod,
    ClientAuth, ClientKey, Cloak, CloakMode, CloakPlace, CloakSystem, CloakUser, Commit, Config, Cors,
    Credential, DataDir, ErrorRate, FilterRule, Health, HealthOverride, Keep, Listen, Listener, ListenerTls,
    Log, LogFormat, LogLevel, LogSync, MailTls, Mailbox, Mailboxes, Match, MetricsAccess, Model, OnLoss,
    Otlp, OtlpProtocol, Per, Price, PriceTier, Provider, Receiver, Receivers, Retry, RetryOverride, Rules,
    Served, Server, ServerTls, SetRule, Share, Strategy, Telemetry, Timeouts, Tls, TrainingFiles,
    TrainingForm, TrainingReasoning, Usd, Use, WireApi,
};

use diff::Said;
use document::Scalars;
use dot_env::DotEnv;
use reading::Reading;
use tree::Node;

/// The most bytes a config file may have.
pub const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// Looks up one environment variable. The crate never reads the environment by itself.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Lists the names of all environment variables, so that one that overrides nothing is found out.
pub type Names<'a> = &'a dyn Fn() -> Vec<String>;

/// A config that is fit to run, and what there is to know about it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What it says.
    pub config: Config,
    /// What its owner should know, though nothing is wrong.
    pub notes: Vec<Note>,
    /// Every file that it comes from or that was looked for: a change of any of them changes the config.
    pub files: Vec<PathBuf>,
    /// Whose form the file has; `None` for the own one.
    pub form: Option<&'static str>,
    /// The variables that put a value in the place of the file's.
    pub overrides: Vec<String>,
    /// The text of the file.
    pub document: Document,
    said: Said,
}

impl Loaded {
    /// What is different from `older`, in words and without secrets: a line for each change, none if nothing is.
    pub fn changes_since(&self, older: &Self) -> Vec<String> {
        self.said.changes_since(&older.said)
    }
}

/// Reads a config from text alone: no variable overrides it, and nothing beside it is looked at. `file_name` is what the
/// errors call it; its ending says what it is written in.
///
/// # Errors
/// Every problem of the text, in the order of their places.
pub fn parse(file_name: &str, text: &str, env: Env<'_>) -> Result<Config, Errors> {
    let read = |_: &Path| Err("cannot be read from here".to_owned());
    read_text(Path::new(file_name), text, Around { env, read: &read }, &Vec::new, None)
        .map(|loaded| loaded.config)
}

/// Reads a config file, with the `.env` beside it and the variables that override it.
///
/// # Errors
/// Every problem of the file and of what belongs to it; a file that is missing, unreadable, larger than
/// [`MAX_FILE_BYTES`] or not UTF-8 is one problem at line 0.
pub fn load(path: &Path, env: Env<'_>, names: Names<'_>) -> Result<Loaded, Errors> {
    let file_name = path.display().to_string();
    match read(path) {
        Ok(text) => load_text(path, &text, env, names),
        Err(message) => Err(Errors::of_file(&file_name, message)),
    }
}

/// Reads a config from text as if the file at `path` had it: what it names beside it is read.
///
/// # Errors
/// As [`load`].
pub fn load_text(path: &Path, text: &str, env: Env<'_>, names: Names<'_>) -> Result<Loaded, Errors> {
    let beside = DotEnv::beside(path);
    let both = |name: &str| beside.or(name, env);
    let all = || beside.names(names);
    let mut loaded = read_text(path, text, Around::files(&both), &all, Some(&beside))?;
    loaded.files.insert(0, path.to_path_buf());
    let server = &mut loaded.config.server;
    server.begin_at(path.parent().unwrap_or(Path::new("")), env("HOME").as_deref());
    loaded.files.extend(server.tls_files().into_iter().map(Path::to_path_buf));
    Ok(loaded)
}

/// Reads the config that the variables of another gateway stand for where it starts without a file, with the `.env` in
/// `folder` and the variables that override it; `None` if none is set that no other has.
pub fn load_environment(folder: &Path, env: Env<'_>, names: Names<'_>) -> Option<Result<Loaded, Errors>> {
    let path = folder.join("environment");
    let beside = DotEnv::beside(&path);
    let both = |name: &str| beside.or(name, env);
    let all = || beside.names(names);
    let text = foreign::environment(&both)?;
    let name = Path::new("environment");
    Some(read_text(name, &text, Around::files(&both), &all, Some(&beside)))
}

fn read_text(
    path: &Path,
    text: &str,
    around: Around<'_>,
    names: Names<'_>,
    beside: Option<&DotEnv>,
) -> Result<Loaded, Errors> {
    let mut reading = Reading::new(around);
    let root = reading.parse(&path.display().to_string(), text);
    if let Some(beside) = beside {
        beside.report(&mut reading);
    }
    let Some(root) = root else { return Err(reading.errors()) };
    let scalars = Scalars::of(&root, reading.sources.pieces());
    let Some(root) = foreign::native(root, &mut reading) else { return Err(reading.errors()) };
    match finish(root, &mut reading, names) {
        Some(Finished { config, said, overrides }) => {
            let document = Document::new(path, text, scalars, &reading.findings.harmless);
            let Reading { notes, files, form, .. } = reading;
            Ok(Loaded { config, notes, files, form, overrides, document, said })
        }
        None => Err(reading.errors()),
    }
}

/// What a tree of the own form comes to.
struct Finished {
    config: Config,
    said: Said,
    overrides: Vec<String>,
}

/// The steps behind the tree; `None` if anything was found wrong.
fn finish(mut root: Node, reading: &mut Reading<'_>, names: Names<'_>) -> Option<Finished> {
    interpolate::interpolate(&mut root, "", reading);
    let schema = schema();
    let overrides = overrides::apply(&mut root, &schema, names, reading);
    let findings = &mut reading.findings;
    let checked = check::check(&root, &schema, findings);
    let said = checked.clone().map(|checked| Said::new(checked, &root));
    let config = checked.and_then(|checked| value::deserialize(checked, &root, findings));
    if let Some(config) = &config {
        validate::validate(config, &root, findings);
    }
    let (config, said) = config.zip(said).filter(|_| findings.is_empty())?;
    Some(Finished { config, said, overrides })
}

/// The JSON Schema (2020-12) of what a config file may say, in any of its formats.
pub fn json_schema() -> serde_json::Value {
    published::published(schema())
}

/// The schema as the types give it, along which files are checked.
pub(crate) fn schema() -> serde_json::Value {
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
        return Err(format!("is larger than {}, the most that is read", ByteSize(MAX_FILE_BYTES)));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = valid.iter().filter(|byte| **byte == b'\n').count() + 1;
        format!("is not UTF-8 text: line {line} has other bytes")
    })
}
