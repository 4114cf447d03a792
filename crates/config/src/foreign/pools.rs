//! The form of provider pools: a file for the server and one for the pools, with variables that count before both.

mod accounts;

use std::path::Path;

use super::Form;
use super::common::{Listen, host, is_local, port};
use super::section::{Section, Text};
use super::table::{Table, literal, referring, written};
use crate::Env;
use crate::reading::Reading;
use crate::span::Span;
use crate::tree::Node;
use accounts::{Accounts, Order};

pub(super) const FORM: Form =
    Form { name: "provider pools", known_by: "`provider_pools_file` or `default_provider`", fits, convert };

/// Where the original listens unless something else is said.
const USUAL: (&str, &str) = ("0.0.0.0", "3000");
/// The pool that answers unless something else is said.
const USUAL_POOL: &str = "gemini-oauth";
/// How often accounts are checked unless something else is said.
const USUAL_INTERVAL: &str = "10m";
/// The variables that no other gateway has.
const OWN_VARIABLES: [&str; 3] = ["MODEL_PROVIDER", "PROVIDER_POOLS_FILE", "GEMINI_OAUTH_CREDS_FILE_PATH"];

fn fits(root: &Node) -> bool {
    ["provider_pools_file", "default_provider"].iter().any(|key| root.get(key).is_some())
}

/// The file that stands for variables alone, if one is set that no other gateway has.
pub(super) fn environment(env: Env<'_>) -> Option<String> {
    let is_meant = OWN_VARIABLES.iter().any(|name| set(env, name).is_some());
    is_meant.then(|| format!("default_provider: {USUAL_POOL}\n"))
}

/// What a variable says, unless it is set to nothing.
fn set(env: Env<'_>, name: &str) -> Option<String> {
    env(name).filter(|value| !value.is_empty())
}

/// A value that a variable may replace.
fn replaceable(span: Span, variable: &str, usual: &str, env: Env<'_>) -> Node {
    // A default ends with the first brace.
    match usual.contains('}') || usual.contains("${") {
        true if set(env, variable).is_none() => literal(span, usual),
        true => referring(span, format!("${{{variable}}}")),
        false => referring(span, format!("${{{variable}:-{usual}}}")),
    }
}

fn convert(root: &Node, reading: &mut Reading<'_>) -> Option<Node> {
    let mut top = Section::of(root, "", reading);
    let mut out = Table::at(root.span);
    server(&mut top, &mut out, reading);
    let default = named(&mut top, "default_provider", "MODEL_PROVIDER", reading);
    let default = default.unwrap_or(Named { text: USUAL_POOL.to_owned(), span: root.span });
    let file = named(&mut top, "provider_pools_file", "PROVIDER_POOLS_FILE", reading);
    let pools = match &file {
        // A file that cannot be read is reported, and the rest would only be a consequence.
        Some(file) => Some(reading.file(Path::new(&file.text), file.span, "provider_pools_file")?),
        None => None,
    };
    let mut pools = pools.as_ref().map(|root| Section::of(root, "", reading));
    let order = Order::of(&default, pools.as_mut(), reading);
    let is_checked = health(&mut top, &mut out, reading);
    let mut accounts = Accounts::new(&order, is_checked);
    if let Some(pools) = &mut pools {
        for (path, entry) in pools.part("pools", reading).named() {
            accounts.read(&path, entry, reading);
        }
    }
    accounts.of_variables(root.span, reading.around.env);
    accounts.put(&mut out, reading);
    out.put("strategy", written(root.span, "lru"));
    if let Some(pools) = pools {
        pools.close(reading);
    }
    top.close(reading);
    Some(out.node())
}

/// A name that the file has or a variable in its place.
struct Named {
    text: String,
    span: Span,
}

fn named(top: &mut Section<'_>, key: &str, variable: &str, reading: &mut Reading<'_>) -> Option<Named> {
    let written = top.text(key, reading);
    let span = written.map_or(top.span, |written| written.span);
    match set(reading.around.env, variable) {
        Some(text) => {
            reading.note(span, key, format!("is what the variable `{variable}` says"));
            Some(Named { text, span })
        }
        None => written.map(|written| Named { text: written.text.to_owned(), span }),
    }
}

/// Where it listens, whom it lets in, what it writes about itself.
fn server(top: &mut Section<'_>, out: &mut Table, reading: &mut Reading<'_>) {
    let env = reading.around.env;
    let mut section = top.part("server", reading);
    let (written_host, written_port) = (section.text("host", reading), port(&mut section, reading));
    section.close(reading);
    let usual = host(written_host.map_or(USUAL.0, |host| host.text));
    let meant = set(env, "SERVER_HOST");
    let is_local = is_local(&host(meant.as_deref().unwrap_or(&usual)));
    let host = match meant {
        // A name for an address is put right, which a reference could not.
        Some(meant) if host(&meant) != meant => host(&meant),
        _ => format!("${{SERVER_HOST:-{usual}}}"),
    };
    let port = written_port.map_or(USUAL.1, |port| port.text);
    let span = written_host.or(written_port).map_or(top.span, |text| text.span);
    let address = referring(span, format!("{host}:${{SERVER_PORT:-{port}}}"));
    let listen = Listen { address, is_local };
    let mut server = Table::at(span);
    server.put("listen", listen.address.clone());
    out.put("server", server.node());

    let mut auth = top.part("auth", reading);
    let key = auth.text("api_key", reading).filter(|key| !key.text.is_empty());
    auth.close(reading);
    let key = match key {
        Some(key) => Some(replaceable(key.span, "API_KEY", key.text, env)),
        None => set(env, "API_KEY").map(|_| referring(top.span, "${API_KEY}")),
    };
    listen.access(key, out);

    let mut section = top.part("log", reading);
    let (level, format) = (section.text("level", reading), section.text("format", reading));
    section.close(reading);
    let mut log = Table::at(top.span);
    let level = level.map_or((top.span, "info".to_owned()), |level| (level.span, self::level(level)));
    log.put("level", replaceable(level.0, "LOG_LEVEL", &level.1, env));
    log.put_some("format", format.map(|format| literal(format.span, format.text)));
    out.put("log", log.node());
}

/// A level in the words that it has here.
fn level(written: Text<'_>) -> String {
    match written.text.to_ascii_lowercase().as_str() {
        "warning" => "warn".to_owned(),
        "fatal" | "panic" => "error".to_owned(),
        level => level.to_owned(),
    }
}

/// When accounts are left alone; whether they are checked in the background.
fn health(top: &mut Section<'_>, out: &mut Table, reading: &mut Reading<'_>) -> bool {
    let is_written = top.has("health_check");
    let mut section = top.part("health_check", reading);
    let is_checked = is_written && section.truth("enabled", reading).unwrap_or(true);
    let interval = section.text("interval", reading);
    let threshold = section.number("max_error_count", reading);
    let span = section.span;
    section.close(reading);
    let mut health = Table::at(span);
    health.put_some("error_threshold", threshold.map(|(count, span)| written(span, count.to_string())));
    if is_checked {
        let interval = interval.map_or((span, USUAL_INTERVAL), |interval| (interval.span, interval.text));
        health.put("interval", written(interval.0, interval.1));
    }
    out.put_some("health", health.some());
    is_checked
}
