//! How often each failure that providers are known to answer with makes the gateway ask, and what the client is told.
//!
//! The recorded ones where the recordings are, and those of the provider crate's table everywhere.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use futures_util::{StreamExt, stream};
use http::Method;
use lockgate_testkit::fixtures::{self, Framing, Kind};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    house::{Answer, House, secret},
    matrix::{CLIENTS, Client, UPSTREAMS},
    raw::Raw,
};

/// What may follow a kind of failure.
struct Course {
    kind: &'static str,
    /// How many requests two deployments that both fail so may get.
    most: usize,
    /// How many of them one credential may get.
    each: usize,
    /// Whether the provider's words are for the client.
    told: bool,
}

/// The client's own mistakes are asked about once; what a credential is to blame for never twice with the same; what may
/// pass, as often as there are attempts.
const COURSES: &[Course] = &[
    Course { kind: "invalid_request", most: 1, each: 1, told: true },
    Course { kind: "context_length_exceeded", most: 1, each: 1, told: true },
    Course { kind: "content_filter", most: 1, each: 1, told: true },
    Course { kind: "upstream_key_refused", most: 2, each: 1, told: false },
    Course { kind: "insufficient_quota", most: 2, each: 1, told: false },
    Course { kind: "upstream_not_found", most: 2, each: 1, told: true },
    Course { kind: "upstream_timeout", most: 2, each: 1, told: false },
    Course { kind: "rate_limit_exceeded", most: 3, each: 2, told: false },
    Course { kind: "upstream_overloaded", most: 3, each: 2, told: false },
    Course { kind: "upstream_failed", most: 3, each: 2, told: false },
    Course { kind: "upstream_garbled", most: 3, each: 2, told: false },
];

/// A folder of recordings, and the kind and dialect of the provider that they came from.
const FOLDERS: &[(&str, &str, &str)] = &[
    ("openai-chat", "openai", "openai-chat"),
    ("openai-responses", "openai", "openai-responses"),
    ("anthropic-messages", "anthropic", "anthropic"),
    ("gemini", "gemini", "gemini"),
    ("ollama", "ollama", "ollama"),
    ("bedrock-converse", "bedrock", "bedrock"),
    ("bedrock-invoke", "bedrock", "bedrock"),
];

/// One answer that is a failure.
struct Failure {
    name: String,
    upstream: (&'static str, &'static str),
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    is_stream: bool,
}

#[derive(Deserialize)]
struct Table {
    error: Vec<Row>,
}

/// A row of the provider crate's table, as far as it says what is answered.
#[derive(Deserialize)]
struct Row {
    name: String,
    status: u16,
    #[serde(default)]
    headers: Vec<(String, String)>,
    body: String,
}

/// What came of one failure for one client.
struct Outcome {
    /// The first attempt's fault.
    kind: String,
    requests: usize,
    trouble: Vec<String>,
}

fn modelled() -> Vec<Failure> {
    let table: Table = toml::from_str(include_str!("../../../provider/tests/it/errors.toml")).unwrap();
    let failure = |row: Row| Failure {
        name: row.name,
        upstream: UPSTREAMS[0],
        status: row.status,
        headers: row.headers,
        body: row.body.into_bytes(),
        is_stream: false,
    };
    table.error.into_iter().map(failure).collect()
}

fn recorded() -> Vec<Failure> {
    let Some(recordings) = fixtures::open() else { return Vec::new() };
    let mut failures = Vec::new();
    for case in recordings.all() {
        let case = case.unwrap();
        let Some((_, kind, dialect)) = FOLDERS.iter().find(|(folder, ..)| *folder == case.protocol) else {
            continue;
        };
        let is_stream = case.kind == Kind::Stream && case.name.contains("error");
        if case.status < 400 && !is_stream {
            continue;
        }
        let body = match &case.answer {
            fixtures::Answer::Whole(body) => body.clone(),
            fixtures::Answer::Stream(Framing::Sse, bytes) => bytes.clone(),
            fixtures::Answer::Events(payloads) => {
                payloads.iter().map(|payload| format!("data: {payload}\n\n")).collect::<String>().into_bytes()
            }
            fixtures::Answer::Stream(framing, _) => panic!("{}: {framing:?} is not expected here", case.id()),
        };
        failures.push(Failure {
            name: case.id(),
            upstream: (*kind, *dialect),
            status: case.status,
            headers: case.headers,
            body,
            is_stream,
        });
    }
    failures
}

