//! All keys that clients may show, written in the config or created: each is found by its keyed hash and by nothing else.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use arc_swap::{ArcSwap, Guard};
use lockgate_config::{self as config, Config, Secret};
use lockgate_protocol::ir::{Fault, FaultKind};
use lockgate_store::keys::{KeyError, KeyHash, KeyRow, KeyStore, KeyText, Pepper, PepperError};

use super::{Caller, Identity};
use crate::StartError;

/// What the text of a created key is called in errors.
const KEPT: &str = "keys.db";

/// All keys. Requests look in a table that is replaced as a whole; whoever changes something waits for others who do, and
/// requests for nobody.
pub(crate) struct Book {
    folder: PathBuf,
    /// The operator's own.
    pepper: Option<Secret>,
    table: ArcSwap<Table>,
    known: Mutex<Known>,
    /// Taken before `known`, and for as long as files take.
    store: Mutex<Option<KeyStore>>,
}

/// What requests look in.
pub(crate) struct Table {
    pepper: Pepper,
    entries: HashMap<KeyHash, Entry>,
    /// Whether a key was ever there: where all are revoked, nobody is let in without one.
    pub(crate) has_keys: bool,
}

struct Entry {
    caller: Arc<Caller>,
    standing: Standing,
}

/// What holds for one text of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Good,
    /// A newer text has taken its place: it is good until then, in milliseconds since 1970.
    Until(u64),
    Revoked,
    /// What it may do cannot be read.
    Unfit,
}

/// What comes of a key that is shown.
pub(crate) enum Found {
    /// It is good.
    Good(Arc<Caller>),
    /// It was, or will be once its settings can be read.
    Over(Fault),
    /// Nobody knows it.
    Unknown,
}

/// What the table is made of.
struct Known {
    pepper: Pepper,
    /// Whether created keys count.
    is_on: bool,
    written: Vec<Written>,
    created: Vec<Created>,
}

/// A key of the config.
pub(crate) struct Written {
    pub(crate) key: config::ClientKey,
    pub(crate) caller: Arc<Caller>,
}

/// A key that was created.
pub(crate) struct Created {
    pub(crate) row: KeyRow,
    /// What it may do; `None` where that cannot be read.
    pub(crate) key: Option<config::ClientKey>,
    pub(crate) caller: Arc<Caller>,
}

