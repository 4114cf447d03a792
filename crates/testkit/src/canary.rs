//! Secrets made for one run alone, and the hunt for them in what the run left behind.
//!
//! A suite that was given a folder (`LOCKGATE_RUN`) writes its secrets to `secrets.jsonl` there, one object with `name` and
//! `secret` on each line, and puts under `scan/` what the gateway wrote and answered. Suites in other languages do the same.

mod scanner;

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    hash::{BuildHasher, RandomState},
    io::{self, Write},
    path::{Path, PathBuf},
};

pub use scanner::Scanner;

/// The variable that names the folder of a run.
pub const FOLDER: &str = "LOCKGATE_RUN";
/// The list of secrets in it.
const SECRETS: &str = "secrets.jsonl";
/// The folder in it that is looked through.
const SCAN: &str = "scan";
/// How a key of letters and digits begins in PEM's base64: what all keys of one kind have in common. PKCS#8 has 36 bytes
/// before the secret number of a P-256 key.
const COMMON_OF_PEM: usize = 48;

/// Where a run leaves its secrets and what is to be looked through.
#[derive(Debug, Clone)]
pub struct Run {
    folder: PathBuf,
}

/// What a hunt looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// How many secrets were looked for.
    pub secrets: usize,
    /// How many files were looked through.
    pub files: usize,
    /// How many bytes they had.
    pub bytes: usize,
    /// Each place where one was found: file, line, name of the secret and its form, never the secret itself.
    pub leaks: Vec<String>,
}

/// A key that nobody had before: 40 characters of base32 behind `sk-`.
pub fn secret() -> String {
    const DIGITS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    // Each `RandomState` has keys of its own from the system's dice.
    let dice = (0..4_u8).map(|turn| RandomState::new().hash_one(turn));
    let digits = dice.flat_map(|bits| (0..10).map(move |place| bits >> (5 * place) & 31));
    digits.fold("sk-".to_owned(), |key, digit| {
        key + char::from(DIGITS[usize::try_from(digit).unwrap_or_default()]).encode_utf8(&mut [0; 4])
    })
}

impl Run {
    /// The run in that folder.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The run whose folder the environment names; `None` where nobody will look.
    pub fn of_environment() -> Option<Self> {
        std::env::var_os(FOLDER).filter(|folder| !folder.is_empty()).map(Self::at)
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Lists a secret to look for.
    ///
    /// # Errors
    /// When the list cannot be written.
    pub fn watch(&self, name: &str, secret: &str) -> io::Result<()> {
        // What all keys of a service begin with is no secret.
        let secret = secret.strip_prefix("sk-").unwrap_or(secret);
        let line = serde_json::json!({ "name": name, "secret": secret });
        fs::create_dir_all(&self.folder)?;
        append(&self.folder.join(SECRETS), format!("{line}\n").as_bytes())
    }

    /// Lists a private key in PEM form: the part of it that other keys do not share.
    ///
    /// # Errors
    /// When the list cannot be written.
    pub fn watch_pem(&self, name: &str, pem: &str) -> io::Result<()> {
        let body: String = pem.lines().filter(|line| !line.starts_with('-')).map(str::trim).collect();
        self.watch(name, body.get(COMMON_OF_PEM..).unwrap_or(&body))
    }

    /// Where a program's output goes that is to be looked through.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn file(&self, name: &str) -> io::Result<PathBuf> {
        let folder = self.folder.join(SCAN);
        fs::create_dir_all(&folder)?;
        Ok(folder.join(name))
    }

    /// Adds to a file that is to be looked through.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep(&self, name: &str, content: &[u8]) -> io::Result<()> {
        append(&self.file(name)?, content)
    }

    /// Forgets what an earlier run left.
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub fn clear(&self) -> io::Result<()> {
        match fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Looks for every secret of the run in everything it left.
    ///
    /// # Errors
    /// When there is nothing to look for or to look through, so that finding nothing would mean nothing.
    pub fn hunt(&self) -> Result<Report, String> {
        let list = self.folder.join(SECRETS);
        let text = fs::read_to_string(&list).map_err(|error| format!("{}: {error}", list.display()))?;
        let secrets = secrets(&text).map_err(|why| format!("{}: {why}", list.display()))?;
        let scanner = Scanner::new(&secrets)?;
        let mut report = Report { secrets: secrets.len(), ..Report::default() };
        let folder = self.folder.join(SCAN);
        look(&folder, &scanner, &mut report).map_err(|error| format!("{}: {error}", folder.display()))?;
        if report.bytes == 0 {
            return Err(format!(
                "{} holds nothing to look through: its writers are silent",
                folder.display()
            ));
        }
        Ok(report)
    }
}

