//! Runs a fuzz target over its saved corpus and over what random changes make of it, without a fuzzer.
#![allow(clippy::panic, reason = "the finding of a fuzz target is a failed test")]

use std::{
    fs,
    panic::{self, AssertUnwindSafe},
    path::{Path, PathBuf},
};

use crate::mutate::{Dice, mutate};

/// The environment variable that may say how many changed inputs are tried for each file of the corpus.
pub const ROUNDS_ENV: &str = "LOCKGATE_FUZZ_ROUNDS";
/// How many are tried without it: enough to notice a decoder that breaks easily, within a second.
const USUAL_ROUNDS: u64 = 40;
/// Most attempts to make a failing input smaller.
const MOST_CUTS: usize = 20_000;
/// How much of a failing input is shown.
const MOST_SHOWN: usize = 1024;

/// One target's saved inputs.
#[derive(Debug)]
pub struct Corpus {
    target: String,
    files: Vec<(PathBuf, Vec<u8>)>,
}

/// The folder that holds one folder of inputs per target.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus")
}

impl Corpus {
    /// Reads the inputs of `target`.
    ///
    /// # Panics
    /// When there are none: a target without a corpus is not tested at all.
    pub fn of(target: &str) -> Self {
        let folder = folder().join(target);
        let mut files: Vec<(PathBuf, Vec<u8>)> = fs::read_dir(&folder)
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter_map(|path| fs::read(&path).ok().map(|bytes| (path, bytes)))
            .collect();
        assert!(!files.is_empty(), "{}: put inputs for the fuzz target here", folder.display());
        files.sort();
        Self { target: target.to_owned(), files }
    }

    /// Runs every file through `run`, then as many changed ones as [`ROUNDS_ENV`] says.
    ///
    /// # Panics
    /// With the input, made as small as it goes, when `run` panics.
    pub fn check(&self, run: impl Fn(&[u8])) {
        for (path, bytes) in &self.files {
            self.attempt(path, bytes, &run);
        }
        let rounds = std::env::var(ROUNDS_ENV).ok().and_then(|text| text.parse().ok());
        for (place, (path, bytes)) in self.files.iter().enumerate() {
            for round in 0..rounds.unwrap_or(USUAL_ROUNDS) {
                let mut dice = Dice::new(round << 16 | place as u64);
                let other = &self.files[dice.below(self.files.len())].1;
                self.attempt(path, &mutate(bytes, other, &mut dice), &run);
            }
        }
    }

    #[track_caller]
    fn attempt(&self, path: &Path, bytes: &[u8], run: &impl Fn(&[u8])) {
        let fails = |bytes: &[u8]| panic::catch_unwind(AssertUnwindSafe(|| run(bytes))).is_err();
        if fails(bytes) {
            let hook = panic::take_hook();
            panic::set_hook(Box::new(|_| {}));
            let small = smallest(bytes.to_vec(), &fails);
            panic::set_hook(hook);
            // Once more, so that the last message on the screen is that of the small input.
            fails(&small);
            let shown = small[..small.len().min(MOST_SHOWN)].escape_ascii();
            panic!("{} fails, from {}, on {} bytes: {shown}", self.target, path.display(), small.len());
        }
    }
}

/// The smallest input that still fails and can be reached by leaving pieces out.
fn smallest(mut bytes: Vec<u8>, fails: &impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut left = MOST_CUTS;
    let mut size = bytes.len() / 2;
    while size > 0 {
        let mut start = 0;
        while start < bytes.len() && left > 0 {
            left -= 1;
            let mut shorter = bytes.clone();
            shorter.drain(start..(start + size).min(bytes.len()));
            if fails(&shorter) { bytes = shorter } else { start += size }
        }
        size /= 2;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_input_becomes_small() {
        let fails = |bytes: &[u8]| bytes.contains(&b'x') && bytes.contains(&b'y');
        assert_eq!(smallest(b"some x and some y or other".to_vec(), &fails), b"xy");
    }
}
