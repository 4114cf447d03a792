//! `lockgate run` puts calls on record where its config says, and says why where it cannot.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::{Command, Output},
    time::Duration,
};

use lockgate_mock::{Mock, Settings};
use lockgate_store::sqlite::{Filter, Queries};
use lockgate_testkit::{
    http,
    process::{self, Process},
};

use crate::lockgate;

const LIMIT: Duration = Duration::from_secs(60);
const BODY: &[u8] = br#"{"model":"m","messages":[{"role":"user","content":"hello"}]}"#;

async fn mock() -> Mock {
    let settings = Settings { strict: false, ..Settings::default() };
    lockgate_mock::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), settings).await.unwrap()
}

/// A folder with a config whose gateway listens at that address.
fn house(mock: &Mock, address: SocketAddr, rest: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "server: {{ listen: \"{address}\" }}\nproviders:\n  up: {{ kind: openai-compatible, base_url: \"{}\", api_key: k }}\nmodels:\n  m: {{ targets: [up/m] }}\n{rest}",
        mock.base_url()
    );
    fs::write(folder.path().join("lockgate.yaml"), text).unwrap();
    folder
}

fn command(folder: &Path) -> Command {
    let mut command = lockgate(&["run"], &[]);
    command.current_dir(folder);
    command
}

fn start(folder: &Path, address: SocketAddr) -> Process {
    let mut gateway = Process::spawn(&mut command(folder)).unwrap();
    gateway.wait_ready(address, "/health", LIMIT).unwrap();
    gateway
}

fn ask(address: SocketAddr) {
    let request = http::Request::post_json("/v1/chat/completions", BODY);
    let answer = http::Client::new(address).patience(LIMIT).send(&request).unwrap();
    assert_eq!(answer.head.status, 200, "{}", answer.text());
}

fn stop(mut gateway: Process) -> String {
    gateway.terminate().unwrap();
    assert!(gateway.wait_exit(LIMIT).unwrap().success(), "{}", gateway.output());
    gateway.output()
}

/// Starts one that is to refuse to, and returns what it says.
fn refused(folder: &Path) -> String {
    let Output { status, stderr, .. } = command(folder).output().unwrap();
    let said = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(1), "{said}");
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_outlive_the_process_in_a_journal_of_one_process_alone() {
    let (mock, address) = (mock().await, process::free_address().unwrap());
    let folder = house(&mock, address, "");
    let told = tokio::task::spawn_blocking(move || {
        for _ in 0..2 {
            let gateway = start(folder.path(), address);
            (0..3).for_each(|_| ask(address));
            let said = refused(folder.path());
            assert!(said.contains("data/journal` is in use by another process"), "{said}");
            stop(gateway);
        }
        let queries = Queries::new(&folder.path().join("data/calls.db"));
        let page = queries.calls(&Filter::default(), None, 100).unwrap();
        (page.calls.len(), page.calls.iter().all(|call| call.status == 200 && call.output.is_some()))
    });
    assert_eq!(told.await.unwrap(), (6, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_journal_nothing_is_written() {
    let (mock, address) = (mock().await, process::free_address().unwrap());
    let folder = house(&mock, address, "log: { journal: false }\n");
    tokio::task::spawn_blocking(move || {
        let gateway = start(folder.path(), address);
        ask(address);
        stop(gateway);
        assert!(!folder.path().join("data").exists());
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_cannot_be_had_is_told_at_the_start_with_what_to_do() {
    let (mock, address) = (mock().await, process::free_address().unwrap());
    let folder = house(&mock, address, "data_dir: taken\n");
    fs::write(folder.path().join("taken"), "a file").unwrap();
    let said = tokio::task::spawn_blocking(move || refused(folder.path())).await.unwrap();
    assert!(said.contains("`taken`") && said.contains("`log.journal` to false"), "{said}");
}
