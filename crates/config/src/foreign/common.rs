//! What several forms have: a host beside a port, a place that is known by its URL, names that are still free.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv6Addr};

use super::section::{Section, Text};
use super::table::{Table, list, referring, written};
use crate::reading::Reading;
use crate::tree::Node;

/// The kind of a place that speaks OpenAI's dialect and of which nothing else is known.
const ANY_KIND: &str = "openai-compatible";

/// Where a file of another gateway has it listen.
pub(crate) struct Listen {
    /// As `server.listen` says it.
    pub(crate) address: Node,
    /// Whether only programs of the same machine reach it.
    pub(crate) is_local: bool,
}

impl Listen {
    /// At the `host` and `port` of a section, or at the usual ones.
    pub(crate) fn of(server: &mut Section<'_>, usual: (&str, u16), reading: &mut Reading<'_>) -> Self {
        let written = server.text("host", reading);
        let port = port(server, reading);
        let span = written.or(port).map_or(server.span, |text| text.span);
        let host = host(written.map_or(usual.0, |host| host.text));
        let port = port.map_or_else(|| usual.1.to_string(), |port| port.text.to_owned());
        Self { address: referring(span, format!("{host}:{port}")), is_local: is_local(&host) }
    }

    /// Says who may call: those who show the key, and without one everybody, as before.
    pub(crate) fn access(&self, key: Option<Node>, out: &mut Table) {
        let span = self.address.span;
        let mut access = Table::at(span);
        match key {
            Some(key) => {
                let mut client = Table::at(span);
                client.put("name", written(span, "client"));
                client.put("key", key);
                access.put("keys", list(span, vec![client.node()]));
                out.put("access", access.node());
            }
            None if self.is_local => {}
            None => {
                access.put("open", written(span, "true"));
                let comment = "Whoever reaches the address may call, as before; `keys` would ask for one.";
                out.put_chosen("access", access.node(), comment);
            }
        }
    }
}

/// A host as an address has it.
pub(crate) fn host(written: &str) -> String {
    match written {
        "localhost" => "127.0.0.1".to_owned(),
        "" | "*" => "0.0.0.0".to_owned(),
        host if host.parse::<Ipv6Addr>().is_ok() => format!("[{host}]"),
        host => host.to_owned(),
    }
}

/// Whether only programs of the same machine reach that host.
pub(crate) fn is_local(host: &str) -> bool {
    host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The port of a section, a number or a reference to a variable.
pub(crate) fn port<'n>(section: &mut Section<'n>, reading: &mut Reading<'_>) -> Option<Text<'n>> {
    let port = section.text("port", reading)?;
    let is_port = port.text.contains('$') || port.text.parse::<u16>().is_ok();
    if is_port {
        return Some(port);
    }
    let path = section.at("port");
    let message = format!("`{path}` must be a number from 0 to 65535");
    reading.findings.report(port.span, &path, message, None);
    None
}

/// The kind of what is at a URL.
pub(crate) fn kind_at(url: &str) -> &'static str {
    lockgate_provider::kind_at(url).map_or(ANY_KIND, |kind| kind.name())
}

/// Names, each once.
#[derive(Default)]
pub(crate) struct Names(HashSet<String>);

impl Names {
    /// Keeps a name from being given to anybody.
    pub(crate) fn take(&mut self, name: &str) {
        self.0.insert(name.to_owned());
    }

    /// A name that is free and that a provider may have, as near to the wished one as can be.
    pub(crate) fn free(&mut self, wished: &str) -> String {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let name: String = wished.chars().take(56).map(|c| if fits(c) { c } else { '-' }).collect();
        let name = match name.trim_matches('-') {
            "" => "provider",
            name => name,
        };
        self.once(name)
    }

    /// The wished name, with a number behind it if it is taken.
    pub(crate) fn once(&mut self, wished: &str) -> String {
        let numbered = (2_u32..).map(|number| format!("{wished}-{number}"));
        let mut names = std::iter::once(wished.to_owned()).chain(numbered);
        let free = names.find(|name| !self.0.contains(name)).unwrap_or_default();
        self.0.insert(free.clone());
        free
    }
}
