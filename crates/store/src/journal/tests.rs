//! The journal on real folders, and on a disk that fails when told to.

use std::{
    fs,
    io::{self, Write},
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Waker},
    thread,
    time::{Duration, SystemTime},
};

use super::{
    keeper::Rounds,
    medium::{Disk, Medium, SegmentFile},
    *,
};
use crate::{Begin, CallRecord, Ended, Journal};

const ALL: Most = Most { records: usize::MAX, bytes: u64::MAX };

fn record(id: &str) -> CallRecord {
    CallRecord { id: id.into(), started_ms: 1, status: 200, ended: Ended::Answered, ..CallRecord::default() }
}

fn begin(id: &str) -> Begin {
    Begin { id: id.into(), started_ms: 7, key: Some("alice".into()), model: Some("m".into()) }
}

fn open(folder: &Path) -> Segments {
    Segments::open(folder, Settings::default()).unwrap()
}

/// Ids and ends of all records.
fn said(folder: &Path) -> Vec<(String, Ended)> {
    let batch = Reader::open(folder, Position::default()).batch(ALL).unwrap();
    batch.entries.into_iter().map(|entry| (entry.record.id, entry.record.ended)).collect()
}

fn ids(folder: &Path) -> Vec<String> {
    said(folder).into_iter().map(|(id, _)| id).collect()
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..2000 {
        if is_so() {
            return;
        }
        thread::sleep(Duration::from_millis(5));
    }
    panic!("never came: {what}");
}

#[test]
fn what_is_appended_is_there_at_once_and_for_good() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..3 {
        let segments = open(folder.path());
        segments.append(record(&format!("a{round}")));
        segments.append(record(&format!("b{round}")));
        assert_eq!(ids(folder.path()).len(), 2 * (round + 1));
    }
    assert_eq!(ids(folder.path()), ["a0", "b0", "a1", "b1", "a2", "b2"]);
}

#[test]
fn one_process_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path());
    let refused = Segments::open(folder.path(), Settings::default());
    let Err(OpenError::InUse(of)) = refused else { panic!("opened twice") };
    assert_eq!(of, folder.path());
    drop(first);
    open(folder.path());
}

#[test]
fn a_torn_tail_of_any_length_is_cut_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let segments = open(folder.path());
    segments.append(record("one"));
    segments.append(record("two"));
    drop(segments);
    let path = folder::segment(folder.path(), 1);
    let whole = fs::read(&path).unwrap();
    let first = memchr::memchr(b'\n', &whole).unwrap() + 1;
    for length in 0..=whole.len() {
        let torn = tempfile::tempdir().unwrap();
        fs::write(folder::segment(torn.path(), 1), &whole[..length]).unwrap();
        open(torn.path()).append(record("three"));
        let kept: &[&str] = match length {
            _ if length == whole.len() => &["one", "two", "three"],
            _ if length >= first => &["one", "three"],
            _ => &["three"],
        };
        assert_eq!(ids(torn.path()), kept, "cut at {length}");
    }
}

#[test]
fn what_is_no_record_is_kept_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).append(record("one"));
    let path = folder::segment(folder.path(), 1);
    let strange = b"nonsense\n\x00\x00\n{\"v\":9,\"call\":{}}\n";
    fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(strange).unwrap();
    let before = fs::read(&path).unwrap();
    open(folder.path()).append(record("two"));
    assert_eq!(fs::read(&path).unwrap(), before);
    let batch = Reader::open(folder.path(), Position::default()).batch(ALL).unwrap();
    assert_eq!(batch.skipped, Skipped { later: 1, unreadable: 2 });
    assert_eq!((batch.entries.len(), batch.lines), (2, 5));
}

