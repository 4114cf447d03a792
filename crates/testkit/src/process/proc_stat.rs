//! What a process tree has used so far, as Linux tells it in `/proc`.

use std::fs;
use std::io;
use std::time::Duration;

/// Linux reports times to programs in hundredths of a second, whatever the kernel's own tick is (`USER_HZ`).
const TICK: Duration = Duration::from_millis(10);
/// The page size of every Linux target this project is measured on (x86-64, and aarch64 as distributions build it).
const PAGE: u64 = 4096;

/// CPU time and memory of a process and all that it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TreeUsage {
    /// User plus system time, children that ended included.
    pub cpu: Duration,
    /// Resident memory in bytes, summed over the living processes.
    pub resident: u64,
}

/// The fields of `/proc/PID/stat` that are used here.
struct Stat {
    parent: u32,
    cpu: Duration,
    resident: u64,
}

impl TreeUsage {
    /// Reads the usage of the tree rooted at `id`.
    ///
    /// # Errors
    /// When there is no such process or `/proc` is not Linux's.
    pub fn of(id: u32) -> io::Result<Self> {
        let root = stat(id)?;
        let mut usage = Self { cpu: root.cpu, resident: root.resident };
        for child in descendants(id) {
            // A child may end between the listing and the reading: its time is then in its parent's.
            if let Ok(stat) = stat(child) {
                usage.cpu += stat.cpu;
                usage.resident += stat.resident;
            }
        }
        Ok(usage)
    }
}

/// The living processes that `id` started, and those that they started.
pub fn descendants(id: u32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let parents: Vec<(u32, u32)> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|process| Some((process, stat(process).ok()?.parent)))
        .collect();
    let mut tree = vec![id];
    let mut next = 0;
    while let Some(parent) = tree.get(next).copied() {
        tree.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(process, _)| *process));
        next += 1;
    }
    tree.split_off(1)
}

fn stat(id: u32) -> io::Result<Stat> {
    let text = fs::read_to_string(format!("/proc/{id}/stat"))?;
    parse(&text).ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidData, format!("/proc/{id}/stat is unlike Linux's"))
    })
}

/// The program's name is in parentheses and may itself hold spaces and parentheses, so fields count from the last one.
fn parse(text: &str) -> Option<Stat> {
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    // proc_pid_stat(5): after the name come state (0), ppid (1), ... utime (11), stime (12), cutime (13), cstime (14),
    // ... rss in pages (21).
    let ticks = number(11)? + number(12)? + number(13)? + number(14)?;
    Some(Stat {
        parent: number(1)?.try_into().ok()?,
        cpu: TICK * u32::try_from(ticks).ok()?,
        resident: number(21)? * PAGE,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_shifts_nothing() {
        let line = "7 (a) b) (c) S 5 7 7 0 -1 4194304 100 0 0 0 11 22 3 4 20 0 1 0 99 1000 12 0";
        let stat = parse(line).unwrap();
        assert_eq!((stat.parent, stat.cpu, stat.resident), (5, Duration::from_millis(400), 12 * 4096));
        assert!(parse("7 (short) S 1").is_none());
    }
}
