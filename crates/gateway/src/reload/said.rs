//! What the log says of configs that come and go: each change is a line, and no secret is in any.

use lockgate_config::{Loaded, Note, Problem};

use super::Origin;
use crate::StartError;

/// Most problems that the log spells out; the admin API has all of them.
const MAX_LOGGED: usize = 20;

/// Another config counts.
pub(super) fn taken(changes: &[String], loaded: &Loaded, older: Option<&Loaded>, was_refused: bool) {
    if was_refused {
        tracing::info!("the config is valid again");
    }
    if changes.is_empty() {
        tracing::info!("config reloaded: nothing changed");
    }
    for change in changes {
        if lockgate_config::waits_for_start(change) {
            tracing::warn!("config reloaded: {change}");
        } else {
            tracing::info!("config reloaded: {change}");
        }
    }
    let is_new = |note: &&Note| older.is_none_or(|older| !older.notes.contains(note));
    for note in loaded.notes.iter().filter(is_new) {
        tracing::warn!("config: {note}");
    }
}

/// A config was refused.
pub(super) fn refused(problems: &[Problem]) {
    let count = problems.len();
    tracing::error!(problems = count, "the config is not valid, so that the one before still counts");
    for problem in problems.iter().take(MAX_LOGGED) {
        tracing::error!("config: {}", line(problem));
    }
    if count > MAX_LOGGED {
        tracing::error!("config: and {} more problems", count - MAX_LOGGED);
    }
}

/// A problem in one line.
pub(super) fn line(problem: &Problem) -> String {
    let Problem { file, line, column, message, hint, .. } = problem;
    let place = match line {
        0 => file.clone(),
        line => format!("{file}:{line}:{column}"),
    };
    match hint {
        Some(hint) => format!("{place}: {message} ({hint})"),
        None => format!("{place}: {message}"),
    }
}

/// What cannot be had although the config is valid, as a problem of its file as a whole.
pub(super) fn problem(origin: &Origin, error: &StartError) -> Problem {
    Problem {
        file: origin.file().display().to_string(),
        line: 0,
        column: 0,
        path: String::new(),
        message: error.to_string(),
        hint: None,
        help: None,
        quote: None,
    }
}