#[test]
fn calls_without_an_end_are_interrupted_once() {
    let folder = tempfile::tempdir().unwrap();
    let segments = open(folder.path());
    for id in ["settled", "late", "later"] {
        segments.begin(begin(id));
    }
    segments.append(record("settled"));
    // As if killed: nothing of it is dropped in order. The beginnings were written by its thread.
    drop(segments);
    for _ in 0..2 {
        open(folder.path());
    }
    let interrupted: Vec<CallRecord> = Reader::open(folder.path(), Position::default())
        .batch(ALL)
        .unwrap()
        .entries
        .into_iter()
        .map(|entry| entry.record)
        .filter(|record| record.ended == Ended::Interrupted)
        .collect();
    assert_eq!(interrupted, ["late", "later"].map(|id| begin(id).interrupted(None)));
}

#[test]
fn a_short_call_costs_no_line_for_its_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let segments = open(folder.path());
    segments.begin(begin("short"));
    segments.append(record("short"));
    drop(segments);
    assert_eq!(Reader::open(folder.path(), Position::default()).batch(ALL).unwrap().lines, 1);
}

#[test]
fn calls_under_way_are_known_across_segments() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { max_segment_bytes: 300, ..Settings::default() };
    let segments = Segments::open(folder.path(), settings).unwrap();
    segments.begin(begin("long"));
    let mut rounds = Rounds::new();
    for count in 0..20 {
        segments.append(record(&format!("r{count}")));
        rounds.go(&segments.shared);
    }
    segments.begin(begin("lost"));
    drop(segments);
    assert!(folder::numbers(folder.path()).unwrap().len() > 5);
    open(folder.path()).append(record("after"));
    let found = said(folder.path());
    assert_eq!(found.iter().filter(|(_, ended)| *ended == Ended::Interrupted).count(), 2);
    assert_eq!(found.len(), 23);
    assert_eq!(found[20].0, "long");
    assert_eq!(found[21].0, "lost");
}

#[test]
fn readers_follow_through_rotation_from_any_place() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { max_segment_bytes: 400, ..Settings::default() };
    let segments = Arc::new(Segments::open(folder.path(), settings).unwrap());
    let writer = Arc::clone(&segments);
    let writing = thread::spawn(move || {
        let mut rounds = Rounds::new();
        for count in 0..500 {
            writer.append(record(&count.to_string()));
            if count % 7 == 0 {
                rounds.go(&writer.shared);
            }
        }
    });
    let mut reader = segments.records_from(Position::default());
    let mut found = vec![];
    while found.len() < 500 {
        reader.wait(Duration::from_secs(10));
        found.extend(reader.batch(Most { records: 9, bytes: 700 }).unwrap().entries);
    }
    writing.join().unwrap();
    assert!(found.iter().map(|entry| entry.record.id.clone()).eq((0..500).map(|count| count.to_string())));
    assert!(found.is_sorted_by_key(|entry| entry.position));
    for (count, entry) in found.iter().enumerate() {
        assert_eq!(segments.record_at(entry.position).unwrap().as_ref(), Some(&entry.record));
        if count % 50 == 0 {
            let rest = Reader::open(folder.path(), entry.position).batch(ALL).unwrap();
            assert_eq!(rest.entries, found[count..]);
            let lines = count_lines(folder.path(), entry.position, segments.end()).unwrap();
            assert_eq!(lines, (500 - count) as u64);
        }
    }
    let nowhere = Position { segment: 99_999, offset: 0 };
    assert_eq!(segments.record_at(nowhere).unwrap(), None);
    assert_eq!(segments.record_at(Position { offset: 3, ..found[0].position }).unwrap(), None);
}

/// Segments of about 400 bytes, until there are `count` of them.
fn fill(segments: &Segments, rounds: &mut Rounds, count: u64) {
    let mut next = 0;
    while segments.end().segment < count {
        segments.append(record(&format!("{next:050}")));
        rounds.go(&segments.shared);
        next += 1;
    }
}

fn oldest(folder: &Path) -> u64 {
    folder::numbers(folder).unwrap()[0]
}

