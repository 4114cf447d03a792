//! Where calls are remembered: the journal on disk with what is made of it, or the last calls in memory.

mod watch;

use std::{
    fs::DirBuilder,
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwapOption;
use lockgate_config::{Config, LogSync};
use lockgate_store::{
    Driver, Health, Journal, Keep, OpenError, Progress, Recent, Segments, Settings, Watcher,
    sqlite::{DatabaseError, Ledger, Queries},
};
use tokio::sync::Notify;

use crate::training::{self, Files};

pub(crate) use watch::watch;

/// The journal's folder in the data folder.
const JOURNAL: &str = "journal";
/// The database's file in the data folder.
const DATABASE: &str = "calls.db";
/// The folder of training files in the data folder.
const TRAINING: &str = "requests_responses";
/// Calls that are remembered without a journal.
const RECENT: usize = 1000;
/// How long the end of the process waits for what is made of the journal; the rest is made at the next start.
const CATCH_UP: Duration = Duration::from_secs(2);

/// Where calls are remembered.
pub struct Store {
    journal: Arc<dyn Journal>,
    recent: Option<Arc<Recent>>,
    disk: Option<Disk>,
}

/// What there is where calls are remembered on disk.
struct Disk {
    segments: Arc<Segments>,
    drivers: Mutex<Vec<Driver>>,
    queries: Arc<Queries>,
    /// Told when the journal has something to say.
    news: Arc<Notify>,
    /// What an operator should look at, as it was last seen.
    warnings: Mutex<Vec<String>>,
    training: Training,
}

/// What makes training files; begun when a config first wants some.
struct Training {
    folder: PathBuf,
    files: Arc<ArcSwapOption<Files>>,
}

/// What one config wants of it, as far as that may change while it runs.
#[derive(Debug)]
pub(crate) struct Wish {
    keep: Keep,
    awaits_disk: bool,
    training: Option<Arc<Files>>,
}

/// Why calls cannot be remembered as the config says.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The data folder cannot be made.
    #[error(
        "cannot make the folder `{}`: {error}: let this user write there, name another one in `data_dir`, or set \
         `log.journal` to false",
        folder.display()
    )]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The journal cannot be opened.
    #[error("{0}{remedy}", remedy = remedy_of_journal(.0))]
    Journal(#[from] OpenError),
    /// The database cannot be opened.
    #[error("{0}{remedy}", remedy = remedy_of_database(.0))]
    Database(#[from] DatabaseError),
    /// No thread can be started.
    #[error("cannot start a thread for what is made of the journal: {0}")]
    Thread(io::Error),
}

fn remedy_of_journal(error: &OpenError) -> &'static str {
    match error {
        OpenError::InUse(_) => "",
        OpenError::Io { .. } => {
            ": let this user write there, name another folder in `data_dir`, or set `log.journal` to false"
        }
    }
}

fn remedy_of_database(error: &DatabaseError) -> &'static str {
    match error {
        DatabaseError::Later { .. } => "",
        DatabaseError::Sqlite { .. } => {
            ": if it is broken, move it away, and it is made again from the journal"
        }
    }
}

/// How the journal stands, and what is made of it.
#[derive(Debug, Clone)]
pub struct Standing {
    /// How the journal is.
    pub journal: Health,
    /// How far each is that is made of it.
    pub projections: Vec<Progress>,
}

impl Store {
    /// Opens what `config` asks for: the journal in its data folder, which is made where it is missing, and what is made
    /// of it; the last calls in memory where there shall be no journal.
    ///
    /// # Errors
    /// When the folder cannot be written, or is another process's.
    pub fn open(config: &Config) -> Result<Self, StoreError> {
        if !config.log.journal {
            return Ok(Self::from(Arc::new(Recent::new(RECENT))));
        }
        let folder = &config.data_dir.0;
        make(folder).map_err(|error| StoreError::Folder { folder: folder.clone(), error })?;
        let news = Arc::new(Notify::new());
        let told = Arc::clone(&news);
        // What there is to tell is read where it is told: see `watch`.
        let watcher = Watcher::new(move |_| told.notify_one());
        let settings = Settings { keep: keep(config), watcher, ..Settings::default() };
        let segments = Segments::open(&folder.join(JOURNAL), settings)?;
        let database = folder.join(DATABASE);
        let ledger = Ledger::open(&database)?;
        let drivers = vec![Driver::start(&segments, Box::new(ledger)).map_err(StoreError::Thread)?];
        let segments = Arc::new(segments);
        Ok(Self {
            journal: Arc::clone(&segments) as Arc<dyn Journal>,
            recent: None,
            disk: Some(Disk {
                segments,
                drivers: Mutex::new(drivers),
                queries: Arc::new(Queries::new(&database)),
                news,
                warnings: Mutex::default(),
                training: Training { folder: folder.join(TRAINING), files: Arc::default() },
            }),
        })
    }

