//! Files of lines, one per hour, made of the records: each line exactly once, however often the process is killed.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{Batch, CallRecord, Depth, Position, Projection, ProjectionError, calendar, clock};

const ENDING: &str = ".jsonl";
const STATE: &str = "state.json";
const README: &str = "README.md";
const NEW_STATE: &str = "state.json.new";

/// What makes a line of a record, without its end; `None` where it makes none.
pub type MakeLine = Box<dyn Fn(&CallRecord) -> Option<String> + Send>;

/// What is said about the files, for `README.md` beside them; `None` where there is nothing to say.
pub type Describe = Box<dyn Fn() -> Option<String> + Send>;

/// How long files stay; `None`: until somebody takes them away.
pub type KeepFor = Box<dyn Fn() -> Option<Duration> + Send>;

/// Appends what is made of each record to `YYYYMMDD_HH.jsonl`, the hour in UTC in which the call ended.
pub struct Hourly {
    name: &'static str,
    folder: PathBuf,
    make: MakeLine,
    describe: Describe,
    keep_for: KeepFor,
    state: State,
}

/// What is known to be done, kept beside the files: what is in a file beyond its length here is done again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    journal: String,
    position: Position,
    /// The files that are being written, with their lengths.
    files: BTreeMap<String, u64>,
}

impl Hourly {
    /// Writes into `folder`, which is made where it is missing; `name` is for operators.
    pub fn new(name: &'static str, folder: &Path, make: MakeLine) -> Self {
        let folder = folder.to_owned();
        Self {
            name,
            folder,
            make,
            describe: Box::new(|| None),
            keep_for: Box::new(|| None),
            state: State::default(),
        }
    }

    /// Says about the files what `describe` has to say; what somebody else wrote there stays.
    #[must_use]
    pub fn described(self, describe: Describe) -> Self {
        Self { describe, ..self }
    }

    /// Keeps files for that long only.
    #[must_use]
    pub fn keeping(self, keep_for: KeepFor) -> Self {
        Self { keep_for, ..self }
    }

    /// The batch's lines by the files they belong in.
    fn lines(&self, batch: &Batch) -> BTreeMap<String, Vec<u8>> {
        let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        for entry in &batch.entries {
            // One record of which no line can be made must not hold up all behind it.
            let made = catch_unwind(AssertUnwindSafe(|| (self.make)(&entry.record))).ok().flatten();
            let Some(line) = made.filter(|line| !line.contains('\n')) else { continue };
            let file = files.entry(calendar::hour(entry.record.ended_ms()) + ENDING).or_default();
            file.extend_from_slice(line.as_bytes());
            file.push(b'\n');
        }
        files
    }

    /// Opens a file at the length that is known of it, and returns that.
    fn open(&self, name: &str) -> Result<(File, u64), ProjectionError> {
        let path = self.folder.join(name);
        let failed = |error| failed(&path, error);
        let file = OpenOptions::new().append(true).create(true).open(&path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        match self.state.files.get(name) {
            Some(known) if *known < length => {
                file.set_len(*known).map_err(failed)?;
                Ok((file, *known))
            }
            // Shorter, or new: it was moved away, and begins anew.
            _ => Ok((file, length)),
        }
    }

    /// Puts the description beside the first file.
    fn introduce(&self) -> Result<(), ProjectionError> {
        let path = self.folder.join(README);
        match (self.describe)() {
            Some(text) if !path.exists() => fs::write(&path, text).map_err(|error| failed(&path, error)),
            _ => Ok(()),
        }
    }

    /// Deletes files of hours that are longer ago than files are kept.
    fn expire(&self, keep: Duration, now_ms: u64) -> Result<(), ProjectionError> {
        let failed = |error| failed(&self.folder, error);
        let keep_ms = u64::try_from(keep.as_millis()).unwrap_or(u64::MAX);
        let oldest = calendar::hour(now_ms.saturating_sub(keep_ms));
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries.map_err(failed)?,
        };
        for entry in entries {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            // Names of hours have the order of the hours.
            let hour = name.to_str().and_then(|name| name.strip_suffix(ENDING)).filter(|hour| is_hour(hour));
            if hour.is_some_and(|hour| hour < oldest.as_str()) {
                fs::remove_file(entry.path()).map_err(failed)?;
            }
        }
        Ok(())
    }