#[test]
fn the_oldest_go_when_there_is_too_much() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { keep: Keep { time: None, bytes: 32 * 400 }, ..Settings::default() };
    let segments = Segments::open(folder.path(), settings).unwrap();
    let mut rounds = Rounds::new();
    fill(&segments, &mut rounds, 100);
    let health = segments.health();
    assert!(health.bytes <= 32 * 400 * 21 / 20, "{health:?}");
    assert!(health.bytes >= 32 * 400 / 2, "{health:?}");
    // A reader that begins at what is gone begins at the oldest.
    let first =
        segments.records_from(Position { segment: 1, offset: 70 }).batch(ALL).unwrap().entries.remove(0);
    assert_eq!(first.position, Position::start_of(oldest(folder.path())));
}

#[test]
fn the_oldest_go_when_they_are_too_old() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { max_segment_bytes: 400, ..Settings::default() };
    let segments = Segments::open(folder.path(), settings).unwrap();
    let mut rounds = Rounds::new();
    fill(&segments, &mut rounds, 10);
    let hours_ago = |number, hours: u64| {
        let file = fs::OpenOptions::new().append(true).open(folder::segment(folder.path(), number)).unwrap();
        let then = SystemTime::UNIX_EPOCH + Duration::from_millis(crate::clock::wall_ms());
        file.set_modified(then - Duration::from_secs(hours * 3600)).unwrap();
    };
    for (number, hours) in [(1, 3), (2, 2), (3, 0), (4, 5)] {
        hours_ago(number, hours);
    }
    assert_eq!(retention::retain(&segments.shared).unwrap(), 0);
    assert_eq!(oldest(folder.path()), 1);
    // What is kept may change while it runs.
    segments.keep(Keep { time: Some(Duration::from_secs(3600)), ..Keep::default() });
    assert_eq!(retention::retain(&segments.shared).unwrap(), 0);
    assert_eq!(oldest(folder.path()), 3);
}

#[test]
fn a_clock_that_jumps_changes_neither_order_nor_places() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { max_segment_bytes: 400, ..Settings::default() };
    let segments = Segments::open(folder.path(), settings).unwrap();
    let mut rounds = Rounds::new();
    let now = SystemTime::UNIX_EPOCH + Duration::from_millis(crate::clock::wall_ms());
    let hour = Duration::from_secs(3600);
    for (count, (stamp, modified)) in
        [(7_200_000, now + hour), (3_600_000, now - hour), (10_800_000, now), (0, now + hour)]
            .into_iter()
            .enumerate()
    {
        for half in 0..4 {
            let id = format!("{}", count * 4 + half);
            segments.append(CallRecord { started_ms: stamp, ..record(&id) });
        }
        let file = folder::segment(folder.path(), segments.end().segment);
        fs::OpenOptions::new().append(true).open(file).unwrap().set_modified(modified).unwrap();
        rounds.go(&segments.shared);
    }
    retention::retain(&segments.shared).unwrap();
    assert!(segments.end().segment > 3);
    assert!(ids(folder.path()).into_iter().eq((0..16).map(|count| count.to_string())));
}

#[test]
fn what_is_not_read_stays_until_it_is_far_too_much() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings {
        keep: Keep { time: Some(Duration::ZERO), bytes: 32 * 400 },
        watcher: Watcher::new(|event| assert!(matches!(event, Event::DeletedUnread { .. }))),
        ..Settings::default()
    };
    let segments = Segments::open(folder.path(), settings).unwrap();
    let mut rounds = Rounds::new();
    let reader = segments.records_from(Position::start_of(1)).holding();
    fill(&segments, &mut rounds, 15);
    assert_eq!(oldest(folder.path()), 1);
    assert_eq!(segments.health().deleted_unread, 0);
    fill(&segments, &mut rounds, 60);
    assert!(segments.health().bytes <= 32 * 400 * 21 / 20);
    assert!(segments.health().deleted_unread > 0);
    reader.release(Position::start_of(58));
    thread::sleep(Duration::from_millis(5));
    retention::retain(&segments.shared).unwrap();
    assert_eq!(oldest(folder.path()), 58);
    drop(reader);
    retention::retain(&segments.shared).unwrap();
    assert_eq!(oldest(folder.path()), segments.end().segment);
}

