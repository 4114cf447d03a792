//! Created keys over the real file: what is kept, what others see of it, and what is refused.

mod kill;

use std::{fs, path::Path};

use tempfile::TempDir;

use super::*;

const NOW: u64 = 1_763_757_000_000;

fn open(folder: &Path) -> KeyStore {
    KeyStore::open(folder, None).unwrap()
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Whether `text` is good for `row`, at that time.
fn is_good(store: &KeyStore, row: &KeyRow, text: &KeyText, at_ms: u64) -> bool {
    let hash = store.pepper().hash(text.expose().as_bytes());
    let is_it = |secret: &KeySecret| secret.hash == hash && secret.until_ms.is_none_or(|until| at_ms < until);
    row.secrets.iter().any(is_it)
}

#[test]
fn what_was_created_is_there_after_a_restart_and_its_text_is_not() {
    let folder = folder();
    assert!(!KeyStore::is_in(folder.path()));
    let mut store = open(folder.path());
    let (made, text) = store.create("alice", r#"{"models":["fast"]}"#, NOW).unwrap();
    assert!(is_good(&store, &made, &text, NOW) && text.expose().ends_with(&made.hint));
    assert_eq!((made.created_ms, made.rotated_ms, made.revoked_ms, made.used_ms), (NOW, None, None, None));
    store.used(&[(made.id.clone(), NOW + 5), ("key_gone".to_owned(), NOW)]).unwrap();
    store.used(&[(made.id.clone(), NOW + 3)]).unwrap();
    drop(store);

    assert!(KeyStore::is_in(folder.path()));
    let mut store = open(folder.path());
    let rows = store.all().unwrap();
    assert_eq!(rows, [KeyRow { used_ms: Some(NOW + 5), ..made.clone() }]);
    assert!(is_good(&store, &rows[0], &text, NOW));
    drop(store);
    for file in fs::read_dir(folder.path()).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        let at = memchr::memmem::find(&bytes, &text.expose().as_bytes()[4..12]);
        assert_eq!(at, None, "a key's text is in no file");
    }
}

#[test]
fn names_are_one_key_s_as_long_as_it_lives() {
    let folder = folder();
    let mut store = open(folder.path());
    let (first, _) = store.create("alice", "{}", NOW).unwrap();
    assert!(matches!(store.create("alice", "{}", NOW), Err(KeyError::NameTaken(name)) if name == "alice"));
    let (other, _) = store.create("bob", "{}", NOW).unwrap();
    assert!(matches!(store.change(&other, "alice", "{}"), Err(KeyError::NameTaken(_))));

    assert_eq!(store.revoke(&first.id, NOW + 1).unwrap().revoked_ms, Some(NOW + 1));
    assert_eq!(store.revoke(&first.id, NOW + 9).unwrap().revoked_ms, Some(NOW + 1), "once is for good");
    let renamed = store.change(&other, "alice", r#"{"rpm":5}"#).unwrap();
    assert_eq!((renamed.name.as_str(), renamed.settings.as_str()), ("alice", r#"{"rpm":5}"#));
    assert!(matches!(store.change(&other, "carol", "{}"), Err(KeyError::Changed(_))), "seen too long ago");
    assert!(matches!(store.change(&first, "dora", "{}"), Err(KeyError::Revoked(_))));
    assert!(matches!(store.rotate(&first.id, NOW, NOW), Err(KeyError::Revoked(_))));
    assert!(matches!(store.rotate("key_none", NOW, NOW), Err(KeyError::Unknown(_))));
    assert!(matches!(store.revoke("key_none", NOW), Err(KeyError::Unknown(_))));
}

#[test]
fn an_older_text_works_as_long_as_was_said_and_no_longer() {
    let folder = folder();
    let mut store = open(folder.path());
    let (made, first) = store.create("alice", "{}", NOW).unwrap();
    let (row, second) = store.rotate(&made.id, NOW + 100, NOW).unwrap();
    assert_eq!((row.rotated_ms, row.secrets.len()), (Some(NOW), 2));
    assert!(is_good(&store, &row, &first, NOW + 99) && !is_good(&store, &row, &first, NOW + 100));
    assert!(is_good(&store, &row, &second, NOW + 1_000));
    // A longer grace for the second does not prolong the first one's.
    let (row, third) = store.rotate(&made.id, NOW + 500, NOW + 10).unwrap();
    assert!(!is_good(&store, &row, &first, NOW + 100) && is_good(&store, &row, &second, NOW + 499));
    let (row, last) = store.rotate(&made.id, NOW + 20, NOW + 20).unwrap();
    assert!(!is_good(&store, &row, &second, NOW + 20) && !is_good(&store, &row, &third, NOW + 20));
    assert!(is_good(&store, &row, &last, NOW + 20));
    for _ in 0..20 {
        store.rotate(&made.id, NOW, NOW).unwrap();
    }
    assert_eq!(store.all().unwrap()[0].secrets.len(), MOST_SECRETS);
}

#[test]
fn a_process_sees_what_another_changes_and_nothing_else() {
    let folder = folder();
    let (mut one, mut other) = (open(folder.path()), open(folder.path()));
    assert!(one.has_changed().unwrap(), "it has not read anything yet");
    assert!(one.all().unwrap().is_empty());
    assert!(!one.has_changed().unwrap());

    let (made, _) = other.create("alice", "{}", NOW).unwrap();
    assert!(one.has_changed().unwrap());
    assert!(one.has_changed().unwrap(), "until it has read");
    assert_eq!(one.all().unwrap(), other.all().unwrap());
    assert!(!one.has_changed().unwrap());

    other.used(&[(made.id.clone(), NOW)]).unwrap();
    assert!(!one.has_changed().unwrap(), "when a key was used changes nothing about it");
    other.revoke(&made.id, NOW).unwrap();
    assert!(one.has_changed().unwrap());
}

#[test]
fn a_file_that_was_put_in_the_place_of_the_open_one_is_noticed() {
    let folder = folder();
    let store = open(folder.path());
    assert!(!store.is_replaced());
    fs::rename(folder.path().join("keys.db"), folder.path().join("away.db")).unwrap();
    assert!(!store.is_replaced(), "known keys go on working");
    drop(open(folder.path()));
    assert!(store.is_replaced());
}

#[cfg(unix)]
#[test]
fn the_files_are_their_owner_s_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder();
    let mut store = open(folder.path());
    store.create("alice", "{}", NOW).unwrap();
    let mut seen = 0;
    for file in fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.file_name());
        seen += 1;
    }
    assert!(seen >= 2, "the database and the pepper");
}

#[track_caller]
fn check_refused(folder: &Path, pepper: Option<&str>, expect: &str) {
    let error = KeyStore::open(folder, pepper).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains(expect), "{error:?} has no {expect:?}");
}

