//! Two providers, of which one is faulty, behind a gateway that is asked in every way.

use std::{
    fmt::Write as _,
    sync::LazyLock,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::Request;
use http_body_util::Full;
use lockgate_mock::{Behaviour, Fault, Mock, Rule};

use super::verdict::{self, Verdict};
use crate::{
    house::{Answer, House, UPSTREAM_KEY, mock, read_what_comes},
    matrix::{CLIENTS, Client},
};

/// The text of every answer: sixty words that all differ, and letters of more than one byte.
pub(crate) static TEXT: LazyLock<String> =
    LazyLock::new(|| (1..=60).map(|number| format!("wört{number}")).collect::<Vec<_>>().join(" "));

/// The section by which failures are not counted as long as there are fewer than a thousand.
pub(crate) const PATIENT: &str = "health: { error_threshold: 1000 }\n";

/// The provider kinds and the dialects they are spoken to in.
const SPOKEN: &[(&str, &str)] = &[
    ("openai", "openai-chat"),
    ("openai", "openai-responses"),
    ("anthropic", "anthropic"),
    ("gemini", "gemini"),
];

/// Client and provider dialects: each of the four untouched and each translated, and each provider's translated from.
pub(crate) const PAIRS: &[(&str, &str)] = &[
    ("openai-chat", "openai-chat"),
    ("openai-responses", "openai-responses"),
    ("anthropic", "anthropic"),
    ("gemini", "gemini"),
    ("openai-chat", "anthropic"),
    ("openai-responses", "openai-chat"),
    ("anthropic", "gemini"),
    ("gemini", "openai-responses"),
];

/// A gateway before a faulty provider and a good one. The models `both-DIALECT` ask the faulty one first, in that dialect;
/// `alone-DIALECT` have no other.
pub(crate) struct Bench {
    pub(crate) bad: Mock,
    pub(crate) good: Mock,
    pub(crate) house: House,
}

/// One way to ask.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way {
    pub(crate) client: &'static str,
    pub(crate) upstream: &'static str,
    pub(crate) stream: bool,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) way: Way,
    pub(crate) answer: Answer,
    pub(crate) verdict: Verdict,
    pub(crate) took: Duration,
}

/// The number of requests for each fault.
pub(crate) fn requests() -> usize {
    std::env::var("LOCKGATE_CATALOGUE").map_or(50, |count| count.parse().unwrap())
}

/// Every pair, whole and streamed.
pub(crate) fn ways() -> Vec<Way> {
    let both = |&(client, upstream): &(&'static str, &'static str)| {
        [false, true].map(|stream| Way { client, upstream, stream })
    };
    PAIRS.iter().flat_map(both).collect()
}

/// Every pair, streamed.
pub(crate) fn streams() -> Vec<Way> {
    ways().into_iter().filter(|way| way.stream).collect()
}

/// The same as often as a fault is to be met at least.
pub(crate) fn many(ways: &[Way]) -> Vec<Way> {
    ways.repeat(requests().div_ceil(ways.len()))
}

/// A mock that gives the text that is expected.
pub(crate) async fn talkative() -> Mock {
    let mock = mock().await;
    mock.set_behaviour(behaviour());
    mock
}

/// How it behaves.
pub(crate) fn behaviour() -> Behaviour {
    Behaviour { answer: Some(TEXT.clone()), ..Behaviour::default() }
}

impl Bench {
    /// A bench whose models have `retry`, whose `model` fields are added to every model, and what else there is.
    pub(crate) async fn new(retry: &str) -> Self {
        Self::with(retry, "", "").await
    }

    /// The same where no number of failures makes a provider be left alone, so that each call meets the fault.
    pub(crate) async fn patient(retry: &str) -> Self {
        Self::with(retry, "", PATIENT).await
    }

    /// The same with fields for the models that have a fallback, and other sections.
    pub(crate) async fn with(retry: &str, fields: &str, sections: &str) -> Self {
        let bad = talkative().await;
        let url = format!("http://{}", bad.addr());
        Self::at(bad, &url, retry, fields, sections).await
    }

