//! The programs of a benchmark: the mock provider, the gateway and nginx, on loopback, each pinned to its core.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use lockgate_testkit::http::{Client, Request};
use lockgate_testkit::process::{Process, free_address};
use serde_json::Value;

use super::cores::Cores;
use super::scenarios::{CLIENT_KEY, Expected, Scenario, count_events};
use crate::workspace::{self, Failure, Profile};

/// The model's name at the gateway.
const MODEL: &str = "fast";
/// The same model's name at the mock provider.
const UPSTREAM_MODEL: &str = "gpt-4o-mini";
const START_LIMIT: Duration = Duration::from_secs(10);

/// The way from the load generator to the mock provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Route {
    /// None in between: what the mock and the load generator can do at most.
    Direct,
    /// A plain reverse proxy: the yardstick.
    Nginx,
    /// The gateway, with its key check on.
    Lockgate,
}

impl Route {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Nginx => "nginx",
            Self::Lockgate => "lockgate",
        }
    }

    /// What a client asks for there.
    pub(crate) fn model(self) -> &'static str {
        match self {
            Self::Direct | Self::Nginx => UPSTREAM_MODEL,
            Self::Lockgate => MODEL,
        }
    }
}

/// Everything running.
pub(crate) struct Servers {
    mock: Process,
    mock_address: SocketAddr,
    gateway: Process,
    gateway_address: SocketAddr,
    nginx: Option<Nginx>,
}

struct Nginx {
    process: Process,
    /// Buffers answers, as nginx does by itself.
    plain: SocketAddr,
    /// Passes on what comes at once, as a stream needs.
    streams: SocketAddr,
}

impl Servers {
    /// Starts all; without nginx on the machine it says so and goes on.
    pub(crate) fn start(cores: &Cores) -> Result<Self, Failure> {
        let mock_address = free_address()?;
        let mut command = Cores::pinned(cores.rest, workspace::binary(Profile::Release, "lockgate"));
        command.args(["mock", "--no-ledger", "--listen", &mock_address.to_string()]);
        let mut mock = Process::spawn(&mut command)?;
        mock.wait_ready(mock_address, "/_mock/counts", START_LIMIT)?;

        let gateway_address = free_address()?;
        let file = write_config(gateway_address, mock_address)?;
        let mut command = Cores::pinned(cores.subject, workspace::binary(Profile::Release, "lockgate"));
        let mut gateway = Process::spawn(command.arg("run").arg(file))?;
        gateway.wait_ready(gateway_address, "/health/ready", START_LIMIT)?;

        let nginx = if succeeds(Command::new("nginx").arg("-v")) {
            Some(Nginx::start(cores, mock_address)?)
        } else {
            println!(
                "nginx is missing, so there is no yardstick in this run; install it with: apt-get install nginx-light"
            );
            None
        };
        Ok(Self { mock, mock_address, gateway, gateway_address, nginx })
    }

    /// The routes of this machine, in the order they are measured.
    pub(crate) fn routes(&self) -> impl Iterator<Item = Route> + use<> {
        let nginx = self.nginx.is_some().then_some(Route::Nginx);
        [Some(Route::Direct), nginx, Some(Route::Lockgate)].into_iter().flatten()
    }

    /// The program whose usage counts on this route: for `direct` the mock itself.
    pub(crate) fn process(&self, route: Route) -> Result<&Process, Failure> {
        match route {
            Route::Direct => Ok(&self.mock),
            Route::Nginx => Ok(&self.nginx.as_ref().ok_or("nginx is not running")?.process),
            Route::Lockgate => Ok(&self.gateway),
        }
    }

    /// Where the load goes.
    pub(crate) fn address(&self, route: Route, scenario: &Scenario) -> SocketAddr {
        match (route, &self.nginx) {
            (Route::Nginx, Some(nginx)) => {
                if scenario.stream {
                    nginx.streams
                } else {
                    nginx.plain
                }
            }
            (Route::Lockgate, _) => self.gateway_address,
            _ => self.mock_address,
        }
    }