    fn keep(&self, state: &State) -> Result<(), ProjectionError> {
        let new = self.folder.join(NEW_STATE);
        let failed = |error| failed(&new, error);
        let text = serde_json::to_vec(state).map_err(|error| failed(error.into()))?;
        fs::write(&new, text).map_err(failed)?;
        fs::rename(&new, self.folder.join(STATE)).map_err(failed)
    }

    fn read(&self) -> Result<State, ProjectionError> {
        let path = self.folder.join(STATE);
        let failed = |error| failed(&path, error);
        match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map_err(|error| failed(error.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(State::default()),
            Err(error) => Err(failed(error)),
        }
    }
}

impl Projection for Hourly {
    fn name(&self) -> &'static str {
        self.name
    }

    fn depth(&self) -> Depth {
        Depth::Whole
    }

    fn position(&mut self, journal: &str) -> Result<Position, ProjectionError> {
        fs::create_dir_all(&self.folder).map_err(|error| failed(&self.folder, error))?;
        let state = self.read()?;
        self.state = state;
        for name in self.state.files.keys() {
            // What was written after the last state is written again.
            if self.folder.join(name).exists() {
                self.open(name)?;
            }
        }
        if self.state.journal != journal {
            self.state =
                State { journal: journal.to_owned(), position: Position::default(), ..self.state.clone() };
        }
        Ok(self.state.position)
    }

    fn forget(&mut self, _: Position) -> Result<(), ProjectionError> {
        match (self.keep_for)() {
            Some(keep) => self.expire(keep, clock::wall_ms()),
            None => Ok(()),
        }
    }

    fn apply(&mut self, batch: &Batch) -> Result<(), ProjectionError> {
        let lines = self.lines(batch);
        if !lines.is_empty() {
            self.introduce()?;
        }
        let mut opened = BTreeMap::new();
        for (name, lines) in &lines {
            opened.insert(name.clone(), (self.open(name)?, lines));
        }
        let before: BTreeMap<String, u64> =
            opened.iter().map(|(name, ((_, length), _))| (name.clone(), *length)).collect();
        let is_known = before.iter().all(|(name, length)| self.state.files.get(name) == Some(length));
        if !is_known {
            // Before the first byte: should this end in the middle, the next start cuts the files to these lengths.
            let mut state = self.state.clone();
            state.files.extend(before.clone());
            self.keep(&state)?;
            self.state = state;
        }
        let mut files = before;
        for (name, ((mut file, length), lines)) in opened {
            file.write_all(lines).map_err(|error| failed(&self.folder.join(&name), error))?;
            files.insert(name, length + lines.len() as u64);
        }
        if files.is_empty() {
            files.clone_from(&self.state.files);
        }
        let done = State { position: batch.end, files, ..self.state.clone() };
        self.keep(&done)?;
        self.state = done;
        Ok(())
    }
}

/// Whether it is the name of an hour: `YYYYMMDD_HH`.
fn is_hour(name: &str) -> bool {
    let is_digits = |text: &str, count| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    name.split_once('_').is_some_and(|(day, hour)| is_digits(day, 8) && is_digits(hour, 2))
}