    /// The same with a faulty provider that is reached by another URL.
    pub(crate) async fn at(bad: Mock, url: &str, retry: &str, fields: &str, sections: &str) -> Self {
        let good = talkative().await;
        let house =
            House::new(&config(url, &format!("http://{}", good.addr()), retry, fields, sections)).await;
        Self { bad, good, house }
    }

    /// Makes `fault` befall every request to the faulty provider.
    pub(crate) fn always(&self, fault: &str) {
        self.bad.rules(vec![Rule::new(fault.parse::<Fault>().unwrap())]);
    }

    /// Asks one model in one way.
    pub(crate) async fn ask(&self, model: &str, way: Way) -> Got {
        let client = client(way.client);
        let (path, body) = match way.stream {
            true => (client.stream_path, client.stream_body),
            false => (client.path, client.body),
        };
        let model = format!("{model}-{}", way.upstream);
        self.send(way, &path.replace("{model}", &model), body.replace("{model}", &model)).await
    }

    /// Sends this body and reads the answer.
    pub(crate) async fn send(&self, way: Way, path: &str, body: impl Into<Bytes>) -> Got {
        let request = Request::post(self.house.url(path)).header("content-type", "application/json");
        let start = Instant::now();
        let response = self.house.send(request.body(Full::new(body.into())).unwrap()).await;
        let (answer, is_whole) = read_what_comes(response).await;
        let verdict = verdict::of(way.client, way.stream, &answer, is_whole);
        Got { way, answer, verdict, took: start.elapsed() }
    }

    /// Asks in all these ways, some at a time.
    pub(crate) async fn ask_all(&self, model: &str, ways: Vec<Way>) -> Vec<Got> {
        stream::iter(ways).map(|way| self.ask(model, way)).buffer_unordered(16).collect().await
    }
}

fn config(bad: &str, good: &str, retry: &str, fields: &str, sections: &str) -> String {
    let key = &*UPSTREAM_KEY;
    let server = if sections.contains("server:") { "" } else { "server: { listen: \"127.0.0.1:0\" }\n" };
    let mut text = format!("{server}retry: {{ {retry} }}\n{sections}providers:\n");
    let mut models = "models:\n".to_owned();
    for (kind, dialect) in SPOKEN {
        for (name, url) in [("bad", bad), ("good", good)] {
            writeln!(
                text,
                "  {name}-{dialect}: {{ kind: {kind}, base_url: \"{url}\", api_key: {key}, speaks: [{dialect}] }}"
            )
            .unwrap();
        }
        let (first, second) = (format!("bad-{dialect}/mock-1"), format!("good-{dialect}/mock-2"));
        writeln!(models, "  both-{dialect}: {{ targets: [{first}], fallback: [{second}]{fields} }}").unwrap();
        writeln!(models, "  alone-{dialect}: {{ targets: [{first}] }}").unwrap();
    }
    text + &models
}

pub(crate) fn client(dialect: &str) -> &'static Client {
    CLIENTS.iter().find(|client| client.dialect == dialect).unwrap()
}

impl Got {
    /// Why this is not the whole answer, if it is not.
    pub(crate) fn is_whole(&self) -> Result<(), String> {
        match &self.verdict {
            Verdict::Whole(text) if *text == *TEXT => Ok(()),
            other => Err(format!("{:?}: {:.700}", self.way, format!("{other:?}"))),
        }
    }

    /// Why this is not a clean error behind a part of the answer, if it is not.
    pub(crate) fn is_clean_error(&self) -> Result<(), String> {
        match &self.verdict {
            Verdict::Failed { text, .. } if TEXT.starts_with(text.as_str()) => Ok(()),
            other => Err(format!("{:?}: {:.700}", self.way, format!("{other:?}"))),
        }
    }
}

/// Fails with the first of what went wrong, and how much that was.
#[track_caller]
pub(crate) fn all(what: &str, results: impl IntoIterator<Item = Result<(), String>>) {
    let results: Vec<_> = results.into_iter().collect();
    let wrong: Vec<_> = results.iter().filter_map(|result| result.as_ref().err()).collect();
    assert!(
        wrong.is_empty(),
        "{what}: {} of {} went wrong:\n{}",
        wrong.len(),
        results.len(),
        wrong.iter().take(8).map(|why| why.as_str()).collect::<Vec<_>>().join("\n")
    );
}
