//! What the parts of a config mean together: all errors of meaning at once.
//!
//! It runs on the parts whose shape is right. Whether something is there at all is asked of the tree,
//! so that a part that was left out for another error is not reported as missing.

mod access;
mod alerts;
mod cloak;
mod log;
mod models;
mod money;
mod rules;
mod server;
mod telemetry;

use std::collections::HashMap;

use lockgate_protocol::dialects::{DIALECTS, UPSTREAM_ONLY};

use crate::check::shown_key;
use crate::finding::Findings;
use crate::span::Span;
use crate::text;
use crate::tree::{Entry, Kind, Node, quotable};
use crate::{Auth, Config, Credential, Provider, Route, Secret, Served, Tls, WireApi};

/// Whether providers of a kind have no URL of their own and the config must give one.
pub(crate) fn needs_base_url(kind: &str) -> bool {
    lockgate_provider::find(kind).is_some_and(|kind| kind.needs_base_url())
}

/// Reports what does not make sense.
pub(crate) fn validate(config: &Config, root: &Node, findings: &mut Findings) {
    let entries = |section: &str| root.get(section).map_or(&[][..], Node::entries).iter();
    let by_name = |section: &str| entries(section).map(|entry| (entry.key.as_str(), entry)).collect();
    let mut validator =
        Validator { root, providers: by_name("providers"), models: by_name("models"), findings };
    validator.server(config);
    validator.access(config);
    validator.telemetry(config);
    validator.alerts(config);
    validator.proxy(config.proxy.as_ref(), root.get("proxy"), "proxy");
    validator.cloak(config.cloak.as_ref(), root.get("cloak"), "cloak");
    for (name, provider) in &config.providers {
        validator.provider(name, provider);
    }
    validator.log(&config.log, root.get("log"));
    rules::validate(&mut validator, &config.rules);
    validator.models(config);
    validator.money(config);
}

/// What a provider or a credential says of the models it is asked for.
struct Offer<'o> {
    models: &'o [Served],
    exclude: &'o [String],
    prefix: Option<&'o str>,
    /// True if it is only to be called with a prefix and nobody gave it one.
    lacks_prefix: bool,
}

struct Validator<'a> {
    root: &'a Node,
    providers: HashMap<&'a str, &'a Entry>,
    models: HashMap<&'a str, &'a Entry>,
    findings: &'a mut Findings,
}

impl<'a> Validator<'a> {
    fn provider(&mut self, name: &str, provider: &Provider) {
        let Some(entry) = self.providers.get(name).copied() else { return };
        let path = format!("providers.{}", quotable(name));
        let node = &entry.value;
        if let Some(fault) = text::provider_name_fault(name) {
            let message = format!("provider name `{}` {fault}", quotable(name));
            self.findings.report(entry.key_span, &path, message, None);
        }

        let kinds = lockgate_provider::kinds();
        if !kinds.contains(&provider.kind.as_str()) {
            let at = node.get("kind");
            let hint = match self
                .findings
                .nearest(&provider.kind, kinds.iter().copied())
                .filter(|_| !is_interpolated(at))
            {
                Some(kind) => format!("did you mean `{kind}`?"),
                None => format!("the kinds are {}", kinds.join(", ")),
            };
            let message = format!("unknown provider kind {}", shown(at, &provider.kind));
            self.report(at, &format!("{path}.kind"), &message, Some(hint));
        }

        let base_url = node.get("base_url");
        match &provider.base_url {
            Some(url) => {
                if let Some(fault) = text::base_url_fault(url) {
                    // A URL with a password in it is also a URL that must not be shown.
                    if let Some(node) = base_url.filter(|_| url.contains('@') || url.contains('?')) {
                        self.findings.must_not_quote(node.span);
                    }
                    let path = format!("{path}.base_url");
                    self.report(base_url, &path, &format!("`{path}` {fault}"), None);
                }
            }
            None if base_url.is_none() && needs_base_url(&provider.kind) => {
                let message = format!("a provider of kind `{}` needs a `base_url`", provider.kind);
                self.findings.report(entry.key_span, &path, message, None);
            }
            None => {}
        }

        self.dialects(&provider.speaks, node.get("speaks"), &format!("{path}.speaks"));
        self.one_dialect(provider.wire_api, &provider.speaks, Some(node), &path);
        let offer = Offer {
            models: &provider.models,
            exclude: &provider.exclude,
            prefix: provider.prefix.as_deref(),
            lacks_prefix: provider.force_prefix && provider.prefix.is_none(),
        };
        self.offer(&offer, Some(node), &path);

        if let Some(version) = &provider.api_version
            && !text::is_version(version)
        {
            let path = format!("{path}.api_version");
            let message = format!("`{path}` must be a version such as `2024-10-21`");
            self.report(node.get("api_version"), &path, &message, None);
        }
        if let Some(key) = &provider.api_key {
            self.secret(key, node.get("api_key"), &format!("{path}.api_key"));
            self.one_proof(provider.auth.is_some(), node.get("auth"), &path);
            if let Some(credentials) = node.get("credentials").filter(|list| !list.is_empty()) {
                self.findings.report(
                    credentials.span,
                    &format!("{path}.credentials"),
                    format!("`{path}` has both `api_key` and `credentials`"),
                    Some("make the key one of the credentials".to_owned()),
                );
            }
        }
        self.auth(provider.auth.as_ref(), node.get("auth"), &format!("{path}.auth"));
        self.headers(&provider.headers, node.get("headers"), &format!("{path}.headers"));
        self.proxy(provider.proxy.as_ref(), node.get("proxy"), &format!("{path}.proxy"));
        if let Some(tls) = &provider.tls {
            self.tls(tls, node.get("tls"), &format!("{path}.tls"));
        }
        self.cloak(provider.cloak.as_ref(), node.get("cloak"), &format!("{path}.cloak"));
        for (index, credential) in provider.credentials.iter().enumerate() {
            self.credential(
                credential,
                provider.prefix.is_some(),
                item(node.get("credentials"), index),
                &format!("{path}.credentials[{index}]"),
            );
        }
    }

