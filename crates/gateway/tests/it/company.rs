//! Signs of life: the client of a streamed answer hears something while it waits, and reads the same answer.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use lockgate_mock::{Behaviour, Fault, Mock};
use lockgate_protocol::{
    dialects,
    fold::{Folded, fold},
};
use lockgate_store::{CallRecord, Ended};

use crate::{
    house::{Answer, House, mock},
    matrix::{CLIENTS, Client, UPSTREAMS},
};

const SIGN: &str = ": still waiting\n\n";
/// The clients that can be told something between two events.
const TOLD: &[&str] = &["openai-chat", "openai-responses", "anthropic"];

/// A gateway whose clients are told every 100 ms, in front of these mocks: each dialect of providers has a model
/// `on-{dialect}`, which asks one mock after the other. `server`, `retry` and `model` are more settings.
async fn house(mocks: &[&Mock], server: &str, retry: &str, model: &str) -> House {
    let mut yaml = format!(
        "server: {{ listen: \"127.0.0.1:0\", {server} }}\nretry: {{ attempts: {}, {retry} }}\nproviders:\n",
        mocks.len()
    );
    let mut models = "models:\n".to_owned();
    for (kind, dialect) in UPSTREAMS {
        let mut targets = Vec::new();
        for (place, mock) in mocks.iter().enumerate() {
            let (name, host) = (format!("{dialect}-{place}"), mock.addr());
            writeln!(
                yaml,
                "  {name}: {{ kind: {kind}, base_url: \"http://{host}\", api_key: key, speaks: [{dialect}] }}"
            )
            .unwrap();
            targets.push(format!("{name}/mock-1"));
        }
        let (first, rest) = targets.split_first().unwrap();
        writeln!(
            models,
            "  on-{dialect}: {{ targets: [{first}], fallback: [{}], {model} }}",
            rest.join(", ")
        )
        .unwrap();
    }
    House::new(&(yaml + &models)).await
}

const OFTEN: &str = "keep_alive: 100ms";

/// A streamed answer, and how long its first byte took.
struct Heard {
    answer: Answer,
    first: Duration,
}

impl Heard {
    fn signs(&self) -> usize {
        self.answer.text.matches(SIGN).count()
    }

    /// What a client of the dialect makes of it.
    fn read(&self, client: &Client) -> Folded {
        let codec = dialects::find(client.dialect).unwrap().codec();
        fold(client.dialect, codec, &Bytes::copy_from_slice(self.answer.text.as_bytes()), None)
    }

    #[track_caller]
    fn is_whole(&self, client: &Client, what: &str) {
        let told = &self.answer;
        assert_eq!(told.status, 200, "{what}: {}", told.text);
        assert!(matches!(self.read(client), Folded::Whole(_)), "{what}: {}", told.text);
        assert!(told.text.contains("ahoi"), "{what}: {}", told.text);
        assert_eq!(
            told.text.matches(client.end).count(),
            1 + usize::from(client.names_end_twice()),
            "{what}"
        );
    }

    /// The status left before it was known, and the failure is told in the stream.
    #[track_caller]
    fn failed_inside(&self, client: &Client, what: &str) {
        let told = &self.answer;
        assert_eq!(told.status, 200, "{what}: {}", told.text);
        let Folded::Failed(body) = self.read(client) else { panic!("{what}: {}", told.text) };
        let codec = dialects::find(client.dialect).unwrap().codec();
        let complaint = codec.decode_error(&body).and_then(|complaint| complaint.message);
        assert!(complaint.is_some(), "{what}: {}", told.text);
        assert!(!told.text.contains(client.end), "{what}: {}", told.text);
    }
}

impl Client {
    /// Responses names its last event in the frame and in the data, Anthropic too.
    fn names_end_twice(&self) -> bool {
        matches!(self.dialect, "openai-responses" | "anthropic")
    }
}

/// The clients whose dialects have a sign of life, or those that have none.
fn clients(told: bool) -> impl Iterator<Item = &'static Client> {
    CLIENTS.iter().filter(move |client| TOLD.contains(&client.dialect) == told)
}

