//! A process that makes keys is killed at random moments: every key that it had shown is there and works.

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use super::{NOW, open};

/// Where the child works; its being there makes a child of the test.
const FOLDER: &str = "LOCKGATE_KILL_KEYS_FOLDER";
/// Which child it is.
const ROUND: &str = "LOCKGATE_KILL_KEYS_ROUND";
/// How many children are killed at least.
const KILLS: u64 = 25;
/// And at most, on a machine that is slow to start them.
const MOST_KILLS: u64 = 300;

/// Makes keys until it is killed, and shows each as an answer would.
#[test]
#[ignore = "the other process of the test below"]
fn child() {
    let (Ok(folder), Ok(round)) = (std::env::var(FOLDER), std::env::var(ROUND)) else { return };
    let mut store = open(Path::new(&folder));
    for number in 0..10_000 {
        let (made, text) = store.create(&format!("{round}-{number}"), "{}", NOW).unwrap();
        let line = format!("\nshown {} {}\n", made.id, text.expose());
        if std::io::stdout().lock().write_all(line.as_bytes()).is_err() {
            return;
        }
    }
}

#[test]
fn killed_at_any_moment_every_key_that_was_shown_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let mut shown = Vec::new();
    for round in 0..MOST_KILLS {
        if round >= KILLS && shown.len() as u64 > KILLS {
            break;
        }
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["keys::tests::kill::child", "--exact", "--ignored", "--nocapture", "--test-threads=1"])
            .env(FOLDER, folder.path())
            .env(ROUND, round.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // From before the file is there to well into the work.
        let moment = round.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 57;
        thread::sleep(Duration::from_millis(10 + moment + 2 * round));
        child.kill().unwrap();
        let output = String::from_utf8_lossy(&child.wait_with_output().unwrap().stdout).into_owned();
        // The last line may be half of one.
        let whole = output.rsplit_once('\n').map_or("", |(whole, _)| whole);
        for line in whole.lines().filter_map(|line| line.strip_prefix("shown ")) {
            let (id, text) = line.split_once(' ').unwrap();
            shown.push((id.to_owned(), text.to_owned()));
        }
    }
    assert!(shown.len() as u64 > KILLS, "{} keys: the children did not get to work", shown.len());
    let mut store = open(folder.path());
    let rows = store.all().unwrap();
    for (id, text) in &shown {
        let row =
            rows.iter().find(|row| row.id == *id).unwrap_or_else(|| panic!("{id} was shown and is gone"));
        assert!(row.secrets.iter().any(|secret| secret.hash == store.pepper().hash(text.as_bytes())), "{id}");
    }
    assert!(rows.iter().all(|row| row.secrets.len() == 1), "a key without its text");
}
