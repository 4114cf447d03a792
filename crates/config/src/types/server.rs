//! Where the gateway listens and what it accepts.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytesize::ByteSize;
use schemars::JsonSchema;
use serde::Deserialize;

use super::listen::{Listen, Listener, ListenerTls};
use super::server_tls::ServerTls;
use crate::units;

/// Requests under way at once, unless the file says otherwise: some hundred MiB of answers that stream.
const MOST_REQUESTS: NonZeroU32 = NonZeroU32::new(20_000).unwrap();

/// Where the gateway listens and what it accepts.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// Where to listen: an IP address and port, `unix:` and the path of a socket, a mapping with more about it, or a
    /// list of any of these. An address that others can reach needs `access.keys`.
    #[schemars(extend("default" = "127.0.0.1:8317"))]
    pub listen: Listen,
    /// TLS on every IP address that says nothing else of its own. Both HTTP/2 and HTTP/1.1 are offered.
    pub tls: Option<ServerTls>,
    /// Whether every connection begins with a PROXY protocol header (version 1 or 2), which says where the client is: for
    /// listeners that only a load balancer can reach, which adds it. Connections without one are closed.
    #[schemars(extend("default" = false))]
    pub proxy_protocol: bool,
    /// Which web pages may call the gateway from a browser; without it none.
    pub cors: Option<Cors>,
    /// The largest request body that is accepted.
    #[serde(deserialize_with = "units::size")]
    #[schemars(with = "units::Size", extend("default" = "64MiB"))]
    pub max_body: ByteSize,
    /// The most that the request bodies under way may take up together, from the declared length on to the last use of
    /// them: what does not fit is refused with a 503 and may be sent again soon. A body only gets in if it leaves as
    /// much room as it takes, so that large ones do not shut out small ones; at least twice `max_body`.
    #[serde(deserialize_with = "units::size")]
    #[schemars(with = "units::Size", extend("default" = "1GiB"))]
    pub body_budget: ByteSize,
    /// The most requests that may be under way at once: what comes beyond that is refused with a 503 before anything of it
    /// is looked at, and may be sent again soon. It leaves no record, but is counted in the metrics.
    #[schemars(extend("default" = 20000))]
    pub max_requests: NonZeroU32,
    /// How long running requests may still take after the gateway was told to stop.
    #[serde(deserialize_with = "units::duration")]
    #[schemars(with = "units::Time", extend("default" = "600s"))]
    pub drain: Duration,
    /// How often the client of a streamed answer is sent a sign of life while there is nothing else to send: a comment,
    /// in the dialects whose SDKs skip those. Once one was sent before the answer began, a failure is told inside the
    /// stream, since the status has left. `off` is never.
    #[serde(deserialize_with = "units::duration_or_off")]
    #[schemars(with = "units::TimeOrOff", extend("default" = "15s"))]
    pub keep_alive: Duration,
    /// How long a client may take nothing of its answer while there is something to send: then its connection is closed,
    /// or over HTTP/2 its stream, and the request to the provider with it. A client that reads slowly is not closed.
    /// `off` is never.
    #[serde(deserialize_with = "units::duration_or_off")]
    #[schemars(with = "units::TimeOrOff", extend("default" = "300s"))]
    pub write_stall: Duration,
    /// Who may read `/metrics`: `guarded` is whoever shows the admin key, and from this machine whoever may call without a
    /// key because `access.keys` has none; `open` is everybody who can reach the gateway; `off` is nobody.
    #[schemars(extend("default" = "guarded"))]
    pub metrics: MetricsAccess,
}

/// Who may read the metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MetricsAccess {
    /// The operator, and whoever may call without a key from this machine.
    #[default]
    Guarded,
    /// Everybody.
    Open,
    /// Nobody.
    Off,
}

/// Which web pages may call the gateway from a browser (CORS). The admin API is never among what they may call.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cors {
    /// The pages' origins as browsers write them, such as `https://app.example`; `*` is every page there is, and needs
    /// `access.keys`.
    pub origins: Vec<String>,
    /// The request headers that pages may send; empty are all that they ask for.
    #[serde(default)]
    pub headers: Vec<String>,
    /// Whether browsers may send cookies and the like along. The gateway reads none.
    #[serde(default)]
    #[schemars(extend("default" = false))]
    pub credentials: bool,
    /// How long a browser may remember what it was told.
    #[serde(default = "day", deserialize_with = "units::duration")]
    #[schemars(with = "units::Time", extend("default" = "24h"))]
    pub max_age: Duration,
}

