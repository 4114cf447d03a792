//! The machine's clock jumps by an hour, both ways, under load: no call fails, each is on record once, and every limit goes
//! on: it stops who is at it, and nobody for longer.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    sync::atomic::Ordering,
    thread,
    time::{Duration, Instant},
};

use lockgate_mock::{Behaviour, Settings};
use lockgate_testkit::{clock, http};

use crate::{
    load::{House, Known, LIMIT, as_told, ask, check_once, records},
    shim::Shim,
};

/// Whether limits by the minute are waited for after each jump, which takes four minutes: not nought.
const REFILL: &str = "LOCKGATE_CLOCK_REFILL";

/// Adds a number of seconds to the time of day. The clock that never jumps stays as it is.
const TIME_OF_DAY: &str = r#"
int clock_gettime(clockid_t which, struct timespec *time) {
    int failed = syscall(SYS_clock_gettime, which, time);
    if (!failed && told && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE)) time->tv_sec += told[0];
    return failed;
}
"#;
/// The place of that number.
const OFFSET: u64 = 0;

const HOUR: i64 = 3600;
/// More calls than any limit allows at once.
const MANY: usize = 100;
/// Calls a minute.
const RPM: usize = 10;
/// Tokens of a budget, or a minute.
const TOKENS: u64 = 1_000;
/// The most that is kept for one call: a token for three of its bytes, and all that it asks to get.
const RESERVATION: u64 = 30 + 64;
const FREE: &str = "sk-free-0123456789";

/// The keys by their names, with what limits each.
const LIMITED: [(&str, &str); 6] = [
    ("rpm", "rpm: 10"),
    ("tpm", "tpm: 1000"),
    ("hour", "budget: { tokens: 1000, per: hour }"),
    ("day", "budget: { tokens: 1000, per: day }"),
    ("rolling", "budget: { tokens: 1000, per: hour, rolling: true }"),
    ("place", "max_concurrent: 1"),
];

/// What a call came to.
struct Came {
    status: u16,
    /// Tokens that the answer says it used.
    tokens: u64,
    /// For how long to wait.
    wait: Option<Duration>,
}

fn body(model: &str, more: &str) -> String {
    format!(r#"{{"model":"{model}",{more}"max_tokens":64,"messages":[{{"role":"user","content":"hello"}}]}}"#)
}

fn secret(key: &str) -> String {
    format!("sk-{key}-0123456789")
}

fn call(address: SocketAddr, key: &str) -> Came {
    let (key, body) = (secret(key), body("m", ""));
    let headers = [("content-type", "application/json"), ("x-api-key", key.as_str())];
    let request = http::Request {
        method: "POST",
        path: "/v1/chat/completions",
        headers: &headers,
        body: body.as_bytes(),
    };
    let answer = http::Client::new(address).patience(LIMIT).send(&request).unwrap();
    let wait = answer.head.header("retry-after").map(|wait| Duration::from_secs(wait.parse().unwrap()));
    let tokens = answer.json().unwrap()["usage"]["total_tokens"].as_u64().unwrap_or_default();
    Came { status: answer.head.status, tokens, wait }
}

/// What a limited key was given since it began.
#[derive(Debug, Default, Clone, Copy)]
struct Given {
    calls: usize,
    tokens: u64,
    /// How often the limit had room again.
    times: u64,
}

/// Has the key ask until it is refused, which it is to be soon; adds what it was given, and says for how long it is to
/// wait.
#[track_caller]
fn exhaust(address: SocketAddr, key: &str, given: &mut Given) -> Duration {
    for count in 0..MANY {
        let came = call(address, key);
        match came.status {
            200 => {
                given.calls += 1;
                given.tokens += came.tokens;
                given.times += u64::from(count == 0);
            }
            429 => return came.wait.unwrap(),
            status => panic!("{key}: {status}"),
        }
    }
    panic!("`{key}` has no limit any more: {MANY} calls at once");
}

/// One place: who has it keeps others out, and gives it back.
fn one_place(address: SocketAddr) {
    let (key, body) = (secret("place"), body("slow", r#""stream":true,"#));
    let headers = [("content-type", "application/json"), ("x-api-key", key.as_str())];
    let request = http::Request {
        method: "POST",
        path: "/v1/chat/completions",
        headers: &headers,
        body: body.as_bytes(),
    };
    let mut running = http::Client::new(address).patience(LIMIT).open(&request).unwrap();
    assert_eq!(running.head.status, 200, "the place is free");
    assert_eq!(call(address, "place").status, 429, "the place is taken");
    running.rest().unwrap();
    assert_eq!(call(address, "place").status, 200, "the place is free again");
}

/// Asks with all limited keys at one time of day.
fn look(address: SocketAddr, since: Instant, given: &mut BTreeMap<&'static str, Given>) {
    one_place(address);
    for (key, longest) in [
        ("rpm", Duration::from_secs(121)),
        ("tpm", Duration::from_secs(121)),
        ("hour", Duration::from_secs(3_601)),
        ("day", Duration::from_secs(24 * 3_600 + 1)),
        ("rolling", Duration::from_secs(3_661)),
    ] {
        let wait = exhaust(address, key, given.entry(key).or_default());
        assert!(wait <= longest, "`{key}` is to wait {wait:?}");
    }
    // The steady clock counts: as much as there is in that many minutes, wherever the first begins.
    let minutes = since.elapsed().as_secs() / 60 + 2;
    let (rpm, tpm) = (given["rpm"], given["tpm"]);
    assert!(rpm.calls as u64 <= minutes * RPM as u64 * 11 / 10, "{rpm:?} in {minutes} minutes");
    assert!(tpm.tokens <= minutes * (TOKENS + RESERVATION), "{tpm:?} in {minutes} minutes");
    for key in ["hour", "day"] {
        let Given { tokens, times, .. } = given[key];
        assert!(tokens <= times * (TOKENS + RESERVATION), "`{key}` got {tokens} in {times} windows");
    }
    if since.elapsed() < Duration::from_secs(3_600) {
        let rolling = given["rolling"];
        assert!(rolling.tokens <= TOKENS + RESERVATION && rolling.times == 1, "within the hour: {rolling:?}");
    }
}

/// Has the clients end, whatever comes.
struct End<'k>(&'k Known);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.ends.store(true, Ordering::Relaxed);
    }
}

