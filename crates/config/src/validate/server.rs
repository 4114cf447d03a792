//! What does not make sense about where is listened and what is accepted.

use std::path::Path;

use super::{Validator, field, item};
use crate::text;
use crate::tree::{Kind, Node};
use crate::{Address, ClientAuth, Config, Cors, Listener, ListenerTls, ServerTls};

/// Every page there is, among the origins.
const ANY: &str = "*";

impl<'a> Validator<'a> {
    pub(super) fn server(&mut self, config: &Config) {
        let server = self.root.get("server");
        let (budget, body) = (config.server.body_budget, config.server.max_body);
        if budget.as_u64() / 2 < body.as_u64() {
            let node = field(server, "body_budget").or_else(|| field(server, "max_body"));
            let message = format!(
                "`server.body_budget` ({budget}) is less than twice `server.max_body` ({body}), so that not every \
                 body would ever get in"
            );
            let hint = "raise the one or lower the other".to_owned();
            self.report(node, "server.body_budget", &message, Some(hint));
        }
        if config.server.listen.is_empty() {
            let message = "`server.listen` is empty, so that nobody could reach the gateway";
            let hint = Some("write an address, or remove the line to listen on 127.0.0.1:8317".to_owned());
            self.report(field(server, "listen"), "server.listen", message, hint);
        }
        let listeners = &config.server.listen;
        for (index, listener) in listeners.iter().enumerate() {
            self.listener(listener, index);
            // Port 0 is another one each time.
            let is_any = listener.address.ip().is_some_and(|address| address.port() == 0);
            let before = || listeners[..index].iter().any(|before| before.address == listener.address);
            if !is_any && before() {
                let (node, path) = self.listener_place(index);
                let message = format!("`{path}` is an address that is listened on already");
                self.report(node, &path, &message, None);
            }
        }
        if let Some(tls) = &config.server.tls {
            self.server_tls(tls, field(server, "tls"), "server.tls");
        }
        if let Some(cors) = &config.server.cors {
            self.cors(cors, config, field(server, "cors"));
        }
    }

    /// Where the address of a listener is written, and its path.
    pub(super) fn listener_place(&self, index: usize) -> (Option<&'a Node>, String) {
        let mut node = field(self.root.get("server"), "listen");
        let mut path = "server.listen".to_owned();
        if matches!(node, Some(Node { kind: Kind::Sequence(_), .. })) {
            node = item(node, index);
            path = format!("{path}[{index}]");
        }
        match field(node, "address") {
            Some(address) => (Some(address), format!("{path}.address")),
            None => (node, path),
        }
    }

    fn listener(&mut self, listener: &Listener, index: usize) {
        let (_, path) = self.listener_place(index);
        let path = path.strip_suffix(".address").unwrap_or(&path);
        let listen = field(self.root.get("server"), "listen");
        let node = item(listen, index).or(listen);
        if let ListenerTls::Own(tls) = &listener.tls {
            self.server_tls(tls, field(node, "tls"), &format!("{path}.tls"));
        }
        let (key, what) = match (&listener.address, &listener.tls, listener.mode) {
            (Address::Unix(_), ListenerTls::Own(_), _) => {
                ("tls", "is not done on a socket in the file system, whose permissions say who may connect")
            }
            (Address::Ip(_), _, Some(_)) => ("mode", "is for a socket in the file system (`unix:`)"),
            _ => return,
        };
        self.report(
            field(node, key),
            &format!("{path}.{key}"),
            &format!("`{path}.{key}` {what}"),
            Some("remove it".to_owned()),
        );
    }

    fn server_tls(&mut self, tls: &ServerTls, node: Option<&Node>, path: &str) {
        let files =
            [("cert", Some(&tls.cert)), ("key", Some(&tls.key)), ("client_ca", tls.client_ca.as_ref())];
        for (key, _) in files.into_iter().filter(|(_, file)| file.is_some_and(|file| *file == Path::new("")))
        {
            let path = format!("{path}.{key}");
            self.report(field(node, key), &path, &format!("`{path}` is empty"), None);
        }
        let auth = field(node, "client_auth");
        if tls.client_ca.is_none() && (auth.is_some() || tls.client_auth != ClientAuth::default()) {
            let path = format!("{path}.client_auth");
            let message = format!("`{path}` is written without `client_ca`");
            let hint = Some("name the authorities whose certificates clients show".to_owned());
            self.report(auth, &path, &message, hint);
        }
    }

    fn cors(&mut self, cors: &Cors, config: &Config, node: Option<&Node>) {
        let (origins, path) = (field(node, "origins"), "server.cors.origins");
        if cors.origins.is_empty() {
            let hint = Some("list the pages' origins, or remove `cors`".to_owned());
            self.report(origins, path, "`server.cors.origins` is empty, so that no page could call", hint);
        }
        for (index, origin) in cors.origins.iter().enumerate() {
            let at = item(origins, index);
            let path = format!("{path}[{index}]");
            let keys = self.root.get("access").and_then(|access| access.get("keys"));
            let (what, hint) = if origin != ANY {
                let Some(fault) = text::origin_fault(origin) else { continue };
                (fault, "write it as browsers do, such as `https://app.example` or `http://localhost:3000`")
            } else if cors.credentials {
                ("cannot be `*` where `credentials` are sent along", "list the origins")
            } else if keys.is_none_or(Node::is_empty) && config.access.keys.is_empty() {
                (
                    "cannot be `*` without `access.keys`: any web page could use the gateway",
                    "list the origins",
                )
            } else {
                continue;
            };
            self.report(at, &path, &format!("`{path}` {what}"), Some(hint.to_owned()));
        }
        for (index, name) in cors.headers.iter().enumerate() {
            if http::HeaderName::from_bytes(name.as_bytes()).is_err() || name == ANY {
                let path = format!("server.cors.headers[{index}]");
                let hint = Some("without the list, pages may send the headers that they ask for".to_owned());
                let message = format!("`{path}` is not the name of a header");
                self.report(item(field(node, "headers"), index), &path, &message, hint);
            }
        }
    }
}
