//! What is asked of the gateway while its functions are watched: each dialect of clients before each of providers.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use lockgate_testkit::http::{Client, Request};

use crate::workspace::Failure;

const CLIENT_KEY: &str = "lockgate-layout-client-key";
/// For an answer of a gateway that is fifty times slower than usual.
const PATIENCE: Duration = Duration::from_secs(60);

/// The models, each at a provider of another dialect.
const MODELS: [&str; 3] = ["chat", "messages", "contents"];

/// Paths and bodies, in which `MODEL` stands for a model and `STREAM` for `true` or `false`.
const CALLS: [(&str, &str); 3] = [
    (
        "/v1/chat/completions",
        r#"{"model":"MODEL","stream":STREAM,"messages":[{"role":"user","content":"hello there"}]}"#,
    ),
    (
        "/v1/messages",
        r#"{"model":"MODEL","stream":STREAM,"max_tokens":50,"messages":[{"role":"user","content":"hello there"}]}"#,
    ),
    ("/v1/responses", r#"{"model":"MODEL","stream":STREAM,"input":"hello there"}"#),
];

/// A config with all that is on by default, a client key with a limit and a budget, and open metrics; returns its file.
pub(super) fn config(
    folder: &Path,
    name: &str,
    listen: SocketAddr,
    upstream: SocketAddr,
) -> io::Result<PathBuf> {
    let [chat, messages, contents] = MODELS;
    let data = folder.join(format!("{name}.data"));
    match fs::remove_dir_all(&data) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let text = format!(
        "server: {{ listen: \"{listen}\", metrics: open }}\n\
         access:\n  keys:\n    - {{ name: layout, key: {CLIENT_KEY}, rpm: 100000, budget: [{{ usd: 1000, per: month }}] }}\n\
         providers:\n  \
         first: {{ kind: openai-compatible, base_url: \"http://{upstream}/v1\", api_key: upstream-key }}\n  \
         second: {{ kind: anthropic, base_url: \"http://{upstream}\", api_key: upstream-key }}\n  \
         third: {{ kind: gemini, base_url: \"http://{upstream}\", api_key: upstream-key }}\n\
         models:\n  \
         {chat}: {{ targets: [first/gpt-4o-mini], price: {{ input: 0.15, output: 0.60 }} }}\n  \
         {messages}: {{ targets: [second/claude-sonnet-4-5] }}\n  \
         {contents}: {{ targets: [third/gemini-2.5-flash] }}\n\
         data_dir: \"{}\"\n",
        data.display()
    );
    let file = folder.join(format!("{name}.yaml"));
    fs::write(&file, text)?;
    Ok(file)
}

/// Makes every call, whole and streamed, and reads what operators read.
pub(super) fn make(gateway: SocketAddr) -> Result<(), Failure> {
    let key = format!("Bearer {CLIENT_KEY}");
    let headers = [("content-type", "application/json"), ("authorization", key.as_str())];
    let mut client = Client::new(gateway).patience(PATIENCE);
    for model in MODELS {
        for stream in ["false", "true"] {
            for (path, body) in CALLS {
                let body = body.replace("MODEL", model).replace("STREAM", stream);
                ask(
                    &mut client,
                    &Request { method: "POST", path, headers: &headers, body: body.as_bytes() },
                )?;
            }
        }
    }
    for path in ["/v1/models", "/metrics"] {
        ask(&mut client, &Request { method: "GET", path, headers: &headers, body: b"" })?;
    }
    Ok(())
}

fn ask(client: &mut Client, request: &Request<'_>) -> Result<(), Failure> {
    let answer = client.send(request)?;
    match answer.head.status {
        200 => Ok(()),
        status => Err(format!("{} was answered {status}: {}", request.path, answer.text()).into()),
    }
}