/// Why nothing comes of what is to be done with keys.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BookError {
    /// The config says that created keys do not count.
    #[error("created keys are off: `access.created_keys` is `false`")]
    Off,
    /// A key of the config has that name.
    #[error("a key of the name `{0}` is in the config: take another name")]
    NameWritten(String),
    /// The keys cannot be opened.
    #[error(transparent)]
    Store(#[from] lockgate_store::keys::KeyStoreError),
    /// Nothing comes of it.
    #[error(transparent)]
    Key(#[from] KeyError),
}

// === impl Book ===

impl Book {
    /// The keys of `config` alone: no file is looked at.
    ///
    /// # Errors
    /// A system without random bytes, and a pepper that is none.
    pub(crate) fn new(config: &Config) -> Result<Self, StartError> {
        let access = &config.access;
        let unfit = |error: PepperError| StartError::Keys(error.to_string());
        let pepper = match &access.pepper {
            Some(pepper) => Pepper::of(pepper.expose()).map_err(unfit)?,
            None => Pepper::random().map_err(unfit)?,
        };
        let mut known = Known { pepper, is_on: false, written: Vec::new(), created: Vec::new() };
        known.configure(access);
        Ok(Self {
            folder: config.data_dir.0.clone(),
            pepper: access.pepper.clone(),
            table: ArcSwap::from_pointee(known.table()),
            known: Mutex::new(known),
            store: Mutex::default(),
        })
    }

    /// Takes in the keys that were created, if there are any.
    ///
    /// # Errors
    /// A file that cannot be used.
    pub(crate) fn open(&self) -> Result<(), StartError> {
        self.look().map_err(|error| StartError::Keys(error.to_string()))
    }

    /// Goes on with the keys of another config. The folder and the pepper are those of the start.
    pub(crate) fn configure(&self, access: &config::Access) {
        let mut known = self.known();
        known.configure(access);
        self.table.store(Arc::new(known.table()));
    }

    /// What requests look in now.
    pub(crate) fn table(&self) -> Guard<Arc<Table>> {
        self.table.load()
    }

    /// Shows all keys: those of the config, and those that were created, the oldest first.
    pub(crate) fn show<T>(&self, shown: impl FnOnce(&[Written], &[Created]) -> T) -> T {
        let known = self.known();
        shown(&known.written, if known.is_on { &known.created } else { &[] })
    }

    /// The rights of the key of that name, if it may be used.
    pub(crate) fn named(&self, name: &str) -> Option<Arc<Caller>> {
        self.show(|written, created| {
            let written = written.iter().map(|key| &key.caller);
            let created = created.iter().filter(|key| key.is_live()).map(|key| &key.caller);
            written.chain(created).find(|caller| *caller.name == *name).cloned()
        })
    }

    /// Takes in what others have changed. Waits for files.
    pub(super) fn look(&self) -> Result<(), BookError> {
        if !self.known().is_on {
            return Ok(());
        }
        let mut store = self.store();
        match store.as_mut() {
            None if !KeyStore::is_in(&self.folder) => return Ok(()),
            Some(open) if !open.is_replaced() => {
                if !open.has_changed()? {
                    return Ok(());
                }
            }
            None | Some(_) => *store = Some(self.open_store()?),
        }
        match store.as_mut() {
            Some(open) => self.take(open),
            None => Ok(()),
        }
    }

    /// Writes down when keys were used. Waits for files.
    pub(super) fn note_used(&self) -> Result<(), BookError> {
        let used: Vec<(String, u64)> = {
            let known = self.known();
            let used = known.created.iter().filter_map(|key| {
                let at_ms = key.caller.used_ms()?;
                (key.row.used_ms < Some(at_ms)).then(|| (key.row.id.clone(), at_ms))
            });
            used.collect()
        };
        let mut store = self.store();
        let Some(open) = store.as_mut().filter(|_| !used.is_empty()) else { return Ok(()) };
        open.used(&used)?;
        let mut known = self.known();
        let at: HashMap<String, u64> = used.into_iter().collect();
        for key in &mut known.created {
            if let Some(at_ms) = at.get(&key.row.id) {
                key.row.used_ms = Some(*at_ms);
            }
        }
        Ok(())
    }

    /// Does something with the file of created keys, which is made if it has to be, and takes in what came of it: it counts
    /// as soon as this returns. Waits for files.
    pub(crate) fn act<T>(
        &self,
        act: impl FnOnce(&mut KeyStore) -> Result<T, BookError>,
    ) -> Result<T, BookError> {
        if !self.known().is_on {
            return Err(BookError::Off);
        }
        let mut store = self.store();
        let open = match store.as_mut() {
            Some(open) if !open.is_replaced() => open,
            Some(_) | None => store.insert(self.open_store()?),
        };
        let done = act(open)?;
        self.take(open)?;
        Ok(done)
    }

    /// Makes a key of what was told of it. `settings` are the same without the name.
    pub(crate) fn create(
        &self,
        name: &str,
        settings: &str,
        now_ms: u64,
    ) -> Result<(KeyRow, KeyText), BookError> {
        self.is_free(name)?;
        self.act(|store| Ok(store.create(name, settings, now_ms)?))
    }

    /// Refuses the name of a key of the config.
    pub(crate) fn is_free(&self, name: &str) -> Result<(), BookError> {
        match self.known().written.iter().any(|written| written.key.name == name) {
            true => Err(BookError::NameWritten(name.to_owned())),
            false => Ok(()),
        }
    }

    /// Has what is in the file count.
    fn take(&self, store: &mut KeyStore) -> Result<(), BookError> {
        let rows = store.all()?;
        let mut known = self.known();
        known.pepper = store.pepper().clone();
        known.take(rows);
        self.table.store(Arc::new(known.table()));
        Ok(())
    }

    fn open_store(&self) -> Result<KeyStore, BookError> {
        Ok(KeyStore::open(&self.folder, self.pepper.as_ref().map(Secret::expose))?)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn store(&self) -> MutexGuard<'_, Option<KeyStore>> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Known ===

impl Known {
    fn configure(&mut self, access: &config::Access) {
        self.is_on = access.created_keys != Some(false);
        let written = |key: &config::ClientKey| Written {
            key: key.clone(),
            caller: Arc::new(Caller::new(key, &Identity::written(&key.name))),
        };
        self.written = access.keys.iter().map(written).collect();
    }

    /// Goes on with these created keys; those that have not changed stay the same callers.
    fn take(&mut self, rows: Vec<KeyRow>) {
        let older = self.created.drain(..).map(|key| (key.row.id.clone(), key));
        let mut older: HashMap<String, Created> = older.collect();
        let made = rows.into_iter().map(|row| match older.remove(&row.id) {
            Some(same) if same.row.name == row.name && same.row.settings == row.settings => {
                Created { row, ..same }
            }
            _ => Created::new(row),
        });
        self.created = made.collect();
    }

    fn table(&self) -> Table {
        let mut entries = HashMap::new();
        let created = if self.is_on { &self.created[..] } else { &[] };
        for key in created {
            for secret in &key.row.secrets {
                let standing = match (key.row.revoked_ms, &key.key, secret.until_ms) {
                    (Some(_), _, _) => Standing::Revoked,
                    (None, None, _) => Standing::Unfit,
                    (None, Some(_), Some(until)) => Standing::Until(until),
                    (None, Some(_), None) => Standing::Good,
                };
                entries.insert(secret.hash, Entry { caller: Arc::clone(&key.caller), standing });
            }
        }
        for Written { key, caller } in &self.written {
            let hash = self.pepper.hash(key.key.expose().as_bytes());
            entries.insert(hash, Entry { caller: Arc::clone(caller), standing: Standing::Good });
        }
        let has_keys = !self.written.is_empty() || !created.is_empty();
        Table { pepper: self.pepper.clone(), entries, has_keys }
    }
}

// === impl Created ===

impl Created {
    fn new(row: KeyRow) -> Self {
        let key = read(&row.name, &row.settings);
        if key.is_none() {
            let (id, name) = (&row.id, &row.name);
            tracing::error!(
                id,
                name,
                "what a created key may do cannot be read: it is refused until it is changed"
            );
        }
        let identity = Identity::created(&row.id, row.created_ms);
        let caller = match &key {
            Some(key) => Caller::new(key, &identity),
            None => Caller::nobody(&row.name, &identity),
        };
        Self { row, key, caller: Arc::new(caller) }
    }

    /// Whether it may be used, its time aside.
    pub(crate) fn is_live(&self) -> bool {
        self.row.revoked_ms.is_none() && self.key.is_some()
    }
}

/// What a created key may do, by its name and what is kept of it.
fn read(name: &str, settings: &str) -> Option<config::ClientKey> {
    let mut whole: serde_json::Map<String, serde_json::Value> = serde_json::from_str(settings).ok()?;
    whole.insert("name".to_owned(), name.into());
    config::client_key(KEPT, &serde_json::Value::Object(whole).to_string()).ok()
}

// === impl Table ===

impl Table {
    /// Whether it is a key, whatever it is good for.
    pub(crate) fn knows(&self, shown: &[u8]) -> bool {
        self.entries.contains_key(&self.pepper.hash(shown))
    }

    /// What comes of a key that is shown, at `now`. Takes the same time for any that nobody knows.
    pub(crate) fn find(&self, shown: &[u8], now: SystemTime) -> Found {
        let Some(Entry { caller, standing }) = self.entries.get(&self.pepper.hash(shown)) else {
            return Found::Unknown;
        };
        let over = |why: &str| {
            let text = format!("the key `{}` {why}: ask the gateway's operator for another", caller.name);
            Found::Over(Fault::new(FaultKind::Unauthorized, text))
        };
        let now_ms = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        match standing {
            Standing::Revoked => over("was revoked"),
            Standing::Unfit => over("has settings that this gateway cannot read"),
            Standing::Until(until) if u128::from(*until) <= now_ms => over("was replaced by a newer one"),
            Standing::Good | Standing::Until(_) => match caller.in_time(now) {
                Ok(()) => {
                    caller.note_use(now_ms);
                    Found::Good(Arc::clone(caller))
                }
                Err(fault) => Found::Over(fault),
            },
        }
    }
}
