//! Another config in the place of the one that counts: read, made ready beside it and swapped in at once, or refused with
//! nothing changed.

mod file;
mod prints;
mod said;
mod watch;

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use lockgate_config::{Config, Errors, Loaded, Problem};

use crate::{
    alerts::{Alert, Kind},
    clock,
    setup::Live,
};
use prints::Prints;

pub(crate) use file::{PutError, tag};
pub(crate) use watch::watch;

/// How often a config is read anew because it turned out to come from other files than were looked at.
const AGAIN: usize = 3;

type Variables = dyn Fn(&str) -> Option<String> + Send + Sync;
type Names = dyn Fn() -> Vec<String> + Send + Sync;

/// The file that a config comes from, and from which it comes again.
pub struct Origin {
    file: PathBuf,
    variables: Box<Variables>,
    names: Box<Names>,
}

/// Why the config that counts is still the one before.
#[derive(Debug)]
pub enum ReloadError {
    /// The gateway was not started from a file.
    NoFile,
    /// The config is not valid, or what it asks for cannot be had.
    Refused(Vec<Problem>),
    /// The gateway is coming to its end.
    Ending,
}

/// How configs have come and gone since the start.
pub(crate) struct Reloads {
    origin: Option<Origin>,
    /// One at a time.
    turn: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

struct State {
    /// What counts; absent without a file.
    loaded: Option<Arc<Loaded>>,
    since: SystemTime,
    count: u64,
    refusals: u64,
    refused: Option<Refused>,
    /// What the files held when they were last looked at, whatever came of it.
    prints: Prints,
}

/// The config that was refused last, if it was the last that came.
#[derive(Debug, Clone)]
pub(crate) struct Refused {
    /// Since when no config was valid.
    pub(crate) at: SystemTime,
    pub(crate) problems: Vec<Problem>,
}

/// How the config stands.
pub(crate) struct Standing {
    pub(crate) loaded: Option<Arc<Loaded>>,
    /// When it began to count.
    pub(crate) since: SystemTime,
    /// How many have come in the place of another.
    pub(crate) reloads: u64,
    /// How many were refused.
    pub(crate) refusals: u64,
    pub(crate) refused: Option<Refused>,
}

/// What one reading came to.
struct Outcome {
    prints: Prints,
    result: Result<Vec<String>, Vec<Problem>>,
}

// === impl Origin ===

impl Origin {
    /// `file`, with the environment that `variables` looks names up in and whose names `names` lists.
    pub fn new(
        file: impl Into<PathBuf>,
        variables: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
        names: impl Fn() -> Vec<String> + Send + Sync + 'static,
    ) -> Self {
        Self { file: file.into(), variables: Box::new(variables), names: Box::new(names) }
    }

    /// Reads the config.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn load(&self) -> Result<Loaded, Errors> {
        lockgate_config::load(&self.file, &self.variables, &self.names)
    }

    /// The file.
    pub fn file(&self) -> &Path {
        &self.file
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Origin").field("file", &self.file).finish_non_exhaustive()
    }
}

// === impl ReloadError ===

impl fmt::Display for ReloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoFile => {
                f.write_str("the gateway was not started from a config file: there is nothing to reload")
            }
            Self::Refused(problems) => {
                let count = problems.len();
                write!(f, "the config is not valid, {count} problem{}", if count == 1 { "" } else { "s" })?;
                problems.first().map_or(Ok(()), |first| write!(f, ", first: {}", said::line(first)))
            }
            Self::Ending => f.write_str("the gateway is coming to its end"),
        }
    }
}

impl std::error::Error for ReloadError {}

// === impl Reloads ===

impl Reloads {
    /// From that file on; without one the config stays as it is.
    pub(crate) fn new(origin: Option<(Origin, Loaded)>) -> Self {
        let (origin, loaded) = origin.unzip();
        // By the text that was read: if the file is another one by now, it is read anew.
        let prints = loaded.as_ref().map(|loaded| {
            let Loaded { document, .. } = loaded;
            Prints::of(&files(loaded)).with(document.path(), document.expose().as_bytes())
        });
        let (loaded, prints) = (loaded.map(Arc::new), prints.unwrap_or_default());
        let state = State { loaded, since: clock::wall(), count: 0, refusals: 0, refused: None, prints };
        Self { origin, turn: tokio::sync::Mutex::default(), state: Mutex::new(state) }
    }

    /// How the config stands.
    pub(crate) fn standing(&self) -> Standing {
        let state = self.state();
        Standing {
            loaded: state.loaded.clone(),
            since: state.since,
            reloads: state.count,
            refusals: state.refusals,
            refused: state.refused.clone(),
        }
    }