#[test]
fn keys_that_could_not_be_known_again_are_not_opened() {
    const MINE: &str = "0123456789abcdef0123456789abcdef";
    let folder = folder();
    drop(KeyStore::open(folder.path(), Some(MINE)).unwrap());
    drop(KeyStore::open(folder.path(), Some(&format!("{MINE}\n"))).unwrap());
    check_refused(folder.path(), Some("0123456789abcdef0123456789abcdeX"), "made with another pepper");
    check_refused(folder.path(), Some("short"), "shorter than 32 characters");
    check_refused(folder.path(), None, "cannot be known again");
    fs::write(folder.path().join("keys.pepper"), "short").unwrap();
    check_refused(folder.path(), None, "keys.pepper` is shorter");
}

#[test]
fn a_file_that_is_no_database_is_named_with_what_to_do() {
    let folder = folder();
    fs::write(folder.path().join("keys.pepper"), "0".repeat(64)).unwrap();
    fs::write(
        folder.path().join("keys.db"),
        "no database at all, but long enough to look like one".repeat(50),
    )
    .unwrap();
    check_refused(folder.path(), None, "keys.db`: file is not a database: put a copy");
}

#[test]
fn two_that_come_at_once_have_one_pepper() {
    let folder = folder();
    let hashes: Vec<KeyHash> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..8).map(|_| scope.spawn(|| open(folder.path()).pepper().hash(b"key"))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(hashes.iter().all(|hash| *hash == hashes[0]));
    assert_ne!(Pepper::random().unwrap().hash(b"key"), hashes[0]);
}

#[test]
fn room_is_made_by_what_was_revoked_first() {
    let folder = folder();
    let mut store = open(folder.path());
    let made: Vec<_> =
        ["a", "b", "c"].map(|name| store.create(name, "{}", NOW).unwrap().0.id).into_iter().collect();
    let full = |store: &mut KeyStore| {
        let transaction = write(&mut store.connection).unwrap();
        let made = make_room(&transaction, 3);
        transaction.commit().unwrap();
        made
    };
    assert!(matches!(full(&mut store), Err(KeyError::Full)));
    store.revoke(&made[1], NOW + 1).unwrap();
    store.revoke(&made[0], NOW + 2).unwrap();
    full(&mut store).unwrap();
    let left: Vec<_> = store.all().unwrap().into_iter().map(|row| row.id).collect();
    assert_eq!(left, [made[0].clone(), made[2].clone()]);
}
