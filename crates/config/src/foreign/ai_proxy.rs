//! The form of ai-proxy and CLIProxyAPI: kebab-case YAML with a list of keys for each maker of models.

mod cloak;
mod entry;
mod models;
mod pace;
mod payload;
mod providers;
mod words;

use super::Form;
use super::common::{self, Listen};
use super::section::{Section, text};
use super::table::{Table, list, literal, referring, written};
use crate::reading::Reading;
use crate::span::Span;
use crate::tree::Node;
use words::{Program, SECTIONS, STRATEGIES};

pub(super) const FORM: Form = Form {
    name: "ai-proxy and CLIProxyAPI",
    known_by: "lists such as `claude-api-key`, `openai-api-key`, `gemini-api-key` or `openai-compatibility`",
    fits: |root| SECTIONS.iter().any(|row| root.get(row.key).is_some()),
    convert,
};

/// Where the original listens unless its file says otherwise.
const USUAL: (&str, &str) = ("0.0.0.0", "8317");
/// Fewest characters of a key that opens the admin API here.
const SHORTEST_ADMIN_KEY: usize = 16;

fn convert(root: &Node, reading: &mut Reading<'_>) -> Option<Node> {
    let program = Program::of(root);
    let mut top = Section::of(root, "", reading);
    let mut out = Table::at(root.span);

    let listen = listen(&mut top, reading)?;
    out.put("server", server(&listen, &mut top, reading));
    out.put_some("access", access(&listen, &mut top, reading));
    out.put_some("proxy", proxy(&mut top, reading));
    let providers = providers::providers(root, program, &mut top, reading);
    out.put_some("providers", providers.node);
    out.put_some("strategy", strategy(&mut top, reading));
    pace::pace(program, providers.keys, &mut top, &mut out, reading);
    if let Some(section) = top.section("payload", reading) {
        out.put_some("rules", payload::rules(section, reading));
    }
    out.put_some("log", log(&mut top, reading));

    for (key, why) in words::MEANINGLESS {
        top.meaningless(key, why, reading);
    }
    top.close(reading);
    Some(out.node())
}

/// The address, which variables override.
fn listen(top: &mut Section<'_>, reading: &mut Reading<'_>) -> Option<Listen> {
    let host = top.text("host", reading);
    let port = common::port(top, reading);
    let span = host.or(port).map_or(top.span, |text| text.span);
    let (mut own_host, mut own_port) = (
        host.map_or(USUAL.0, |host| host.text).to_owned(),
        port.map_or(USUAL.1, |port| port.text).to_owned(),
    );
    for (name, value) in [("AI_PROXY_HOST", &mut own_host), ("AI_PROXY_PORT", &mut own_port)] {
        if let Some(set) = (reading.around.env)(name).filter(|set| !set.trim().is_empty()) {
            *value = set.trim().to_owned();
            reading.note(span, "", format!("the variable `{name}` overrides where the file listens"));
        }
    }
    if own_port.parse::<u16>().is_err() && !own_port.contains('$') {
        let message = "`AI_PROXY_PORT` must be a number from 0 to 65535".to_owned();
        reading.findings.report(span, "port", message, None);
        return None;
    }
    let host = common::host(&own_host);
    let is_local = common::is_local(&host);
    Some(Listen { address: referring(span, format!("{host}:{own_port}")), is_local })
}

fn server(listen: &Listen, top: &mut Section<'_>, reading: &mut Reading<'_>) -> Node {
    let mut server = Table::at(listen.address.span);
    server.put("listen", listen.address.clone());
    if let Some(mut tls) = top.section("tls", reading) {
        let is_on = tls.truth("enable", reading).unwrap_or(false);
        let (cert, key) = (tls.text("cert", reading), tls.text("key", reading));
        if is_on {
            let mut own = Table::at(tls.span);
            own.put_some("cert", cert.map(|cert| literal(cert.span, cert.text)));
            own.put_some("key", key.map(|key| literal(key.span, key.text)));
            server.put("tls", own.node());
        }
        tls.close(reading);
    }
    if let Some((size, span)) = top.number("body-limit-mb", reading).filter(|(size, _)| *size > 0) {
        server.put("max_body", written(span, format!("{size}MiB")));
        if size > 512 {
            let comment = "Room for two of the largest bodies: one alone could never get in.";
            let budget = written(span, format!("{}MiB", size.saturating_mul(2)));
            server.put_chosen("body_budget", budget, comment);
        }
    }
    if let Some(mut streaming) = top.section("streaming", reading) {
        if let Some((seconds, span)) = streaming.number("keepalive-seconds", reading) {
            let text = if seconds > 0 { format!("{seconds}s") } else { "off".to_owned() };
            server.put("keep_alive", written(span, text));
        }
        let why = "a stream is tried as often as any other request until its answer has begun";
        streaming.meaningless("bootstrap-retries", why, reading);
        streaming.close(reading);
    }
    server.node()
}