// === impl Server ===

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: Listen::default(),
            tls: None,
            proxy_protocol: false,
            cors: None,
            max_body: ByteSize::mib(64),
            body_budget: ByteSize::gib(1),
            max_requests: MOST_REQUESTS,
            drain: Duration::from_secs(600),
            keep_alive: Duration::from_secs(15),
            write_stall: Duration::from_secs(300),
            metrics: MetricsAccess::Guarded,
        }
    }
}

impl Server {
    /// The TLS of one of the listeners, its own or that of all.
    #[must_use]
    pub fn tls_of<'s>(&'s self, listener: &'s Listener) -> Option<&'s ServerTls> {
        match &listener.tls {
            ListenerTls::Own(own) => Some(own),
            ListenerTls::Off => None,
            ListenerTls::Inherited => self.tls.as_ref().filter(|_| listener.address.ip().is_some()),
        }
    }

    /// Whether connections of one of the listeners begin with a PROXY protocol header.
    #[must_use]
    pub fn proxy_protocol_of(&self, listener: &Listener) -> bool {
        listener.proxy_protocol.unwrap_or(self.proxy_protocol)
    }

    /// The files that TLS is done with: certificates, keys and authorities.
    #[must_use]
    pub fn tls_files(&self) -> Vec<&Path> {
        let used = self.listen.iter().filter_map(|listener| self.tls_of(listener));
        let mut files: Vec<&Path> = used.flat_map(ServerTls::files).collect();
        files.sort_unstable();
        files.dedup();
        files
    }

    /// Has relative paths begin at `folder`, and those with `~` at `home`.
    pub(crate) fn begin_at(&mut self, folder: &Path, home: Option<&str>) {
        let begin_at = |path: &mut PathBuf| match (path.strip_prefix("~"), home) {
            // Without a home it is a folder of that name, as it is for everybody else.
            (Ok(rest), Some(home)) => *path = Path::new(home).join(rest),
            _ if path.as_os_str().is_empty() => {}
            _ => *path = folder.join(&*path),
        };
        let owns = self.listen.iter_mut().filter_map(|listener| match &mut listener.tls {
            ListenerTls::Own(own) => Some(own),
            ListenerTls::Off | ListenerTls::Inherited => None,
        });
        for tls in owns.chain(&mut self.tls) {
            let files = [Some(&mut tls.cert), Some(&mut tls.key), tls.client_ca.as_mut()];
            for file in files.into_iter().flatten() {
                begin_at(file);
            }
        }
        for path in self.listen.iter_mut().filter_map(|listener| listener.address.path_mut()) {
            begin_at(path);
        }
    }
}

// === impl ServerTls ===

impl ServerTls {
    fn files(&self) -> impl Iterator<Item = &Path> {
        [Some(&self.cert), Some(&self.key), self.client_ca.as_ref()]
            .into_iter()
            .flatten()
            .map(PathBuf::as_path)
    }
}

fn day() -> Duration {
    Duration::from_secs(24 * 60 * 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_paths_begin_at_the_config_file() {
        let text = "server:\n  listen: [\"unix:run/gate.sock\", { address: \"127.0.0.1:1\", tls: { cert: a.pem, key: /k.pem } }]\n  \
                    tls: { cert: ~/c.pem, key: k.pem, client_ca: ca.pem }\n";
        let mut server = crate::parse("test.yaml", text, &|_| None).unwrap().server;
        server.begin_at(Path::new("/etc/gate"), Some("/home/keeper"));
        let tls = server.tls.clone().unwrap();
        assert_eq!(
            tls.files().collect::<Vec<_>>(),
            ["/home/keeper/c.pem", "/etc/gate/k.pem", "/etc/gate/ca.pem"].map(Path::new)
        );
        assert_eq!(server.listen[0].address.to_string(), "unix:/etc/gate/run/gate.sock");
        // What nobody listens with is not among the files.
        assert_eq!(server.tls_files(), ["/etc/gate/a.pem", "/k.pem"].map(Path::new));
    }
}
