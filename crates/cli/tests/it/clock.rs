//! The machine's clock jumps by an hour, both ways, under load: no call fails, and each is on record once.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::Ordering,
    thread,
    time::Duration,
};

use crate::load::{House, Known, LIMIT, ask, check_once, records};

/// Stands before the system's clock and adds what a file says, in seconds, to the time of day. The clock that never jumps
/// stays as it is.
const SHIM: &str = r#"
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *offset;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("CLOCK_OFFSET");
    int file = path ? open(path, O_RDONLY) : -1;
    if (file < 0) return;
    void *at = mmap(0, 8, PROT_READ, MAP_SHARED, file, 0);
    if (at != MAP_FAILED) offset = at;
}

int clock_gettime(clockid_t which, struct timespec *time) {
    int failed = syscall(SYS_clock_gettime, which, time);
    if (!failed && offset && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE)) time->tv_sec += *offset;
    return failed;
}
"#;

const HOUR: i64 = 3600;

fn shim(folder: &Path) -> Option<PathBuf> {
    let (source, library) = (folder.join("shim.c"), folder.join("shim.so"));
    fs::write(&source, SHIM).unwrap();
    let made = Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(&source).output();
    made.is_ok_and(|made| made.status.success()).then_some(library)
}

fn set(file: &Path, offset: i64) {
    use std::{io::Write, os::unix::fs::FileExt};
    let mut options = fs::File::options();
    let mut open = options.write(true).create(true).truncate(false).open(file).unwrap();
    // In place: it is looked at through a view of it.
    open.write_all_at(&offset.to_ne_bytes(), 0).unwrap();
    open.flush().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_fails_no_call() {
    let house = House::new("log: { level: info }\n").await;
    tokio::task::spawn_blocking(move || {
        let Some(library) = shim(house.folder.path()) else {
            eprintln!("SKIPPED: a clock that jumps: there is no C compiler to stand before the real one");
            return;
        };
        let offset = house.folder.path().join("offset");
        set(&offset, 0);
        let mut command = house.command();
        command.env("LD_PRELOAD", &library).env("CLOCK_OFFSET", &offset);
        let mut gateway = house.start_with(&mut command);
        let known = Known::default();
        let answered = || known.whole.lock().unwrap().len();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| ask(house.address, &known));
            }
            for jump in [0, HOUR, 0, -HOUR, HOUR, 0] {
                set(&offset, jump);
                let before = answered();
                for _ in 0..6_000 {
                    if answered() >= before + 60 || !known.failed.lock().unwrap().is_empty() {
                        break;
                    }
                    thread::sleep(Duration::from_millis(10));
                }
                assert!(
                    answered() >= before + 60,
                    "calls go on at {jump} s: {:?}",
                    known.failed.lock().unwrap()
                );
            }
            known.ends.store(true, Ordering::Relaxed);
        });
        gateway.terminate().unwrap();
        assert!(gateway.wait_exit(LIMIT).unwrap().success(), "{}", gateway.output());
        assert!(known.failed.lock().unwrap().is_empty(), "{:?}", known.failed.lock().unwrap());
        let records = records(&house.data());
        check_once(&known, &records);
        let (first, last) = (
            records.iter().map(|record| record.started_ms).min().unwrap(),
            records.iter().map(|record| record.started_ms).max().unwrap(),
        );
        assert!(last - first >= 7_200_000, "the clock did jump: from {first} to {last}");
    })
    .await
    .unwrap();
}
