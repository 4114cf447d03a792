//! Client keys: listed, made, changed, given another text, and ended.

mod said;

use std::{
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use http::{Method, StatusCode};
use lockgate_config::{self as config, Per};
use lockgate_store::keys::KeyError;
use serde_json::{Map, Value};

pub use said::{BudgetStatus, CreatedKey, KeyStatus, Keys};

use super::{
    ProblemText, Refusal,
    query::{Kind, may},
    table::{Ask, Row, Said},
};
use crate::{
    access::{Book, BookError, Caller, Created, OF_CONFIG, Written, name_of_use},
    clock,
};
use said::{ChangedKey, NewKey, Rotate};

/// What the body of a request is called in errors.
const BODY: &str = "body.json";
/// The longest time for which a text may work beside a newer one.
const LONGEST_GRACE: Duration = Duration::from_secs(90 * 24 * 3600);
/// How many keys are listed if nothing is said.
const LISTED: u64 = 1000;
/// Most keys that are listed at once.
const MOST_LISTED: u64 = 10_000;
/// How often a change is tried that others come in between.
const TRIES: usize = 3;

pub(super) const ROWS: &[Row] = &[
    Row::new::<Keys>(
        Method::GET,
        "/admin/v1/keys",
        "Every client key: those of the config, then those that were created.",
        |ask| Box::pin(async move { Ok(Said::json(&list(&ask))) }),
    )
    .asked(&[
        may("state", Kind::OneOf(&["live", "expired", "revoked", "unreadable"]), "only keys in that state"),
        may("after", Kind::Text, "go on behind the key of that id"),
        may("limit", Kind::Count(1, MOST_LISTED), "how many at most; 1000 if nothing is said"),
    ]),
    Row::new::<CreatedKey>(
        Method::POST,
        "/admin/v1/keys",
        "Makes a key. Its text is in the answer and nowhere else.",
        |ask| {
            Box::pin(async move {
                let book = Arc::clone(&ask.setup.gateway.keys);
                let body = ask.json().await?;
                blocking(move || create(&book, body)).await
            })
        },
    )
    .takes::<NewKey>(),
    Row::new::<KeyStatus>(Method::GET, "/admin/v1/keys/{id}", "One key.", |ask| {
        Box::pin(async move { Ok(Said::json(&one(&ask.setup.gateway.keys, &ask.name)?)) })
    }),
    Row::new::<KeyStatus>(
        Method::PATCH,
        "/admin/v1/keys/{id}",
        "Changes what a created key may do, or its name.",
        |ask| {
            Box::pin(async move {
                let (book, id) = (Arc::clone(&ask.setup.gateway.keys), ask.name.clone());
                let body = ask.json().await?;
                blocking(move || change(&book, &id, &body)).await
            })
        },
    )
    .takes::<ChangedKey>(),
    Row::new::<KeyStatus>(
        Method::DELETE,
        "/admin/v1/keys/{id}",
        "Ends a created key for good. Answers that are under way are finished.",
        |ask| {
            Box::pin(async move {
                let (book, id) = (Arc::clone(&ask.setup.gateway.keys), ask.name);
                blocking(move || revoke(&book, &id)).await
            })
        },
    ),
    Row::new::<CreatedKey>(
        Method::POST,
        "/admin/v1/keys/{id}/rotate",
        "Gives a created key another text; the one so far works for a while yet, if that is wished.",
        |ask| {
            Box::pin(async move {
                let (book, id) = (Arc::clone(&ask.setup.gateway.keys), ask.name.clone());
                let body = ask.json().await?;
                blocking(move || rotate(&book, &id, &body)).await
            })
        },
    )
    .takes::<Rotate>(),
];

/// Runs what waits for files, and says what came of it.
async fn blocking<T: serde::Serialize + Send + 'static>(
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<Said, Refusal> {
    let done = tokio::task::spawn_blocking(work).await;
    let broke = |_| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "what was asked broke off");
    Ok(Said::json(&done.map_err(broke)??))
}

fn list(ask: &Ask) -> Keys {
    let limit = usize::try_from(ask.query.count("limit").unwrap_or(LISTED)).unwrap_or(usize::MAX);
    let (state, after) = (ask.query.get("state"), ask.query.get("after"));
    ask.setup.gateway.keys.show(|written, created| {
        let keys = written.iter().map(of_config).chain(created.iter().map(of_created));
        let mut is_behind = after.is_none();
        let mut keys = keys
            .filter(|key| {
                let was_behind = is_behind;
                is_behind |= after == Some(key.id.as_str());
                was_behind
            })
            .filter(|key| state.is_none_or(|state| key.state == state));
        let listed: Vec<KeyStatus> = keys.by_ref().take(limit).collect();
        let next = keys.next().and_then(|_| listed.last().map(|last| last.id.clone()));
        Keys { keys: listed, next }
    })
}