    /// Reports an `auth` beside an `api_key`.
    fn one_proof(&mut self, has_auth: bool, auth: Option<&Node>, path: &str) {
        if has_auth {
            let message = format!("`{path}` has both `api_key` and `auth`");
            let hint = Some("keep the one that proves who asks".to_owned());
            self.report(auth, &format!("{path}.auth"), &message, hint);
        }
    }

    fn credential(&mut self, credential: &Credential, has_prefix: bool, node: Option<&Node>, path: &str) {
        if let Some(key) = &credential.api_key {
            self.secret(key, field(node, "api_key"), &format!("{path}.api_key"));
            self.one_proof(credential.auth.is_some(), field(node, "auth"), path);
        }
        self.auth(credential.auth.as_ref(), field(node, "auth"), &format!("{path}.auth"));
        self.headers(&credential.headers, field(node, "headers"), &format!("{path}.headers"));
        self.proxy(credential.proxy.as_ref(), field(node, "proxy"), &format!("{path}.proxy"));
        self.cloak(credential.cloak.as_ref(), field(node, "cloak"), &format!("{path}.cloak"));
        self.dialects(&credential.speaks, field(node, "speaks"), &format!("{path}.speaks"));
        self.one_dialect(credential.wire_api, &credential.speaks, node, path);
        let offer = Offer {
            models: &credential.models,
            exclude: &credential.exclude,
            prefix: credential.prefix.as_deref(),
            lacks_prefix: credential.force_prefix && credential.prefix.is_none() && !has_prefix,
        };
        self.offer(&offer, node, path);
        if let Some(fault) = credential.check_model.as_deref().and_then(text::model_name_fault) {
            let path = format!("{path}.check_model");
            self.report(field(node, "check_model"), &path, &format!("`{path}` {fault}"), None);
        }
        if credential.name.as_deref() == Some("") {
            self.report(
                field(node, "name"),
                &format!("{path}.name"),
                &format!("`{path}.name` is empty"),
                None,
            );
        }
    }

    /// Reports a `wire_api` beside `speaks`.
    fn one_dialect(&mut self, api: Option<WireApi>, speaks: &[String], node: Option<&Node>, path: &str) {
        if api.is_some() && !speaks.is_empty() {
            let message = format!("`{path}` has both `wire_api` and `speaks`, which say the same");
            let hint = Some("keep `speaks`".to_owned());
            self.report(field(node, "speaks"), &format!("{path}.speaks"), &message, hint);
        }
    }

    /// Reports names of models that are none, and a prefix that is none.
    fn offer(&mut self, offer: &Offer<'_>, node: Option<&Node>, path: &str) {
        for (index, served) in offer.models.iter().enumerate() {
            let path = format!("{path}.models[{index}]");
            let name = if served.alias.is_some() { text::model_name_fault } else { text::model_glob_fault };
            let faults = [
                ("name", name(&served.name)),
                ("alias", served.alias.as_deref().and_then(text::model_name_fault)),
            ];
            for (key, fault) in faults {
                let Some(fault) = fault else { continue };
                let at = item(field(node, "models"), index);
                let path = if served.alias.is_some() { format!("{path}.{key}") } else { path.clone() };
                self.report(at, &path, &format!("`{path}` {fault}"), None);
            }
        }
        self.globs(offer.exclude, field(node, "exclude"), &format!("{path}.exclude"));
        let path = format!("{path}.prefix");
        let at = field(node, "prefix");
        match offer.prefix {
            Some(prefix) if text::provider_name_fault(prefix).is_some() => {
                let fault = text::provider_name_fault(prefix).unwrap_or_default();
                self.report(at, &path, &format!("`{path}` {fault}"), None);
            }
            Some(prefix) if self.providers.contains_key(prefix) => {
                let message =
                    format!("`{path}` is the name of a provider, whose models `{prefix}/...` means already");
                self.report(at, &path, &message, Some("take another prefix".to_owned()));
            }
            None if offer.lacks_prefix && at.is_none() => {
                let message = "`force_prefix` is set, but there is no `prefix`";
                self.report(field(node, "force_prefix"), &path, message, None);
            }
            _ => {}
        }
    }

