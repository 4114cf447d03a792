//! What the admin API's tables are made of: one row for each method of each path.

use std::{pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, request::Parts};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    Refusal,
    query::{Parameter, Query},
};
use crate::{Setup, arriving::Arriving, body::AnswerBody, setup::Live};

/// Largest body that is read.
const MAX_BODY: usize = 1 << 20;
/// How long the body may take.
pub(super) const BODY_PATIENCE: Duration = Duration::from_secs(10);

/// Makes the schema of a type.
pub(super) type MakeSchema = fn(&mut SchemaGenerator) -> Schema;
/// What comes of a request.
pub(super) type Answering = Pin<Box<dyn Future<Output = Result<Said, Refusal>> + Send>>;

/// One method of one path.
pub(super) struct Row {
    pub(super) method: Method,
    /// A word in braces stands for any text.
    pub(super) path: &'static str,
    /// What it does, in a sentence.
    pub(super) about: &'static str,
    pub(super) query: &'static [Parameter],
    pub(super) takes: Takes,
    pub(super) says: Says,
    pub(super) run: fn(Ask) -> Answering,
}

/// What a request's body is.
#[derive(Clone, Copy)]
pub(super) enum Takes {
    /// There is none.
    Nothing,
    /// JSON, or nothing where nothing is required.
    Json(MakeSchema),
    /// The text of a config.
    Config,
}

/// What an answer is.
#[derive(Clone, Copy)]
pub(super) enum Says {
    /// JSON.
    Json(MakeSchema),
    /// Events as they happen, whose data is JSON.
    Events(MakeSchema),
    /// Text for people or for other programs.
    Text,
}

// === impl Row ===

impl Row {
    /// A row that says `T`.
    pub(super) const fn new<T: JsonSchema>(
        method: Method,
        path: &'static str,
        about: &'static str,
        run: fn(Ask) -> Answering,
    ) -> Self {
        let says = Says::Json(SchemaGenerator::subschema_for::<T>);
        Self { method, path, about, query: &[], takes: Takes::Nothing, says, run }
    }

    /// With these parameters in its query.
    pub(super) const fn asked(mut self, query: &'static [Parameter]) -> Self {
        self.query = query;
        self
    }

    /// With a body of `T`.
    pub(super) const fn takes<T: JsonSchema>(mut self) -> Self {
        self.takes = Takes::Json(SchemaGenerator::subschema_for::<T>);
        self
    }

    /// With the text of a config as its body.
    pub(super) const fn takes_config(mut self) -> Self {
        self.takes = Takes::Config;
        self
    }

    /// With events of `T` in the place of one answer.
    pub(super) const fn says_events<T: JsonSchema>(mut self) -> Self {
        self.says = Says::Events(SchemaGenerator::subschema_for::<T>);
        self
    }

    /// With text in the place of JSON.
    pub(super) const fn says_text(mut self) -> Self {
        self.says = Says::Text;
        self
    }

    /// What the word in braces stands for, if `path` is this one; nothing where there is none.
    pub(super) fn matched<'p>(&self, path: &'p str) -> Option<&'p str> {
        match self.parts() {
            Some((front, _, back)) => {
                path.strip_prefix(front)?.strip_suffix(back).filter(|between| !between.is_empty())
            }
            None => (path == self.path).then_some(""),
        }
    }

    /// The word in braces.
    pub(super) fn word(&self) -> Option<&'static str> {
        self.parts().map(|(_, word, _)| word)
    }

    /// How much of the path is written out: of two that fit, the longer one is meant. Whatever stands for the rest may have
    /// slashes in it, as names of deployments do.
    pub(super) fn written(&self) -> usize {
        self.parts().map_or(usize::MAX, |(front, _, back)| front.len() + back.len())
    }

    /// How it stands in docs.
    pub(super) fn shown(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    fn parts(&self) -> Option<(&'static str, &'static str, &'static str)> {
        let (front, rest) = self.path.split_once('{')?;
        let (word, back) = rest.split_once('}')?;
        Some((front, word, back))
    }
}

/// One request, let in and found to be of a row.
pub(super) struct Ask {
    pub(super) live: Arc<Live>,
    pub(super) setup: Arc<Setup>,
    pub(super) head: Parts,
    /// What stands for the word in braces.
    pub(super) name: String,
    pub(super) query: Query,
    pub(super) body: Arriving,
}

impl Ask {
    /// The body as JSON; none is one without members.
    pub(super) async fn json<T: DeserializeOwned>(self) -> Result<T, Refusal> {
        let body = read(self.body, MAX_BODY).await?;
        let body: &[u8] = if body.trim_ascii().is_empty() { b"{}" } else { &body };
        serde_json::from_slice(body)
            .map_err(|error| Refusal::bad(format!("the body is not what this takes: {error}")))
    }
}

/// The whole of a body that is no longer than `most` bytes.
pub(super) async fn read(body: Arriving, most: usize) -> Result<Bytes, Refusal> {
    let read = tokio::time::timeout(BODY_PATIENCE, Limited::new(body, most).collect()).await;
    let body = read.map_err(|_| Refusal::bad("the body did not arrive in time"))?;
    body.map(http_body_util::Collected::to_bytes).map_err(|error| match error.is::<LengthLimitError>() {
        true => Refusal::too_large(most),
        false => Refusal::bad("the body broke off"),
    })
}

/// What is answered.
pub(super) struct Said {
    pub(super) status: StatusCode,
    pub(super) body: AnswerBody,
    pub(super) media: HeaderValue,
    /// What it is known by.
    pub(super) tag: Option<HeaderValue>,
}

impl Said {
    /// An answer that is JSON.
    pub(super) fn json<T: Serialize>(said: &T) -> Self {
        // What is said has text for names, so that nothing of it can fail.
        let body = serde_json::to_vec(said).unwrap_or_default();
        let media = HeaderValue::from_static("application/json");
        Self { status: StatusCode::OK, body: AnswerBody::Whole(body.into()), media, tag: None }
    }
}
