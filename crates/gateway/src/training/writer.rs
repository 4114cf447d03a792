//! The thread that makes lines of calls and puts them into files by the hour.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant, UNIX_EPOCH},
};

use bytes::Bytes;

use super::{
    Wish,
    tape::{About, Tape},
};
use crate::clock;

/// Most calls that wait to be written.
const MOST_WAITING: usize = 4096;
/// Most bytes that they keep together.
const MOST_BYTES: usize = 128 << 20;
/// How often the operator is told that lines are lost.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// Takes calls to be written. It never makes a call wait: what there is no room for is counted and left out.
pub(crate) struct Writer {
    thread: Mutex<Option<(SyncSender<Item>, JoinHandle<()>)>>,
    waiting: Arc<AtomicUsize>,
    lost: Arc<AtomicU64>,
}

struct Item {
    tape: Tape,
    about: About,
}

impl Writer {
    pub(crate) fn new() -> Self {
        Self { thread: Mutex::default(), waiting: Arc::default(), lost: Arc::default() }
    }

    /// Has a call written that was answered whole.
    pub(crate) fn take(&self, tape: Tape, about: About) {
        let size = tape.size();
        if self.waiting.fetch_add(size, Ordering::Relaxed) + size > MOST_BYTES || !self.send(tape, about) {
            self.waiting.fetch_sub(size, Ordering::Relaxed);
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn send(&self, tape: Tape, about: About) -> bool {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if thread.is_none() {
            *thread = self.start();
        }
        thread.as_ref().is_some_and(|(sender, _)| sender.try_send(Item { tape, about }).is_ok())
    }

    /// The thread: there is none where nothing is to be written.
    fn start(&self) -> Option<(SyncSender<Item>, JoinHandle<()>)> {
        let (sender, items) = sync_channel(MOST_WAITING);
        let (waiting, lost) = (Arc::clone(&self.waiting), Arc::clone(&self.lost));
        let thread = std::thread::Builder::new().name("training-files".to_owned());
        match thread.spawn(move || write(&items, &waiting, &lost)) {
            Ok(thread) => Some((sender, thread)),
            Err(error) => {
                tracing::error!(%error, "no thread can be started for training files");
                None
            }
        }
    }

    /// Waits until all that was taken is written.
    pub(crate) fn finish(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((sender, thread)) = thread {
            drop(sender);
            // A thread that broke has nothing more to write.
            let _ = thread.join();
        }
    }
}

fn write(items: &Receiver<Item>, waiting: &AtomicUsize, lost: &AtomicU64) {
    let mut files = Files { open: None, told: None, error: None };
    while let Ok(Item { tape, about }) = items.recv() {
        let written = match tape.answer() {
            Some(answer) => {
                line(&tape, &about, &answer).map_or(Ok(()), |line| files.append(&tape.wish, &about, &line))
            }
            None => Err(io::Error::other("an answer was too long")),
        };
        if let Err(error) = &written {
            lost.fetch_add(1, Ordering::Relaxed);
            files.error = Some(error.to_string());
        }
        waiting.fetch_sub(tape.size(), Ordering::Relaxed);
        files.tell(&tape.wish.folder, lost);
    }
}

/// The call as a line with its end, if it makes one.
fn line(tape: &Tape, about: &About, answer: &Bytes) -> Option<String> {
    let call = lockgate_training::Call {
        dialect: tape.dialect,
        operation: tape.operation,
        path: &about.path,
        model: &about.model,
        id: &about.id,
        started_ms: about.started_ms,
        micros: about.micros,
    };
    let whole = lockgate_training::assemble(&call, &tape.request, answer);
    let made = match &whole {
        Some(whole) => lockgate_training::line(&call, &tape.request, whole, &tape.wish.settings),
        None => Err(lockgate_training::NotUsable::Answer),
    };
    match made {
        Ok(line) => Some(line.text + "\n"),
        Err(why) => {
            tracing::debug!(call = about.id, why = why.name(), "no line in the training files");
            None
        }
    }
}

/// The file of the hour.
struct Files {
    open: Option<(std::path::PathBuf, File)>,
    told: Option<Instant>,
    /// What last went wrong.
    error: Option<String>,
}

impl Files {
    /// Adds one line, whole or not at all.
    fn append(&mut self, wish: &Wish, about: &About, line: &str) -> io::Result<()> {
        let ended = Duration::from_millis(about.started_ms) + Duration::from_micros(about.micros);
        let path = wish.folder.join(name(ended));
        if self.open.as_ref().is_none_or(|(open, _)| *open != path || !path.exists()) {
            fs::create_dir_all(&wish.folder)?;
            describe(wish)?;
            let file = OpenOptions::new().create(true).append(true).open(&path)?;
            self.open = Some((path, file));
        }
        let Some((_, file)) = &mut self.open else { return Ok(()) };
        let before = file.metadata()?.len();
        file.write_all(line.as_bytes()).inspect_err(|_| {
            // Half a line would spoil the next one too.
            let _ = file.set_len(before);
        })
    }

    /// Tells the operator how many calls are missing, but not for each of them.
    fn tell(&mut self, folder: &Path, lost: &AtomicU64) {
        let now = clock::now();
        if lost.load(Ordering::Relaxed) == 0 || self.told.is_some_and(|told| now - told < TOLD_EVERY) {
            return;
        }
        self.told = Some(now);
        let lost = lost.swap(0, Ordering::Relaxed);
        let error = self.error.take().unwrap_or_else(|| "too many calls waited".to_owned());
        tracing::error!(folder = %folder.display(), lost, error, "calls are missing in the training files");
    }
}

/// The file for calls that ended at that time since 1970: `YYYYMMDD_HH.jsonl`.
fn name(ended: Duration) -> String {
    let time = humantime::format_rfc3339_seconds(UNIX_EPOCH + ended).to_string();
    let digits: String = time.chars().filter(char::is_ascii_digit).take("YYYYMMDDHH".len()).collect();
    let (day, hour) = digits.split_at(digits.len().min("YYYYMMDD".len()));
    format!("{day}_{hour}.jsonl")
}

/// Says in the folder what the columns are, for those who load the files; what somebody wrote there stays.
fn describe(wish: &Wish) -> io::Result<()> {
    let path = wish.folder.join("README.md");
    match wish.settings.form.card(wish.settings.reasoning) {
        Some(card) if !path.exists() => fs::write(path, card),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_by_the_hour() {
        assert_eq!(name(Duration::from_secs(1_709_210_096)), "20240229_12.jsonl");
        assert_eq!(name(Duration::ZERO), "19700101_00.jsonl");
    }
}