#[test]
fn a_start_without_calls_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..5 {
        open(folder.path());
    }
    assert_eq!(folder::numbers(folder.path()).unwrap(), [5]);
}

/// A disk with room for so many bytes more, which fails every second time to cut a file off while it has none.
struct Small {
    room: Arc<AtomicU64>,
}

struct SmallFile {
    room: Arc<AtomicU64>,
    refusals: AtomicU64,
    file: Arc<dyn SegmentFile>,
}

impl Medium for Small {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn SegmentFile>> {
        let room = Arc::clone(&self.room);
        Ok(Arc::new(SmallFile { room, refusals: AtomicU64::new(0), file: Disk.create(path)? }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        Disk.rename(from, to)
    }
}

impl SegmentFile for SmallFile {
    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let room = usize::try_from(self.room.load(Ordering::SeqCst)).unwrap_or(usize::MAX);
        if room == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let written = self.file.write(&bytes[..bytes.len().min(room)])?;
        self.room.fetch_sub(written as u64, Ordering::SeqCst);
        Ok(written)
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        let is_full = self.room.load(Ordering::SeqCst) == 0;
        if is_full && self.refusals.fetch_add(1, Ordering::SeqCst).is_multiple_of(2) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.file.truncate(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }
}

#[test]
fn a_full_disk_stops_no_call_and_loses_nothing_that_fits_into_memory() {
    for room in [0, 1, 100, 349, 350, 351, 5_000] {
        let folder = tempfile::tempdir().unwrap();
        let events = Arc::new(Mutex::new(vec![]));
        let heard = Arc::clone(&events);
        let settings = Settings {
            watcher: Watcher::new(move |event| heard.lock().unwrap().push(event.clone())),
            ..Settings::default()
        };
        let left = Arc::new(AtomicU64::new(room));
        let medium = Arc::new(Small { room: Arc::clone(&left) });
        let segments = Segments::open_on(medium, folder.path(), settings).unwrap();
        for count in 0..100 {
            segments.append(record(&count.to_string()));
        }
        assert!(segments.health().waiting > 0);
        assert!(segments.health().error.is_some());
        wait_until("the alarm", || !events.lock().unwrap().is_empty());
        left.store(u64::MAX, Ordering::SeqCst);
        for count in 100..150 {
            segments.append(record(&count.to_string()));
        }
        wait_until("the recovery", || segments.health().waiting == 0);
        segments.append(record("150"));
        assert!(
            ids(folder.path()).into_iter().eq((0..=150).map(|count| count.to_string())),
            "room for {room}"
        );
        wait_until("the end of the alarm", || events.lock().unwrap().len() == 2);
        let events = events.lock().unwrap();
        assert!(matches!(events[..], [Event::Stuck { .. }, Event::Recovered { lost: 0 }]), "{events:?}");
    }
}

#[test]
fn what_does_not_fit_into_memory_is_counted_and_order_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let left = Arc::new(AtomicU64::new(0));
    let medium = Arc::new(Small { room: Arc::clone(&left) });
    let settings = Settings { max_waiting: 10, ..Settings::default() };
    let segments = Segments::open_on(medium, folder.path(), settings).unwrap();
    for count in 0..25 {
        segments.append(record(&count.to_string()));
    }
    assert_eq!((segments.health().waiting, segments.health().lost), (10, 15));
    left.store(u64::MAX, Ordering::SeqCst);
    wait_until("the recovery", || segments.health().waiting == 0);
    assert!(ids(folder.path()).into_iter().eq((0..10).map(|count| count.to_string())));
}

#[test]
fn a_start_on_a_full_disk_finds_interrupted_calls_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let segments = open(folder.path());
    segments.begin(begin("lost"));
    drop(segments);
    let left = Arc::new(AtomicU64::new(10));
    let medium = Arc::new(Small { room: Arc::clone(&left) });
    let segments = Segments::open_on(medium, folder.path(), Settings::default()).unwrap();
    segments.append(record("next"));
    assert_eq!(segments.health().waiting, 2);
    left.store(u64::MAX, Ordering::SeqCst);
    wait_until("the recovery", || segments.health().waiting == 0);
    assert_eq!(said(folder.path()), [("lost".into(), Ended::Interrupted), ("next".into(), Ended::Answered)]);
}

