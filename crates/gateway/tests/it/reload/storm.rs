//! A thousand reloads in a minute under a thousand requests a second and two hundred open streams, one file in ten broken:
//! no request fails, no stream is cut, every broken file is refused.
//!
//! In the usual run a tenth of it; whole with `LOCKGATE_RELOADS=long`.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use http::{Method, Request};
use http_body_util::{BodyExt, Collected, Full};
use lockgate_mock::{Behaviour, Settings};
use tokio::task::JoinSet;

use crate::house::{CHAT, CHAT_PATH, House, STREAM, config, file_text, loopback, tell};

/// How much of it there is.
#[derive(Clone, Copy)]
struct Size {
    reloads: usize,
    within: Duration,
    /// Requests a second.
    rate: u32,
    streams: usize,
}

const SHORT: Size = Size { reloads: 100, within: Duration::from_secs(6), rate: 300, streams: 50 };
const LONG: Size = Size { reloads: 1000, within: Duration::from_secs(60), rate: 1000, streams: 200 };
/// Words of each open stream; the pause between two makes it last longer than the rest.
const WORDS: usize = 100;
/// Most requests under way: more only pile up where the machine is too slow.
const MOST_UNDER_WAY: usize = 250;

fn size() -> Size {
    match std::env::var("LOCKGATE_RELOADS").as_deref() {
        Ok("long") => LONG,
        _ => SHORT,
    }
}

/// The file of that number: a different one each time, every tenth broken.
fn text(urls: &[String], number: usize) -> String {
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    // Some have a provider less, some another model or other limits.
    let used = if number.is_multiple_of(3) { &urls[..1] } else { &urls[..] };
    let rest = match number % 4 {
        0 => format!("  extra-{number}: {{ targets: [a/gpt-4o-mini] }}\n"),
        1 => "retry: { attempts: 4 }\n".to_owned(),
        2 => "health: { error_threshold: 7 }\nstrategy: random\n".to_owned(),
        _ => String::new(),
    };
    let text = file_text(&config(used, &rest).replace("drain: 5s", &format!("drain: {}s", 5 + number % 50)));
    match is_broken(number).then_some(number / 10 % 3) {
        None => text,
        Some(0) => text.replace("targets", "tragets"),
        Some(1) => text.replace("models:", "models: ["),
        Some(_) => text.replace("providers:", "provider"),
    }
}

