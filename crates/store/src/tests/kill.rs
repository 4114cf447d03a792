//! A process that records calls is killed at random moments: nothing it had acknowledged is missing, nothing is there twice.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use crate::{
    Begin, CallRecord, Driver, Ended, Hourly, Journal, Most, Position, Reader, Segments, Settings,
    sqlite::{By, Filter, Ledger, Queries},
    testing,
};

/// Where the child works; its being there makes a child of the test.
const FOLDER: &str = "LOCKGATE_KILL_FOLDER";
/// Which child it is.
const ROUND: &str = "LOCKGATE_KILL_ROUND";
/// How often a child is killed.
const KILLS: &str = "LOCKGATE_KILLS";

struct House {
    // Dropped before the journal, which they read.
    _drivers: [Driver; 2],
    segments: Segments,
}

fn database(folder: &Path) -> PathBuf {
    folder.join("lockgate.db")
}

fn open(folder: &Path) -> House {
    let settings = Settings { max_segment_bytes: 100_000, ..Settings::default() };
    let segments = Segments::open(&folder.join("journal"), settings).unwrap();
    let make = |record: &CallRecord| (record.ended != Ended::Interrupted).then(|| record.id.clone());
    let hourly = Hourly::new("training", &folder.join("files"), Box::new(make));
    let drivers = [
        Driver::start(&segments, Box::new(Ledger::open(&database(folder)).unwrap())).unwrap(),
        Driver::start(&segments, Box::new(hourly)).unwrap(),
    ];
    House { _drivers: drivers, segments }
}

/// Records calls until it is killed, and says which, once they are recorded.
#[test]
#[ignore = "the other process of the test below"]
fn child() {
    let (Ok(folder), Ok(round)) = (std::env::var(FOLDER), std::env::var(ROUND)) else { return };
    let house = open(Path::new(&folder));
    let say = |what: &str, id: &str| {
        // One write, as the answer's last byte would be; it fails when nobody listens any more.
        let said = std::io::stdout().lock().write_all(format!("\n{what} {id}\n").as_bytes());
        if said.is_err() {
            std::process::exit(0);
        }
    };
    thread::scope(|scope| {
        for writer in 0..2_u64 {
            let (house, say, round) = (&house, &say, &round);
            scope.spawn(move || {
                for number in 0..100_000_u64 {
                    let id = format!("{round}-{writer}-{number}");
                    house.segments.begin(Begin { id: id.clone(), ..Begin::default() });
                    house.segments.append(CallRecord { id: id.clone(), ..testing::call(number) });
                    say("ended", &id);
                    if number % 50 == 0 {
                        thread::sleep(Duration::from_millis(3));
                    }
                }
            });
        }
        let mut not_written = VecDeque::new();
        for number in 0..1_000 {
            let id = format!("{round}-open-{number}");
            house.segments.begin(Begin { id: id.clone(), ..Begin::default() });
            not_written.push_back(id);
            thread::sleep(Duration::from_millis(2));
            while let Some(id) =
                not_written.pop_front_if(|id| !house.segments.shared.pending().calls.contains_key(id))
            {
                say("begun", &id);
            }
        }
    });
}

