//! A gateway with mocks behind it, and a client that asks it.

use std::{
    collections::HashMap,
    io::Write as _,
    net::SocketAddr,
    path::Path,
    sync::{Arc, LazyLock, Mutex, Once},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use lockgate_config::Config;
use lockgate_gateway::{Origin, Serving, Store};
use lockgate_mock::{Mock, Settings};
use lockgate_store::{CallRecord, Recent};
use lockgate_testkit::canary::{self, Run};

/// A running gateway.
pub(crate) struct House {
    pub(crate) serving: Serving,
    pub(crate) journal: Arc<Recent>,
    pub(crate) client: Client<HttpConnector, Full<Bytes>>,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

pub(crate) fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// Where what these tests make the gateway write and answer is looked through for their secrets.
static RUN: LazyLock<Option<Run>> = LazyLock::new(Run::of_environment);
/// The key that [`provider`] gives to an upstream.
pub(crate) static UPSTREAM_KEY: LazyLock<String> = LazyLock::new(|| secret("upstream key"));

/// The key to the admin API of gateways whose config says nothing of access.
pub(crate) static ADMIN_KEY: LazyLock<String> = LazyLock::new(|| secret("admin key"));

/// A secret to look for at the end of the whole run.
pub(crate) fn secret(name: &str) -> String {
    let secret = canary::secret();
    if let Some(run) = &*RUN {
        run.watch(name, &secret).unwrap();
    }
    secret
}

/// Lists a key that a gateway has made as a secret to look for. Only what shows it is left out of what is looked through.
pub(crate) fn watch(name: &str, secret: &str) {
    if let Some(run) = &*RUN {
        run.watch(name, secret).unwrap();
    }
}

/// Lists the private key in this PEM text as a secret to look for.
pub(crate) fn watch_pem(name: &str, pem: &str) {
    if let Some(run) = &*RUN {
        run.watch_pem(name, pem).unwrap();
    }
}

/// Writes down what the gateway logs at its most talkative level, once for the process.
fn keep_logs() {
    static ONCE: Once = Once::new();
    if let Some(run) = &*RUN {
        ONCE.call_once(|| {
            let file =
                std::fs::File::create(run.file(&format!("gateway-{}.log", std::process::id())).unwrap());
            let logs = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false);
            logs.with_writer(Mutex::new(file.unwrap())).init();
        });
    }
}

/// A mock that keeps the bodies it receives.
pub(crate) async fn mock() -> Mock {
    lockgate_mock::start(loopback(), Settings { keep_bodies: true, ..Settings::default() }).await.unwrap()
}

/// A mock that answers anything.
pub(crate) async fn lenient() -> Mock {
    let settings = Settings { keep_bodies: true, strict: false, ..Settings::default() };
    lockgate_mock::start(loopback(), settings).await.unwrap()
}

/// The provider section for one upstream.
pub(crate) fn provider(name: &str, base_url: &str) -> String {
    let key = &*UPSTREAM_KEY;
    format!("  {name}: {{ kind: openai, base_url: \"{base_url}\", api_key: {key} }}\n")
}

/// A config with these upstreams behind the model `fast` (`gpt-4o-mini` there), and whatever else.
pub(crate) fn config(upstreams: &[&str], rest: &str) -> String {
    let mut text = "server: { listen: \"127.0.0.1:0\", drain: 5s }\nproviders:\n".to_owned();
    let names = ["a", "b", "c"];
    for (name, url) in names.iter().zip(upstreams) {
        text.push_str(&provider(name, url));
    }
    let targets: Vec<_> =
        names.iter().take(upstreams.len()).map(|name| format!("{name}/gpt-4o-mini")).collect();
    format!("{text}models:\n  fast: {{ targets: [{}] }}\n{rest}", targets.join(", "))
}

/// The secrets that stand in for words: few enough that all that is written can be looked through for each.
static STAND_INS: LazyLock<Mutex<HashMap<String, String>>> = LazyLock::new(Mutex::default);

/// The config with a secret to look for in place of every key that only stands for one: `key`, `k`, `k1`. The same word
/// is the same key in all tests.
fn with_secrets(yaml: &str) -> String {
    const FIELD: &str = "api_key: ";
    let mut keys = STAND_INS.lock().unwrap();
    let mut parts = yaml.split(FIELD);
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let word = &part[..part.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(part.len())];
        let stands_in = word == "key"
            || word.strip_prefix('k').is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit()));
        text.push_str(FIELD);
        if stands_in {
            text.push_str(keys.entry(word.to_owned()).or_insert_with(|| secret(word)));
        }
        text.push_str(&part[if stands_in { word.len() } else { 0 }..]);
    }
    text
}

/// The text of a config file as a gateway of these tests gets it: with secrets to look for in it, and, where it says
/// nothing of who may do what, steered by the test.
pub(crate) fn file_text(yaml: &str) -> String {
    let text = with_secrets(yaml);
    if yaml.contains("access:") { text } else { format!("{text}\naccess: {{ admin_key: {} }}\n", *ADMIN_KEY) }
}

