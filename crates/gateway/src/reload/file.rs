//! A config that is put in the place of the file: checked whole before a byte is written, with what was there kept beside.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use lockgate_config::{Around, Errors, MAX_FILE_BYTES, Problem};
use sha2::{Digest, Sha256};

use super::{files, prints::Prints, said};
use crate::{clock, files as disk, setup::Live};

/// Most earlier files that are kept.
const MAX_BACKUPS: usize = 20;
/// How the name of such a file ends.
const BACKUP: &str = ".bak";
/// What the time in its name looks like; `0` is any digit.
const STAMP: &str = "0000-00-00T00-00-00.000Z";

/// What was written.
#[derive(Debug)]
pub(crate) struct Written {
    /// What is different now, in words.
    pub(crate) changes: Vec<String>,
    /// Where the file is kept that was there before; absent if there was none.
    pub(crate) backup: Option<PathBuf>,
    /// What the new file is known by.
    pub(crate) tag: String,
}

/// Why nothing was written, or nothing of it counts.
#[derive(Debug)]
pub(crate) enum PutError {
    /// The gateway was not started from a file.
    NoFile,
    /// The file is not the one that was meant.
    Stale,
    /// The config is not valid, or what it asks for cannot be had.
    Refused(Vec<Problem>),
    /// The file cannot be written: the end of a sentence that begins with its name.
    Unwritten(String),
    /// The gateway is coming to its end.
    Ending,
}

/// What a text is known by: an entity tag (RFC 9110, section 8.8.3).
pub(crate) fn tag(text: &[u8]) -> String {
    let digest = Sha256::digest(text);
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}

/// Whether `condition`, the value of `if-match`, lets through what has this tag (RFC 9110, section 13.1.1).
fn matches(condition: &str, present: Option<&str>) -> bool {
    let Some(present) = present else { return false };
    condition.split(',').map(str::trim).any(|tag| tag == "*" || tag == present)
}

impl Live {
    /// Writes `text`, in which markers stand for the secrets of the config that counts, in the place of the file, and goes
    /// on with it. `condition` is the value of `if-match`.
    ///
    /// # Errors
    /// See [`PutError`]: in all cases the file and what counts are as before.
    pub(crate) async fn put(
        self: &Arc<Self>,
        text: String,
        condition: Option<String>,
    ) -> Result<Written, PutError> {
        let _turn = self.gateway.reloads.turn.lock().await;
        let live = Arc::clone(self);
        let put = move || live.put_now(&text, condition.as_deref());
        self.gateway.tasks.spawn_blocking(put).await.map_err(|_| PutError::Ending)?
    }

    fn put_now(self: &Arc<Self>, text: &str, condition: Option<&str>) -> Result<Written, PutError> {
        let reloads = &self.gateway.reloads;
        let (origin, loaded) =
            reloads.origin.as_ref().zip(reloads.standing().loaded).ok_or(PutError::NoFile)?;
        let refused = |errors: Errors| PutError::Refused(errors.iter().cloned().collect());
        let unwritten = |error: io::Error| PutError::Unwritten(format!("cannot be written: {error}"));

        let present = present(&origin.file).map_err(unwritten)?;
        let known = present.as_deref().map(tag);
        if condition.is_some_and(|condition| !matches(condition, known.as_deref())) {
            return Err(PutError::Stale);
        }
        let text = loaded.document.restore(text, Around::files(&origin.variables)).map_err(refused)?;
        let next = lockgate_config::load_text(&origin.file, &text, &origin.variables, &origin.names)
            .map_err(refused)?;
        let ready = self
            .prepare(&next.config)
            .map_err(|error| PutError::Refused(vec![said::problem(origin, &error)]))?;

        let file = fs::canonicalize(&origin.file).unwrap_or_else(|_| origin.file.clone());
        let backup = present.map(|present| back_up(&file, &present, clock::wall())).transpose();
        let backup = backup.map_err(unwritten)?;
        disk::replace(&file, text.as_bytes()).map_err(unwritten)?;

        let prints = Prints::of(&files(&next)).with(&origin.file, text.as_bytes());
        self.commit(ready);
        let changes = reloads.taken(next, prints);
        Ok(Written { changes, backup, tag: tag(text.as_bytes()) })
    }
}