fn access(listen: &Listen, top: &mut Section<'_>, reading: &mut Reading<'_>) -> Option<Node> {
    let mut access = Table::at(top.span);
    let mut keys = Vec::new();
    let mut texts = Vec::new();
    for (path, item) in top.items("api-keys", reading) {
        let Some(key) = text(item, &path, reading).filter(|key| !key.text.is_empty()) else { continue };
        if texts.contains(&key.text) {
            reading.note(key.span, &path, "is there twice, and is left out");
            continue;
        }
        texts.push(key.text);
        let mut client = Table::at(top.span);
        client.put("name", written(top.span, format!("client-{}", keys.len() + 1)));
        client.put("key", literal(key.span, key.text));
        keys.push(client.node());
    }
    if let Some(mut remote) = top.section("remote-management", reading) {
        if let Some(key) = remote.text("secret-key", reading).filter(|key| !key.text.is_empty()) {
            let is_hash = key.text.starts_with("$2");
            let is_long = key.text.chars().count() >= SHORTEST_ADMIN_KEY;
            let path = remote.at("secret-key");
            match (is_hash, is_long && !texts.contains(&key.text)) {
                (true, _) => {
                    reading.note(key.span, &path, "is a hash: write the key itself as `access.admin_key`");
                }
                (false, true) => access.put("admin_key", literal(key.span, key.text)),
                (false, false) => reading.note(
                    key.span,
                    &path,
                    "does not open the admin API: that takes a key of 16 characters or more that no client has",
                ),
            }
        }
        for (key, why) in words::REMOTE {
            remote.meaningless(key, why, reading);
        }
        remote.close(reading);
    }
    if !keys.is_empty() {
        access.put("keys", list(top.span, keys));
    } else if !listen.is_local {
        let comment =
            "Without `api-keys` whoever reaches the address may call, as before; `keys` would ask for one.";
        access.put_chosen("open", written(top.span, "true"), comment);
    }
    access.some()
}

fn proxy(top: &mut Section<'_>, reading: &mut Reading<'_>) -> Option<Node> {
    let written = top.text("proxy-url", reading).filter(|proxy| !proxy.text.is_empty());
    written.map(|proxy| route(proxy.span, proxy.text))
}

/// A proxy as it is written here.
fn route(span: Span, url: &str) -> Node {
    if matches!(url, "direct" | "none") { literal(span, "direct") } else { literal(span, url) }
}

fn strategy(top: &mut Section<'_>, reading: &mut Reading<'_>) -> Option<Node> {
    let mut routing = top.section("routing", reading)?;
    let named = routing.text("strategy", reading);
    let is_sticky = routing.truth("session-affinity", reading).unwrap_or(false);
    for (key, why) in words::ROUTING {
        routing.meaningless(key, why, reading);
    }
    let path = routing.at("strategy");
    routing.close(reading);
    let own = named.map(|named| match STRATEGIES.iter().find(|(name, _)| *name == named.text) {
        Some((_, own)) => Some(literal(named.span, own)),
        None => {
            reading.findings.may_quote(named.span);
            let known: Vec<&str> = STRATEGIES.iter().map(|(name, _)| *name).collect();
            let message = format!("`{path}` must be one of {}", known.join(", "));
            reading.findings.report(named.span, &path, message, None);
            None
        }
    });
    match (is_sticky, own.flatten()) {
        (true, own) => Some(literal(own.map_or(top.span, |own| own.span), "cache_affinity")),
        (false, own) => own,
    }
}

fn log(top: &mut Section<'_>, reading: &mut Reading<'_>) -> Option<Node> {
    const VARIABLE: &str = "AI_PROXY_LOG_LEVEL";
    let mut own = Table::at(top.span);
    let is_debug = top.truth("debug", reading).unwrap_or(false);
    match (reading.around.env)(VARIABLE).filter(|level| !level.trim().is_empty()) {
        Some(level) => {
            reading.note(top.span, "", format!("the variable `{VARIABLE}` overrides how much is logged"));
            own.put("level", written(top.span, level.trim().to_ascii_lowercase()));
        }
        None if is_debug => own.put("level", written(top.span, "debug")),
        None => {}
    }
    own.some()
}
