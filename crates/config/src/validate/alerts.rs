//! What does not make sense about who is told of alerts.

use std::collections::HashMap;

use lockgate_alerts::Form;

use super::{Validator, field, item};
use crate::tree::Node;
use crate::{Config, Mailbox, Receiver, text};

/// The word that mailboxes stand under.
const EMAIL: &str = "email";

impl Validator<'_> {
    pub(super) fn alerts(&mut self, config: &Config) {
        let alerts = self.root.get("alerts");
        let rate = field(alerts, "error_rate");
        if config.alerts.error_rate.share <= 0.0 && rate.is_some() {
            let path = "alerts.error_rate.share";
            self.report(
                field(rate, "share"),
                path,
                &format!("`{path}` is nothing, which is reached always"),
                None,
            );
        }
        let mut named = HashMap::new();
        for (form, receivers) in config.alerts.receivers() {
            let written = field(alerts, form.name());
            for (index, receiver) in receivers.iter().enumerate() {
                let (node, path) = place(written, form.name(), index);
                self.receiver(form, receiver, node, &path);
                self.name(receiver.name.as_deref(), node, &path, &mut named);
            }
        }
        for (index, mailbox) in config.alerts.email.iter().enumerate() {
            let (node, path) = place(field(alerts, EMAIL), EMAIL, index);
            self.mailbox(mailbox, node, &path);
            self.name(mailbox.name.as_deref(), node, &path, &mut named);
        }
    }

    fn receiver(&mut self, form: Form, receiver: &Receiver, node: Option<&Node>, path: &str) {
        let url = field(node, "url");
        if let Some(fault) = text::receiver_fault(receiver.url.expose()) {
            let at = if url.is_some() { format!("{path}.url") } else { path.to_owned() };
            self.report(url.or(node), &at, &format!("`{at}` {fault}"), None);
        }
        if let Some(secret) = &receiver.secret {
            let path = format!("{path}.secret");
            self.secret(secret, field(node, "secret"), &path);
            if !form.signs() {
                let message =
                    format!("`{path}` is for receivers that check signatures, and `{form}` does not");
                self.report(field(node, "secret"), &path, &message, Some("leave it out".to_owned()));
            }
        }
        self.headers(&receiver.headers, field(node, "headers"), &format!("{path}.headers"));
        self.proxy(receiver.proxy.as_ref(), field(node, "proxy"), &format!("{path}.proxy"));
        self.filled(receiver.ca_file.as_deref(), node, path, "ca_file");
    }

    fn mailbox(&mut self, mailbox: &Mailbox, node: Option<&Node>, path: &str) {
        if let Some(fault) = text::mail_server_fault(&mailbox.smtp) {
            let path = format!("{path}.smtp");
            self.report(field(node, "smtp"), &path, &format!("`{path}` {fault}"), None);
        }
        let pair =
            [("user", mailbox.user.is_some(), "password"), ("password", mailbox.password.is_some(), "user")];
        for (key, is_there, other) in pair {
            if is_there && field(node, other).is_none() {
                let path = format!("{path}.{key}");
                let message = format!("`{path}` is written without `{other}`");
                self.report(field(node, key), &path, &message, None);
            }
        }
        if let Some(password) = &mailbox.password
            && password.expose().is_empty()
        {
            let path = format!("{path}.password");
            self.report(field(node, "password"), &path, &format!("`{path}` is empty"), None);
        }
        self.filled(Some(&mailbox.from), node, path, "from");
        self.filled(mailbox.ca_file.as_deref(), node, path, "ca_file");
        if mailbox.to.is_empty() && field(node, "to").is_some_and(Node::is_empty) {
            let path = format!("{path}.to");
            let message = format!("`{path}` is empty: nobody would get the mail");
            self.report(field(node, "to"), &path, &message, None);
        }
        for (index, to) in mailbox.to.iter().enumerate().filter(|(_, to)| !to.contains('@')) {
            let path = format!("{path}.to[{index}]");
            let shown = super::shown(item(field(node, "to"), index), to);
            let message = format!("`{path}` is {shown}, which is no mail address");
            self.report(item(field(node, "to"), index), &path, &message, None);
        }
    }

    /// Reports a text that is there and empty.
    fn filled(&mut self, text: Option<&str>, node: Option<&Node>, path: &str, key: &str) {
        if text == Some("") {
            let path = format!("{path}.{key}");
            self.report(field(node, key), &path, &format!("`{path}` is empty"), None);
        }
    }

    /// Reports a name that is not one, or somebody else's.
    fn name<'n>(
        &mut self,
        name: Option<&'n str>,
        node: Option<&Node>,
        path: &str,
        named: &mut HashMap<&'n str, String>,
    ) {
        let Some(name) = name else { return };
        let path = format!("{path}.name");
        self.filled(Some(name), node, path.trim_end_matches(".name"), "name");
        if let Some(first) = named.get(name).filter(|_| !name.is_empty()) {
            let message = format!("`{path}` is the same as `{first}`");
            self.report(field(node, "name"), &path, &message, None);
            return;
        }
        named.insert(name, path);
    }
}

/// Where the one with that number stands, and how its place is called.
fn place<'n>(written: Option<&'n Node>, word: &str, index: usize) -> (Option<&'n Node>, String) {
    match written.filter(|node| !node.items().is_empty()) {
        Some(_) => (item(written, index), format!("alerts.{word}[{index}]")),
        None => (written, format!("alerts.{word}")),
    }
}