/// A disk that keeps nothing before it is let.
struct Slow {
    is_let: Arc<AtomicBool>,
    syncs: Arc<AtomicU64>,
}

struct SlowFile(Slow, Arc<dyn SegmentFile>);

impl Medium for Slow {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn SegmentFile>> {
        let slow = Slow { is_let: Arc::clone(&self.is_let), syncs: Arc::clone(&self.syncs) };
        Ok(Arc::new(SlowFile(slow, Disk.create(path)?)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        Disk.rename(from, to)
    }
}

impl SegmentFile for SlowFile {
    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.1.write(bytes)
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.1.truncate(length)
    }

    fn sync(&self) -> io::Result<()> {
        wait_until("leave to sync", || self.0.is_let.load(Ordering::SeqCst));
        self.0.syncs.fetch_add(1, Ordering::SeqCst);
        self.1.sync()
    }
}

#[test]
fn all_who_wait_for_the_disk_share_a_sync_and_none_goes_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let (is_let, syncs) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let medium = Arc::new(Slow { is_let: Arc::clone(&is_let), syncs: Arc::clone(&syncs) });
    let segments = Segments::open_on(medium, folder.path(), Settings::default()).unwrap();
    segments.append(record("before"));
    assert!(segments.durable().is_none(), "nobody was told to wait");
    segments.await_disk(true).unwrap();
    let mut waiting = Vec::new();
    for count in 0..100 {
        segments.append(record(&count.to_string()));
        waiting.push(Box::pin(segments.durable().unwrap()));
    }
    let mut count_ready = || {
        let mut context = Context::from_waker(Waker::noop());
        waiting
            .iter_mut()
            .filter_map(|durable| durable.as_mut().poll(&mut context).is_ready().then_some(()))
            .count()
    };
    assert_eq!(count_ready(), 0);
    thread::sleep(Duration::from_millis(50));
    assert_eq!(count_ready(), 0, "the disk has nothing yet");
    is_let.store(true, Ordering::SeqCst);
    for _ in 0..2000 {
        if count_ready() == 100 {
            break;
        }
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(count_ready(), 100);
    assert!(syncs.load(Ordering::SeqCst) < 10, "{syncs:?} syncs for 100 calls");
    segments.await_disk(false).unwrap();
    assert!(segments.durable().is_none());
}

#[test]
fn a_stream_that_a_client_saw_begin_is_on_record_whenever_the_process_ends() {
    let folder = tempfile::tempdir().unwrap();
    let segments = open(folder.path());
    for id in ["seen", "beside"] {
        segments.begin(begin(id));
    }
    segments.shows("seen");
    let file = fs::read_to_string(folder::segment(folder.path(), segments.end().segment)).unwrap();
    assert_eq!(file.lines().count(), 2, "with one write, those that wait beside it too: {file}");
    segments.shows("seen");
    segments.append(record("beside"));
    drop(segments);
    open(folder.path());
    assert_eq!(
        said(folder.path()),
        [("beside".to_owned(), Ended::Answered), ("seen".to_owned(), Ended::Interrupted)]
    );
}
