//! F20: after an error in the middle of a stream, nothing spins.

use std::time::Duration;

use super::bench::{Bench, Got, all, streams};

/// The processor time that this thread has used.
#[cfg(target_os = "linux")]
fn busy() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(stat.split_whitespace().next().unwrap().parse().unwrap())
}

#[cfg(target_os = "linux")]
#[test]
fn f20_a_429_in_the_middle_leaves_no_loop_behind() {
    // Everything runs on a thread of its own, whose time nobody else uses.
    let thread = std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            for fault in ["error:3;429", "error:0;429", "cut:3", "429"] {
                let bench = Bench::new("attempts: 1").await;
                bench.always(fault);
                let mut got = Vec::new();
                for way in streams() {
                    got.push(bench.ask("alone", way).await);
                }
                all(fault, got.iter().map(Got::is_clean_error));
                // Connections on both sides are still open.
                let before = busy();
                tokio::time::sleep(Duration::from_secs(1)).await;
                let used = busy() - before;
                assert!(
                    used < Duration::from_millis(100),
                    "{fault}: {used:?} of processor time in an idle second"
                );
            }
        });
    });
    thread.join().unwrap();
}