    /// What the config is called.
    fn name(&self) -> String {
        self.origin.as_ref().map(|origin| origin.file.display().to_string()).unwrap_or_default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The files that a change of any of them may change the config.
    fn files(&self) -> Vec<PathBuf> {
        let state = self.state();
        let named = state.loaded.as_ref().map(|loaded| files(loaded)).unwrap_or_default();
        let refused = state.prints.files().cloned();
        let mut files: Vec<_> =
            self.origin.iter().map(|origin| origin.file.clone()).chain(named).chain(refused).collect();
        files.sort();
        files.dedup();
        files
    }

    /// Whether the file holds the beginning of what counts, and no more.
    fn is_beginning(&self) -> bool {
        let loaded = self.state().loaded.clone();
        loaded.is_some_and(|loaded| {
            let whole = loaded.document.expose().as_bytes();
            let held = fs::read(loaded.document.path());
            held.is_ok_and(|held| held.len() < whole.len() && whole.starts_with(&held))
        })
    }

    /// Notes what counts from now on; returns what is different in words.
    fn taken(&self, loaded: Loaded, prints: Prints) -> Vec<String> {
        let mut state = self.state();
        let loaded = Arc::new(loaded);
        let changes = state.loaded.as_ref().map(|older| loaded.changes_since(older)).unwrap_or_default();
        said::taken(&changes, &loaded, state.loaded.as_deref(), state.refused.is_some());
        let (count, refusals) = (state.count + 1, state.refusals);
        *state = State { loaded: Some(loaded), since: clock::wall(), count, refusals, refused: None, prints };
        changes
    }

    /// Notes that the config was refused.
    fn refuse(&self, problems: Vec<Problem>, prints: Prints) {
        said::refused(&problems);
        let mut state = self.state();
        let at = state.refused.as_ref().map_or_else(clock::wall, |before| before.at);
        state.refused = Some(Refused { at, problems });
        state.refusals += 1;
        state.prints = prints;
    }
}

// === impl Live ===

impl Live {
    /// Reads the config anew and goes on with it; returns what is different in words, nothing if nothing is.
    ///
    /// # Errors
    /// A config that cannot be gone on with: then nothing has changed.
    pub(crate) async fn reload(self: &Arc<Self>) -> Result<Vec<String>, ReloadError> {
        let Outcome { prints, result } = self.attempt().await?;
        result.map_err(|problems| {
            self.refuse(problems.clone(), prints);
            ReloadError::Refused(problems)
        })
    }

    /// The same, but that it was refused is not noted.
    async fn attempt(self: &Arc<Self>) -> Result<Outcome, ReloadError> {
        if self.gateway.reloads.origin.is_none() {
            return Err(ReloadError::NoFile);
        }
        let _turn = self.gateway.reloads.turn.lock().await;
        let live = Arc::clone(self);
        // Files are read on the way.
        let attempted = self.gateway.tasks.spawn_blocking(move || live.read_and_apply()).await;
        attempted.map_err(|_| ReloadError::Ending)?.ok_or(ReloadError::NoFile)
    }

    /// Notes that the config was refused, and tells the operator.
    fn refuse(&self, problems: Vec<Problem>, prints: Prints) {
        let text = ReloadError::Refused(problems.clone()).to_string();
        self.gateway.reloads.refuse(problems, prints);
        self.gateway.alerts.raise(Alert::new(Kind::Reload, self.gateway.reloads.name(), text));
    }

    /// Tells the operator that a config was taken, if it was told that one was refused.
    fn is_taken(&self) {
        let text = "the file is valid, and what it says counts";
        self.gateway.alerts.resolve(Alert::new(Kind::Reload, self.gateway.reloads.name(), text));
    }

    fn read_and_apply(self: &Arc<Self>) -> Option<Outcome> {
        let reloads = &self.gateway.reloads;
        let origin = reloads.origin.as_ref()?;
        let mut looked_at = reloads.files();
        let mut prints = Prints::of(&looked_at);
        let mut read = origin.load();
        // What is looked at before it is read cannot change unseen in between.
        for _ in 0..AGAIN {
            let named = match &read {
                Ok(loaded) => files(loaded),
                Err(errors) => errors.files().to_vec(),
            };
            if prints.covers(&named) {
                break;
            }
            looked_at.extend(named);
            prints = Prints::of(&looked_at);
            read = origin.load();
        }
        let result = match read {
            Err(errors) => Err(errors.iter().cloned().collect()),
            Ok(loaded) => match self.apply(&loaded.config) {
                Err(error) => Err(vec![said::problem(origin, &error)]),
                Ok(()) => {
                    let prints = prints.of_only(&files(&loaded));
                    self.is_taken();
                    return Some(Outcome {
                        result: Ok(reloads.taken(loaded, prints)),
                        prints: Prints::default(),
                    });
                }
            },
        };
        Some(Outcome { prints, result })
    }
}

/// Every file that the config comes from, and every file with certificates that it names.
fn files(loaded: &Loaded) -> Vec<PathBuf> {
    let mut files = loaded.files.clone();
    let Config { providers, alerts, .. } = &loaded.config;
    for tls in providers.values().filter_map(|provider| provider.tls.as_ref()) {
        let named = [&tls.ca_file, &tls.cert_file, &tls.key_file].into_iter().flatten();
        files.extend(named.map(|file| crate::files::written(file)));
    }
    files.extend(alerts.files().map(crate::files::written));
    files.sort();
    files.dedup();
    files
}