fn is_broken(number: usize) -> bool {
    number % 10 == 9
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_reloads_harms_nobody() {
    let size = size();
    let quick = lockgate_mock::start(loopback(), Settings { ledger_entries: 0, ..Settings::default() });
    let (quick, other) = (
        quick.await.unwrap(),
        lockgate_mock::start(loopback(), Settings { ledger_entries: 0, ..Settings::default() })
            .await
            .unwrap(),
    );
    let urls = [quick.base_url(), other.base_url()];
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lockgate.yaml");
    fs::write(&file, text(&urls, 0)).unwrap();
    let house = Arc::new(House::of_file(&file).await);

    // The streams last as long as the storm; then the providers are quick.
    let pause = size.within.mul_f64(1.3) / u32::try_from(WORDS).unwrap();
    let slow = Behaviour { between_events: pause, words: Some(WORDS), ..Behaviour::default() };
    for mock in [&quick, &other] {
        mock.set_behaviour(slow.clone());
    }
    let mut streams = JoinSet::new();
    for _ in 0..size.streams {
        let house = Arc::clone(&house);
        streams.spawn(async move {
            let request = Request::post(house.url(CHAT_PATH)).header("content-type", "application/json");
            let answer = house.client.request(request.body(Full::from(STREAM)).unwrap()).await.unwrap();
            let body = answer.into_body().collect().await.map(Collected::to_bytes).unwrap_or_default();
            body.ends_with(b"data: [DONE]\n\n")
        });
    }
    let open = || quick.counts().streams + other.counts().streams;
    while open() < size.streams as u64 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for mock in [&quick, &other] {
        mock.set_behaviour(Behaviour::default());
    }

    let is_over = Arc::new(AtomicBool::new(false));
    let (asked, failed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let load = {
        let (house, is_over, asked, failed) =
            (Arc::clone(&house), Arc::clone(&is_over), Arc::clone(&asked), Arc::clone(&failed));
        tokio::spawn(async move {
            let (since, pace) = (Instant::now(), Duration::from_secs(1) / size.rate);
            let (mut due, mut under_way, mut skipped) = (Duration::ZERO, JoinSet::new(), 0);
            while !is_over.load(Ordering::Relaxed) {
                tokio::time::sleep_until((since + due).into()).await;
                while under_way.try_join_next().is_some() {}
                // A machine that has other things to do is not to be buried: how fast it is is not looked at.
                if under_way.len() >= MOST_UNDER_WAY {
                    skipped += 1;
                    due = since.elapsed() + pace;
                    continue;
                }
                due += pace;
                let (house, asked, failed) = (Arc::clone(&house), Arc::clone(&asked), Arc::clone(&failed));
                under_way.spawn(async move {
                    let number = asked.fetch_add(1, Ordering::Relaxed);
                    let body = if number % 4 == 0 { STREAM } else { CHAT };
                    let request =
                        Request::post(house.url(CHAT_PATH)).header("content-type", "application/json");
                    let whole = async {
                        let answer =
                            house.client.request(request.body(Full::from(body)).unwrap()).await.ok()?;
                        let status = answer.status();
                        let body = answer.into_body().collect().await.ok()?.to_bytes();
                        (status == 200 && (number % 4 > 0 || body.ends_with(b"data: [DONE]\n\n")))
                            .then_some(())
                    };
                    if whole.await.is_none() {
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            under_way.join_all().await;
            skipped
        })
    };

    let (since, pace) = (Instant::now(), size.within / u32::try_from(size.reloads).unwrap());
    let (mut refused, mut taken, mut wrong, mut longest) = (0, 0, Vec::new(), Duration::ZERO);
    for number in 1..=size.reloads {
        tokio::time::sleep_until((since + pace * u32::try_from(number).unwrap()).into()).await;
        let beside = folder.path().join("next");
        fs::write(&beside, text(&urls, number)).unwrap();
        fs::rename(&beside, &file).unwrap();
        let asked_at = Instant::now();
        let answer = house.ask(Method::POST, "/admin/v1/config/reload", "application/json", "").await;
        longest = longest.max(asked_at.elapsed());
        match (answer.status.as_u16(), is_broken(number)) {
            (200, false) => taken += 1,
            (422, true) => refused += 1,
            (status, _) => wrong.push((number, status, answer.text)),
        }
    }
    let took = since.elapsed();
    let still_open = open();
    is_over.store(true, Ordering::Relaxed);
    let skipped = load.await.unwrap();
    let whole = streams.join_all().await.into_iter().filter(|is_whole| *is_whole).count();
    let (asked, failed) = (asked.load(Ordering::Relaxed), failed.load(Ordering::Relaxed));
    tell(&format!(
        "{} reloads in {:.1} s ({taken} taken, {refused} refused, the longest {longest:.1?}), {asked} requests ({:.0}/s), {still_open} of {} streams open to the end: {failed} failed, {skipped} not sent, {} cut",
        size.reloads,
        took.as_secs_f64(),
        asked as f64 / took.as_secs_f64(),
        size.streams,
        size.streams - whole,
    ));
    assert!(wrong.is_empty(), "{wrong:?}");
    assert_eq!((refused, taken), (size.reloads / 10, size.reloads - size.reloads / 10));
    assert_eq!((failed, whole), (0, size.streams));
    // Where the machine is quick enough for it, all of it was at once.
    if took < size.within.mul_f64(1.1) {
        assert!(
            still_open as usize >= size.streams,
            "the streams were to be open all the time: {still_open}"
        );
    }
    assert!(asked > size.reloads, "{asked}");
    let status = house.ask(Method::GET, "/admin/v1/gateway", "application/json", "").await.json();
    assert!(status["config"]["reloads"].as_u64().unwrap() >= taken as u64, "{status}");
}