fn start(folder: &Path, round: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["tests::kill::child", "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Everything that the killed ones had said.
#[derive(Default)]
struct Said {
    ended: BTreeSet<String>,
    begun: BTreeSet<String>,
}

impl Said {
    fn take(&mut self, output: &str) {
        // The last line may be half of one.
        let Some((whole, _)) = output.rsplit_once('\n') else { return };
        for line in whole.lines() {
            match line.split_once(' ') {
                Some(("ended", id)) => self.ended.insert(id.to_owned()),
                Some(("begun", id)) => self.begun.insert(id.to_owned()),
                _ => continue,
            };
        }
    }
}

#[test]
fn killed_at_any_moment_each_call_is_recorded_once() {
    let kills: u64 = std::env::var(KILLS).ok().and_then(|kills| kills.parse().ok()).unwrap_or(50);
    let folder = tempfile::tempdir().unwrap();
    let mut said = Said::default();
    for round in 0..kills {
        let mut child = start(folder.path(), round);
        // From before it has opened the journal to well into its work.
        let moment = round.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 57;
        thread::sleep(Duration::from_millis(10 + 2 * moment));
        child.kill().unwrap();
        let output = child.wait_with_output().unwrap();
        said.take(&String::from_utf8_lossy(&output.stdout));
    }
    assert!(
        said.ended.len() as u64 > 20 * kills,
        "{} calls: the children did not get to work",
        said.ended.len()
    );

    let house = open(folder.path());
    for driver in &house._drivers {
        assert!(driver.catch_up(Duration::from_secs(60)), "{:?}", driver.progress());
        assert_eq!((driver.progress().skipped_unreadable, driver.progress().failures), (0, 0));
    }
    let most = Most { records: usize::MAX, bytes: u64::MAX };
    let journal = Reader::open(&folder.path().join("journal"), Position::default()).batch(most).unwrap();
    let mut times: BTreeMap<&str, u64> = BTreeMap::new();
    for entry in &journal.entries {
        *times.entry(&entry.record.id).or_default() += 1;
    }
    let twice: Vec<_> = times.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "twice: {twice:?}");
    let missing: Vec<_> = said.ended.iter().filter(|id| !times.contains_key(id.as_str())).collect();
    assert!(missing.is_empty(), "missing: {missing:?}");
    let interrupted: BTreeSet<&str> = journal
        .entries
        .iter()
        .filter(|entry| entry.record.ended == Ended::Interrupted)
        .map(|entry| entry.record.id.as_str())
        .collect();
    let not_found: Vec<_> = said.begun.iter().filter(|id| !interrupted.contains(id.as_str())).collect();
    assert!(not_found.is_empty(), "begun, and not on record: {not_found:?}");
    assert!(!said.begun.is_empty());

    the_tables_say_the_same(&Queries::new(&database(folder.path())), &journal.entries);
    let mut lines: Vec<String> = vec![];
    for entry in fs::read_dir(folder.path().join("files")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "jsonl") {
            lines.extend(fs::read_to_string(path).unwrap().lines().map(str::to_owned));
        }
    }
    lines.sort_unstable();
    let mut whole: Vec<&str> = times.keys().copied().filter(|id| !interrupted.contains(id)).collect();
    whole.sort_unstable();
    assert_eq!(lines.len(), whole.len());
    assert!(lines.iter().eq(whole));
    println!(
        "{kills} kills: {} calls acknowledged, {} recorded, {} interrupted",
        said.ended.len(),
        whole_count(&journal.entries),
        interrupted.len()
    );
}

fn whole_count(entries: &[crate::Entry]) -> usize {
    entries.iter().filter(|entry| entry.record.ended != Ended::Interrupted).count()
}

fn the_tables_say_the_same(queries: &Queries, entries: &[crate::Entry]) {
    let (mut listed, mut before) = (vec![], None);
    loop {
        let page = queries.calls(&Filter::default(), before, 1_000).unwrap();
        listed.extend(page.calls.into_iter().map(|call| (call.position, call.id)));
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    let recorded = entries.iter().rev().map(|entry| (entry.position, entry.record.id.clone()));
    let recorded: Vec<_> = recorded.collect();
    let differ: Vec<_> = listed.iter().zip(&recorded).filter(|(one, other)| one != other).take(5).collect();
    assert!(
        listed == recorded,
        "{} in the list, {} in the journal: {differ:?}",
        listed.len(),
        recorded.len()
    );
    let used = queries.usage(0, u64::MAX, &[]).unwrap()[0].used;
    let sum = |of: fn(&CallRecord) -> u64| entries.iter().map(|entry| of(&entry.record)).sum::<u64>();
    assert_eq!(used.requests, entries.len() as u64);
    assert_eq!(used.cost, sum(|record| record.cost.unwrap_or(0)));
    assert_eq!(used.output, sum(|record| record.usage.unwrap_or_default().output));
    let keys = queries.usage(0, u64::MAX, &[By::Key]).unwrap();
    for key in keys {
        assert_eq!(queries.spent(&key.of[0], 0).unwrap().cost, key.used.cost);
    }
}
