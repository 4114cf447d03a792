//! Libraries that stand before the system's calls of a process, and are told what to do while it runs.

use std::{
    fs,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::Command,
};

/// What the library finds at its beginning: numbers in a file, seen through a view of it.
const FRONT: &str = r#"
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *told;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("SHIM_NUMBERS");
    int file = path ? open(path, O_RDWR) : -1;
    if (file < 0) return;
    void *at = mmap(0, 64, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (at != MAP_FAILED) told = at;
}
"#;

/// A library and the eight numbers that it is told, all nought at first.
pub(crate) struct Shim {
    library: PathBuf,
    numbers: fs::File,
    path: PathBuf,
}

impl Shim {
    /// The calls that `source` has, in C, where `told` are the numbers; `None` where there is no compiler.
    pub(crate) fn new(folder: &Path, source: &str) -> Option<Self> {
        let (text, library, path) = (folder.join("shim.c"), folder.join("shim.so"), folder.join("numbers"));
        fs::write(&text, format!("{FRONT}{source}")).unwrap();
        let made =
            Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(&text).output();
        let is_made = made.is_ok_and(|made| made.status.success());
        is_made.then(|| {
            fs::write(&path, [0; 64]).unwrap();
            let numbers = fs::File::options().read(true).write(true).open(&path).unwrap();
            Self { library, numbers, path }
        })
    }

    /// Has a process begin with it.
    pub(crate) fn stand_before(&self, command: &mut Command) {
        command.env("LD_PRELOAD", &self.library).env("SHIM_NUMBERS", &self.path);
    }

    /// Tells it a number.
    pub(crate) fn tell(&self, place: u64, number: i64) {
        self.numbers.write_all_at(&number.to_ne_bytes(), place * 8).unwrap();
    }

    /// What it says.
    pub(crate) fn says(&self, place: u64) -> i64 {
        let mut bytes = [0; 8];
        self.numbers.read_exact_at(&mut bytes, place * 8).unwrap();
        i64::from_ne_bytes(bytes)
    }
}
