//! The yardsticks: plain reverse proxies, with the tuning that a careful operator gives them.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use lockgate_testkit::process::{Process, free_address};

use super::START_LIMIT;
use crate::bench::cores::{Cores, succeeds};
use crate::bench::house::folder;
use crate::workspace::Failure;

/// A proxy of the system's packages.
pub(super) struct Proxy {
    pub(super) name: &'static str,
    pub(super) package: &'static str,
    version: &'static str,
    /// From where it listens, once for whole answers and once for streams, where it sends everything, and how many files it
    /// may open.
    config: fn(&Path, [SocketAddr; 2], SocketAddr, u32) -> String,
    /// The arguments before and behind the config file.
    arguments: (&'static [&'static str], &'static [&'static str]),
}

/// Every proxy.
pub(super) static PROXIES: [Proxy; 2] = [
    Proxy {
        name: super::NGINX,
        package: "nginx-light",
        version: "-v",
        config: nginx,
        arguments: (&["-c"], &["-e", "stderr"]),
    },
    Proxy {
        name: "haproxy",
        package: "haproxy",
        version: "-v",
        config: haproxy,
        arguments: (&["-db", "-f"], &[]),
    },
];

impl Proxy {
    pub(super) fn is_there(&self) -> bool {
        succeeds(Command::new(self.name).arg(self.version))
    }

    /// The process, where it listens, and where for streams.
    pub(super) fn start(
        &self,
        cores: &Cores,
        upstream: SocketAddr,
    ) -> Result<(Process, SocketAddr, Option<SocketAddr>), Failure> {
        let listen = [free_address()?, free_address()?];
        let file = folder()?.join(format!("{}.conf", self.name));
        fs::write(&file, (self.config)(&folder()?, listen, upstream, cores.files))?;
        let mut command = cores.with_many_files(cores.subject, self.name);
        command.args(self.arguments.0).arg(&file).args(self.arguments.1);
        let mut process = Process::spawn(&mut command)?;
        process.wait_ready(listen[0], "/_mock/counts", START_LIMIT)?;
        Ok((process, listen[0], Some(listen[1])))
    }
}

/// One worker for one core, kept-alive connections, no access log, bodies in memory; streams are passed on as they come.
fn nginx(folder: &Path, [plain, streams]: [SocketAddr; 2], upstream: SocketAddr, files: u32) -> String {
    let folder = folder.display();
    format!(
        "user root;\nworker_processes 1;\ndaemon off;\npid {folder}/nginx.pid;\n\
         error_log stderr error;\n\
         events {{ worker_connections {files}; }}\n\
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
         proxy_read_timeout 300s;\n\
         proxy_set_header Connection \"\";\n\
         upstream mock {{ server {upstream}; keepalive 128; keepalive_requests 100000000; }}\n\
         server {{ listen {plain} backlog=4096; location / {{ proxy_pass http://mock; }} }}\n\
         server {{ listen {streams} backlog=4096; location / {{ proxy_pass http://mock; proxy_buffering off; }} }}\n\
         }}\n"
    )
}

/// One thread for one core, connections to the provider shared and kept.
fn haproxy(_: &Path, [plain, streams]: [SocketAddr; 2], upstream: SocketAddr, files: u32) -> String {
    // It wants room for both ends of each, and some to spare.
    let connections = files.saturating_sub(1000) / 2;
    format!(
        "global\n  nbthread 1\n  maxconn {connections}\n\
         defaults\n  mode http\n  http-reuse always\n  option http-keep-alive\n  timeout connect 10s\n  \
         timeout client 300s\n  timeout server 300s\n\
         frontend all\n  bind {plain}\n  bind {streams}\n  default_backend mock\n\
         backend mock\n  server mock {upstream}\n"
    )
}
