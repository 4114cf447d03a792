//! A disk without room: calls go on, one alarm, and all is well again when there is room, without a restart.

use std::{
    fs,
    path::Path,
    process::Command,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use crate::{
    CallRecord, Driver, Event, Hourly, Journal, Most, Position, Reader, Segments, Settings, Watcher, clock,
    sqlite::{Ledger, Queries},
    testing,
};

/// A small disk of its own, taken away again at the end.
struct Disk<'a>(&'a Path);

impl<'a> Disk<'a> {
    fn mount(at: &'a Path) -> Option<Self> {
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"]).arg(at).output();
        mounted.is_ok_and(|mounted| mounted.status.success()).then_some(Self(at))
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(self.0).output());
    }
}

fn wait_until(what: &str, longest: Duration, is_so: impl Fn() -> bool) -> Duration {
    let start: Instant = clock::now();
    while !is_so() {
        assert!(clock::now() - start < longest, "never came: {what}");
        thread::sleep(Duration::from_millis(10));
    }
    clock::now() - start
}

#[test]
fn a_real_disk_fills_up_and_is_emptied() {
    let folder = tempfile::tempdir().unwrap();
    let Some(_disk) = Disk::mount(folder.path()) else {
        eprintln!("SKIPPED: a real full disk: a tmpfs can be mounted by root only");
        return;
    };
    let events = Arc::new(Mutex::new(vec![]));
    let heard = Arc::clone(&events);
    let watcher = Watcher::new(move |event| heard.lock().unwrap().push(event.clone()));
    let settings = Settings { max_segment_bytes: 100_000, watcher, ..Settings::default() };
    let segments = Segments::open(&folder.path().join("journal"), settings).unwrap();
    let database = folder.path().join("lockgate.db");
    let make = |record: &CallRecord| Some(record.id.clone());
    let drivers = [
        Driver::start(&segments, Box::new(Ledger::open(&database).unwrap())).unwrap(),
        Driver::start(
            &segments,
            Box::new(Hourly::new("training", &folder.path().join("files"), Box::new(make))),
        )
        .unwrap(),
    ];
    let record = |number| CallRecord { id: number_id(number), ..testing::call(number) };
    for number in 0..200 {
        segments.append(record(number));
    }
    // Something else takes all the room there is, to the last byte.
    let filler = folder.path().join("filler");
    assert!(fs::write(&filler, vec![0; 8 * 1024 * 1024]).is_err());
    let mut slowest = Duration::ZERO;
    for number in 200..2_000 {
        let start = clock::now();
        segments.append(record(number));
        slowest = slowest.max(clock::now() - start);
    }
    let alarm = wait_until("the alarm", Duration::from_secs(10), || !events.lock().unwrap().is_empty());
    assert!(segments.health().waiting > 0);
    thread::sleep(Duration::from_millis(500));
    fs::remove_file(&filler).unwrap();
    let recovery = wait_until("the recovery", Duration::from_secs(10), || segments.health().waiting == 0);
    for number in 2_000..2_200 {
        segments.append(record(number));
    }
    for driver in &drivers {
        wait_until("what is made of it", Duration::from_secs(60), || {
            driver.catch_up(Duration::from_millis(10))
        });
        println!("{:?}", driver.progress());
    }
    let all = Reader::open(&folder.path().join("journal"), Position::default())
        .batch(Most { records: usize::MAX, bytes: u64::MAX })
        .unwrap();
    let ids = all.entries.iter().map(|entry| entry.record.id.clone());
    assert!(ids.eq((0..2_200).map(number_id)));
    assert_eq!(Queries::new(&database).usage(0, u64::MAX, &[]).unwrap()[0].used.requests, 2_200);
    let lines: usize = fs::read_dir(folder.path().join("files"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "jsonl"))
        .map(|path| fs::read_to_string(path).unwrap().lines().count())
        .sum();
    assert_eq!(lines, 2_200);
    let events = events.lock().unwrap();
    assert!(matches!(events[..], [Event::Stuck { .. }, Event::Recovered { lost: 0 }]), "{events:?}");
    println!("slowest append {slowest:?}, alarm after {alarm:?}, recovery after {recovery:?}");
}

fn number_id(number: u64) -> String {
    format!("r{number}")
}