fn create(book: &Book, mut told: Map<String, Value>) -> Result<CreatedKey, Refusal> {
    let key = judged(&told)?;
    told.remove("name");
    let settings = Value::Object(told).to_string();
    let (row, text) = book.create(&key.name, &settings, clock::wall_ms())?;
    tracing::info!(id = row.id, name = row.name, "a client key was created");
    Ok(CreatedKey { key: text.expose().to_owned(), status: one(book, &row.id)? })
}

fn change(book: &Book, id: &str, told: &Map<String, Value>) -> Result<KeyStatus, Refusal> {
    for _ in 0..TRIES {
        let seen = created(book, id, |key| key.row.clone())?;
        let mut whole: Map<String, Value> = serde_json::from_str(&seen.settings).unwrap_or_default();
        whole.insert("name".to_owned(), Value::String(seen.name.clone()));
        for (name, value) in told {
            if value.is_null() {
                whole.remove(name);
            } else {
                whole.insert(name.clone(), value.clone());
            }
        }
        let key = judged(&whole)?;
        whole.remove("name");
        book.is_free(&key.name)?;
        let settings = Value::Object(whole).to_string();
        match book.act(|store| Ok(store.change(&seen, &key.name, &settings)?)) {
            // Another process was first: look at what it did, and try on that.
            Err(BookError::Key(KeyError::Changed(_))) => book.act(|_| Ok(()))?,
            changed => {
                let row = changed?;
                tracing::info!(id = row.id, name = row.name, "a client key was changed");
                return one(book, &row.id);
            }
        }
    }
    Err(BookError::Key(KeyError::Changed(id.to_owned())).into())
}

fn rotate(book: &Book, id: &str, told: &Rotate) -> Result<CreatedKey, Refusal> {
    let grace = told.grace.as_deref().map_or(Ok(Duration::ZERO), grace)?;
    let id = created(book, id, |key| key.row.id.clone())?;
    let now_ms = clock::wall_ms();
    let until_ms = now_ms.saturating_add(super::millis(grace));
    let (row, text) = book.act(|store| Ok(store.rotate(&id, until_ms, now_ms)?))?;
    tracing::info!(id = row.id, name = row.name, "a client key has another text");
    Ok(CreatedKey { key: text.expose().to_owned(), status: one(book, &row.id)? })
}

fn grace(text: &str) -> Result<Duration, Refusal> {
    let grace = humantime::parse_duration(text).ok().filter(|grace| *grace <= LONGEST_GRACE);
    grace.ok_or_else(|| {
        let longest = humantime::format_duration(LONGEST_GRACE);
        Refusal::bad(format!("`grace` is a duration with a unit, such as `1h`, of no more than {longest}"))
    })
}

fn revoke(book: &Book, id: &str) -> Result<KeyStatus, Refusal> {
    let id = created(book, id, |key| key.row.id.clone())?;
    let row = book.act(|store| Ok(store.revoke(&id, clock::wall_ms())?))?;
    tracing::info!(id = row.id, name = row.name, "a client key was revoked");
    one(book, &row.id)
}

/// What is told of a key, by the rules of the config.
fn judged(told: &Map<String, Value>) -> Result<config::ClientKey, Refusal> {
    let text = serde_json::to_string(told).unwrap_or_default();
    config::client_key(BODY, &text).map_err(|errors| {
        let problems: Vec<ProblemText> = errors
            .iter()
            .map(|problem| ProblemText {
                file: String::new(),
                line: 0,
                column: 0,
                path: problem.path.clone(),
                message: problem.message.clone(),
                hint: problem.hint.clone(),
            })
            .collect();
        let sentence = |problem: &ProblemText| match &problem.hint {
            Some(hint) => format!("{}: {hint}", problem.message),
            None => problem.message.clone(),
        };
        let message: Vec<String> = problems.iter().map(sentence).collect();
        let mut refusal = Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_key", message.join("; "));
        refusal.error.problems = problems;
        refusal
    })
}

/// Finds a created key by its id, or a live one by its name, and shows it.
fn created<T>(book: &Book, id: &str, shown: impl FnOnce(&Created) -> T) -> Result<T, Refusal> {
    book.show(|written, created| {
        let by_id = created.iter().find(|key| key.row.id == id);
        let by_name = || created.iter().find(|key| key.row.revoked_ms.is_none() && key.row.name == id);
        if let Some(key) = by_id.or_else(by_name) {
            return Ok(shown(key));
        }
        match written.iter().find(|key| is_called(key, id)) {
            Some(key) => {
                let message = format!("the key `{}` is in the config: change it there", key.key.name);
                Err(Refusal::new(StatusCode::CONFLICT, "read_only", message))
            }
            None => Err(unknown(id)),
        }
    })
}