    // === rules that hold in several places ===

    fn secret(&mut self, secret: &Secret, node: Option<&Node>, path: &str) {
        if let Some(fault) = text::secret_fault(secret.expose()) {
            self.report(node, path, &format!("`{path}` {fault}"), None);
        }
    }

    /// What is secret in an `auth` is shown or signed with as it is written, so that a stray line break costs a refusal.
    fn auth(&mut self, auth: Option<&Auth>, node: Option<&Node>, path: &str) {
        let Some(auth) = auth else { return };
        let secrets = [
            ("client_secret", &auth.client_secret),
            ("secret_access_key", &auth.secret_access_key),
            ("session_token", &auth.session_token),
        ];
        for (name, secret) in secrets {
            if let Some(secret) = secret {
                self.secret(secret, field(node, name), &format!("{path}.{name}"));
            }
        }
    }

    fn headers(&mut self, headers: &indexmap::IndexMap<String, Secret>, node: Option<&Node>, path: &str) {
        for (name, value) in headers {
            let entry = node.and_then(|node| node.entry(name));
            let shown = shown_key(name, true);
            let path = format!("{path}.{shown}");
            if let Some(fault) = lockgate_provider::header_fault(name, value.expose()) {
                let span = entry.map_or(Span::default(), |entry| entry.key_span);
                self.findings.report(span, &path, format!("header `{shown}` {fault}"), None);
            }
        }
    }

    fn proxy(&mut self, proxy: Option<&Secret>, node: Option<&Node>, path: &str) {
        if let Some(Err(fault)) = proxy.map(|proxy| Route::parse(proxy.expose())) {
            self.report(node, path, &format!("`{path}` {fault}"), None);
        }
    }

    fn tls(&mut self, tls: &Tls, node: Option<&Node>, path: &str) {
        let pair = [("cert_file", &tls.cert_file, "key_file"), ("key_file", &tls.key_file, "cert_file")];
        for (key, file, other) in pair {
            if file.is_some() && field(node, other).is_none() {
                let message = format!("`{path}.{key}` is written without `{other}`");
                let hint =
                    Some("a certificate and its key are shown together: write both or neither".to_owned());
                self.report(field(node, key), &format!("{path}.{key}"), &message, hint);
            }
        }
        let files = [("ca_file", &tls.ca_file), ("cert_file", &tls.cert_file), ("key_file", &tls.key_file)];
        for (key, file) in files.into_iter().chain([("server_name", &tls.server_name)]) {
            if file.as_deref() == Some("") {
                let path = format!("{path}.{key}");
                self.report(field(node, key), &path, &format!("`{path}` is empty"), None);
            }
        }
    }

    /// Reports names that are no dialect's.
    fn dialects(&mut self, names: &[String], node: Option<&Node>, path: &str) {
        let known = || DIALECTS.iter().chain(UPSTREAM_ONLY).map(|dialect| dialect.name());
        for (index, name) in names.iter().enumerate().filter(|(_, name)| !known().any(|known| known == *name))
        {
            let hint = match self.findings.nearest(name, known()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the dialects are {}", known().collect::<Vec<_>>().join(", ")),
            };
            let at = item(node, index);
            let message = format!("unknown dialect {}", shown(at, name));
            self.report(at, &format!("{path}[{index}]"), &message, Some(hint));
        }
    }

    fn globs(&mut self, globs: &[String], node: Option<&Node>, path: &str) {
        for (index, glob) in globs.iter().enumerate() {
            if let Some(fault) = text::model_glob_fault(glob) {
                let at = item(node, index);
                let path = format!("{path}[{index}]");
                self.report(at, &path, &format!("`{path}` {fault}"), None);
            }
        }
    }

    fn report(&mut self, node: Option<&Node>, path: &str, message: &str, hint: Option<String>) {
        let span = node.map_or(Span::default(), |node| node.span);
        self.findings.report(span, path, message.to_owned(), hint);
    }
}

fn item(list: Option<&Node>, index: usize) -> Option<&Node> {
    list.and_then(|list| list.items().get(index))
}

fn field<'n>(node: Option<&'n Node>, key: &str) -> Option<&'n Node> {
    node.and_then(|node| node.get(key))
}

/// A value as a message may carry it.
fn shown(node: Option<&Node>, text: &str) -> String {
    if is_interpolated(node) { "`<redacted>`".to_owned() } else { format!("`{}`", quotable(text)) }
}

fn is_interpolated(node: Option<&Node>) -> bool {
    matches!(node, Some(Node { kind: Kind::Scalar(scalar), .. }) if scalar.interpolated)
}
