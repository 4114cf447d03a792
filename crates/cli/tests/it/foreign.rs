//! Files of other gateways through the real binary, on the ports that their clients know.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    time::Duration,
};

use lockgate_mock::{Mock, Settings};
use lockgate_testkit::{http, process};

use crate::lockgate;

const LIMIT: Duration = Duration::from_secs(20);
const CHAT: &str = r#"{"model":"deepseek-r1","messages":[{"role":"user","content":"hello"}]}"#;

/// The example with hosts exchanged for the mock's. The file it names beside itself is in the folder.
fn example(name: &str, mock: &Mock) -> String {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/foreign");
    let hosts = [
        "https://openrouter.ai/api/v1",
        "https://api.deepseek.com/v1",
        "http://10.82.1.1:8080/v1",
        "http://10.82.1.2:8080/v1",
        "http://10.82.1.3:8080/v1",
        "https://api.openai.com/v1",
    ];
    let text = fs::read_to_string(examples.join(name)).unwrap();
    hosts.iter().fold(text, |text, host| text.replace(host, &mock.base_url()))
}

/// Runs `file` on its own port, or on another if somebody else has it, and asks it as `client`.
fn answers(folder: &Path, file: &str, port: u16, variables: &[(&str, &str)], client: Option<&str>) {
    let mut address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    if TcpListener::bind(address).is_err() {
        eprintln!("port {port} is taken: {file} listens on another one");
        address = process::free_address().unwrap();
        let text = fs::read_to_string(folder.join(file)).unwrap();
        fs::write(folder.join(file), text.replace(&port.to_string(), &address.port().to_string())).unwrap();
    }
    let mut command = lockgate(&["run", file], variables);
    let mut gateway = process::Process::spawn(command.current_dir(folder)).unwrap();
    gateway.wait_ready(address, "/health", LIMIT).unwrap();
    let key = format!("Bearer {}", client.unwrap_or_default());
    let headers = [("content-type", "application/json"), ("authorization", key.as_str())];
    let headers = if client.is_some() { &headers[..] } else { &headers[..1] };
    let request =
        http::Request { method: "POST", path: "/v1/chat/completions", headers, body: CHAT.as_bytes() };
    let answer = http::Client::new(address).patience(LIMIT).send(&request).unwrap();
    assert_eq!(answer.head.status, 200, "{file}: {}\n{}", answer.text(), gateway.output());
    gateway.terminate().unwrap();
    assert!(gateway.wait_exit(LIMIT).unwrap().success(), "{}", gateway.output());
}

// One test, so that no two of them want a port at once.
#[tokio::test(flavor = "multi_thread")]
async fn files_of_other_gateways_answer_on_the_ports_that_their_clients_know() {
    let settings = Settings { strict: false, ..Settings::default() };
    let mock = lockgate_mock::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), settings).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let keys = ["OPENROUTER_API_KEY", "DEEPSEEK_API_KEY", "OPENAI_API_KEY", "AZURE_API_KEY"];
    let keys = keys.map(|name| (name, "not-a-real-key"));
    let pools = folder.path().join("pools");
    fs::create_dir(&pools).unwrap();
    let ours = [("API_KEY", "the-clients-key"), ("MODEL_PROVIDER", "openai-custom")];
    for (name, file, port, variables, client) in [
        ("api-pool.yaml", "config.yaml", 8080, &keys[..], None),
        ("instances.json5", "config.json5", 9999, &[], Some("whatever")),
        ("pools/config.yaml", "pools/config.yaml", 3000, &ours[..], Some("the-clients-key")),
    ] {
        fs::write(folder.path().join(file), example(name, &mock)).unwrap();
        if name.starts_with("pools/") {
            let file = pools.join("provider-pools.yaml");
            fs::write(file, example("pools/provider-pools.yaml", &mock)).unwrap();
        }
        let (folder, variables) = (folder.path().to_owned(), variables.to_vec());
        let asked = move || answers(&folder, file, port, &variables, client);
        tokio::task::spawn_blocking(asked).await.unwrap();
    }
    assert!(mock.counts().requests >= 3, "{:?}", mock.counts());
}
