//! Asks the admin API of a running gateway.

mod table;

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use bytes::Bytes;
use clap::Args;
use http::{HeaderValue, Method, Request, Response, Uri, header, request::Builder};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use lockgate_config::{Config, Listener, Secret, Server};
use lockgate_gateway::admin::{AdminError, ErrorBody};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;

use super::{USAGE, config, env, failed, runtime};

pub(crate) use table::{Table, span, state};

/// The variable with the admin key, which wins over the config's.
const KEY_VARIABLE: &str = "LOCKGATE_ADMIN_KEY";
/// Longest time for an answer: longer than a test may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// Largest answer that is read.
const MAX_ANSWER: usize = 64 << 20;
/// What stands as it is in a path segment or a value of a query.
const AS_IT_IS: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Which gateway is asked.
#[derive(Args)]
pub(crate) struct Where {
    /// The config of the gateway: where it listens and its admin key; without one ./lockgate.yaml, else the usual variables.
    #[arg(long, env = "LOCKGATE_CONFIG", value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// Another address than the config's, e.g. http://127.0.0.1:8317; the variable LOCKGATE_ADMIN_KEY has its key.
    #[arg(long, global = true)]
    url: Option<Uri>,
    /// Print the API's JSON.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// A running gateway, as far as anybody knows.
pub(crate) struct Gateway {
    /// `http://host:port`.
    pub(crate) base: String,
    key: Option<Secret>,
}

/// Why there is no answer.
pub(crate) enum Failure {
    /// Nobody is there.
    Unreachable(String),
    /// The gateway says no.
    Refused(AdminError),
    /// What came is no answer of the admin API.
    Strange(String),
}

/// Runs `work` to its end.
pub(crate) fn run(work: impl Future<Output = Result<ExitCode, ExitCode>>) -> ExitCode {
    match runtime() {
        Ok(runtime) => runtime.block_on(work).unwrap_or_else(|code| code),
        Err(error) => failed(error),
    }
}

impl Where {
    /// The gateway, and its config unless it is named by its address: a key of a config goes where that config's gateway
    /// listens and nowhere else.
    pub(crate) fn find(&self) -> Result<(Gateway, Option<Config>), ExitCode> {
        let own = || env(KEY_VARIABLE).filter(|key| !key.is_empty()).map(Secret::new);
        let usage = |text: &dyn fmt::Display| {
            eprintln!("{text}");
            ExitCode::from(USAGE)
        };
        if let Some(url) = &self.url {
            let base = base(url).map_err(|text| usage(&format!("error: {text}")))?;
            return Ok((Gateway { base, key: own() }, None));
        }
        let found = config::find(self.config.as_deref()).map_err(|unfit| usage(&unfit))?;
        let config = found.config().clone();
        let listen = plain(&config.server).ok_or_else(|| {
            usage(&"error: the config's gateway has no listener that is asked without TLS and the PROXY protocol: name \
                    one with --url")
        })?;
        let base = format!("http://{}", near(listen));
        let key = own().or_else(|| config.access.admin_key.clone());
        Ok((Gateway { base, key }, Some(config)))
    }
}

impl Gateway {
    /// Asks for what is at `path`, which begins behind `/admin/v1/`.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: impl Into<Bytes>,
    ) -> Result<T, Failure> {
        let request = Request::builder().method(method).header(header::CONTENT_TYPE, "application/json");
        let asked = async {
            let answer = self.send(request, path, body.into()).await?;
            let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
            Ok(body.map_err(|error| strange(&error))?.to_bytes())
        };
        let body = in_time(asked).await?;
        serde_json::from_slice(&body).map_err(|error| strange(&error))
    }

    /// Asks for what goes on at `path`, behind the event of that id.
    pub(crate) async fn follow(&self, path: &str, last: Option<&str>) -> Result<Incoming, Failure> {
        let request = Request::builder().method(Method::GET).header(header::ACCEPT, "text/event-stream");
        let request = last.into_iter().fold(request, |request, last| request.header("last-event-id", last));
        in_time(self.send(request, path, Bytes::new())).await.map(Response::into_body)
    }

    /// Sends a request and returns the answer to it, unless it is a refusal.
    async fn send(&self, request: Builder, path: &str, body: Bytes) -> Result<Response<Incoming>, Failure> {
        let mut request = request
            .uri(format!("{}/admin/v1/{path}", self.base))
            .body(Full::new(body))
            .map_err(|error| strange(&error))?;
        if let Some(key) = &self.key {
            let shown = HeaderValue::from_str(&format!("Bearer {}", key.expose()));
            let mut shown =
                shown.map_err(|_| strange(&"the admin key has characters that no header can carry"))?;
            shown.set_sensitive(true);
            request.headers_mut().insert(header::AUTHORIZATION, shown);
        }
        let client = Client::builder(TokioExecutor::new()).build_http();
        let answer = client.request(request).await.map_err(|error| match error.is_connect() {
            true => Failure::Unreachable(format!("no gateway listens on {}", self.base)),
            false => strange(&error),
        })?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
        let body = body.map_err(|error| strange(&error))?.to_bytes();
        let body: ErrorBody = serde_json::from_slice(&body)
            .map_err(|_| strange(&format!("it answers {status}; is it a gateway of this version?")))?;
        Err(Failure::Refused(body.error))
    }

