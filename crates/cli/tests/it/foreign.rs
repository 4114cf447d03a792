//! Files of other gateways through the real binary, on the ports that their clients know.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    time::Duration,
};

use lockgate_mock::{Mock, Rule, Settings};
use lockgate_testkit::{http, process};

use crate::lockgate;

const LIMIT: Duration = Duration::from_secs(20);

/// A file of another gateway, and what its clients know of it.
struct Case {
    /// The example, and the file that it is run from.
    name: &'static str,
    file: &'static str,
    port: u16,
    model: &'static str,
    variables: Vec<(&'static str, &'static str)>,
    client: Option<&'static str>,
}

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
        "http://10.0.0.5:8000/v1",
        "http://10.0.0.6:8000/v1",
    ];
    let text = fs::read_to_string(examples.join(name)).unwrap();
    hosts.iter().fold(text, |text, host| text.replace(host, &mock.base_url()))
}

/// Runs the file on its own port, or on another if somebody else has it, and asks it as its client.
fn answers(folder: &Path, case: &Case) {
    let Case { file, port, model, variables, client, .. } = case;
    let mut address = SocketAddr::from((Ipv4Addr::LOCALHOST, *port));
    let mut variables = variables.clone();
    let other;
    if TcpListener::bind(address).is_err() {
        eprintln!("port {port} is taken: {file} listens on another one");
        address = process::free_address().unwrap();
        other = address.port().to_string();
        let text = fs::read_to_string(folder.join(file)).unwrap();
        fs::write(folder.join(file), text.replace(&port.to_string(), &other)).unwrap();
        // For a file that says no port.
        variables.push(("PORT", &other));
    }
    let mut command = lockgate(&["run", file], &variables);
    let mut gateway = process::Process::spawn(command.current_dir(folder)).unwrap();
    gateway.wait_ready(address, "/health", LIMIT).unwrap();
    let key = format!("Bearer {}", client.unwrap_or_default());
    let headers = [("content-type", "application/json"), ("authorization", key.as_str())];
    let headers = if client.is_some() { &headers[..] } else { &headers[..1] };
    let body = format!(r#"{{"model":"{model}","messages":[{{"role":"user","content":"hello"}}]}}"#);
    let request =
        http::Request { method: "POST", path: "/v1/chat/completions", headers, body: body.as_bytes() };
    let answer = http::Client::new(address).patience(LIMIT).send(&request).unwrap();
    assert_eq!(answer.head.status, 200, "{file}: {}\n{}", answer.text(), gateway.output());
    gateway.terminate().unwrap();
    assert!(gateway.wait_exit(LIMIT).unwrap().success(), "{}", gateway.output());
}

/// The forms, each with its example.
fn cases() -> Vec<Case> {
    let keys =
        |names: &[&'static str]| names.iter().map(|name| (*name, "not-a-real-key")).collect::<Vec<_>>();
    let mut litellm = keys(&["OPENAI_API_KEY", "AZURE_API_KEY", "ANTHROPIC_API_KEY", "HOSTED_VLLM_API_KEY"]);
    litellm.push(("LITELLM_MASTER_KEY", "the-masters-key"));
    vec![
        Case {
            name: "api-pool.yaml",
            file: "config.yaml",
            port: 8080,
            model: "deepseek-r1",
            variables: keys(&["OPENROUTER_API_KEY", "DEEPSEEK_API_KEY", "OPENAI_API_KEY", "AZURE_API_KEY"]),
            client: None,
        },
        Case {
            name: "instances.json5",
            file: "config.json5",
            port: 9999,
            model: "deepseek-r1",
            variables: Vec::new(),
            client: Some("whatever"),
        },
        Case {
            name: "pools/config.yaml",
            file: "pools/config.yaml",
            port: 3000,
            model: "deepseek-r1",
            variables: vec![("API_KEY", "the-clients-key"), ("MODEL_PROVIDER", "openai-custom")],
            client: Some("the-clients-key"),
        },
        Case {
            name: "ai-proxy.yaml",
            file: "config.yaml",
            port: 8317,
            model: "house-model",
            variables: Vec::new(),
            client: Some("team-batch-77aa"),
        },
        Case {
            name: "litellm.yaml",
            file: "config.yaml",
            port: 4000,
            model: "house-model",
            variables: litellm,
            client: Some("the-masters-key"),
        },
    ]
}

// One test, so that no two of them want a port at once.
#[tokio::test(flavor = "multi_thread")]
async fn files_of_other_gateways_answer_on_the_ports_that_their_clients_know() {
    let settings = Settings { strict: false, ..Settings::default() };
    let mock = lockgate_mock::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), settings).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let pools = folder.path().join("pools");
    fs::create_dir(&pools).unwrap();
    let cases = cases();
    let count = u64::try_from(cases.len()).unwrap();
    for case in cases {
        fs::write(folder.path().join(case.file), example(case.name, &mock)).unwrap();
        if case.name.starts_with("pools/") {
            let file = pools.join("provider-pools.yaml");
            fs::write(file, example("pools/provider-pools.yaml", &mock)).unwrap();
        }
        let folder = folder.path().to_owned();
        tokio::task::spawn_blocking(move || answers(&folder, &case)).await.unwrap();
    }
    assert!(mock.counts().requests >= count, "{:?}", mock.counts());
}