fn parsed(yaml: &str) -> Config {
    lockgate_config::parse("test.yaml", &file_text(yaml), &|_| None).unwrap_or_else(|error| panic!("{error}"))
}

impl House {
    pub(crate) async fn new(yaml: &str) -> Self {
        Self::of(&parsed(yaml)).await
    }

    pub(crate) async fn of(config: &Config) -> Self {
        keep_logs();
        let journal = Arc::new(Recent::new(20_000));
        let serving = lockgate_gateway::start(config, journal.clone()).await.unwrap();
        Self { serving, journal, client: Client::builder(TokioExecutor::new()).build_http() }
    }

    /// With a journal in the config's data folder; `journal` stays empty.
    pub(crate) async fn kept(yaml: &str) -> Self {
        keep_logs();
        let config = parsed(yaml);
        let store = Store::open(&config).unwrap();
        let serving = lockgate_gateway::start(&config, store).await.unwrap();
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { serving, journal: Arc::new(Recent::new(1)), client }
    }

    /// With the config of a file, whose text is [`file_text`] of something.
    pub(crate) async fn of_file(file: &Path) -> Self {
        keep_logs();
        let journal = Arc::new(Recent::new(20_000));
        let origin = Origin::new(file, |_| None, Vec::new);
        let loaded = origin.load().unwrap_or_else(|errors| panic!("{errors}"));
        let serving = lockgate_gateway::start_from(origin, loaded, journal.clone()).await.unwrap();
        Self { serving, journal, client: Client::builder(TokioExecutor::new()).build_http() }
    }

    /// Around a gateway that puts its calls on record elsewhere.
    pub(crate) fn around(serving: Serving) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { serving, journal: Arc::new(Recent::new(0)), client }
    }

    /// Has it go on with another config.
    pub(crate) fn apply(&self, yaml: &str) {
        self.serving.apply(&parsed(yaml)).unwrap();
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.serving.address)
    }

    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Response<Incoming> {
        self.client.request(request).await.unwrap()
    }

    /// Asks and reads the whole answer.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: impl Into<Bytes>,
    ) -> Answer {
        let mut request =
            Request::builder().method(method).uri(self.url(path)).header("content-type", content_type);
        if path.starts_with("/admin") || path.starts_with("/api/") {
            request = request.header("x-admin-key", &*ADMIN_KEY);
        }
        read(self.send(request.body(Full::new(body.into())).unwrap()).await).await
    }

    pub(crate) async fn post(&self, path: &str, body: impl Into<Bytes>) -> Answer {
        self.ask(Method::POST, path, "application/json", body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, "application/json", "").await
    }

    /// The records of all calls, once `count` calls are settled.
    pub(crate) async fn records(&self, count: usize) -> Vec<CallRecord> {
        eventually(|| {
            let records = self.journal.all();
            (records.len() >= count).then_some(records)
        })
        .await
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }
}

pub(crate) async fn read(response: Response<Incoming>) -> Answer {
    let (answer, is_whole) = read_what_comes(response).await;
    assert!(is_whole, "the connection broke inside the answer: {answer:?}");
    answer
}

/// Reads an answer as far as it comes, and says whether its end came too.
pub(crate) async fn read_what_comes(response: Response<Incoming>) -> (Answer, bool) {
    let (head, mut body) = response.into_parts();
    let (mut bytes, mut is_whole) = (Vec::new(), true);
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => bytes.extend_from_slice(&frame.into_data().unwrap_or_default()),
            Err(_) => is_whole = false,
        }
    }
    if let Some(run) = &*RUN {
        let (status, headers) = (head.status, &head.headers);
        let name = format!("answers-{}.log", std::process::id());
        run.keep(&name, &[format!("{status} {headers:?}\n").as_bytes(), &bytes, b"\n"].concat()).unwrap();
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    (Answer { status: head.status, headers: head.headers, text }, is_whole)
}

/// Says what a test has measured.
pub(crate) fn tell(line: &str) {
    // Nobody is left to tell when stderr is closed.
    drop(writeln!(std::io::stderr(), "{line}"));
}

/// Waits until `probe` finds what it looks for; five seconds at most.
pub(crate) async fn eventually<T>(mut probe: impl FnMut() -> Option<T>) -> T {
    for _ in 0..500 {
        if let Some(found) = probe() {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it did not happen within five seconds");
}

/// Asks until the answer is yes; ten seconds at most.
pub(crate) async fn eventually_ok<F: Future<Output = bool>>(mut probe: impl FnMut() -> F) {
    for _ in 0..500 {
        if probe().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it did not happen within ten seconds");
}

/// A chat request for `fast`.
pub(crate) const CHAT: &str = r#"{"model":"fast","messages":[{"role":"user","content":"hello"}]}"#;
/// The same, streamed.
pub(crate) const STREAM: &str =
    r#"{"model":"fast","stream":true,"messages":[{"role":"user","content":"hello"}]}"#;
/// Where chat requests go.
pub(crate) const CHAT_PATH: &str = "/v1/chat/completions";
