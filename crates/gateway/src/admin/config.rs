//! The config: as it counts, without its secrets, and another one in its place.

use std::{path::Path, sync::Arc};

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use lockgate_config::{MAX_FILE_BYTES, Problem};

use super::{
    ConfigChanged, ConfigError, ConfigStatus, ConfigText, NoteText, ProblemText, Refusal, Reloaded,
    table::{Answering, Ask, Row, Said, read},
};
use crate::{
    arriving::Arriving,
    reload::{self, PutError, ReloadError, Standing},
    setup::Live,
};

pub(super) const ROWS: &[Row] = &[
    Row::new::<ConfigText>(
        Method::GET,
        "/admin/v1/config",
        "The text of the config that counts, without its secrets.",
        |ask| Box::pin(async move { show(&ask.live) }),
    ),
    Row::new::<ConfigChanged>(Method::PUT, "/admin/v1/config", "Puts another config in its place.", replace)
        .takes_config(),
    Row::new::<ConfigChanged>(Method::POST, "/api/config", "The same as `PUT /admin/v1/config`.", replace)
        .takes_config(),
    Row::new::<Reloaded>(
        Method::POST,
        "/admin/v1/config/reload",
        "Reads the config's file anew and goes on with it.",
        |ask| Box::pin(async move { Ok(Said::json(&reload(&ask.live).await?)) }),
    ),
];

fn replace(ask: Ask) -> Answering {
    Box::pin(async move { put(&ask.live, &ask.head.headers, ask.body).await })
}

/// What a file in the gateway's own form is called.
const OWN_FORM: &str = "lockgate";

/// The text of the config that counts.
pub(super) fn show(live: &Live) -> Result<Said, Refusal> {
    let document = live.gateway.reloads.standing().loaded.ok_or_else(no_file)?.document.clone();
    let text = ConfigText {
        path: document.path().display().to_string(),
        format: format(document.path()).to_owned(),
        text: document.redacted(),
    };
    let tag = HeaderValue::try_from(reload::tag(document.expose().as_bytes())).ok();
    Ok(Said { tag, ..Said::json(&text) })
}

/// Puts the body in the place of the config's file and goes on with it.
async fn put(live: &Arc<Live>, headers: &HeaderMap, body: Arriving) -> Result<Said, Refusal> {
    let condition = match headers.get(header::IF_MATCH).map(HeaderValue::to_str).transpose() {
        Ok(condition) => condition.map(str::to_owned),
        Err(_) => return Err(Refusal::bad("`if-match` is no entity tag")),
    };
    let most = usize::try_from(MAX_FILE_BYTES).unwrap_or(usize::MAX);
    let body = read(body, most).await?;
    let text = String::from_utf8(body.to_vec())
        .map_err(|_| Refusal::bad("the body is not UTF-8 text: send the config file as it is"))?;
    let written = live.put(text, condition).await.map_err(|error| match error {
        PutError::NoFile => no_file(),
        PutError::Stale => Refusal::new(
            StatusCode::PRECONDITION_FAILED,
            "config_changed",
            "the config file is not the one that `if-match` names: get it anew and change that".to_owned(),
        ),
        PutError::Refused(problems) => invalid(&problems),
        PutError::Unwritten(why) => {
            Refusal::new(StatusCode::CONFLICT, "config_not_written", format!("the config file {why}"))
        }
        PutError::Ending => ending(),
    })?;
    tracing::info!(changes = written.changes.len(), "the config was replaced by the operator");
    let changed = ConfigChanged {
        changes: written.changes,
        backup: written.backup.map(|backup| backup.display().to_string()),
    };
    Ok(Said { tag: HeaderValue::try_from(written.tag).ok(), ..Said::json(&changed) })
}

/// Reads the config's file anew.
async fn reload(live: &Arc<Live>) -> Result<Reloaded, Refusal> {
    live.reload().await.map(|changes| Reloaded { changes }).map_err(|error| match error {
        ReloadError::NoFile => no_file(),
        ReloadError::Refused(problems) => invalid(&problems),
        ReloadError::Ending => ending(),
    })
}

/// How the config stands.
pub(super) fn status(live: &Live) -> ConfigStatus {
    let Standing { loaded, since, reloads, refused, .. } = live.gateway.reloads.standing();
    let moment = |at| humantime::format_rfc3339_millis(at).to_string();
    let note = |note: &lockgate_config::Note| NoteText {
        file: note.file.clone(),
        line: note.line,
        path: note.path.clone(),
        text: note.text.clone(),
    };
    ConfigStatus {
        source: loaded.as_ref().map(|loaded| loaded.document.path().display().to_string()),
        form: loaded.as_ref().map(|loaded| loaded.form.unwrap_or(OWN_FORM).to_owned()),
        loaded_at: moment(since),
        reloads,
        last_error: refused.map(|refused| ConfigError {
            at: moment(refused.at),
            problems: refused.problems.iter().map(text).collect(),
        }),
        notes: loaded.iter().flat_map(|loaded| &loaded.notes).map(note).collect(),
    }
}

fn text(problem: &Problem) -> ProblemText {
    ProblemText {
        file: problem.file.clone(),
        line: problem.line,
        column: problem.column,
        path: problem.path.clone(),
        message: problem.message.clone(),
        hint: problem.hint.clone(),
    }
}

/// What the file is written in, by its ending.
fn format(path: &Path) -> &'static str {
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("json" | "json5") => "json5",
        Some("toml") => "toml",
        _ => "yaml",
    }
}

fn no_file() -> Refusal {
    let message = "the gateway was not started from a config file: name one, `lockgate run FILE`".to_owned();
    Refusal::new(StatusCode::NOT_FOUND, "no_config_file", message)
}

fn invalid(problems: &[Problem]) -> Refusal {
    let message = match problems.len() {
        1 => "the config is not valid: the one before still counts".to_owned(),
        count => format!("the config is not valid, {count} problems: the one before still counts"),
    };
    let mut refusal = Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_config", message);
    refusal.error.problems = problems.iter().map(text).collect();
    refusal
}

fn ending() -> Refusal {
    Refusal::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "ending",
        "the gateway is coming to its end: nothing was changed".to_owned(),
    )
}
