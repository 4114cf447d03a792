//! `lockgate logs` and `lockgate top`, of a gateway that runs, one that is started anew and one that is gone.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::{Command, Output, Stdio},
    sync::mpsc,
    time::Duration,
};

use lockgate_mock::{Mock, Settings};
use lockgate_testkit::{
    http,
    process::{self, Process},
};
use serde_json::Value;

use crate::lockgate;

const LIMIT: Duration = Duration::from_secs(60);

async fn mock() -> Mock {
    let settings = Settings { strict: false, ..Settings::default() };
    lockgate_mock::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), settings).await.unwrap()
}

/// A folder with a config whose gateway listens at that address.
fn house(mock: &Mock, address: SocketAddr, access: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "server: {{ listen: \"{address}\" }}\naccess: {access}\nproviders:\n  up: {{ kind: openai-compatible, base_url: \"{}\", \
         api_key: k }}\nmodels:\n  m: {{ targets: [up/m] }}\n",
        mock.base_url()
    );
    fs::write(folder.path().join("lockgate.yaml"), text).unwrap();
    folder
}

fn command(folder: &Path, words: &[&str]) -> Command {
    let mut command = lockgate(words, &[]);
    command.current_dir(folder);
    command
}

fn start(folder: &Path, address: SocketAddr) -> Process {
    let mut gateway = Process::spawn(&mut command(folder, &["run"])).unwrap();
    gateway.wait_ready(address, "/health", LIMIT).unwrap();
    gateway
}

fn stop(mut gateway: Process) {
    gateway.terminate().unwrap();
    assert!(gateway.wait_exit(LIMIT).unwrap().success(), "{}", gateway.output());
}

fn ask(address: SocketAddr, model: &str) {
    let body = format!(r#"{{"model":"{model}","messages":[{{"role":"user","content":"hello"}}]}}"#);
    let request = http::Request::post_json("/v1/chat/completions", body.as_bytes());
    http::Client::new(address).patience(LIMIT).send(&request).unwrap();
}

/// What a command says, and whether all was well.
fn says(folder: &Path, words: &[&str]) -> (bool, String) {
    let Output { status, stdout, stderr } = command(folder, words).output().unwrap();
    let text = if status.success() { stdout } else { stderr };
    (status.success(), String::from_utf8(text).unwrap())
}

fn lines(folder: &Path, words: &[&str]) -> Vec<Value> {
    let (is_well, said) = says(folder, words);
    assert!(is_well, "{said}");
    said.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_shown_whether_the_gateway_runs_or_not() {
    let (mock, address) = (mock().await, process::free_address().unwrap());
    let folder = house(&mock, address, "{ admin: loopback }");
    let work = move || {
        let folder = folder.path();
        let gateway = start(folder, address);
        for model in ["m", "m", "none"] {
            ask(address, model);
        }
        let running = lines(folder, &["logs", "--json"]);
        let statuses: Vec<_> = running.iter().map(|call| call["status"].as_u64().unwrap()).collect();
        assert_eq!(statuses, [200, 200, 404], "the latest last");
        assert_eq!(lines(folder, &["logs", "--json", "-n", "1", "--status", "2xx"]), running[1..2]);
        let (_, plain) = says(folder, &["logs"]);
        assert_eq!(plain.lines().count(), 3);
        assert!(
            !plain.contains('\u{1b}')
                && plain.lines().all(|line| line.contains("  m ") || line.contains("404"))
        );
        let (is_well, said) = says(folder, &["logs", "--status", "teapot"]);
        assert!(!is_well && said.contains("`4xx`"), "{said}");

        let (_, picture) = says(folder, &["top", "--once"]);
        assert!(
            picture.contains("up/m#1") && picture.contains("latest errors") && !picture.contains('\u{1b}'),
            "{picture}"
        );
        let (_, stats) = says(folder, &["top", "--json"]);
        let stats: Value = serde_json::from_str(&stats).unwrap();
        assert_eq!((&stats["all"]["requests"], &stats["all"]["errors"]), (&3.into(), &1.into()));
        stop(gateway);

        assert_eq!(lines(folder, &["logs", "--json"]), running);
        let (is_well, said) = says(folder, &["top", "--once"]);
        assert!(!is_well && said.contains("no gateway listens"), "{said}");
        fs::remove_dir_all(folder.join("data")).unwrap();
        let (is_well, said) = says(folder, &["logs"]);
        assert!(!is_well && said.contains("no gateway has kept calls"), "{said}");
    };
    tokio::task::spawn_blocking(work).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_followed_through_a_restart_each_once() {
    for access in ["{ admin: loopback }", "{}"] {
        let (mock, address) = (mock().await, process::free_address().unwrap());
        let folder = house(&mock, address, access);
        let work = move || {
            let folder = folder.path();
            let gateway = start(folder, address);
            ask(address, "m");
            let mut following = command(folder, &["logs", "--follow", "--json"]);
            let mut following = following.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
            let out = BufReader::new(following.stdout.take().unwrap());
            let (sender, lines) = mpsc::channel();
            let reading = std::thread::spawn(move || {
                for line in out.lines().map_while(Result::ok) {
                    let call: Value = serde_json::from_str(&line).unwrap();
                    if sender
                        .send(
                            call["model"].as_str().unwrap_or_default().to_owned()
                                + call["id"].as_str().unwrap(),
                        )
                        .is_err()
                    {
                        return;
                    }
                }
            });
            let mut ids = vec![lines.recv_timeout(LIMIT).unwrap()];
            ask(address, "m");
            ids.push(lines.recv_timeout(LIMIT).unwrap());
            stop(gateway);
            let gateway = start(folder, address);
            // Whether it is followed again by now or not: nothing is left out.
            ask(address, "m");
            ask(address, "m");
            ids.push(lines.recv_timeout(LIMIT).unwrap());
            ids.push(lines.recv_timeout(LIMIT).unwrap());
            stop(gateway);
            following.kill().unwrap();
            following.wait().unwrap();
            reading.join().unwrap();
            assert_eq!(lines.try_iter().count(), 0);
            ids.sort();
            ids.dedup();
            assert_eq!(ids.len(), 4);
        };
        tokio::task::spawn_blocking(work).await.unwrap();
    }
}