impl Failure {
    /// The whole answer on the wire. What frames it is this server's own.
    fn answer(&self) -> Vec<u8> {
        let media_type = if self.is_stream { "text/event-stream" } else { "application/json" };
        let mut head = format!("HTTP/1.1 {} x\r\ncontent-type: {media_type}\r\n", self.status);
        let framing =
            ["connection", "content-encoding", "content-length", "content-type", "transfer-encoding"];
        for (name, value) in self.headers.iter().filter(|(name, _)| !framing.contains(&name.as_str())) {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        let _ = write!(head, "connection: close\r\ncontent-length: {}\r\n\r\n", self.body.len());
        [head.as_bytes(), &self.body].concat()
    }

    /// Its sentences, which a client may or may not read.
    fn sentences(&self) -> Vec<String> {
        fn walk(value: &Value, found: &mut Vec<String>) {
            match value {
                Value::String(text) => found.push(text.clone()),
                Value::Array(list) => list.iter().for_each(|value| walk(value, found)),
                Value::Object(members) => members.values().for_each(|value| walk(value, found)),
                _ => {}
            }
        }
        let mut found = Vec::new();
        match serde_json::from_slice(&self.body) {
            Ok(json) => walk(&json, &mut found),
            Err(_) => found.extend(String::from_utf8_lossy(&self.body).lines().map(str::to_owned)),
        }
        found.retain(|text| text.len() > 15 && text.contains(' '));
        found
    }

    /// Asks as `client` does a gateway with two credentials at a provider that always fails so.
    async fn ask(&self, client: &Client) -> Outcome {
        let keys = [secret("first key"), secret("second key")];
        let upstream = Raw::start(self.answer()).await;
        let (kind, dialect) = self.upstream;
        let host = format!("http://{}", upstream.address);
        // Waits that a provider asks for are longer than the call may take.
        let yaml = format!(
            "server: {{ listen: \"127.0.0.1:0\" }}\nretry: {{ timeout: 900ms }}\nproviders:\n  p:\n    kind: {kind}\n    \
             base_url: \"{host}\"\n    speaks: [{dialect}]\n    credentials: [{{ api_key: {} }}, {{ api_key: {} }}]\n\
             models: {{ m: {{ targets: [p/mock-1] }} }}\n",
            keys[0], keys[1]
        );
        let house = House::new(&yaml).await;
        let (path, body) = if self.is_stream {
            (client.stream_path, client.stream_body)
        } else {
            (client.path, client.body)
        };
        let (path, body) = (path.replace("{model}", "m"), body.replace("{model}", "m"));
        let answer = house.ask(Method::POST, &path, "application/json", body).await;
        let record = house.records(1).await.remove(0);
        let requests = upstream.requests();
        let fault = record.attempts.first().and_then(|attempt| attempt.fault.clone()).unwrap_or_default();
        let kind = fault.split(':').next().unwrap_or_default().to_owned();
        let with = |key: &String| requests.iter().filter(|request| request.contains(key.as_str())).count();
        let of_keys = keys.each_ref().map(with);
        let mut trouble = Vec::new();
        if of_keys.iter().sum::<usize>() != requests.len() {
            trouble.push(format!("{} requests, of which {of_keys:?} show a key", requests.len()));
        }
        match COURSES.iter().find(|course| course.kind == kind) {
            Some(course) => {
                if requests.len() > course.most || of_keys.iter().any(|count| *count > course.each) {
                    trouble.push(format!("asked {of_keys:?} times"));
                }
                let repeated =
                    self.sentences().into_iter().find(|sentence| answer.text.contains(sentence.as_str()));
                trouble
                    .extend(repeated.filter(|_| !course.told).map(|sentence| format!("tells {sentence:?}")));
                trouble.extend(self.misshapen(client, &answer));
            }
            // The failure came after something of the answer.
            None if self.is_stream
                && kind.is_empty()
                && requests.len() == 1
                && answer.text.contains("error") => {}
            None => trouble.push(format!("ends in {kind:?}, {} {:.300}", answer.status, answer.text)),
        }
        let address = upstream.address.to_string();
        for internal in [&keys[0], &keys[1], address.as_str(), "canary"] {
            if answer.text.contains(internal) || format!("{:?}", answer.headers).contains(internal) {
                trouble.push(format!("the client reads {internal:?}"));
            }
        }
        Outcome { kind, requests: requests.len(), trouble }
    }

    /// What is wrong with an error for a client of that dialect, if anything is. The provider's own body or event is as
    /// it is.
    fn misshapen(&self, client: &Client, answer: &Answer) -> Option<String> {
        let is_providers =
            self.body.windows(answer.text.len().max(1)).any(|part| part == answer.text.as_bytes());
        if is_providers && client.dialect == self.upstream.1 {
            return None;
        }
        let json: Value = serde_json::from_str(&answer.text).unwrap_or_default();
        let is_text = |pointer: &&str| {
            json.pointer(pointer).and_then(Value::as_str).is_some_and(|text| !text.is_empty())
        };
        let texts: &[&str] = match client.dialect {
            "anthropic" => &["/type", "/error/type", "/error/message"],
            "gemini" => &["/error/status", "/error/message"],
            "ollama" => &["/error"],
            "bedrock" => &["/message"],
            _ => &["/error/message", "/error/type"],
        };
        let is_whole = answer.status.as_u16() >= 400 && texts.iter().all(is_text);
        (!is_whole).then(|| format!("is told {} {:.300}", answer.status, answer.text))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_failure_is_retried_that_must_not_be_and_none_tells_of_the_provider() {
    let failures: Vec<Failure> = modelled().into_iter().chain(recorded()).collect();
    // For each a client of the provider's own dialect, and one of another, in turns.
    let asked = failures.iter().enumerate().flat_map(|(turn, failure)| {
        let is_own = |client: &&Client| client.dialect == failure.upstream.1;
        let own = CLIENTS.iter().find(is_own);
        let others: Vec<&Client> = CLIENTS.iter().filter(|client| !is_own(client)).collect();
        [own, others.get(turn % others.len()).copied()]
            .into_iter()
            .flatten()
            .map(move |client| (failure, client))
    });
    let outcomes: Vec<(String, Outcome)> = stream::iter(asked)
        .map(|(failure, client)| async move {
            (format!("{} for {}", failure.name, client.dialect), failure.ask(client).await)
        })
        .buffer_unordered(8)
        .collect()
        .await;

    let mut table: BTreeMap<&str, (usize, BTreeSet<usize>)> = BTreeMap::new();
    for (_, outcome) in &outcomes {
        let row = table.entry(outcome.kind.as_str()).or_default();
        row.0 += 1;
        row.1.insert(outcome.requests);
    }
    println!("{:<26}{:>6}  requests seen", "kind", "asked");
    for (kind, (asked, requests)) in &table {
        println!(
            "{:<26}{asked:>6}  {requests:?}",
            if kind.is_empty() { "(inside the answer)" } else { kind }
        );
    }
    let trouble: Vec<String> = outcomes
        .iter()
        .filter(|(_, outcome)| !outcome.trouble.is_empty())
        .map(|(name, outcome)| format!("{name}, {}: {}", outcome.kind, outcome.trouble.join("; ")))
        .collect();
    assert!(trouble.is_empty(), "{}", trouble.join("\n"));
    let missing: Vec<&str> =
        COURSES.iter().map(|course| course.kind).filter(|kind| !table.contains_key(kind)).collect();
    assert!(missing.is_empty(), "no failure is {missing:?}");
}
