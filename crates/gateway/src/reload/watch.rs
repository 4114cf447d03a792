//! Sees that the config's files have changed, and has them read once they stand still.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{Outcome, ReloadError, prints, prints::Prints};
use crate::setup::Live;

/// How long files must stand still before they are read: events come in bursts, and files piece by piece.
const STILL: Duration = Duration::from_millis(50);
/// How long they must stand still, beside that, where it may be half a file: one that is not valid, or only the beginning
/// of the one that counts, such as nothing at all.
const SURE: Duration = Duration::from_millis(150);
/// How often one waits for files that do not stand still.
const MAX_WAITS: usize = 100;
/// How often files are looked at where no event comes: some file systems have none.
const POLL: Duration = Duration::from_secs(5);

/// Looks after the config's files, until told to stop.
pub(crate) async fn watch(live: Arc<Live>, stop: CancellationToken) {
    if live.gateway.reloads.origin.is_none() {
        return;
    }
    let changed = Arc::new(Notify::new());
    let mut events = Events::new(Arc::clone(&changed));
    loop {
        events.look_at(&live.gateway.reloads.files());
        let looked = async {
            if let Err(ReloadError::Ending) = look(&live).await {
                stop.cancelled().await;
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = looked => {}
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = changed.notified() => {}
            () = tokio::time::sleep(POLL) => {}
        }
    }
}

/// Reads the config if its files hold something else than when they were last looked at.
async fn look(live: &Arc<Live>) -> Result<(), ReloadError> {
    let mut now = look_at_files(live).await?;
    if now.is_known {
        return Ok(());
    }
    for _ in 0..MAX_WAITS {
        now = still(live, now, STILL).await?;
        if now.is_beginning {
            now = still(live, now, SURE).await?;
        }
        if now.is_known {
            return Ok(());
        }
        let Outcome { prints, result } = live.attempt().await?;
        let Err(problems) = result else { return Ok(()) };
        tokio::time::sleep(SURE).await;
        // Files that the refused config names are among those that were looked at.
        if same(live, prints.clone()).await? {
            live.refuse(problems, prints);
            return Ok(());
        }
        now = look_at_files(live).await?;
    }
    Ok(())
}

/// What the files hold.
struct Look {
    prints: Prints,
    /// They held the same when they were last looked at.
    is_known: bool,
    /// The config's own is the beginning of the one that counts, and no more.
    is_beginning: bool,
}

/// What the files hold once they have held it for `span`; or after some time what they hold then.
async fn still(live: &Arc<Live>, mut now: Look, span: Duration) -> Result<Look, ReloadError> {
    for _ in 0..MAX_WAITS {
        tokio::time::sleep(span).await;
        let next = look_at_files(live).await?;
        if next.prints == now.prints {
            return Ok(next);
        }
        now = next;
    }
    Ok(now)
}

async fn look_at_files(live: &Arc<Live>) -> Result<Look, ReloadError> {
    let gateway = Arc::clone(&live.gateway);
    let look = move || {
        let files = gateway.reloads.files();
        let prints = Prints::of(&files);
        let is_known = gateway.reloads.state().prints == prints;
        Look { prints, is_known, is_beginning: gateway.reloads.is_beginning() }
    };
    live.gateway.tasks.spawn_blocking(look).await.map_err(|_| ReloadError::Ending)
}

/// Whether the files still hold what they held.
async fn same(live: &Arc<Live>, before: Prints) -> Result<bool, ReloadError> {
    let look = move || {
        let files: Vec<PathBuf> = before.files().cloned().collect();
        Prints::of(&files) == before
    };
    live.gateway.tasks.spawn_blocking(look).await.map_err(|_| ReloadError::Ending)
}

/// Tells of events in directories. Without it the files are only looked at now and then.
struct Events {
    watcher: Option<RecommendedWatcher>,
    directories: BTreeSet<PathBuf>,
}

impl Events {
    fn new(changed: Arc<Notify>) -> Self {
        // That something happened is enough: what, the files say. One that is only read is no reason to read it.
        let tell = move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| !event.kind.is_access()) {
                changed.notify_one();
            }
        };
        let watcher = notify::recommended_watcher(tell);
        let watcher = watcher.inspect_err(|error| {
            tracing::warn!(%error, "cannot watch the config's files: they are looked at every {} s", POLL.as_secs());
        });
        Self { watcher: watcher.ok(), directories: BTreeSet::new() }
    }

    /// Watches where these files are, and nothing else.
    fn look_at(&mut self, files: &[PathBuf]) {
        let Some(watcher) = &mut self.watcher else { return };
        let directories = prints::directories(files);
        for gone in self.directories.difference(&directories) {
            // It may have gone by itself.
            let _ = watcher.unwatch(gone);
        }
        let watched = directories
            .into_iter()
            .filter(|directory| self.directories.contains(directory) || begin(watcher, directory));
        self.directories = watched.collect();
    }
}

fn begin(watcher: &mut RecommendedWatcher, directory: &Path) -> bool {
    let begun = watcher.watch(directory, RecursiveMode::NonRecursive);
    if let Err(error) = &begun {
        tracing::warn!(directory = %directory.display(), %error, "cannot watch a directory of the config's files");
    }
    begun.is_ok()
}