#[test]
fn variables_of_another_gateway_are_enough_without_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let address = process::free_address().unwrap();
    let port = address.port().to_string();
    let variables = [
        ("MODEL_PROVIDER", "openai-custom"),
        ("OPENAI_API_KEY", "not-a-real-key"),
        ("SERVER_HOST", "localhost"),
        ("SERVER_PORT", port.as_str()),
        ("API_KEY", "the-clients-key"),
    ];
    let mut command = lockgate(&["run"], &variables);
    let mut gateway = process::Process::spawn(command.current_dir(folder.path())).unwrap();
    gateway.wait_ready(address, "/health", LIMIT).unwrap();
    assert_eq!(http::get(address, "/v1/models").unwrap().head.status, 401);
    gateway.terminate().unwrap();
    assert!(gateway.wait_exit(LIMIT).unwrap().success(), "{}", gateway.output());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_says_once_that_a_server_is_out_and_once_that_it_is_back() {
    let settings = || Settings { strict: false, ..Settings::default() };
    let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let own = lockgate_mock::start(loopback, settings()).await.unwrap();
    let cloud = lockgate_mock::start(loopback, settings()).await.unwrap();
    own.rules(vec![Rule::new("500".parse().unwrap())]);
    let folder = tempfile::tempdir().unwrap();
    let address = process::free_address().unwrap();
    let text = format!(
        "{{ host: '127.0.0.1', port: {}, error_threshold: 2, alert_cooldown: 300,\n  instances: [{{ url: '{}', api_key: 'k', model_name: 'm' }}],\n  fallback_instances: [{{ url: '{}', api_key: 'k', model_name: 'm' }}] }}\n",
        address.port(),
        own.base_url(),
        cloud.base_url()
    );
    fs::write(folder.path().join("config.json5"), text).unwrap();
    let mut command = lockgate(&["run", "config.json5"], &[]);
    let mut gateway = process::Process::spawn(command.current_dir(folder.path())).unwrap();
    gateway.wait_ready(address, "/health", LIMIT).unwrap();
    let body = br#"{"model":"any","messages":[{"role":"user","content":"hello"}]}"#;
    let ask = || {
        let request = http::Request::post_json("/v1/chat/completions", body);
        let answer = http::Client::new(address).patience(LIMIT).send(&request).unwrap();
        assert_eq!(answer.head.status, 200, "{}\n{}", answer.text(), gateway.output());
    };
    let said = |output: &str, words: &str| output.matches(words).count();
    (0..6).for_each(|_| ask());
    own.rules(Vec::new());
    // It rests for a second or so, and the next one to try it is answered.
    for _ in 0..100 {
        ask();
        if said(&gateway.output(), "deployment back") > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    (0..3).for_each(|_| ask());
    gateway.terminate().unwrap();
    assert!(gateway.wait_exit(LIMIT).unwrap().success());
    let output = gateway.output();
    let lines = ["deployment ejected", "deployment back"].map(|words| said(&output, words));
    assert_eq!(lines, [1, 1], "{output}");
}