    /// Says why there is no answer and gives the exit code for it.
    pub(crate) fn failed(&self, failure: Failure) -> ExitCode {
        match failure {
            Failure::Unreachable(text) => {
                failed(format!("{text}: start it with `lockgate run`, or name it with --url"))
            }
            Failure::Refused(error) if error.code == "unauthorized" => {
                failed(format!("{error}; here: in the config or the variable {KEY_VARIABLE}"))
            }
            Failure::Refused(error) => failed(error),
            Failure::Strange(text) => {
                failed(format!("{} does not answer as a gateway does: {text}", self.base))
            }
        }
    }
}

fn strange(error: &dyn fmt::Display) -> Failure {
    Failure::Strange(error.to_string())
}

/// What comes, unless it takes too long.
async fn in_time<T>(asked: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let late = |_| strange(&format!("it took longer than {} s", PATIENCE.as_secs()));
    tokio::time::timeout(PATIENCE, asked).await.map_err(late)?
}

/// A text as one segment of a path or one value of a query.
pub(crate) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, AS_IT_IS).to_string()
}

/// The first address at which nothing but HTTP is spoken.
fn plain(server: &Server) -> Option<SocketAddr> {
    let is_plain =
        |listener: &&Listener| server.tls_of(listener).is_none() && !server.proxy_protocol_of(listener);
    server.listen.iter().filter(is_plain).find_map(|listener| listener.address.ip())
}

/// The address under which a gateway on this machine is asked that listens on `listen`.
fn near(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(ip, listen.port())
}

/// The front of all addresses at that place.
fn base(url: &Uri) -> Result<String, String> {
    match (url.scheme_str(), url.authority()) {
        (Some("http"), Some(place)) if matches!(url.path(), "" | "/") => Ok(format!("http://{place}")),
        _ => Err(format!("`{url}` is no address of a gateway: write one like http://127.0.0.1:8317")),
    }
}

/// Prints what the API said.
pub(crate) fn print_json(said: &impl serde::Serialize) -> Result<ExitCode, ExitCode> {
    let text = serde_json::to_string_pretty(said).map_err(failed)?;
    println!("{text}");
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use lockgate_gateway::admin::Deployments;

    use super::*;

    #[test]
    fn a_gateway_is_asked_where_it_can_be_reached() {
        for (listen, expect) in
            [("0.0.0.0:1", "127.0.0.1:1"), ("[::]:1", "[::1]:1"), ("10.0.0.1:2", "10.0.0.1:2")]
        {
            assert_eq!(near(listen.parse().unwrap()).to_string(), expect);
        }
        for (url, expect) in [
            ("http://gate:1", Some("http://gate:1")),
            ("http://gate/", Some("http://gate")),
            ("https://gate", None),
            ("gate:1", None),
            ("http://gate/v1", None),
        ] {
            assert_eq!(base(&url.parse().unwrap()).ok().as_deref(), expect, "{url}");
        }
        assert_eq!(encoded("a/gpt-4o#1"), "a%2Fgpt-4o%231");
    }

    #[test]
    fn the_listener_that_is_asked_speaks_nothing_but_http() {
        let tls = "{ cert: c.pem, key: k.pem }";
        for (listen, expect) in [
            ("127.0.0.1:1", Some("127.0.0.1:1")),
            (
                "[\"unix:/run/gate.sock\", { address: \"127.0.0.1:1\", tls: TLS }, 127.0.0.1:2]",
                Some("127.0.0.1:2"),
            ),
            ("[{ address: \"127.0.0.1:1\", proxy_protocol: true }]", None),
            ("\"unix:/run/gate.sock\"", None),
        ] {
            let text = format!("server: {{ listen: {} }}", listen.replace("TLS", tls));
            let config = lockgate_config::parse("test.yaml", &text, &|_| None).unwrap();
            assert_eq!(plain(&config.server).map(|at| at.to_string()).as_deref(), expect, "{listen}");
        }
    }

    #[tokio::test]
    async fn answers_refusals_silence_and_strangers_are_told_apart() {
        let text = "server: { listen: \"127.0.0.1:0\" }\naccess: { admin_key: admin-key-0123456789 }\n\
                    providers: { p: { kind: vllm, base_url: \"http://127.0.0.1:1/v1\" } }\n\
                    models: { fast: { targets: [p/m] } }\n";
        let config = lockgate_config::parse("test.yaml", text, &|_| None).unwrap();
        let journal = std::sync::Arc::new(lockgate_store::Recent::new(1));
        let serving = lockgate_gateway::start(&config, journal).await.unwrap();
        let base = format!("http://{}", serving.address);
        let gateway = |base: &str, key: &str| Gateway { base: base.to_owned(), key: Some(Secret::new(key)) };

        let asked = gateway(&base, "admin-key-0123456789").ask(Method::GET, "deployments", "").await;
        let said: Deployments = asked.ok().unwrap();
        assert_eq!(said.deployments.iter().map(|row| row.name.as_str()).collect::<Vec<_>>(), ["p/m#1"]);

        let refused = gateway(&base, "another").ask::<Deployments>(Method::GET, "deployments", "").await;
        assert!(matches!(refused, Err(Failure::Refused(error)) if error.code == "unauthorized"));

        let mock = lockgate_mock::start("127.0.0.1:0".parse().unwrap(), lockgate_mock::Settings::default());
        let mock = mock.await.unwrap();
        let stranger = gateway(&format!("http://{}", mock.addr()), "k");
        let strange = stranger.ask::<Deployments>(Method::GET, "deployments", "").await;
        assert!(matches!(strange, Err(Failure::Strange(text)) if text.contains("404")));

        serving.stop().await;
        let gone = gateway(&base, "k").ask::<Deployments>(Method::GET, "deployments", "").await;
        assert!(matches!(gone, Err(Failure::Unreachable(text)) if text.contains(&base)));
    }
}