/// Waits as long as the limits by the minute say, and sees that they are so much there again.
fn refill(address: SocketAddr, given: &mut BTreeMap<&'static str, Given>) {
    for key in ["rpm", "tpm"] {
        let own = given.entry(key).or_default();
        let (wait, before) = (exhaust(address, key, own), own.times);
        thread::sleep(wait + Duration::from_secs(1));
        exhaust(address, key, own);
        assert!(own.times > before, "`{key}` has room again after {wait:?}");
    }
}

/// Waits until both windows that a limit by the minute looks at are over, and sees that all of it is there again.
fn refill_whole(address: SocketAddr, given: &mut BTreeMap<&'static str, Given>) {
    thread::sleep(Duration::from_secs(121));
    for (key, calls, tokens) in [("rpm", RPM, 0), ("tpm", 0, TOKENS)] {
        let own = given.entry(key).or_default();
        let before = *own;
        exhaust(address, key, own);
        let (calls_now, tokens_now) = (own.calls - before.calls, own.tokens - before.tokens);
        assert!(
            calls_now >= calls && tokens_now >= tokens,
            "`{key}` got {calls_now} calls, {tokens_now} tokens"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_fails_no_call_and_no_limit_is_stuck() {
    let keys: String = [("free", "")]
        .iter()
        .chain(&LIMITED)
        .map(|(name, limit)| {
            let comma = if limit.is_empty() { "" } else { ", " };
            format!("    - {{ name: {name}, key: {}{comma}{limit} }}\n", secret(name))
        })
        .collect();
    let house = House::new(&format!("log: {{ level: info }}\naccess:\n  keys:\n{keys}")).await;
    let pace =
        Behaviour { between_events: Duration::from_millis(50), words: Some(20), ..Behaviour::default() };
    let settings = Settings { strict: false, behaviour: pace, ..Settings::default() };
    let slow = lockgate_mock::start(SocketAddr::from(([127, 0, 0, 1], 0)), settings).await.unwrap();
    let file = house.folder.path().join("lockgate.yaml");
    let more = format!(
        "  slow: {{ kind: openai-compatible, base_url: \"{}\", api_key: k }}\nmodels:\n  slow: {{ targets: [slow/m] }}\n",
        slow.base_url()
    );
    fs::write(&file, fs::read_to_string(&file).unwrap().replace("models:\n", &more)).unwrap();
    let is_long = as_told(REFILL, 0) > 0;
    tokio::task::spawn_blocking(move || {
        let Some(shim) = Shim::new(house.folder.path(), TIME_OF_DAY) else {
            eprintln!("SKIPPED: a clock that jumps: there is no C compiler to stand before the real one");
            return;
        };
        let mut command = house.command();
        shim.stand_before(&mut command);
        let mut gateway = house.start_with(&mut command);
        let known = Known { key: FREE, ..Known::default() };
        let answered = || known.whole.lock().unwrap().len();
        let (since, mut given) = (clock::now(), BTreeMap::new());
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| ask(house.address, &known));
            }
            let _end = End(&known);
            for jump in [0, HOUR, 0, -HOUR, HOUR, 0] {
                shim.tell(OFFSET, jump);
                let before = answered();
                for _ in 0..6_000 {
                    if answered() >= before + 60 || !known.failed.lock().unwrap().is_empty() {
                        break;
                    }
                    thread::sleep(Duration::from_millis(10));
                }
                let failed = known.failed.lock().unwrap().clone();
                assert!(answered() >= before + 60, "calls go on at {jump} s: {failed:?}");
                look(house.address, since, &mut given);
                if is_long {
                    refill(house.address, &mut given);
                }
            }
            if is_long {
                refill_whole(house.address, &mut given);
            }
            // Windows of the calendar begin anew with their time.
            for (key, later) in [("hour", HOUR), ("day", 24 * HOUR)] {
                shim.tell(OFFSET, later);
                let own = given.entry(key).or_default();
                let before = own.times;
                exhaust(house.address, key, own);
                assert!(own.times > before, "`{key}` begins anew");
            }
            shim.tell(OFFSET, 0);
        });
        gateway.terminate().unwrap();
        assert!(gateway.wait_exit(LIMIT).unwrap().success(), "{}", gateway.output());
        assert!(known.failed.lock().unwrap().is_empty(), "{:?}", known.failed.lock().unwrap());
        let records = records(&house.data());
        check_once(&known, &records);
        let times = || records.iter().map(|record| record.started_ms);
        let (first, last) = (times().min().unwrap(), times().max().unwrap());
        assert!(last - first >= 7_200_000, "the clock did jump: from {first} to {last}");
        eprintln!(
            "{} calls of a key without limits, 0 failed, in {:?}; limited keys: {given:?}",
            answered(),
            since.elapsed()
        );
    })
    .await
    .unwrap();
}
