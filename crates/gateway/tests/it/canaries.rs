//! Secrets through every failure that can be had on demand: none of them is in a log, an answer or a record.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use http::{Method, Request};
use http_body_util::Full;
use lockgate_mock::Fault;
use lockgate_testkit::canary::{self, Run};
use tracing_subscriber::fmt::MakeWriter;

use crate::{
    house::{CHAT, CHAT_PATH, House, STREAM, mock, read},
    matrix::{CLIENTS, UPSTREAMS},
    raw::Refusing,
};

/// The text forms of faults, of each kind one; what costs a timeout has its own place below.
const FAULTS: &[&str] = &[
    "400",
    "401",
    "402",
    "403",
    "404",
    "408",
    "413",
    "422",
    "429;retry-after=90",
    "500",
    "502",
    "503",
    "529",
    "quota",
    "context-length",
    "content-filter",
    "reset",
    "cut:0",
    "cut:2",
    "malformed:1",
    "error:0",
    "error:2",
    "no-done",
    "empty",
    "html",
    "html:200",
    "error-in-200",
    "truncated",
    "silent",
    "stall:2",
];

/// What was logged so far.
#[derive(Clone, Default)]
struct Logs(Arc<Mutex<Vec<u8>>>);

impl Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Logs {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

/// A run of this test's own, whether or not a suite looks on.
pub(crate) struct Hunt {
    pub(crate) run: Run,
    logs: Logs,
}

impl Hunt {
    /// A hunt of that name, through what is logged on this thread as long as the guard lives.
    pub(crate) fn new(name: &str) -> (Self, tracing::subscriber::DefaultGuard) {
        let run = Run::at(std::env::temp_dir().join(format!("lockgate-{name}-{}", std::process::id())));
        run.clear().unwrap();
        let hunt = Self { run, logs: Logs::default() };
        let logs = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false);
        let guard = tracing::subscriber::set_default(logs.with_writer(hunt.logs.clone()).finish());
        (hunt, guard)
    }

    fn secret(&self, name: &str) -> String {
        let secret = canary::secret();
        self.run.watch(name, &secret).unwrap();
        secret
    }

    /// Asks with a key, and keeps the answer to be looked through.
    async fn ask(&self, house: &House, path: &str, body: String, key: &str) {
        let request = Request::builder()
            .method(Method::POST)
            .uri(house.url(path))
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {key}"));
        let answer = house.client.request(request.body(Full::from(body)).unwrap()).await.unwrap();
        let answer = read(answer).await;
        self.run
            .keep(
                "answers.log",
                format!("{} {:?}\n{}\n", answer.status, answer.headers, answer.text).as_bytes(),
            )
            .unwrap();
    }

    pub(crate) fn finish(self, records: &str) {
        self.run.keep("records.log", records.as_bytes()).unwrap();
        let logs = self.logs.0.lock().unwrap().clone();
        let lines = String::from_utf8_lossy(&logs);
        assert!(
            lines.contains("TRACE") || lines.contains("DEBUG"),
            "the logs are not at their most talkative"
        );
        self.run.keep("gateway.log", &logs).unwrap();
        let report = self.run.hunt().unwrap();
        assert!(report.leaks.is_empty(), "{}", report.leaks.join("\n"));
        // That a hunt like this finds what is there, the test kit's own tests and this line show.
        self.run.keep("planted.log", self.planted().as_bytes()).unwrap();
        assert_eq!(self.run.hunt().unwrap().leaks.len(), 1, "a planted secret is not found");
        self.run.clear().unwrap();
    }

    fn planted(&self) -> String {
        let list = std::fs::read_to_string(self.run.folder().join("secrets.jsonl")).unwrap();
        let first: serde_json::Value = serde_json::from_str(list.lines().next().unwrap()).unwrap();
        first["secret"].as_str().unwrap().to_owned()
    }
}

// On one thread, so that all of the gateway's logs come to this test.
#[tokio::test]
async fn no_failure_shows_a_secret() {
    let (hunt, _guard) = Hunt::new("canaries");

    let mock = mock().await;
    let host = format!("http://{}", mock.addr());
    let (client, header) = (hunt.secret("client key"), hunt.secret("operator's header"));
    let mut yaml = format!(
        "server: {{ listen: \"127.0.0.1:0\" }}\naccess: {{ keys: [{{ name: alice, key: {client} }}] }}\n\
         retry: {{ attempts: 2, first_byte: 150ms, stall: 150ms, timeout: 1s }}\nproviders:\n"
    );
    let mut models = "models:\n".to_owned();
    for (kind, dialect) in UPSTREAMS {
        let keys = [hunt.secret(dialect), hunt.secret(dialect)];
        yaml.push_str(&format!(
            "  {dialect}:\n    kind: {kind}\n    base_url: \"{host}\"\n    speaks: [{dialect}]\n    \
             headers: {{ x-operator: {header} }}\n    credentials: [{{ api_key: {} }}, {{ api_key: {} }}]\n",
            keys[0], keys[1]
        ));
        models.push_str(&format!("  on-{dialect}: {{ targets: [{dialect}/mock-1] }}\n"));
    }
    let (dead, password) = (Refusing::new(), hunt.secret("proxy password"));
    let proxy = dead.base_url().replace("http://", &format!("http://me:{password}@")).replace("/v1", "");
    yaml.push_str(&format!(
        "  behind: {{ kind: openai, base_url: \"{host}\", api_key: {}, proxy: \"{proxy}\" }}\n",
        hunt.secret("key behind a proxy")
    ));
    models.push_str("  behind: { targets: [behind/mock-1] }\n");
    let house = House::new(&(yaml + &models)).await;

    for (turn, fault) in FAULTS.iter().enumerate() {
        for (place, (_, upstream)) in UPSTREAMS.iter().enumerate() {
            mock.cycle(vec![Some(fault.parse::<Fault>().unwrap())]);
            let asks = &CLIENTS[(turn + place) % CLIENTS.len()];
            let (path, body) =
                if turn % 2 == 0 { (asks.path, asks.body) } else { (asks.stream_path, asks.stream_body) };
            let model = format!("on-{upstream}");
            hunt.ask(&house, &path.replace("{model}", &model), body.replace("{model}", &model), &client)
                .await;
        }
    }
    mock.cycle(Vec::new());
    let stranger = hunt.secret("a stranger's key");
    for (body, key) in [
        (CHAT.replace("fast", "on-openai-chat"), client.as_str()),
        (STREAM.replace("fast", "on-openai-chat"), &client),
        (CHAT.replace("fast", "behind"), &client),
        (CHAT.replace("fast", "nothing"), &client),
        ("{".to_owned(), &client),
        (CHAT.replace("fast", "on-openai-chat"), &stranger),
    ] {
        hunt.ask(&house, CHAT_PATH, body, key).await;
    }
    hunt.ask(&house, "/no/such/path", String::new(), &client).await;
    let calls = FAULTS.len() * UPSTREAMS.len();
    let records = serde_json::to_string(&house.records(calls).await).unwrap();
    hunt.finish(&records);
}
