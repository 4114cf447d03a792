//! CPU time to the nanosecond and memory of a process tree, from the kernel's own accounts.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::time::Duration;

use lockgate_testkit::process::{TreeUsage, descendants};

/// The account of a process counts in hundredths of a second, of user and system time each.
const TICKS: Duration = Duration::from_millis(20);

/// What a process tree has used so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Usage {
    /// What each living thread was on a core, in nanoseconds.
    threads: BTreeMap<u32, u64>,
    /// What all threads were, those that ended included, in steps of 10 ms.
    account: Duration,
    /// Resident bytes.
    pub(crate) resident: u64,
}

impl Usage {
    /// Of the tree rooted at `id`, as of now.
    ///
    /// # Errors
    /// When there is no such process.
    pub(crate) fn of(id: u32) -> io::Result<Self> {
        let TreeUsage { cpu, resident } = TreeUsage::of(id)?;
        let mut threads = BTreeMap::new();
        for process in descendants(id).into_iter().chain([id]) {
            let Ok(tasks) = fs::read_dir(format!("/proc/{process}/task")) else { continue };
            for task in tasks.flatten() {
                // A thread may end between the listing and the reading.
                let Ok(text) = fs::read_to_string(task.path().join("schedstat")) else { continue };
                let time = text.split(' ').next().and_then(|time| time.parse::<u64>().ok());
                let thread = task.file_name().to_str().and_then(|thread| thread.parse::<u32>().ok());
                threads.extend(thread.zip(time));
            }
        }
        Ok(Self { threads, account: cpu, resident })
    }

    /// CPU time since `before`. Threads that ended meanwhile are only in the process's account, which counts where it says
    /// more than its steps explain.
    pub(crate) fn since(&self, before: &Self) -> Duration {
        let nanoseconds: u64 = self
            .threads
            .iter()
            .map(|(thread, time)| {
                time.saturating_sub(before.threads.get(thread).copied().unwrap_or_default())
            })
            .sum();
        let exact = Duration::from_nanos(nanoseconds);
        let account = self.account.saturating_sub(before.account);
        if self.threads.is_empty() || account > exact + TICKS { account } else { exact }
    }
}

/// The most resident bytes the process had since [`forget_peak`].
///
/// # Errors
/// When there is no such process.
pub(crate) fn peak(id: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    kib.map(|kib| kib * 1024).ok_or_else(|| io::Error::other(format!("/proc/{id}/status has no VmHWM")))
}

/// Lets the peak begin at what is resident now (proc_pid_clear_refs(5)).
///
/// # Errors
/// When there is no such process or it is somebody else's.
pub(crate) fn forget_peak(id: u32) -> io::Result<()> {
    fs::write(format!("/proc/{id}/clear_refs"), "5")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(threads: &[(u32, u64)], account: u64) -> Usage {
        let account = Duration::from_millis(account);
        Usage { threads: threads.iter().copied().collect(), account, resident: 0 }
    }

    #[test]
    fn threads_are_counted_to_the_nanosecond() {
        let before = usage(&[(1, 1_000_000), (2, 500)], 10);
        let after = usage(&[(1, 3_000_001), (2, 500), (3, 7)], 10);
        assert_eq!(after.since(&before), Duration::from_nanos(2_000_008));
    }

    #[test]
    fn threads_that_ended_are_in_the_account() {
        let before = usage(&[(1, 0), (2, 0)], 0);
        let after = usage(&[(1, 1_000_000)], 90);
        assert_eq!(after.since(&before), Duration::from_millis(90));
    }

    #[test]
    fn the_kernel_tells_of_this_process() {
        let id = std::process::id();
        let before = Usage::of(id).unwrap();
        let mut sum = 0_u64;
        while Usage::of(id).unwrap().since(&before) < Duration::from_millis(5) {
            sum = (0..100_000).fold(sum, u64::wrapping_add);
        }
        assert!(before.resident > 0 && peak(id).unwrap() >= before.resident / 2, "{sum}");
    }
}