fn one(book: &Book, id: &str) -> Result<KeyStatus, Refusal> {
    match created(book, id, of_created) {
        Err(refusal) if refusal.error.code == "read_only" => {
            let written = |written: &[Written]| written.iter().find(|key| is_called(key, id)).map(of_config);
            book.show(|keys, _| written(keys)).ok_or_else(|| unknown(id))
        }
        found => found,
    }
}

fn is_called(key: &Written, id: &str) -> bool {
    id.strip_prefix(OF_CONFIG).unwrap_or(id) == key.key.name
}

fn unknown(id: &str) -> Refusal {
    let message = format!("there is no key `{id}`: `GET /admin/v1/keys` lists their ids");
    Refusal::new(StatusCode::NOT_FOUND, "unknown_key", message)
}

fn of_config(key: &Written) -> KeyStatus {
    KeyStatus {
        id: format!("{OF_CONFIG}{}", key.key.name),
        source: "config".to_owned(),
        state: state(&key.caller).to_owned(),
        last_used_at: key.caller.used_ms().and_then(moment),
        ..settings(&key.key)
    }
}

fn of_created(key: &Created) -> KeyStatus {
    let (row, now_ms) = (&key.row, clock::wall_ms());
    let state = match (row.revoked_ms, &key.key) {
        (Some(_), _) => "revoked",
        (None, None) => "unreadable",
        (None, Some(_)) => state(&key.caller),
    };
    let old_until = row.secrets.iter().filter_map(|secret| secret.until_ms).max();
    let empty = || KeyStatus { name: row.name.clone(), ..KeyStatus::default() };
    KeyStatus {
        id: row.id.clone(),
        source: "created".to_owned(),
        state: state.to_owned(),
        hint: Some(row.hint.clone()),
        created_at: moment(row.created_ms),
        rotated_at: row.rotated_ms.and_then(moment),
        old_until: old_until.filter(|until| *until > now_ms && row.revoked_ms.is_none()).and_then(moment),
        revoked_at: row.revoked_ms.and_then(moment),
        last_used_at: key.caller.used_ms().max(row.used_ms).and_then(moment),
        ..key.key.as_ref().map_or_else(empty, settings)
    }
}

fn state(caller: &Caller) -> &'static str {
    if caller.expires().is_some_and(|end| end <= clock::wall()) { "expired" } else { "live" }
}

/// What a key may do; the rest is for others to say.
fn settings(key: &config::ClientKey) -> KeyStatus {
    let budget = key.budget.iter().map(|budget| BudgetStatus {
        usd: budget.usd.map(|usd| usd.0 as f64 / 1e6),
        tokens: budget.tokens,
        per: per(budget.per).to_owned(),
        rolling: budget.rolling,
    });
    KeyStatus {
        name: key.name.clone(),
        models: key.models.clone(),
        providers: key.providers.clone(),
        operations: key.operations.iter().map(|operation| name_of_use(*operation).to_owned()).collect(),
        rpm: key.rpm,
        tpm: key.tpm,
        max_concurrent: key.max_concurrent,
        budget: budget.collect(),
        expires: key.expires.map(|end| humantime::format_rfc3339_seconds(end).to_string()),
        owner: key.owner.clone(),
        tags: key.tags.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        log_bodies: key.log_bodies.map(config::Share::part),
        ..KeyStatus::default()
    }
}

fn per(per: Per) -> &'static str {
    match per {
        Per::Hour => "hour",
        Per::Day => "day",
        Per::Week => "week",
        Per::Month => "month",
        Per::Total => "total",
    }
}

fn moment(at_ms: u64) -> Option<String> {
    let at = UNIX_EPOCH.checked_add(Duration::from_millis(at_ms))?;
    Some(humantime::format_rfc3339_millis(at).to_string())
}

impl From<BookError> for Refusal {
    fn from(error: BookError) -> Self {
        let (status, code) = match &error {
            BookError::Off => (StatusCode::CONFLICT, "created_keys_off"),
            BookError::NameWritten(_) | BookError::Key(KeyError::NameTaken(_)) => {
                (StatusCode::CONFLICT, "name_taken")
            }
            BookError::Key(KeyError::Unknown(_)) => (StatusCode::NOT_FOUND, "unknown_key"),
            BookError::Key(KeyError::Revoked(_)) => (StatusCode::CONFLICT, "revoked"),
            BookError::Key(KeyError::Changed(_)) => (StatusCode::CONFLICT, "changed"),
            BookError::Key(KeyError::Full) => (StatusCode::CONFLICT, "too_many_keys"),
            BookError::Key(KeyError::Random | KeyError::Sqlite(_)) | BookError::Store(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, "keys_unavailable")
            }
        };
        Self::new(status, code, error.to_string())
    }
}
