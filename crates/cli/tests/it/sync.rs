//! `log.sync: disk`: an answer ends when the disk has its record, and not before; a disk that cannot say so keeps nobody
//! waiting.

use std::{sync::atomic::Ordering, thread, time::Duration};

use lockgate_testkit::{clock, http};

use crate::{
    load::{House, Known, LIMIT, check_once, once, records, until},
    shim::Shim,
};

/// Syncs of the journal's segments take so many milliseconds, or fail with that number; how many there were is counted.
const SLOW_DISK: &str = r#"
static int of_journal(int file) {
    char name[64], path[4096];
    snprintf(name, sizeof name, "/proc/self/fd/%d", file);
    ssize_t length = readlink(name, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return strstr(path, "/journal/") != 0;
}

static int synced(int file, long call) {
    if (!told || !of_journal(file)) return syscall(call, file);
    __atomic_add_fetch(&told[2], 1, __ATOMIC_SEQ_CST);
    struct timespec time = { told[0] / 1000, told[0] % 1000 * 1000000 };
    nanosleep(&time, 0);
    if (told[1]) {
        errno = told[1];
        return -1;
    }
    return syscall(call, file);
}

int fsync(int file) { return synced(file, SYS_fsync); }
int fdatasync(int file) { return synced(file, SYS_fdatasync); }
"#;
/// Places of its numbers.
const DELAY: u64 = 0;
const FAULT: u64 = 1;
const SYNCS: u64 = 2;
/// A disk that is broken: `EIO`.
const BROKEN: i64 = 5;

/// Calls so often, one after the other, streamed and not, and says how long the quickest and the slowest took to their
/// last byte.
fn calls(house: &House, known: &Known, count: usize) -> (Duration, Duration) {
    let mut client = http::Client::new(house.address).patience(LIMIT);
    let mut took = Vec::new();
    for _ in 0..count {
        let since = clock::now();
        once(&mut client, known).unwrap();
        took.push(since.elapsed());
    }
    (took.iter().min().copied().unwrap(), took.iter().max().copied().unwrap())
}

fn warnings(house: &House) -> String {
    http::get(house.address, "/health").unwrap().text()
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_wait_for_a_disk_that_has_their_records() {
    let house = House::new("log: { sync: disk, level: info }\n").await;
    tokio::task::spawn_blocking(move || {
        let Some(shim) = Shim::new(house.folder.path(), SLOW_DISK) else {
            eprintln!("SKIPPED: a slow disk: there is no C compiler to stand before the real one");
            return;
        };
        let mut command = house.command();
        shim.stand_before(&mut command);
        let mut gateway = house.start_with(&mut command);
        let known = Known::default();
        calls(&house, &known, 10);
        assert!(shim.says(SYNCS) >= 10, "each call alone has its own sync: {}", shim.says(SYNCS));

        let delay = Duration::from_millis(300);
        shim.tell(DELAY, 300);
        let (quickest, _) = calls(&house, &known, 6);
        assert!(quickest >= delay, "a call ended after {quickest:?}, before the disk had its record");
        // All that wait at the same time share a sync.
        let (before, since) = (shim.says(SYNCS), clock::now());
        thread::scope(|scope| {
            for _ in 0..24 {
                scope.spawn(|| calls(&house, &known, 1));
            }
        });
        let (syncs, took) = (shim.says(SYNCS) - before, since.elapsed());
        assert!(took < delay * 24, "24 calls at once took {took:?}, {syncs} syncs");

        shim.tell(DELAY, 0);
        shim.tell(FAULT, BROKEN);
        let before = shim.says(SYNCS);
        let (_, slowest) = calls(&house, &known, 10);
        assert!(slowest < LIMIT / 4, "a call waited {slowest:?} for a disk that is broken");
        assert!(shim.says(SYNCS) > before, "it was asked to keep them");
        until("a warning", || warnings(&house).contains("cannot be made to keep"));
        assert!(gateway.output().contains("journal cannot be written"), "an alert: {}", gateway.output());
        shim.tell(FAULT, 0);
        until("the end of the alert", || gateway.output().contains("journal is written again"));

        known.ends.store(true, Ordering::Relaxed);
        gateway.terminate().unwrap();
        assert!(gateway.wait_exit(LIMIT).unwrap().success(), "{}", gateway.output());
        assert!(known.failed.lock().unwrap().is_empty(), "{:?}", known.failed.lock().unwrap());
        check_once(&known, &records(&house.data()));
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_it_nobody_waits() {
    let house = House::new("log: { sync: os }\n").await;
    tokio::task::spawn_blocking(move || {
        let Some(shim) = Shim::new(house.folder.path(), SLOW_DISK) else { return };
        let mut command = house.command();
        shim.stand_before(&mut command);
        let _gateway = house.start_with(&mut command);
        let known = Known::default();
        let delay = Duration::from_secs(5);
        shim.tell(DELAY, 5_000);
        until("a sync that is under way", || {
            calls(&house, &known, 1);
            shim.says(SYNCS) > 0
        });
        let (quickest, _) = calls(&house, &known, 10);
        assert!(quickest < delay, "the quickest of ten calls took {quickest:?}");
        shim.tell(DELAY, 0);
        assert!(known.failed.lock().unwrap().is_empty(), "{:?}", known.failed.lock().unwrap());
    })
    .await
    .unwrap();
}