    /// What takes the records.
    pub(crate) fn journal(&self) -> Arc<dyn Journal> {
        Arc::clone(&self.journal)
    }

    /// The list of calls and what was used; `None` where there is no journal.
    pub fn queries(&self) -> Option<&Arc<Queries>> {
        self.disk.as_ref().map(|disk| &disk.queries)
    }

    /// The journal, for the records behind the list of calls; `None` where there is none.
    pub fn segments(&self) -> Option<&Arc<Segments>> {
        self.disk.as_ref().map(|disk| &disk.segments)
    }

    /// The last calls, where they are only in memory.
    pub fn recent(&self) -> Option<&Arc<Recent>> {
        self.recent.as_ref()
    }

    /// How the journal is; `None` where there is none.
    pub fn standing(&self) -> Option<Standing> {
        let disk = self.disk.as_ref()?;
        Some(Standing {
            journal: disk.segments.health(),
            projections: disk.drivers().iter().map(Driver::progress).collect(),
        })
    }

    /// What an operator should look at: the facts alone, since everybody may read them.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let warnings = self.disk.as_ref().map(|disk| &disk.warnings);
        warnings
            .map(|warnings| warnings.lock().unwrap_or_else(PoisonError::into_inner).clone())
            .unwrap_or_default()
    }

    /// Waits until the database knows every call that is on record by now, at most `longest`; true if it does, or if
    /// there is none. It waits without a task of the runtime's.
    pub(crate) fn catch_up(&self, longest: Duration) -> bool {
        self.disk.as_ref().is_none_or(|disk| disk.drivers().iter().all(|driver| driver.catch_up(longest)))
    }

    /// Goes on as a config has it.
    pub(crate) fn set(&self, wish: &Wish) {
        if let Some(disk) = &self.disk {
            disk.segments.keep(wish.keep);
            if let Err(error) = disk.segments.await_disk(wish.awaits_disk) {
                tracing::error!(%error, "no thread can be started for `log.sync: disk`: nobody waits for the disk");
            }
            if let Some(files) = &wish.training {
                disk.make_training_files(files);
            }
        }
    }

    /// Ends what reads the journal, then the journal's own thread. It waits for the disk.
    pub(crate) fn close(&self) {
        let Some(disk) = &self.disk else { return };
        self.catch_up(CATCH_UP);
        disk.drivers().clear();
        disk.segments.close();
    }
}

impl Disk {
    /// Has training files be made that way from now on.
    fn make_training_files(&self, files: &Arc<Files>) {
        let Training { folder, files: current } = &self.training;
        let mut drivers = self.drivers();
        let has_begun = current.swap(Some(Arc::clone(files))).is_some();
        if has_begun {
            return;
        }
        match Driver::start(&self.segments, Box::new(training::projection(folder, current))) {
            Ok(driver) => drivers.push(driver),
            Err(error) => {
                current.store(None);
                tracing::error!(%error, "no thread can be started for training files");
            }
        }
    }

    fn drivers(&self) -> std::sync::MutexGuard<'_, Vec<Driver>> {
        self.drivers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<Arc<Recent>> for Store {
    fn from(recent: Arc<Recent>) -> Self {
        Self { journal: Arc::clone(&recent) as Arc<dyn Journal>, recent: Some(recent), disk: None }
    }
}

/// What a gateway of `config` has left on disk: what asks its database, and the journal's folder; `None` if there is
/// nothing.
pub(crate) fn on_disk(config: &Config) -> Option<(Queries, PathBuf)> {
    let database = config.data_dir.0.join(DATABASE);
    database.is_file().then(|| (Queries::new(&database), config.data_dir.0.join(JOURNAL)))
}

impl Wish {
    pub(crate) fn of(config: &Config) -> Self {
        let awaits_disk = config.log.sync == LogSync::Disk;
        Self { keep: keep(config), awaits_disk, training: Files::of(config) }
    }
}

fn keep(config: &Config) -> Keep {
    let keep = &config.log.keep;
    Keep { time: Some(keep.time()), bytes: keep.bytes.as_u64() }
}

/// Makes a folder that only its owner may look into; one that is there stays as it is.
fn make(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}
