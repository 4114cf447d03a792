//! Takes in what others do with created keys, while the gateway runs.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use super::{Book, BookError};

/// How often the file is looked at: what another process did to a key counts within a second.
const EVERY: Duration = Duration::from_millis(500);
/// After how many looks it is written down when keys were used.
const USES_AFTER: u32 = 120;

/// Looks after the keys of `book` until told to stop. A file that cannot be read any more changes nothing: the keys that
/// are known go on working, and the log says so once.
pub(crate) async fn watch(book: Arc<Book>, stop: CancellationToken) {
    let mut told = None;
    let mut looks = 0;
    loop {
        let is_last = tokio::select! {
            () = stop.cancelled() => true,
            () = tokio::time::sleep(EVERY) => false,
        };
        looks = (looks + 1) % USES_AFTER;
        let notes_uses = is_last || looks == 0;
        let book = Arc::clone(&book);
        let looked = tokio::task::spawn_blocking(move || {
            let looked = if is_last { Ok(()) } else { book.look() };
            looked.and_then(|()| if notes_uses { book.note_used() } else { Ok(()) })
        });
        if let Ok(looked) = looked.await {
            tell(&mut told, looked);
        }
        if is_last {
            return;
        }
    }
}

/// Says what is wrong once, and once that it is not any more.
fn tell(told: &mut Option<String>, looked: Result<(), BookError>) {
    match looked.map_err(|error| error.to_string()) {
        Ok(()) => {
            if told.take().is_some() {
                tracing::info!("created keys can be read again");
            }
        }
        Err(error) if told.as_ref() != Some(&error) => {
            tracing::warn!(error, "created keys cannot be read now: those that are known go on working");
            *told = Some(error);
        }
        Err(_) => {}
    }
}
