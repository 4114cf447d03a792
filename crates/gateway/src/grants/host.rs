//! What a grant may touch: the network by its credential's way out, files, the environment, the clock.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Limited};

use super::Refusal;
use crate::{
    body::RequestBody,
    clock, files,
    upstream::{Exit, Exits, Upstream},
};

/// Most of an answer that is read.
const MAX_ANSWER: usize = 1 << 20;
/// Largest credential file that is read.
const MAX_FILE: u64 = 1 << 20;
/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long one question to the place we run in may take, and the connection for it: whether there is somebody is known at
/// once, and nobody is to wait where there is not.
const NEAR_PATIENCE: Duration = Duration::from_secs(5);
const NEAR_CONNECT: Duration = Duration::from_secs(1);

/// Looks up one environment variable.
type Variables = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// The world, as far as a grant may see it.
#[derive(Clone)]
pub(crate) struct Host {
    upstream: Upstream,
    /// The way to what is beside us, which no proxy is on; made when it is needed.
    near: Upstream,
    variables: Variables,
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("upstream", &self.upstream).finish_non_exhaustive()
    }
}

/// An answer to a grant's question.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Host {
    /// By way of `exit`, with the environment of this process.
    ///
    /// # Errors
    /// A way out that cannot be used.
    pub(crate) fn new(exits: &mut Exits, connect: Duration, exit: &Exit) -> Result<Self, String> {
        Self::within(exits, connect, exit, Arc::new(|name| std::env::var(name).ok()))
    }

    /// With another environment.
    ///
    /// # Errors
    /// A way out that cannot be used.
    pub(crate) fn within(
        exits: &mut Exits,
        connect: Duration,
        exit: &Exit,
        variables: Variables,
    ) -> Result<Self, String> {
        let upstream = exits.get(connect, &exit.elsewhere())?;
        let near = exits.get(NEAR_CONNECT, &Exit::straight())?;
        Ok(Self { upstream, near, variables })
    }

    /// Asks and reads the whole answer, whatever its status.
    pub(crate) async fn send(&self, request: Request<Bytes>) -> Result<Answer, Refusal> {
        ask(&self.upstream, request, PATIENCE).await
    }

    /// Asks the place we run in: straight, and only for a moment.
    pub(crate) async fn send_near(&self, request: Request<Bytes>) -> Result<Answer, Refusal> {
        ask(&self.near, request, NEAR_PATIENCE).await
    }

    /// A file's bytes.
    pub(crate) async fn read(&self, path: &Path) -> Result<Vec<u8>, Refusal> {
        let missing = || Refusal::lasting(format!("`{}` is not there", path.display()));
        self.read_if_there(path).await?.ok_or_else(missing)
    }

    /// A file's bytes; none if there is no such file.
    pub(crate) async fn read_if_there(&self, path: &Path) -> Result<Option<Vec<u8>>, Refusal> {
        let path = path.to_owned();
        let found = tokio::task::spawn_blocking(move || look(&path)).await;
        found.unwrap_or_else(|error| Err(Refusal::passing(format!("a file could not be read: {error}"))))
    }

    /// The same at the start, when nobody waits behind us.
    pub(crate) fn read_at_start(&self, path: &Path) -> Result<Option<Vec<u8>>, Refusal> {
        look(path)
    }

    /// Puts a file's new contents in place of the old at once, so that a reader sees the one or the other; the file's
    /// mode is kept, a new file is the owner's alone.
    pub(crate) async fn replace(&self, path: &Path, contents: Vec<u8>) -> io::Result<()> {
        let path = path.to_owned();
        let replaced = tokio::task::spawn_blocking(move || crate::files::replace(&path, &contents));
        replaced.await.unwrap_or_else(|error| Err(io::Error::other(error)))
    }

    /// An environment variable that is set to something.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        (self.variables)(name).filter(|value| !value.is_empty())
    }

    /// A path as people write it: `~` is the home directory.
    pub(crate) fn path(&self, written: &str) -> PathBuf {
        files::at_home(written, self.variable("HOME").as_deref())
    }

    /// The wall clock.
    pub(crate) fn now(&self) -> SystemTime {
        clock::wall()
    }
}

async fn ask(upstream: &Upstream, request: Request<Bytes>, patience: Duration) -> Result<Answer, Refusal> {
    let place = request.uri().authority().map_or_else(String::new, ToString::to_string);
    let asking = async {
        let request = request.map(|body| RequestBody::new(vec![body]));
        let (head, body) = upstream
            .send(request)
            .await
            .map_err(|fault| Refusal::passing(format!("{place}: {}", fault.detail)))?
            .into_parts();
        let body = Limited::new(body, MAX_ANSWER).collect().await;
        let body = body.map_err(|error| Refusal::passing(format!("{place}: {error}")))?.to_bytes();
        Ok(Answer { status: head.status, headers: head.headers, body })
    };
    let late = |_| Err(Refusal::passing(format!("{place} did not answer within {} s", patience.as_secs())));
    tokio::time::timeout(patience, asking).await.unwrap_or_else(late)
}

/// A file's bytes; none if there is no such file.
fn look(path: &Path) -> Result<Option<Vec<u8>>, Refusal> {
    let read = match std::fs::metadata(path) {
        Ok(known) if known.len() > MAX_FILE => Err(io::Error::other("it is too large for a credential")),
        Ok(_) => std::fs::read(path),
        Err(error) => Err(error),
    };
    match read {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Refusal::lasting(format!("`{}` cannot be read: {error}", path.display()))),
    }
}
