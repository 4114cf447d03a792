//! Signing in: a person agrees in a browser, and what comes of it becomes a credential file.
//!
//! One file each under `login/`, one table: [`LOGINS`].

mod google;
mod loopback;
mod pkce;
mod qwen;

use std::{
    future::Future,
    path::{Path, PathBuf},
    pin::Pin,
    time::Duration,
};

use indexmap::IndexMap;
use lockgate_config::Secret;

use crate::{
    files,
    grants::Host,
    upstream::{Exit, Exits},
};

/// How long making a connection may take.
const CONNECT: Duration = Duration::from_secs(10);

/// What a person asks for.
#[derive(Debug, Clone, Default)]
pub struct SignIn {
    /// Where the credential goes; without it a usual place.
    pub file: Option<PathBuf>,
    /// The client to sign in with, as the service has it registered.
    pub client_id: Option<String>,
    /// That client's secret.
    pub client_secret: Option<Secret>,
    /// Other addresses than the service's own, by what they replace: for private clouds and tests.
    pub endpoints: IndexMap<String, String>,
}

/// Why nobody is signed in. The text is for a person and holds no secret.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct LoginError(String);

/// The file that was written, when it is there.
type SigningIn<'a> = Pin<Box<dyn Future<Output = Result<PathBuf, LoginError>> + Send + 'a>>;

/// What a sign-in may touch, and what was asked for.
struct Desk<'a> {
    wish: &'a SignIn,
    host: Host,
    /// Tells the person what to do.
    say: &'a (dyn Fn(&str) + Sync),
}

/// One row of the table.
struct Row {
    name: &'static str,
    sign_in: for<'a> fn(&'a Desk<'a>) -> SigningIn<'a>,
}

/// Every service that one can sign in at.
const LOGINS: &[Row] =
    &[Row { name: "google", sign_in: google::sign_in }, Row { name: "qwen", sign_in: qwen::sign_in }];

/// The names of the services that one can sign in at.
pub fn logins() -> Vec<&'static str> {
    LOGINS.iter().map(|row| row.name).collect()
}

/// Signs in at `service` and writes the credential file; `say` tells the person what to do meanwhile.
///
/// # Errors
/// No such service, no client to sign in with, nobody who agreed in time, or a file that cannot be written.
pub async fn login(service: &str, wish: &SignIn, say: &(dyn Fn(&str) + Sync)) -> Result<PathBuf, LoginError> {
    let row = LOGINS.iter().find(|row| row.name == service);
    let row = row.ok_or_else(|| {
        LoginError(format!("there is no sign-in at `{service}`; write one of {}", logins().join(", ")))
    })?;
    let host = Host::new(&mut Exits::default(), CONNECT, &Exit::default()).map_err(LoginError)?;
    let desk = Desk { wish, host, say };
    (row.sign_in)(&desk).await
}

impl Desk<'_> {
    /// An address of the service, unless the person named another one.
    fn endpoint<'s>(&'s self, name: &str, usual: &'s str) -> &'s str {
        self.wish.endpoints.get(name).map_or(usual, String::as_str)
    }

    /// Writes the credential, for its owner's eyes alone, into the file asked for or `usual`.
    async fn keep(&self, usual: &str, contents: Vec<u8>) -> Result<PathBuf, LoginError> {
        let path = self.wish.file.clone().unwrap_or_else(|| self.host.path(usual));
        let shown = path.display().to_string();
        let written = {
            let path = path.clone();
            tokio::task::spawn_blocking(move || private(&path, &contents)).await
        };
        let written = written.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        written.map_err(|error| LoginError(format!("`{shown}` cannot be written: {error}")))?;
        Ok(path)
    }
}

fn private(path: &Path, contents: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    files::write_private(path, contents)
}