async fn stream(house: &House, client: &Client, upstream: &str) -> Heard {
    let model = format!("on-{upstream}");
    let (path, body) =
        (client.stream_path.replace("{model}", &model), client.stream_body.replace("{model}", &model));
    let request = Request::builder()
        .method(Method::POST)
        .uri(house.url(&path))
        .header("content-type", "application/json");
    let start = Instant::now();
    let (head, mut body) = house.send(request.body(Full::new(body.into())).unwrap()).await.into_parts();
    let mut bytes = Vec::new();
    let mut first = None;
    while let Some(frame) = body.frame().await {
        first.get_or_insert_with(|| start.elapsed());
        bytes.extend_from_slice(&frame.unwrap().into_data().unwrap());
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let answer = Answer { status: head.status, headers: head.headers, text };
    Heard { answer, first: first.unwrap_or_else(|| start.elapsed()) }
}

/// The only record.
async fn record(house: &House) -> CallRecord {
    let mut records = house.records(1).await;
    assert_eq!(records.len(), 1, "{records:?}");
    records.remove(0)
}

fn fault(text: &str) -> Fault {
    text.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_answer_is_announced_and_then_the_same() {
    for client in clients(true) {
        for upstream in ["openai-chat", "anthropic"] {
            let what = format!("{} on {upstream}", client.dialect);
            let mock = mock().await;
            mock.script([fault("late:700ms")]);
            let house = house(&[&mock], OFTEN, "first_token: off", "").await;
            let heard = stream(&house, client, upstream).await;
            heard.is_whole(client, &what);
            assert!(heard.answer.text.starts_with(SIGN), "{what}: {}", heard.answer.text);
            assert!((3..=7).contains(&heard.signs()), "{what}: {} signs", heard.signs());
            assert!(heard.first < Duration::from_millis(500), "{what}: {:?}", heard.first);
            assert_eq!(heard.answer.header("content-type"), "text/event-stream");
            assert!(!heard.answer.header("x-request-id").is_empty());
            let record = record(&house).await;
            assert_eq!(
                (record.ended, record.status, record.attempts.len()),
                (Ended::Answered, 200, 1),
                "{what}"
            );
            assert!(record.usage.is_some_and(|usage| usage.output > 0), "{what}: {record:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_behind_a_sign_fails_inside_the_stream() {
    for client in clients(true) {
        for trouble in ["silent", "late:20s"] {
            let what = format!("{}, {trouble}", client.dialect);
            let mock = mock().await;
            mock.cycle(vec![Some(fault(trouble))]);
            let house = house(&[&mock], OFTEN, "first_token: 350ms", "").await;
            let heard = stream(&house, client, "openai-chat").await;
            heard.failed_inside(client, &what);
            assert!(heard.signs() >= 2, "{what}: {}", heard.answer.text);
            let record = record(&house).await;
            assert_eq!(
                (record.ended, record.status, record.attempts.len()),
                (Ended::Broken, 200, 1),
                "{what}"
            );
            assert!(record.attempts[0].fault.is_some(), "{what}: {record:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_before_a_sign_has_a_status() {
    for client in clients(true) {
        let mock = mock().await;
        mock.cycle(vec![Some(fault("503"))]);
        let house = house(&[&mock], OFTEN, "", "").await;
        let heard = stream(&house, client, "openai-chat").await;
        assert_eq!(
            (heard.answer.status, heard.signs()),
            (StatusCode::SERVICE_UNAVAILABLE, 0),
            "{}",
            client.dialect
        );
        assert_eq!(record(&house).await.ended, Ended::Refused);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failover_goes_on_behind_a_sign() {
    for client in clients(true) {
        let what = client.dialect;
        let (first, second) = (mock().await, mock().await);
        first.cycle(vec![Some(fault("silent"))]);
        let house = house(&[&first, &second], OFTEN, "first_token: 350ms", "").await;
        let heard = stream(&house, client, "openai-chat").await;
        heard.is_whole(client, what);
        assert!(heard.signs() >= 2, "{what}: {}", heard.answer.text);
        let record = record(&house).await;
        assert_eq!((record.ended, record.attempts.len()), (Ended::Answered, 2), "{what}: {record:?}");
        assert!(record.attempts[0].fault.is_some() && record.attempts[1].fault.is_none(), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stall_in_the_middle_has_signs_and_then_an_error() {
    for client in clients(true) {
        for upstream in ["openai-chat", "anthropic"] {
            let what = format!("{} on {upstream}", client.dialect);
            let mock = mock().await;
            mock.script([fault("stall:3")]);
            let house = house(&[&mock], OFTEN, "stall: 450ms", "").await;
            let heard = stream(&house, client, upstream).await;
            heard.failed_inside(client, &what);
            let before =
                heard.answer.text.find(SIGN).unwrap_or_else(|| panic!("{what}: {}", heard.answer.text));
            assert!(before > 0, "{what}: the answer had begun");
            assert!((2..=5).contains(&heard.signs()), "{what}: {}", heard.answer.text);
            let record = record(&house).await;
            assert_eq!((record.ended, record.attempts.len()), (Ended::Broken, 1), "{what}: {record:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_held_whole_is_waited_for_with_signs() {
    let slowly =
        Behaviour { between_events: Duration::from_millis(40), words: Some(12), ..Behaviour::default() };
    for client in clients(true) {
        let what = client.dialect;
        let (first, second) = (mock().await, mock().await);
        [&first, &second].into_iter().for_each(|mock| mock.set_behaviour(slowly.clone()));
        first.cycle(vec![Some(fault("cut:9"))]);
        let house = house(&[&first, &second], OFTEN, "", "commit: whole").await;
        let heard = stream(&house, client, "openai-chat").await;
        // The cut half is not seen, and the signs stand before the answer.
        assert_eq!(heard.answer.status, 200, "{what}");
        assert!(matches!(heard.read(client), Folded::Whole(_)), "{what}: {}", heard.answer.text);
        assert!(heard.signs() >= 3, "{what}: {}", heard.answer.text);
        assert!(!heard.answer.text.trim_start_matches(SIGN).contains(SIGN), "{what}: {}", heard.answer.text);
        let record = record(&house).await;
        assert_eq!((record.ended, record.attempts.len()), (Ended::Answered, 2), "{what}: {record:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_would_trip_over_a_sign_get_none_and_a_status() {
    for client in clients(false) {
        let what = client.dialect;
        let mock = mock().await;
        mock.script([fault("late:400ms")]);
        let house_late = house(&[&mock], OFTEN, "first_token: off", "").await;
        let heard = stream(&house_late, client, "openai-chat").await;
        assert_eq!((heard.answer.status, heard.signs()), (StatusCode::OK, 0), "{what}");
        assert!(heard.answer.text.contains(client.end), "{what}: {}", heard.answer.text);

        mock.cycle(vec![Some(fault("silent"))]);
        let house = house(&[&mock], OFTEN, "first_token: 350ms", "").await;
        let heard = stream(&house, client, "openai-chat").await;
        assert_eq!(heard.answer.status, StatusCode::GATEWAY_TIMEOUT, "{what}: {}", heard.answer.text);
        let record = record(&house).await;
        assert_eq!((record.ended, record.stream), (Ended::Refused, true), "{what}");
        assert!(
            record.micros < 5_000_000,
            "{what}: a stream that says nothing is not waited for like a whole answer"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_where_it_is_off_or_nothing_is_streamed() {
    for client in clients(true) {
        let what = client.dialect;
        let mock = mock().await;
        mock.cycle(vec![Some(fault("late:400ms"))]);
        let off = house(&[&mock], "keep_alive: off", "first_token: off", "").await;
        let heard = stream(&off, client, "openai-chat").await;
        heard.is_whole(client, what);
        assert_eq!(heard.signs(), 0, "{what}: {}", heard.answer.text);

        let often = house(&[&mock], OFTEN, "", "").await;
        let body = client.body.replace("{model}", "on-openai-chat");
        let answer = often.post(client.path, body).await;
        assert_eq!(answer.status, 200, "{what}: {}", answer.text);
        answer.json();
    }
}
