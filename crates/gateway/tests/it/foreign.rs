//! Files of other gateways, with hosts and keys exchanged: what they did there they do here, run as they are and imported.

mod ai_proxy;
mod api_pool;
mod instances;
mod litellm;
mod pools;

use std::{
    fs,
    path::{Path, PathBuf},
};

use http::{Method, Request, StatusCode};
use http_body_util::Full;
use lockgate_config::Config;
use lockgate_mock::{Entry, Mock};

use crate::house::{Answer, CHAT_PATH, House, UPSTREAM_KEY, loopback, read};

/// The example of a form.
fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/foreign").join(name)
}

/// The files of one form that are there: the example, and what people have, if that is at hand.
fn files(name: &str, shared: &str) -> Vec<PathBuf> {
    let shared = std::env::var_os("LOCKGATE_FIXTURES")
        .and_then(|fixtures| Some(Path::new(&fixtures).parent()?.join("foreign").join(shared)))
        .filter(|file| file.is_file());
    if shared.is_none() {
        crate::house::tell("SKIPPED: no folder of other gateways' files beside LOCKGATE_FIXTURES");
    }
    [Some(example(name)), shared].into_iter().flatten().collect()
}

/// The text of a file with other hosts and keys.
fn exchanged(file: &Path, by: &[(&str, String)]) -> String {
    let mut text = fs::read_to_string(file).unwrap();
    for (old, new) in by {
        text = text.replace(old, new);
    }
    text
}

/// What a file comes to: run as it is, and imported and run.
fn both(name: &str, text: &str, env: &dyn Fn(&str) -> Option<String>) -> [Config; 2] {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name);
    fs::write(&file, text).unwrap();
    let load = |file: &Path| match lockgate_config::load(file, env, &Vec::new) {
        Ok(loaded) => loaded.config,
        Err(errors) => panic!("{errors}"),
    };
    let imported = lockgate_config::import(&file, env).unwrap_or_else(|errors| panic!("{errors}"));
    let own = folder.path().join("imported.yaml");
    fs::write(&own, imported.text).unwrap();
    [load(&file), load(&own)]
}

/// Starts it, though not on its own port, which it must have said.
async fn start(mut config: Config, port: u16) -> House {
    assert_eq!(config.server.listen.to_string(), format!("0.0.0.0:{port}"));
    config.server.listen = loopback().into();
    House::of(&config).await
}

/// Keys from variables.
fn keys(name: &str) -> Option<String> {
    let is_key = name.ends_with("_API_KEY") && name != "SILICONFLOW_API_KEY";
    is_key.then(|| UPSTREAM_KEY.clone())
}

/// A chat request for a model, with a client's key.
async fn chat(house: &House, model: &str, key: &str) -> Answer {
    let body = format!(r#"{{"model":"{model}","messages":[{{"role":"user","content":"hello"}}]}}"#);
    let mut request = Request::builder().method(Method::POST).uri(house.url(CHAT_PATH));
    if !key.is_empty() {
        request = request.header("authorization", format!("Bearer {key}"));
    }
    let request = request.header("content-type", "application/json").body(Full::new(body.into())).unwrap();
    read(house.send(request).await).await
}

/// Asks so often, all of which is answered.
async fn answered(house: &House, model: &str, key: &str, times: usize) {
    for _ in 0..times {
        let answer = chat(house, model, key).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    }
}

/// The requests for answers that a mock has got. Lists of models, which the gateway reads in the background, come in between
/// whenever they like.
fn asked(mock: &Mock) -> Vec<Entry> {
    mock.ledger().into_iter().filter(|entry| entry.method == Method::POST).collect()
}

/// How many calls for answers each mock has got, checks aside.
fn chats(mocks: &[&Mock]) -> Vec<usize> {
    let count = |mock: &&Mock| mock.ledger().iter().filter(|entry| entry.path == CHAT_PATH).count();
    mocks.iter().map(count).collect()
}