/// What the file holds; `None` if it is not there. One that is larger than a config may be is no config.
fn present(file: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::metadata(file) {
        Ok(known) if known.len() > MAX_FILE_BYTES || !known.is_file() => {
            Err(io::Error::other("what is there is no config file"))
        }
        Ok(_) => fs::read(file).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Keeps `contents` beside `file` under the name of the moment, for whoever may read the file, and removes the oldest of
/// more than [`MAX_BACKUPS`].
fn back_up(file: &Path, contents: &[u8], now: SystemTime) -> io::Result<PathBuf> {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or("config").to_owned();
    // No colons: they separate paths in lists, and some file systems have no such names.
    let stamp = humantime::format_rfc3339_millis(now).to_string().replace(':', "-");
    let backup = file.with_file_name(format!("{name}.{stamp}{BACKUP}"));
    let mut kept = match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&backup) {
        Ok(kept) => kept,
        // Twice in a millisecond: what was there then is kept already.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(backup),
        Err(error) => return Err(error),
    };
    kept.write_all(contents)?;
    kept.set_permissions(fs::metadata(file)?.permissions())?;
    kept.sync_all()?;
    prune(&backup, &name);
    Ok(backup)
}

/// Removes the oldest files that were kept. One that cannot be removed harms nobody.
fn prune(newest: &Path, name: &str) {
    let Some(folder) = newest.parent() else { return };
    let Ok(entries) = fs::read_dir(if folder.as_os_str().is_empty() { Path::new(".") } else { folder })
    else {
        return;
    };
    let mut kept: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.file_name().and_then(|found| found.to_str()).is_some_and(|it| is_backup(it, name))
        })
        .collect();
    // The time in the name sorts as it passes.
    kept.sort();
    let surplus = kept.len().saturating_sub(MAX_BACKUPS);
    for path in &kept[..surplus] {
        if let Err(error) = fs::remove_file(path) {
            tracing::warn!(file = %path.display(), %error, "cannot remove an old config");
        }
    }
}

/// Whether that is the name of a file that was kept: nothing else is ever removed.
fn is_backup(found: &str, name: &str) -> bool {
    let stamp = found
        .strip_prefix(name)
        .and_then(|rest| rest.strip_prefix('.'))
        .and_then(|rest| rest.strip_suffix(BACKUP));
    stamp.is_some_and(|stamp| {
        stamp.len() == STAMP.len()
            && stamp.bytes().zip(STAMP.bytes()).all(|(is, like)| match like {
                b'0' => is.is_ascii_digit(),
                like => is == like,
            })
    })
}

#[cfg(test)]
mod tests {
    use std::{
        os::unix::fs::PermissionsExt,
        time::{Duration, UNIX_EPOCH},
    };

    use super::*;

    #[test]
    fn as_many_are_kept_as_may_be_and_nothing_else_is_touched() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("lockgate.yaml");
        fs::write(&file, "x").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        let others =
            ["lockgate.yaml.bak", "lockgate.yaml.2026-01-01.bak", "other.yaml.2020-01-01T00-00-00.000Z.bak"];
        for other in others {
            fs::write(folder.path().join(other), "").unwrap();
        }
        let mut names = Vec::new();
        for number in 0..25_u64 {
            let at = UNIX_EPOCH + Duration::from_millis(1_800_000_000_000 + number);
            let backup = back_up(&file, format!("config {number}").as_bytes(), at).unwrap();
            assert_eq!(fs::metadata(&backup).unwrap().permissions().mode() & 0o777, 0o640);
            names.push(backup);
        }
        assert_eq!(names[0].file_name().unwrap(), "lockgate.yaml.2027-01-15T08-00-00.000Z.bak");
        let (gone, kept) = names.split_at(5);
        assert!(gone.iter().all(|path| !path.exists()) && kept.iter().all(|path| path.exists()));
        assert_eq!(fs::read(&kept[19]).unwrap(), b"config 24");
        assert!(others.iter().all(|other| folder.path().join(other).exists()));
        assert!(file.exists());
    }

    #[test]
    fn only_what_was_meant_matches() {
        let present = tag(b"text");
        assert!(matches(&present, Some(&present)) && matches("*", Some(&present)));
        assert!(matches(&format!("\"a\", {present}"), Some(&present)));
        assert!(!matches("\"a\"", Some(&present)) && !matches(&format!("W/{present}"), Some(&present)));
        assert!(!matches("*", None) && !matches(&present, None));
    }
}
