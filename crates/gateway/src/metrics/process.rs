//! What the system says of this process. Only Linux is asked; elsewhere nothing is known.

use std::fs;

/// Ticks of the processor's clock in a second, as Linux shows them to programs (`USER_HZ`, on every architecture it runs on
/// today).
const TICKS: u64 = 100;

/// What is known.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Process {
    /// Bytes of memory that are there.
    pub(super) resident: Option<u64>,
    /// Bytes of addresses that are taken.
    pub(super) virtual_memory: Option<u64>,
    /// Processor time in microseconds.
    pub(super) cpu_micros: Option<u64>,
    pub(super) open_files: Option<u64>,
    /// How many may be open.
    pub(super) most_files: Option<u64>,
}

impl Process {
    /// As it is now. Reads files that are none.
    pub(super) fn now() -> Self {
        let read = |name: &str| fs::read_to_string(format!("/proc/self/{name}")).unwrap_or_default();
        let open_files = fs::read_dir("/proc/self/fd").ok().map(|files| files.count() as u64);
        Self { open_files, ..Self::of(&read("status"), &read("stat"), &read("limits")) }
    }

    /// What these files say (proc(5)).
    fn of(status: &str, stat: &str, limits: &str) -> Self {
        let kilobytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
            line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
        };
        // Behind the program's name, which may hold anything: fields 14 and 15 of all.
        let behind_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let mut fields = behind_name.split_whitespace().skip(11).map(str::parse::<u64>);
        let ticks = match (fields.next(), fields.next()) {
            (Some(Ok(user)), Some(Ok(system))) => user.checked_add(system),
            _ => None,
        };
        let most = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
        Self {
            resident: kilobytes("VmRSS"),
            virtual_memory: kilobytes("VmSize"),
            cpu_micros: ticks.and_then(|ticks| ticks.checked_mul(1_000_000 / TICKS)),
            open_files: None,
            most_files: most.and_then(|line| line.split_whitespace().next()?.parse().ok()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_are_read_and_nonsense_is_nothing() {
        let status = "Name:\tlockgate\nVmSize:\t  200 kB\nVmRSS:\t   12 kB\n";
        let stat = "1 (lock (g) ate) S 1 1 1 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 8 0 100 0 0";
        let limits = "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024   4096   files\n";
        let expect = Process {
            resident: Some(12 << 10),
            virtual_memory: Some(200 << 10),
            cpu_micros: Some(2_000_000),
            open_files: None,
            most_files: Some(1024),
        };
        assert_eq!(Process::of(status, stat, limits), expect);
        assert_eq!(Process::of("VmRSS: x", "1 (a) S", "Max open files unlimited"), Process::default());
    }
}
