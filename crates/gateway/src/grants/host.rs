//! What a grant may touch: the network by its credential's way out, files, the environment, the clock.

use std::{
    io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Limited};

use super::Refusal;
use crate::{body::RequestBody, clock, upstream::Upstream};

/// Most of an answer that is read.
const MAX_ANSWER: usize = 1 << 20;
/// Largest credential file that is read.
const MAX_FILE: u64 = 1 << 20;
/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The world, as far as a grant may see it.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    upstream: Upstream,
}

/// An answer to a grant's question.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Host {
    pub(crate) fn new(upstream: Upstream) -> Self {
        Self { upstream }
    }

    /// Asks and reads the whole answer, whatever its status.
    pub(crate) async fn send(&self, request: Request<Bytes>) -> Result<Answer, Refusal> {
        let place = request.uri().authority().map_or_else(String::new, ToString::to_string);
        let asking = async {
            let request = request.map(|body| RequestBody::new(vec![body]));
            let (head, body) = self
                .upstream
                .send(request)
                .await
                .map_err(|fault| Refusal::passing(format!("{place}: {}", fault.detail)))?
                .into_parts();
            let body = Limited::new(body, MAX_ANSWER).collect().await;
            let body = body.map_err(|error| Refusal::passing(format!("{place}: {error}")))?.to_bytes();
            Ok(Answer { status: head.status, headers: head.headers, body })
        };
        let late =
            |_| Err(Refusal::passing(format!("{place} did not answer within {} s", PATIENCE.as_secs())));
        tokio::time::timeout(PATIENCE, asking).await.unwrap_or_else(late)
    }

    /// A file's bytes.
    pub(crate) async fn read(&self, path: &Path) -> Result<Vec<u8>, Refusal> {
        let path = path.to_owned();
        let shown = path.display().to_string();
        let read = tokio::task::spawn_blocking(move || match std::fs::metadata(&path)?.len() {
            len if len > MAX_FILE => Err(io::Error::other("it is too large for a credential")),
            _ => std::fs::read(&path),
        });
        let read = read.await.unwrap_or_else(|error| Err(io::Error::other(error)));
        read.map_err(|error| Refusal::lasting(format!("`{shown}` cannot be read: {error}")))
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
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }

    /// A path as people write it: `~` is the home directory.
    pub(crate) fn path(&self, written: &str) -> PathBuf {
        crate::files::written(written)
    }

    /// The wall clock.
    pub(crate) fn now(&self) -> SystemTime {
        clock::wall()
    }
}