    /// Tells the mock how long its answers are in this scenario, and asks it directly what the right one is: it is
    /// deterministic.
    pub(crate) fn expected(&self, scenario: &Scenario) -> Result<Expected, Failure> {
        let mut mock = Client::new(self.mock_address);
        let told = mock.send(&Request {
            method: "PUT",
            path: "/_mock/behaviour",
            headers: &[],
            body: scenario.behaviour.as_bytes(),
        })?;
        if told.head.status != 200 {
            return Err(format!("the mock provider refused its behaviour: {}", told.text()).into());
        }
        let authorization = format!("Bearer {CLIENT_KEY}");
        let answer = mock.send(&Request {
            method: "POST",
            path: "/v1/chat/completions",
            headers: &[("authorization", &authorization), ("content-type", "application/json")],
            body: &scenario.request(UPSTREAM_MODEL),
        })?;
        if answer.head.status != 200 {
            return Err(
                format!("the mock provider refused scenario {}: {}", scenario.name, answer.text()).into()
            );
        }
        if scenario.stream {
            return Ok(Expected { text: String::new(), events: count_events(&answer.body) });
        }
        match &answer.json()?["choices"][0]["message"]["content"] {
            // As JSON spells it, without the quotes around it.
            Value::String(text) if !text.is_empty() => Ok(Expected {
                text: Value::from(text.as_str()).to_string().trim_matches('"').to_owned(),
                events: 0,
            }),
            _ => Err(format!("the mock provider answered scenario {} without text", scenario.name).into()),
        }
    }
}

/// A config with one model, one provider, one client key, and a log of only what is wrong; returns its file.
pub(crate) fn write_config(listen: SocketAddr, upstream: SocketAddr) -> io::Result<PathBuf> {
    // A file of its own for each: a gateway goes on with whatever its file says later.
    let file = folder()?.join(format!("lockgate-{}.yaml", listen.port()));
    let config = format!(
        "server: {{ listen: \"{listen}\" }}\n\
         access:\n  keys:\n    - {{ name: bench, key: {CLIENT_KEY} }}\n\
         providers:\n  up: {{ kind: openai-compatible, base_url: \"http://{upstream}/v1\", api_key: upstream-key }}\n\
         models:\n  {MODEL}: {{ targets: [up/{UPSTREAM_MODEL}] }}\n\
         log: {{ level: warn }}\ndata_dir: \"{}\"\n",
        file.with_extension("data").display()
    );
    fs::write(&file, config)?;
    Ok(file)
}

fn folder() -> io::Result<PathBuf> {
    let folder = workspace::target().join("bench");
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

impl Nginx {
    fn start(cores: &Cores, upstream: SocketAddr) -> Result<Self, Failure> {
        let (plain, streams) = (free_address()?, free_address()?);
        let file = folder()?.join("nginx.conf");
        fs::write(&file, nginx_config(&folder()?, plain, streams, upstream))?;
        let mut command = Cores::pinned(cores.subject, "nginx");
        let mut process = Process::spawn(command.arg("-c").arg(&file).args(["-e", "stderr"]))?;
        process.wait_ready(plain, "/_mock/counts", START_LIMIT)?;
        Ok(Self { process, plain, streams })
    }
}

/// The tuning a careful operator gives a proxy of this kind: one worker for one core, kept-alive upstream connections,
/// no access log, bodies in memory.
fn nginx_config(folder: &Path, plain: SocketAddr, streams: SocketAddr, upstream: SocketAddr) -> String {
    let folder = folder.display();
    format!(
        "user root;\nworker_processes 1;\ndaemon off;\npid {folder}/nginx.pid;\nerror_log stderr error;\n\
         events {{ worker_connections 4096; }}\n\
         http {{\n\
         access_log off;\n\
         keepalive_requests 100000000;\n\
         client_max_body_size 64m;\n\
         client_body_buffer_size 2m;\n\
         client_body_temp_path {folder}/body;\n\
         proxy_temp_path {folder}/proxy;\n\
         fastcgi_temp_path {folder}/fastcgi;\n\
         uwsgi_temp_path {folder}/uwsgi;\n\
         scgi_temp_path {folder}/scgi;\n\
         proxy_http_version 1.1;\n\
         proxy_set_header Connection \"\";\n\
         upstream mock {{ server {upstream}; keepalive 128; keepalive_requests 100000000; }}\n\
         server {{ listen {plain}; location / {{ proxy_pass http://mock; }} }}\n\
         server {{ listen {streams}; location / {{ proxy_pass http://mock; proxy_buffering off; }} }}\n\
         }}\n"
    )
}

fn succeeds(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}