fn secrets(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut secrets = BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        let row: serde_json::Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
        let (Some(name), Some(secret)) = (row["name"].as_str(), row["secret"].as_str()) else {
            return Err(format!("line {} has no `name` and `secret`", number + 1));
        };
        // The same name stands for another secret in every test of a suite.
        secrets.insert(format!("{name} (line {})", number + 1), secret.to_owned());
    }
    Ok(secrets)
}

fn look(folder: &Path, scanner: &Scanner, report: &mut Report) -> io::Result<()> {
    let mut entries: Vec<_> =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    entries.sort();
    for path in entries {
        if path.is_dir() {
            look(&path, scanner, report)?;
            continue;
        }
        let content = fs::read(&path)?;
        report.files += 1;
        report.bytes += content.len();
        let leaks = scanner.leaks(&content);
        report.leaks.extend(leaks.into_iter().map(|leak| format!("{}: {leak}", path.display())));
    }
    Ok(())
}

/// One write for each call, so that several processes may add to one file.
fn append(path: &Path, content: &[u8]) -> io::Result<()> {
    OpenOptions::new().create(true).append(true).open(path)?.write_all(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run of one test.
    fn run(name: &str) -> Run {
        let run =
            Run::at(std::env::temp_dir().join(format!("lockgate-canary-{name}-{}", std::process::id())));
        run.clear().unwrap();
        run
    }

    #[test]
    fn a_planted_secret_is_found_in_every_form_and_its_absence_is_seen() {
        let run = run("planted");
        let (key, password) = (secret(), "p@ss/with spaces & more");
        run.watch("key", &key).unwrap();
        run.watch("password", password).unwrap();
        run.keep("clean.log", b"nothing of it\n").unwrap();
        assert_eq!(run.hunt().unwrap().leaks, Vec::<String>::new());

        let fragment = &key[10..20];
        let hexadecimal: String = key.bytes().map(|byte| format!("{byte:02X}")).collect();
        let planted = [
            ("plain", fragment.to_owned()),
            ("as base64", crate::base64::encode(format!("user:{key}").as_bytes())),
            ("as hexadecimal", hexadecimal),
            ("in a URL", "p%40ss%2Fwith%20spaces".to_owned()),
        ];
        for (form, text) in planted {
            run.keep("deep.log", format!("x\n\"{text}\"\n").as_bytes()).unwrap();
            let report = run.hunt().unwrap();
            assert_eq!(report.leaks.len(), 1, "{form}: {:?}", report.leaks);
            assert!(
                report.leaks[0].contains("line 2") && report.leaks[0].contains(form),
                "{:?}",
                report.leaks
            );
            assert!(!report.leaks[0].contains(fragment), "the report repeats the secret");
            fs::remove_file(run.file("deep.log").unwrap()).unwrap();
        }
        run.clear().unwrap();
    }

    #[test]
    fn an_empty_run_is_no_proof() {
        let run = run("empty");
        assert!(run.hunt().is_err(), "there is no list");
        run.watch("key", &secret()).unwrap();
        assert!(run.hunt().is_err(), "there is nothing to look through");
        run.keep("gateway.log", b"").unwrap();
        assert!(run.hunt().is_err(), "what there is is empty");
        run.clear().unwrap();
    }

    #[test]
    fn a_private_key_is_known_by_what_is_its_own() {
        let run = run("pem");
        let common = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg";
        let pem = format!(
            "-----BEGIN PRIVATE KEY-----\n{common}abcd\nEfGhIjKlMnOpQrSt\n-----END PRIVATE KEY-----\n"
        );
        run.watch_pem("key", &pem).unwrap();
        run.keep("log", format!("-----BEGIN PRIVATE KEY-----\n{common}\n").as_bytes()).unwrap();
        assert_eq!(run.hunt().unwrap().leaks, Vec::<String>::new());
        run.keep("log", b"GhIjKlMnOp").unwrap();
        assert_eq!(run.hunt().unwrap().leaks.len(), 1);
        run.clear().unwrap();
    }

    #[test]
    fn secrets_differ() {
        assert_ne!(secret(), secret());
        assert_eq!(secret().len(), 43);
    }
}
