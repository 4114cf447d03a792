//! The pepper: what keys are hashed with, so that who has read the table of hashes cannot try keys against it.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use ring::{
    hmac,
    rand::{SecureRandom, SystemRandom},
};

use super::{file::private, text};

/// The file's name in the folder of the keys.
pub(super) const NAME: &str = "keys.pepper";
/// Bytes of a pepper that is made here.
const BYTES: usize = 32;
/// Fewest characters of one that the operator gives.
const SHORTEST: usize = 32;
/// Most bytes of the file.
const LONGEST: u64 = 1024;

/// What is hashed stands behind a word that says what it is, so that nothing is ever mistaken for something else.
const OF_KEY: &[u8] = b"lockgate key\0";
const OF_PEPPER: &[u8] = b"lockgate pepper\0";

/// Hashes keys.
#[derive(Clone)]
pub struct Pepper(hmac::Key);

/// The keyed hash of a key: HMAC-SHA256.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash([u8; 32]);

/// Why there is no pepper.
#[derive(Debug, thiserror::Error)]
pub enum PepperError {
    /// The file cannot be read or made.
    #[error("cannot use the pepper in `{}`: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// There are keys, but not what they were hashed with.
    #[error(
        "the keys in `{}` cannot be known again without the file `{NAME}` beside them: put it back, or write \
         `access.pepper`",
        .0.display()
    )]
    Missing(PathBuf),
    /// What is there is none.
    #[error("the pepper in `{}` is shorter than {SHORTEST} characters: put the right file in its place", .0.display())]
    Unfit(PathBuf),
    /// The operator's is too short to keep anything.
    #[error("`access.pepper` is shorter than {SHORTEST} characters: make one with `openssl rand -hex 32`")]
    Short,
    /// The system gives no random bytes.
    #[error("the system gives no random bytes for a pepper")]
    Random,
}

impl Pepper {
    /// One for this process alone.
    ///
    /// # Errors
    /// A system without random bytes.
    pub fn random() -> Result<Self, PepperError> {
        Ok(Self::from_bytes(make()?.as_bytes()))
    }

    /// The operator's.
    ///
    /// # Errors
    /// A text that is too short.
    pub fn of(text: &str) -> Result<Self, PepperError> {
        let text = text.trim();
        if text.chars().count() < SHORTEST {
            Err(PepperError::Short)
        } else {
            Ok(Self::from_bytes(text.as_bytes()))
        }
    }

    /// The one in `folder`; where there is none it is made, if it may be. Several processes that come at once get the same.
    pub(super) fn beside(folder: &Path, may_make: bool) -> Result<Self, PepperError> {
        let path = folder.join(NAME);
        let failed = |error| PepperError::Io { path: path.clone(), error };
        match read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            text => return Self::of(&text.map_err(failed)?).map_err(|_| PepperError::Unfit(path.clone())),
        }
        if !may_make {
            return Err(PepperError::Missing(folder.to_owned()));
        }
        place(folder, &path, &make()?).map_err(failed)?;
        Self::of(&read(&path).map_err(failed)?).map_err(|_| PepperError::Unfit(path.clone()))
    }

    fn from_bytes(bytes: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// What a key is known by.
    pub fn hash(&self, key: &[u8]) -> KeyHash {
        self.tag(OF_KEY, key)
    }

    /// What the pepper itself is known by.
    pub(super) fn fingerprint(&self) -> KeyHash {
        self.tag(OF_PEPPER, b"")
    }

    fn tag(&self, of: &[u8], text: &[u8]) -> KeyHash {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(of);
        context.update(text);
        let mut hash = [0; 32];
        hash.copy_from_slice(context.sign().as_ref());
        KeyHash(hash)
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pepper")
    }
}

impl KeyHash {
    /// Its bytes, for the table.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The hash of these bytes, if they are as many as a hash has.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHash")
    }
}

/// A new one: random bytes in hexadecimal digits.
fn make() -> Result<String, PepperError> {
    let mut bytes = [0; BYTES];
    SystemRandom::new().fill(&mut bytes).map_err(|_| PepperError::Random)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn read(path: &Path) -> io::Result<String> {
    let file = File::open(path)?;
    let mut text = String::new();
    io::Read::read_to_string(&mut io::Read::take(file, LONGEST), &mut text)?;
    Ok(text)
}

/// Puts `text` at `path`, whole and for its owner alone, unless somebody else was first.
fn place(folder: &Path, path: &Path, pepper: &str) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let random = text::id().ok_or_else(|| io::Error::other("the system gives no random bytes"))?;
    let unfinished = folder.join(format!("{NAME}.{random}.new"));
    let written =
        private(OpenOptions::new().write(true).create_new(true)).open(&unfinished).and_then(|mut file| {
            file.write_all(pepper.as_bytes())?;
            file.sync_all()
        });
    // A link, other than a new name, never takes the place of what is there.
    let placed = written.and_then(|()| match fs::hard_link(&unfinished, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    });
    drop(fs::remove_file(&unfinished));
    placed?;
    File::open(folder)?.sync_all()
}