fn failed(path: &Path, error: io::Error) -> ProjectionError {
    ProjectionError::File { path: path.display().to_string(), error }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Entry;

    fn hourly(folder: &Path) -> Hourly {
        let make = |record: &CallRecord| match record.id.as_str() {
            "none" => None,
            "panics" => panic!("as a careless one would"),
            "breaks" => Some("a\nb".to_owned()),
            id => Some(id.to_owned()),
        };
        Hourly::new("training", folder, Box::new(make))
    }

    fn batch(offset: u64, records: &[(&str, u64)]) -> Batch {
        let entries = records.iter().enumerate().map(|(place, (id, hours))| Entry {
            position: Position { segment: 1, offset: offset + place as u64 },
            record: CallRecord { id: (*id).into(), started_ms: hours * 3_600_000, ..CallRecord::default() },
        });
        let end = Position { segment: 1, offset: offset + records.len() as u64 };
        Batch { entries: entries.collect(), end, ..Batch::default() }
    }

    fn text(folder: &Path, hour: &str) -> String {
        fs::read_to_string(folder.join(format!("19700101_{hour}.jsonl"))).unwrap()
    }

    #[test]
    fn lines_go_where_their_hour_is() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = hourly(folder.path());
        assert_eq!(files.position("j").unwrap(), Position::default());
        files
            .apply(&batch(0, &[("a", 0), ("none", 0), ("b", 2), ("c", 0), ("panics", 0), ("breaks", 0)]))
            .unwrap();
        files.apply(&batch(6, &[("d", 2)])).unwrap();
        files.apply(&batch(7, &[])).unwrap();
        files.apply(&batch(7, &[("e", 0)])).unwrap();
        assert_eq!(
            (text(folder.path(), "00"), text(folder.path(), "02")),
            ("a\nc\ne\n".into(), "b\nd\n".into())
        );
        assert_eq!(files.position("j").unwrap(), Position { segment: 1, offset: 8 });
        assert_eq!(files.position("another").unwrap(), Position::default());
    }

    /// Ends at each step of a batch in turn, by leaving the folder as it is then, and goes on.
    #[test]
    fn whatever_was_written_last_each_line_is_there_once() {
        let first = batch(0, &[("a", 0), ("b", 1)]);
        let second = batch(2, &[("c", 1), ("d", 2)]);
        for (files_kept, state_kept) in [(0, false), (1, false), (2, false), (2, true)] {
            let folder = tempfile::tempdir().unwrap();
            let mut files = hourly(folder.path());
            files.position("j").unwrap();
            files.apply(&first).unwrap();
            let before = fs::read(folder.path().join(STATE)).unwrap();
            let known: State = serde_json::from_slice(&before).unwrap();
            files.apply(&second).unwrap();
            // As `apply` had left it before the last state, or earlier.
            if !state_kept {
                let mut state = known;
                state.files.insert("19700101_02.jsonl".into(), 0);
                fs::write(folder.path().join(STATE), serde_json::to_vec(&state).unwrap()).unwrap();
            }
            if files_kept < 2 {
                fs::write(folder.path().join("19700101_02.jsonl"), b"d".get(..files_kept).unwrap()).unwrap();
            }
            let mut again = hourly(folder.path());
            let position = again.position("j").unwrap();
            assert_eq!(position == second.end, state_kept);
            if position == first.end {
                again.apply(&second).unwrap();
            }
            let found = ["00", "01", "02"].map(|hour| text(folder.path(), hour));
            assert_eq!(found, ["a\n", "b\nc\n", "d\n"]);
        }
    }

    #[test]
    fn files_are_introduced_and_stay_as_long_as_they_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let files = hourly(folder.path()).described(Box::new(|| Some("lines".into())));
        let mut files = files.keeping(Box::new(|| Some(Duration::from_secs(3600))));
        files.position("j").unwrap();
        files.apply(&batch(0, &[("none", 0)])).unwrap();
        assert!(!folder.path().join(README).exists());
        files.apply(&batch(1, &[("a", 0), ("b", 1), ("c", 2)])).unwrap();
        assert_eq!(fs::read_to_string(folder.path().join(README)).unwrap(), "lines");
        files.expire(Duration::from_secs(3600), 2 * 3_600_000 + 1).unwrap();
        let there =
            ["00", "01", "02"].map(|hour| folder.path().join(format!("19700101_{hour}.jsonl")).exists());
        assert_eq!(there, [false, true, true]);
        // By now all are long ago; what is no file of an hour stays.
        files.forget(Position::default()).unwrap();
        let mut left: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, [README, STATE]);
    }

    #[test]
    fn a_file_that_was_moved_away_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = hourly(folder.path());
        files.position("j").unwrap();
        files.apply(&batch(0, &[("a", 0)])).unwrap();
        fs::remove_file(folder.path().join("19700101_00.jsonl")).unwrap();
        files.apply(&batch(1, &[("b", 0)])).unwrap();
        assert_eq!(text(folder.path(), "00"), "b\n");
    }
}
