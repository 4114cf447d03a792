//! Looks after the journal and what is made of it, and tells the operator what is the matter.

use std::{
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;

use super::Standing;
use crate::{
    Gateway,
    alerts::{Alert, Kind},
    clock,
};

/// How often it is looked, if nothing is heard before.
const EVERY: Duration = Duration::from_secs(5);
/// How long something may be behind the journal before it is worth a word.
const LAG: Duration = Duration::from_secs(60);
/// How long no sync may have failed until the disk is believed again.
const CALM: Duration = Duration::from_secs(10);
/// What alerts of the journal itself are about.
const JOURNAL: &str = "journal";

/// What was counted at the last look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counted {
    lost: u64,
    deleted_unread: u64,
    failed_syncs: u64,
    /// When it was last seen that a sync had failed, until it is over.
    failed_at: Option<Instant>,
}

/// What there is to tell.
#[derive(Debug, PartialEq, Eq)]
enum News {
    Raised(Kind, String, String),
    Resolved(Kind, String, String),
}

/// Looks until `stop`.
pub(crate) async fn watch(gateway: Arc<Gateway>, stop: CancellationToken) {
    let Some(disk) = &gateway.store.disk else { return };
    let mut counted = Counted::default();
    loop {
        let looked = {
            let gateway = Arc::clone(&gateway);
            // It lists a folder, on a disk that may be in trouble.
            gateway.tasks.clone().spawn_blocking(move || gateway.store.standing()).await
        };
        if let Ok(Some(standing)) = looked {
            for news in news(&standing, &mut counted, clock::now()) {
                tell(&gateway, news);
            }
            let warnings = warnings(&standing, &counted);
            *disk.warnings.lock().unwrap_or_else(PoisonError::into_inner) = warnings;
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = disk.news.notified() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

fn tell(gateway: &Gateway, news: News) {
    match news {
        News::Raised(kind, subject, text) => gateway.alerts.raise(Alert::new(kind, subject, text)),
        News::Resolved(kind, subject, text) => gateway.alerts.resolve(Alert::new(kind, subject, text)),
    };
}

/// What is to be told of how all stands now. Whoever is told remembers what was.
fn news(standing: &Standing, counted: &mut Counted, now: Instant) -> Vec<News> {
    let Standing { journal, projections } = standing;
    let subject = || JOURNAL.to_owned();
    let mut news = Vec::new();
    if journal.failed_syncs > counted.failed_syncs {
        (counted.failed_syncs, counted.failed_at) = (journal.failed_syncs, Some(now));
    } else if counted.failed_at.is_some_and(|at| now.saturating_duration_since(at) >= CALM) {
        counted.failed_at = None;
    }
    match &journal.error {
        None if counted.failed_at.is_some() => {
            let text = "the disk cannot be made to keep what is written (a sync failed): calls go on and wait for \
                        nothing, and a machine that loses its power now may lose records";
            news.push(News::Raised(Kind::Disk, subject(), text.to_owned()));
        }
        Some(error) => {
            let text = format!(
                "the disk takes no records ({error}): calls go on, and what they leave waits in memory; make room on it"
            );
            news.push(News::Raised(Kind::Disk, subject(), text));
        }
        None => {
            let text = match journal.lost - counted.lost {
                0 => "all records that waited are written".to_owned(),
                lost => {
                    format!(
                        "the records that waited are written, {lost} did not fit into memory and are lost"
                    )
                }
            };
            news.push(News::Resolved(Kind::Disk, subject(), text));
            counted.lost = journal.lost;
        }
    }
    let deleted = journal.deleted_unread - counted.deleted_unread;
    counted.deleted_unread = journal.deleted_unread;
    let is_lagging = |seconds: u64| Duration::from_secs(seconds) >= LAG;
    if deleted > 0 {
        let text = format!(
            "{deleted} segments were deleted before all was made of them: `log.keep.bytes` is too little for what comes in"
        );
        news.push(News::Raised(Kind::Projection, subject(), text));
    } else if projections.iter().all(|projection| !is_lagging(projection.behind_seconds)) {
        news.push(News::Resolved(Kind::Projection, subject(), "all that is kept is read".to_owned()));
    }
    for projection in projections {
        let name = || projection.name.to_owned();
        if is_lagging(projection.behind_seconds) {
            let why = projection.error.as_ref().map(|error| format!(": {error}")).unwrap_or_default();
            let (lines, seconds) = (projection.behind_lines, projection.behind_seconds);
            let text = format!("{lines} records are not in it, for {seconds} s{why}");
            news.push(News::Raised(Kind::Projection, name(), text));
        } else if projection.error.is_none() {
            news.push(News::Resolved(Kind::Projection, name(), "it has all records".to_owned()));
        }
    }
    news
}

/// The facts alone, since everybody may read them.
fn warnings(standing: &Standing, counted: &Counted) -> Vec<String> {
    let Standing { journal, projections } = standing;
    let mut warnings = Vec::new();
    if journal.error.is_some() {
        warnings.push(format!(
            "the journal cannot be written since {} s: {} records wait in memory",
            journal.stuck_seconds, journal.waiting
        ));
    }
    if counted.failed_at.is_some() {
        let failed = counted.failed_syncs;
        warnings.push(format!("the disk cannot be made to keep the journal: {failed} syncs failed"));
    }
    if journal.lost > 0 {
        warnings.push(format!("{} records are lost, which did not fit into memory", journal.lost));
    }
    for projection in projections.iter().filter(|it| Duration::from_secs(it.behind_seconds) >= LAG) {
        warnings.push(format!("`{}` is {} s behind the journal", projection.name, projection.behind_seconds));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use lockgate_store::{Health, Position, Progress};

    use super::*;

    fn standing(error: Option<&str>, lost: u64, deleted_unread: u64, behind_seconds: u64) -> Standing {
        let journal = Health {
            error: error.map(str::to_owned),
            stuck_seconds: 7,
            waiting: 3,
            waiting_bytes: 0,
            lost,
            cut: 0,
            deleted_unread,
            failed_syncs: 0,
            segments: 1,
            bytes: 0,
            end: Position::default(),
        };
        let ledger = Progress { name: "ledger", behind_seconds, ..Progress::default() };
        Standing { journal, projections: vec![ledger] }
    }

    /// What is raised, by kind and subject, and the warnings.
    #[track_caller]
    fn check(standing: &Standing, counted: &mut Counted, told: &[(&str, &str)], warned: &[&str]) {
        check_at(clock::now(), standing, counted, told, warned);
    }

    #[track_caller]
    fn check_at(
        now: Instant,
        standing: &Standing,
        counted: &mut Counted,
        told: &[(&str, &str)],
        warned: &[&str],
    ) {
        let news = news(standing, counted, now);
        let found: Vec<_> = news
            .iter()
            .filter_map(|news| match news {
                News::Raised(kind, subject, _) => Some((kind.name(), subject.as_str())),
                News::Resolved(..) => None,
            })
            .collect();
        assert_eq!(found, told);
        assert_eq!(warnings(standing, counted), warned);
    }

    #[test]
    fn what_is_the_matter_is_told_and_what_is_over_no_more() {
        let mut counted = Counted::default();
        check(&standing(None, 0, 0, 59), &mut counted, &[], &[]);
        let stuck = "the journal cannot be written since 7 s: 3 records wait in memory";
        check(&standing(Some("full"), 0, 0, 0), &mut counted, &[("disk", "journal")], &[stuck]);
        let lost = "2 records are lost, which did not fit into memory";
        check(&standing(None, 2, 0, 0), &mut counted, &[], &[lost]);
        assert_eq!(counted.lost, 2);
        check(&standing(None, 2, 1, 0), &mut counted, &[("projection", "journal")], &[lost]);
        check(&standing(None, 2, 1, 0), &mut counted, &[], &[lost]);
        let behind = "`ledger` is 60 s behind the journal";
        check(&standing(None, 2, 1, 60), &mut counted, &[("projection", "ledger")], &[lost, behind]);
    }

    #[test]
    fn a_disk_that_fails_syncs_is_told_of_until_it_is_calm() {
        let (start, mut counted) = (clock::now(), Counted::default());
        let failed = |times: u64| {
            let mut standing = standing(None, 0, 0, 0);
            standing.journal.failed_syncs = times;
            standing
        };
        let told = &[("disk", "journal")];
        let warned =
            |times: u64| format!("the disk cannot be made to keep the journal: {times} syncs failed");
        check_at(start, &failed(0), &mut counted, &[], &[]);
        check_at(start, &failed(1), &mut counted, told, &[&warned(1)]);
        check_at(start + CALM / 2, &failed(1), &mut counted, told, &[&warned(1)]);
        check_at(start + CALM / 2, &failed(3), &mut counted, told, &[&warned(3)]);
        check_at(start + CALM, &failed(3), &mut counted, told, &[&warned(3)]);
        check_at(start + CALM * 2, &failed(3), &mut counted, &[], &[]);
    }
}
