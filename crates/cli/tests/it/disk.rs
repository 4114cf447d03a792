//! A disk without room under load: no call fails, one alarm, and all is well again without a restart.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::Ordering,
    thread,
    time::Duration,
};

use crate::load::{House, Known, LIMIT, as_told, ask, check_once, records, until};

/// For how many seconds the disk is full.
const SECONDS: &str = "LOCKGATE_FULL_SECONDS";

/// A small disk of its own, taken away again at the end.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: &Path) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=64m", "tmpfs"]).arg(at).output();
        mounted.is_ok_and(|mounted| mounted.status.success()).then(|| Self(at.to_owned()))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.0).output());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_fails_no_call_and_is_told_once() {
    let seconds = as_told(SECONDS, 3);
    let house = House::new("log: { level: info }\n").await;
    tokio::task::spawn_blocking(move || {
        let Some(_disk) = Disk::mount(&house.data()) else {
            eprintln!("SKIPPED: a real full disk: a tmpfs can be mounted by root only");
            return;
        };
        let mut gateway = house.start();
        let known = Known::default();
        let answered = || known.whole.lock().unwrap().len();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| ask(house.address, &known));
            }
            until("the first calls", || answered() > 50);
            let filler = house.data().join("filler");
            assert!(fs::write(&filler, vec![0; 128 * 1024 * 1024]).is_err());
            until("the alarm", || gateway.output().contains("journal cannot be written"));
            let before = answered();
            thread::sleep(Duration::from_secs(seconds));
            assert!(answered() > before, "calls go on");
            let health = lockgate_testkit::http::get(house.address, "/health").unwrap().text();
            assert!(health.contains("the journal cannot be written since"), "{health}");
            fs::remove_file(filler).unwrap();
            until("the end of it", || gateway.output().contains("journal is written again"));
            let before = answered();
            until("more calls", || answered() > before + 20);
            known.ends.store(true, Ordering::Relaxed);
        });
        gateway.terminate().unwrap();
        assert!(gateway.wait_exit(LIMIT).unwrap().success(), "{}", gateway.output());
        let output = gateway.output();
        for words in ["journal cannot be written", "journal is written again"] {
            assert_eq!(output.matches(words).count(), 1, "{output}");
        }
        assert!(known.failed.lock().unwrap().is_empty(), "{:?}", known.failed.lock().unwrap());
        let records = records(&house.data());
        check_once(&known, &records);
        eprintln!("{} calls, {seconds} s without room: {} on record", answered(), records.len());
    })
    .await
    .unwrap();
}
