//! The reply to one attempt: whether it is an answer, and if so what there is of it at the commit.

use std::{
    collections::VecDeque,
    pin::pin,
    time::{Duration, UNIX_EPOCH},
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::Body;
use lockgate_config::Commit;
use lockgate_protocol::{
    dialect::Operation,
    forms::Form,
    ir::{Fault, FaultKind},
};
use lockgate_provider::Reply;

use crate::{
    clock,
    data_path::{
        attempt::Attempt,
        outgoing::Said,
        passage::{Dressed, Passage, Progress},
        phases::Phase,
        way::Way,
    },
    fleet::Provider,
    headers,
    upstream::{self, Incoming},
};

/// Most of an error answer that is read.
const MAX_ERROR: usize = 1 << 20;
/// How long an error answer's body may take.
const ERROR_PATIENCE: Duration = Duration::from_secs(5);
/// Largest answer that is read whole before any of it is sent: pictures come in base64.
const MAX_ANSWER: usize = 256 << 20;
/// Most of a stream that is held back while nothing of the answer has come.
const MAX_HELD: usize = 256 << 10;
/// Most of an answer that is held back because its model says so; what is longer leaves from there on as it comes.
const MAX_HELD_WHOLE: usize = 16 << 20;

/// An answer that has begun.
pub(crate) struct Begun {
    pub(crate) status: StatusCode,
    /// The provider's headers that travel.
    pub(crate) headers: HeaderMap,
    pub(crate) content: Content,
}

/// What there is of the answer at the commit.
pub(crate) enum Content {
    /// All of it.
    Whole(Bytes),
    /// A stream of events that has said something.
    Events(Events),
    /// Bytes of a kind the gateway does not read: audio, files.
    Bytes { first: Bytes, rest: Incoming, length: Option<u64> },
}

/// An event stream at its commit.
pub(crate) struct Events {
    pub(crate) passage: Box<dyn Passage>,
    /// What was held back and can leave now.
    pub(crate) ready: VecDeque<Bytes>,
    /// What the latest bytes came to.
    pub(crate) progress: Progress,
    pub(crate) rest: Incoming,
}

/// The reply, unless it is a refusal. What its head says is left of the provider's limits is noted in any case.
pub(crate) async fn refusal(
    attempt: &mut Attempt<'_>,
    reply: Response<Incoming>,
) -> Result<Response<Incoming>, Fault> {
    let now = clock::now();
    let arrived = UNIX_EPOCH + Duration::from_millis(attempt.call.moment(now).wall_ms);
    let room = attempt.deployment.provider.site.room(reply.headers(), arrived);
    attempt.deployment.health.noted(&room, now);
    if reply.status().is_success() {
        return Ok(reply);
    }
    let (head, body) = reply.into_parts();
    // Boxed, since it is rare and takes room.
    Err(Box::pin(refused(attempt, head.status, &head.headers, body)).await)
}

/// The body of an answer that has to be a stream.
pub(crate) fn stream(reply: Response<Incoming>) -> Result<Incoming, Fault> {
    match Kind::of(reply.headers(), Operation::Generate)? {
        Kind::Events => Ok(reply.into_body()),
        Kind::Json | Kind::Opaque => {
            Err(Fault::new(FaultKind::Garbled, "the provider does not stream its answer"))
        }
    }
}

/// What there is of an answer at the commit, and how it is to be passed on.
pub(crate) async fn judge(
    attempt: &mut Attempt<'_>,
    way: &mut Way<'_>,
    form: &'static dyn Form,
    reply: Response<Incoming>,
) -> Result<Begun, Fault> {
    let (head, body) = reply.into_parts();
    let content = match Kind::of(&head.headers, attempt.asked.operation)? {
        Kind::Events if way.is_to_fold() && form.stream().is_none() => {
            whole(attempt, way, form, Way::folded, &head.headers, body).await?
        }
        Kind::Events => {
            let passage = way.passage().ok_or_else(unexpected)?;
            if way.is_across() {
                attempt.notes.piecework = Phase::Translate;
            }
            let passage = dressed(form, passage, attempt.asked.resumes);
            events(attempt, passage, &head.headers, body).await?
        }
        // A host that wraps its streams wraps each item of such a list, which is read whole.
        Kind::Json => match way.array_passage().filter(|_| form.stream().is_none()) {
            Some(passage) => events(attempt, passage, &head.headers, body).await?,
            None => whole(attempt, way, form, Way::answer, &head.headers, body).await?,
        },
        Kind::Opaque => opaque(attempt, body).await?,
    };
    let mut headers = headers::to_client(attempt.asked.dialect, &head.headers);
    let is_known = attempt.asked.operation == Operation::Generate;
    let media_type = match &content {
        Content::Events(_) if way.is_across() => Some(way.stream_type().unwrap_or("text/event-stream")),
        Content::Events(_) => form.stream_type(),
        // It was read as what it is, whatever its provider calls it.
        Content::Whole(_) if way.is_across() || (is_known && !is_json(&headers)) => Some("application/json"),
        Content::Bytes { .. } if way.is_across() => Some("application/json"),
        Content::Whole(_) | Content::Bytes { .. } => None,
    };
    if let Some(media_type) = media_type {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    }
    Ok(Begun { status: head.status, headers, content })
}

/// The fault that an error answer stands for.
async fn refused(
    attempt: &mut Attempt<'_>,
    status: StatusCode,
    headers: &HeaderMap,
    mut body: Incoming,
) -> Fault {
    let collected = attempt.notes.wait_for(ERROR_PATIENCE, pin!(collect(&mut body, MAX_ERROR))).await;
    // An error whose text does not come is still that error.
    let body = collected.and_then(Result::ok).unwrap_or_default();
    classified(&attempt.deployment.provider, status.as_u16(), headers, &body)
}

/// What `provider` means by an error body.
pub(crate) fn classified(provider: &Provider, status: u16, headers: &HeaderMap, body: &Bytes) -> Fault {
    provider.site.classify(&Reply { status, headers, body, now: clock::wall() })
}

/// An answer that is read whole, then by `read`: a cut one must not reach the client as an answer.
async fn whole<'w>(
    attempt: &mut Attempt<'_>,
    way: &mut Way<'w>,
    form: &dyn Form,
    read: fn(&mut Way<'w>, Bytes) -> Result<Said, Fault>,
    headers: &HeaderMap,
    mut body: Incoming,
) -> Result<Content, Fault> {
    let left = attempt.answer_limit();
    let collected = attempt.notes.wait_for(left, pin!(collect(&mut body, MAX_ANSWER))).await;
    let body = collected.unwrap_or_else(|| Err(silent(left)))?;
    let body = form.undress(body);
    match read(way, body)? {
        Said::Answer(answer) => {
            attempt.notes.usage = answer.usage;
            Ok(Content::Whole(answer.body))
        }
        Said::Failed(body) => Err(classified(&attempt.deployment.provider, 200, headers, &body)),
    }
}

/// The first piece decides: until it is there, another deployment can answer instead.
async fn opaque(attempt: &mut Attempt<'_>, mut body: Incoming) -> Result<Content, Fault> {
    let length = body.size_hint().exact();
    let left = attempt.answer_limit();
    let first = attempt.notes.wait_for(left, pin!(next(&mut body))).await;
    let first = first.unwrap_or_else(|| Err(silent(left)))?;
    Ok(match first {
        Some(first) => Content::Bytes { first, rest: body, length },
        None => Content::Whole(Bytes::new()),
    })
}

/// The provider answers a request that asked for no answer of a model: a count, vectors.
fn unexpected() -> Fault {
    Fault::new(FaultKind::Garbled, "the provider answers with a stream where there is none to expect")
}

/// The same passage for what the host wraps its stream in; who goes on with it may wrap it in something else.
fn dressed(form: &dyn Form, passage: Box<dyn Passage>, resumes: bool) -> Box<dyn Passage> {
    match form.stream() {
        None if !resumes => passage,
        undress => Box::new(Dressed::new(undress, passage)),
    }
}

/// Holds a stream back until the model's `commit` says that it may leave.
async fn events(
    attempt: &mut Attempt<'_>,
    mut passage: Box<dyn Passage>,
    headers: &HeaderMap,
    mut rest: Incoming,
) -> Result<Content, Fault> {
    let mut ready = VecDeque::new();
    loop {
        let patience = attempt.patience(passage.has_output());
        let piece = attempt.notes.wait_for(patience, pin!(next(&mut rest))).await;
        let piece = piece.unwrap_or_else(|| Err(silent(patience)))?;
        let progress = match &piece {
            Some(piece) => passage.chunk(piece, &mut ready),
            None => passage.end(&mut ready),
        };
        // Nothing has left yet, so a failure is like any other failure, whatever came before it.
        let progress = progress.fault(|body| classified(&attempt.deployment.provider, 200, headers, body))?;
        let held = || ready.iter().map(Bytes::len).sum::<usize>();
        let may_leave = progress == Progress::Complete
            || match attempt.limits.commit {
                Commit::FirstOutput => passage.has_output() || held() > MAX_HELD,
                Commit::AfterThinking => passage.has_answer() || held() > MAX_HELD_WHOLE,
                Commit::Whole => held() > MAX_HELD_WHOLE,
            };
        if may_leave {
            return Ok(Content::Events(Events { passage, ready, progress, rest }));
        }
    }
}

/// How an answer is passed on.
enum Kind {
    Events,
    Json,
    Opaque,
}

/// The media types that streams of events come in: server-sent events, Ollama's lines, AWS's binary frames.
const EVENT_TYPES: &[&str] =
    &["text/event-stream", "application/x-ndjson", "application/vnd.amazon.eventstream"];

impl Kind {
    fn of(headers: &HeaderMap, operation: Operation) -> Result<Self, Fault> {
        let essence = essence(headers);
        let encoding = text(headers, &header::CONTENT_ENCODING);
        if !encoding.is_empty() && !encoding.eq_ignore_ascii_case("identity") {
            let text = "the provider compressed its answer although it was asked not to";
            return Err(Fault::new(FaultKind::Garbled, text));
        }
        let is_json = is_json(headers);
        let is = |known: &str| essence.eq_ignore_ascii_case(known);
        match operation {
            _ if EVENT_TYPES.iter().any(|known| is(known)) => Ok(Self::Events),
            Operation::Audio | Operation::Other if !is_json => Ok(Self::Opaque),
            _ if is("text/html") => {
                Err(Fault::new(FaultKind::Garbled, "the provider answered with a web page"))
            }
            _ => Ok(Self::Json),
        }
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> &'h str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The media type, without its parameters.
fn essence(headers: &HeaderMap) -> &str {
    let text = text(headers, &header::CONTENT_TYPE);
    text.split_once(';').map_or(text, |(essence, _)| essence).trim()
}

fn is_json(headers: &HeaderMap) -> bool {
    const SUFFIX: &[u8] = b"+json";
    let essence = essence(headers).as_bytes();
    let end = &essence[essence.len().saturating_sub(SUFFIX.len())..];
    essence.eq_ignore_ascii_case(b"application/json") || end.eq_ignore_ascii_case(SUFFIX)
}

/// Nothing came for so long.
pub(crate) fn silent(patience: Duration) -> Fault {
    let text = match patience.as_secs() {
        0 => format!("the provider sent nothing for {} ms", patience.as_millis()),
        seconds => format!("the provider sent nothing for {seconds} s"),
    };
    Fault::new(FaultKind::Timeout, text)
}

/// The next bytes of an answer; `None` at its end.
pub(crate) async fn next(body: &mut Incoming) -> Result<Option<Bytes>, Fault> {
    loop {
        match body.frame().await {
            None => return Ok(None),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
            Some(Err(error)) => return Err(upstream::cut(&error)),
        }
    }
}

/// All of an answer that is read whole. One that came in one piece is not copied.
async fn collect(body: &mut Incoming, limit: usize) -> Result<Bytes, Fault> {
    let Some(first) = next(body).await? else { return Ok(Bytes::new()) };
    if body.is_end_stream() {
        return Ok(first);
    }
    let Some(second) = next(body).await? else { return Ok(first) };
    let mut all = BytesMut::with_capacity((first.len() + second.len()) * 2);
    all.extend_from_slice(&first);
    all.extend_from_slice(&second);
    while let Some(piece) = next(body).await? {
        if all.len() + piece.len() > limit {
            let text = "the provider's answer is larger than the gateway reads";
            return Err(Fault::new(FaultKind::Garbled, text));
        }
        all.extend_from_slice(&piece);
    }
    Ok(all.freeze())
}
