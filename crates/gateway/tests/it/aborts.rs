//! A client that goes away takes with it what is under way upstream, at whatever point it goes, and leaves nothing behind.

use std::{
    collections::BTreeSet,
    process::Command,
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream};
use lockgate_mock::{Behaviour, Fault, Mock, Settings};
use lockgate_store::Ended;
use lockgate_testkit::mutate::Dice;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::house::{CHAT, CHAT_PATH, House, STREAM, UPSTREAM_KEY, config, eventually, loopback, mock, tell};

/// Nobody is left alone, so that every request meets what is wrong.
const MET: &str = "health: { error_threshold: 1000 }\n";
/// A request that a translated answer is for.
const MESSAGES: (&str, &str) = (
    "/v1/messages",
    r#"{"model":"fast","stream":true,"max_tokens":900,"messages":[{"role":"user","content":"hello"}]}"#,
);

/// Everything a client sends.
fn request(path: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Sends it on a connection of its own.
async fn sent(house: &House, request: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(house.serving.address).await.unwrap();
    stream.write_all(request).await.unwrap();
    stream
}

/// Reads until `count` times `mark` is there.
async fn heard(stream: &mut TcpStream, mark: &str, count: usize) {
    let mut text = Vec::new();
    while String::from_utf8_lossy(&text).matches(mark).count() < count {
        assert!(stream.read_buf(&mut text).await.unwrap() > 0, "{}", String::from_utf8_lossy(&text));
    }
}

/// A point at which clients go away.
struct Window {
    fault: Option<&'static str>,
    path: &'static str,
    body: &'static str,
    /// What of the answer is read before: a text, and how often it stands there.
    reads: (&'static str, usize),
    server: &'static str,
    retry: &'static str,
}

const WINDOW: Window = Window {
    fault: None,
    path: CHAT_PATH,
    body: STREAM,
    reads: ("", 0),
    server: "keep_alive: off",
    retry: "attempts: 1",
};

/// Goes away at that point several times, each time when the provider has the request, and checks how soon it is given
/// up there and that each call is on record once.
async fn check(name: &str, window: Window) {
    const TIMES: usize = 21;
    let mock = mock().await;
    let between_events = Duration::from_millis(10);
    mock.set_behaviour(Behaviour { between_events, words: Some(3000), ..Behaviour::default() });
    mock.cycle(vec![window.fault.map(|fault| fault.parse().unwrap())]);
    let yaml =
        config(&[&mock.base_url()], &format!("{MET}retry: {{ {}, first_token: off }}\n", window.retry));
    let house = House::new(&yaml.replace("drain: 5s", &format!("drain: 5s, {}", window.server))).await;
    let mut took = Vec::new();
    for time in 1..=TIMES {
        let mut client = sent(&house, &request(window.path, window.body)).await;
        eventually(|| (mock.counts().requests == time as u64).then_some(())).await;
        heard(&mut client, window.reads.0, window.reads.1).await;
        let left = Instant::now();
        drop(client);
        while mock.counts().client_gone < time as u64 {
            assert!(left.elapsed() < Duration::from_secs(1), "{name}: the provider still has it");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        took.push(left.elapsed());
    }
    took.sort_unstable();
    tell(&format!("{name}: given up upstream after {:?}, at most {:?}", took[TIMES / 2], took[TIMES - 1]));
    assert!(took[TIMES / 2] < Duration::from_millis(100), "{name}: {took:?}");
    let records = house.records(TIMES).await;
    assert_eq!(records.len(), TIMES, "{name}");
    for record in records {
        assert_eq!((record.ended, record.status), (Ended::ClientGone, 499), "{name}: {record:?}");
    }
    eventually(|| (mock.counts().in_flight == 0 && mock.open_connections() == 0).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_provider_has_not_answered() {
    check("before the headers", Window { fault: Some("silent"), ..WINDOW }).await;
    check("before the headers of a whole answer", Window { fault: Some("silent"), body: CHAT, ..WINDOW })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_the_middle_of_a_whole_answer() {
    check("inside a whole answer", Window { fault: Some("stall:3"), body: CHAT, ..WINDOW }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_first_word_is_awaited() {
    check("before the first word", Window { fault: Some("late:20s"), ..WINDOW }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_the_middle_of_a_stream() {
    check("mid-stream", Window { reads: ("data: ", 5), ..WINDOW }).await;
    let (path, body) = MESSAGES;
    check("mid-stream, translated", Window { path, body, reads: ("data: ", 5), ..WINDOW }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_stream_that_stalls() {
    check("in a stall", Window { fault: Some("stall:3"), reads: ("data: ", 3), ..WINDOW }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_signs_of_life_are_sent() {
    let server = "keep_alive: 30ms";
    let reads = (": still waiting", 2);
    check("between signs", Window { fault: Some("late:20s"), reads, server, ..WINDOW }).await;
    check("between signs in a stall", Window { fault: Some("stall:3"), reads, server, ..WINDOW }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn during_the_pause_before_a_retry() {
    let mock = mock().await;
    mock.cycle(vec![Some("429;retry-after=20".parse().unwrap())]);
    for time in 1..=5 {
        // A provider that asks for a pause is not asked by the next one: each request has its own gateway.
        let house = House::new(&config(&[&mock.base_url()], "")).await;
        let client = sent(&house, &request(CHAT_PATH, CHAT)).await;
        eventually(|| (mock.counts().requests == time).then_some(())).await;
        // The refusal is on its way to the gateway.
        tokio::time::sleep(Duration::from_millis(100)).await;
        drop(client);
        let record = house.records(1).await.remove(0);
        assert_eq!((record.ended, record.attempts.len()), (Ended::ClientGone, 1), "{record:?}");
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(mock.counts().requests, 5, "nobody asks again for a client that is gone");
}

/// The config with credentials that are asked for so much at once.
fn limited(yaml: &str, most: usize) -> String {
    let key = format!("api_key: {}", *UPSTREAM_KEY);
    yaml.replace(&key, &format!("credentials: [{{ {key}, max_concurrent: {most} }}]"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_among_those_that_run_is_free_again() {
    let mock = mock().await;
    mock.cycle(vec![Some("silent".parse().unwrap()), None]);
    let house = House::new(&limited(&config(&[&mock.base_url()], ""), 1)).await;
    for time in 1..=10 {
        let client = sent(&house, &request(CHAT_PATH, STREAM)).await;
        eventually(|| (mock.counts().requests == time * 2 - 1).then_some(())).await;
        let refused = house.post(CHAT_PATH, CHAT).await;
        assert_eq!(refused.status, 429, "{}", refused.text);
        drop(client);
        eventually(|| (mock.counts().client_gone == time).then_some(())).await;
        let answer = house.post(CHAT_PATH, CHAT).await;
        assert_eq!(answer.status, 200, "the place of a client that is gone is free: {}", answer.text);
    }
}

/// Set in the process that has the storm to itself.
const ALONE: &str = "LOCKGATE_STORM_ALONE";
/// How many aborts there are in place of a thousand.
const COUNT: &str = "LOCKGATE_STORM";
const STORM: &str = "aborts::a_storm_of_aborts_leaves_nothing_behind";

/// Open files of this process.
fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

/// Sends a request or the front of it, waits a little, goes away.
async fn abort(house: &House, dice: u64) {
    let (path, body) = [(CHAT_PATH, CHAT), (CHAT_PATH, STREAM), MESSAGES][dice as usize % 3];
    let whole = request(path, body);
    let cut = if dice & 0x70 == 0 { whole.len() - 5 } else { whole.len() };
    let mut client = sent(house, &whole[..cut]).await;
    let patience = Duration::from_micros((dice >> 8) % 60_000);
    let mut buffer = [0; 4096];
    let read = async { while client.read(&mut buffer).await.is_ok_and(|count| count > 0) {} };
    // Half of them do not even read.
    match dice & 0x80 {
        0 => drop(tokio::time::timeout(patience, read).await),
        _ => tokio::time::sleep(patience).await,
    }
}

/// One after the other and side by side, with what a provider can be busy with at the time.
async fn storm(house: &House, count: u64, seed: u64) {
    let mut dice = Dice::new(seed);
    let rolls: Vec<u64> = (0..count).map(|_| dice.roll()).collect();
    stream::iter(rolls).for_each_concurrent(24, |roll| abort(house, roll)).await;
}

async fn storm_alone() {
    let count: u64 = std::env::var(COUNT).ok().and_then(|text| text.parse().ok()).unwrap_or(1000);
    let behaviour =
        Behaviour { between_events: Duration::from_millis(2), words: Some(60), ..Behaviour::default() };
    let start = async || {
        let settings = Settings { behaviour: behaviour.clone(), ..Settings::default() };
        let mock = lockgate_mock::start(loopback(), settings).await.unwrap();
        let faults = ["silent", "late:10s", "stall:3", "500", "reset", "cut:9", "late:20ms", "503"];
        let fault = |text: &&str| Some(text.parse::<Fault>().unwrap());
        mock.cycle(faults.iter().map(fault).chain([None, None, None]).collect());
        mock
    };
    let mocks: [Mock; 2] = [start().await, start().await];
    let urls = mocks.each_ref().map(Mock::base_url);
    let yaml = config(&urls.each_ref().map(String::as_str), &format!("{MET}retry: {{ first_token: 2s }}\n"))
        .replace("drain: 5s", "drain: 5s, keep_alive: 10ms");
    let house = House::new(&limited(&yaml, 64)).await;

    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let is_quiet = || mocks.iter().all(|mock| mock.counts().in_flight == 0);
    // What is made once and stays is there after a few.
    storm(&house, 50, 1).await;
    eventually(|| is_quiet().then_some(())).await;
    let idle = |baseline: usize, now: usize| now <= baseline + 8;
    let (files, alive) = (open_files(), tasks());

    let start = Instant::now();
    storm(&house, count, 2).await;
    let took = start.elapsed();
    eventually(|| is_quiet().then_some(())).await;
    // Idle connections to providers may stay: a few of each end, in both processes that are one here.
    let pooled = || mocks.iter().map(Mock::open_connections).sum::<usize>();
    eventually(|| {
        (idle(files, open_files().saturating_sub(2 * pooled()))
            && idle(alive, tasks().saturating_sub(3 * pooled())))
        .then_some(())
    })
    .await;
    tell(&format!(
        "{count} aborts in {took:?}: files {files} -> {}, tasks {alive} -> {}, connections to providers {}",
        open_files(),
        tasks(),
        pooled()
    ));

    // Who goes away before the gateway has begun with the request is not on record; nobody is twice.
    let (records, sent) = (house.journal.all(), usize::try_from(count).unwrap() + 50);
    assert!(
        (sent * 97 / 100..=sent).contains(&records.len()),
        "{} records of {sent} requests",
        records.len()
    );
    let ids: BTreeSet<&str> = records.iter().map(|record| record.id.as_str()).collect();
    assert_eq!(ids.len(), records.len(), "a call is on record twice");
    let gone = records.iter().filter(|record| record.ended == Ended::ClientGone).count();
    tell(&format!("{sent} requests, {} records, {gone} of them of clients that left", records.len()));
    assert!(gone * 2 > records.len(), "only {gone} of {} were left", records.len());

    // All places among those that run are free again.
    mocks.iter().for_each(|mock| mock.cycle(Vec::new()));
    let whole = stream::iter(0..128).map(|_| house.post(CHAT_PATH, CHAT)).buffer_unordered(128);
    let failed: Vec<_> = whole.filter(|answer| std::future::ready(answer.status != 200)).collect().await;
    assert!(failed.is_empty(), "{} failed, first {:?}", failed.len(), failed[0]);

    let House { serving, client, .. } = house;
    drop(client);
    assert!(serving.stop().await, "nothing had to be cut off");
    eventually(|| (pooled() == 0).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_aborts_leaves_nothing_behind() {
    if std::env::var_os(ALONE).is_some() {
        return storm_alone().await;
    }
    // Open files are counted by process, so this one is not shared with other tests.
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", STORM, "--nocapture"]).env(ALONE, "1");
    let output = tokio::task::spawn_blocking(move || child.output().unwrap()).await.unwrap();
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    tell(&text);
}
