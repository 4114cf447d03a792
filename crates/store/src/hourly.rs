//! Files of lines, one per hour, made of the records: each line exactly once, however often the process is killed.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{Batch, CallRecord, Depth, Position, Projection, ProjectionError, calendar};

const ENDING: &str = ".jsonl";
const STATE: &str = "state.json";
const NEW_STATE: &str = "state.json.new";

/// What makes a line of a record, without its end; `None` where it makes none.
pub type MakeLine = Box<dyn Fn(&CallRecord) -> Option<String> + Send>;

/// Appends what is made of each record to `YYYYMMDD_HH.jsonl`, the hour in UTC in which the call ended.
pub struct Hourly {
    name: &'static str,
    folder: PathBuf,
    make: MakeLine,
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
        Self { name, folder: folder.to_owned(), make, state: State::default() }
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

    fn apply(&mut self, batch: &Batch) -> Result<(), ProjectionError> {
        let lines = self.lines(batch);
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
