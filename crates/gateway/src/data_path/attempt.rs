//! attempt: one deployment after the other is asked, until one has begun to answer.

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request, Response, StatusCode, header, request::Parts};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use lockgate_protocol::{
    dialect::{Answer, Meaning, Operation, Watch},
    framing::sse::{Framer, TooLong},
    ir::{Fault, FaultKind},
    splice::Edits,
};
use lockgate_provider::{Ask, Reply, StreamUsage};
use lockgate_routing::{Course, Next};

use crate::{
    Gateway,
    body::RequestBody,
    clock,
    data_path::{call::Call, identify::Asked},
    fleet::{Deployment, Limits, Plan},
    headers, upstream,
};

/// Most of an error answer that is read.
const MAX_ERROR: usize = 1 << 20;
/// How long an error answer's body may take.
const ERROR_PATIENCE: Duration = Duration::from_secs(5);
/// Largest answer that is read whole before any of it is sent: pictures come in base64.
const MAX_ANSWER: usize = 256 << 20;
/// Most of a stream that is held back while nothing of the answer has come.
const MAX_HELD: usize = 256 << 10;

/// A deployment has begun to answer: from here on there is no other.
pub(crate) struct Committed {
    pub(crate) deployment: Arc<Deployment>,
    pub(crate) status: StatusCode,
    /// The provider's headers that travel.
    pub(crate) headers: HeaderMap,
    pub(crate) content: Content,
    pub(crate) limits: Arc<Limits>,
}

/// What there is of the answer at the commit.
pub(crate) enum Content {
    /// All of it.
    Whole(Bytes),
    /// A stream of events that has said something.
    Events(EventStream),
    /// Bytes of a kind the gateway does not read: audio, files.
    Bytes { first: Bytes, rest: Incoming, length: Option<u64> },
}

/// An event stream at its commit.
pub(crate) struct EventStream {
    /// Whole events, up to and with the first one that says something.
    pub(crate) held: Vec<Held>,
    pub(crate) framer: Framer,
    pub(crate) watch: Box<dyn Watch>,
    pub(crate) rest: Incoming,
}

/// One event and what it means.
pub(crate) struct Held {
    pub(crate) bytes: Bytes,
    pub(crate) meaning: Meaning,
}

/// Asks the plan's deployments until one begins to answer or nothing is left that could help.
pub(crate) async fn until_commit(
    gateway: &Gateway,
    call: &mut Call,
    head: &Parts,
    asked: &Asked,
    plan: Plan,
) -> Result<Committed, Fault> {
    let places: Vec<usize> = (0..plan.deployments.len()).collect();
    let mut course = Course::new(&places, plan.limits.policy);
    let mut place = course.first().unwrap_or_default();
    loop {
        let deployment = &plan.deployments[place];
        let since = clock::now();
        let attempt = Attempt { call, head, asked, deployment, limits: &plan.limits };
        let fault = match attempt.run().await {
            Ok((status, headers, content)) => {
                call.attempted(deployment, since, None);
                let deployment = Arc::clone(deployment);
                return Ok(Committed { deployment, status, headers, content, limits: plan.limits });
            }
            Err(fault) => fault,
        };
        call.attempted(deployment, since, Some(&fault));
        let left = plan.limits.timeout.saturating_sub(call.elapsed());
        match course.after(&fault, left, gateway.ids.dice()) {
            Next::Ask { deployment, after } => {
                if !after.is_zero() {
                    call.wait(tokio::time::sleep(after)).await;
                }
                place = deployment;
            }
            Next::Stop => return Err(fault),
        }
    }
}

/// One try at one deployment.
struct Attempt<'a> {
    call: &'a mut Call,
    head: &'a Parts,
    asked: &'a Asked,
    deployment: &'a Deployment,
    limits: &'a Limits,
}

type Begun = (StatusCode, HeaderMap, Content);

impl Attempt<'_> {
    async fn run(mut self) -> Result<Begun, Fault> {
        let (request, spare_usage) = self.request()?;
        let answer = self.send(request).await?;
        self.judge(answer, spare_usage).await
    }

    /// The client's request with the gateway's edits, addressed and signed; and whether the client is to be spared the
    /// usage that was asked for on the gateway's behalf.
    fn request(&self) -> Result<(Request<RequestBody>, bool), Fault> {
        let Self { asked, deployment, .. } = self;
        let site = &deployment.provider.site;
        let prepared = site.prepare(&Ask {
            method: &asked.method,
            tail: &asked.tail,
            query: self.head.uri.query(),
            model: &deployment.model,
            credential: deployment.credential(),
        })?;
        let mut edits = Edits::default();
        asked.envelope.set_model(&deployment.model, &mut edits);
        let spare_usage = match site.stream_usage() {
            StreamUsage::Ask => asked.dialect.ask_usage(asked.operation, &asked.envelope, &mut edits)?,
            StreamUsage::Always | StreamUsage::Never => false,
        };
        let mut request = Request::new(RequestBody::new(edits.apply(asked.envelope.body())));
        *request.method_mut() = asked.method.clone();
        *request.uri_mut() = prepared.uri;
        *request.headers_mut() = prepared.headers;
        headers::to_provider(asked.dialect, &self.head.headers, request.headers_mut());
        Ok((request, spare_usage))
    }

    /// Sends it and waits for the answer's head: a stream has to begin soon, another answer may take the call's time.
    async fn send(&mut self, request: Request<RequestBody>) -> Result<Response<Incoming>, Fault> {
        let left = self.left();
        let patience = if self.call.stream { left.min(self.limits.first_byte) } else { left };
        let sent = tokio::time::timeout(patience, self.limits.upstream.send(request));
        self.call.wait(sent).await.unwrap_or_else(|_| Err(silent(patience)))
    }

    fn left(&self) -> Duration {
        self.limits.timeout.saturating_sub(self.call.elapsed())
    }

    /// Whether the answer is one, and if so how it is to be passed on.
    async fn judge(&mut self, answer: Response<Incoming>, spare_usage: bool) -> Result<Begun, Fault> {
        let (head, body) = answer.into_parts();
        if !head.status.is_success() {
            return Err(self.refused(head.status, &head.headers, body).await);
        }
        let kind = Kind::of(&head.headers, self.asked.operation)?;
        let content = match kind {
            Kind::Events => self.events(&head.headers, body, spare_usage).await?,
            Kind::Json => self.json(&head.headers, body).await?,
            Kind::Opaque => self.opaque(body).await?,
        };
        Ok((head.status, headers::to_client(self.asked.dialect, &head.headers), content))
    }

    /// The fault that an error answer stands for.
    async fn refused(&mut self, status: StatusCode, headers: &HeaderMap, body: Incoming) -> Fault {
        let collected = tokio::time::timeout(ERROR_PATIENCE, collect(body, MAX_ERROR));
        // An error whose text does not come is still that error.
        let body = self.call.wait(collected).await.ok().and_then(Result::ok).unwrap_or_default();
        self.classified(status.as_u16(), headers, &body)
    }

    fn classified(&self, status: u16, headers: &HeaderMap, body: &Bytes) -> Fault {
        self.deployment.provider.site.classify(&Reply { status, headers, body, now: clock::wall() })
    }

    /// A JSON answer is read whole: a cut one must not reach the client as an answer.
    async fn json(&mut self, headers: &HeaderMap, body: Incoming) -> Result<Content, Fault> {
        let left = self.left();
        let collected = tokio::time::timeout(left, collect(body, MAX_ANSWER));
        let body = self.call.wait(collected).await.unwrap_or_else(|_| Err(silent(left)))?;
        match self.asked.dialect.read_answer(self.asked.operation, &body) {
            Answer::Whole(usage) => {
                self.call.usage = usage;
                Ok(Content::Whole(body))
            }
            Answer::Failed => Err(self.classified(200, headers, &body)),
            Answer::Garbled(why) => Err(garbled("the provider's answer is not whole JSON").with_detail(why)),
        }
    }

    /// The first piece decides: until it is there, another deployment can answer instead.
    async fn opaque(&mut self, mut body: Incoming) -> Result<Content, Fault> {
        let length = body.size_hint().exact();
        let first = tokio::time::timeout(self.left(), next(&mut body));
        let first = self.call.wait(first).await.unwrap_or_else(|_| Err(silent(self.limits.timeout)))?;
        Ok(match first {
            Some(first) => Content::Bytes { first, rest: body, length },
            None => Content::Whole(Bytes::new()),
        })
    }

    /// Holds the events back until one of them says something.
    async fn events(
        &mut self,
        headers: &HeaderMap,
        mut body: Incoming,
        spare_usage: bool,
    ) -> Result<Content, Fault> {
        let mut framer = Framer::default();
        let mut watch = self.asked.dialect.watch(self.asked.operation, spare_usage);
        let mut held: Vec<Held> = Vec::new();
        let mut size = 0;
        loop {
            let patience = self.limits.stall.min(self.left());
            let piece = tokio::time::timeout(patience, next(&mut body));
            let piece = self.call.wait(piece).await.unwrap_or_else(|_| Err(silent(patience)))?;
            let Some(piece) = piece else {
                let text = "the provider's stream ended before it said anything";
                return Err(Fault::new(FaultKind::Cut, text));
            };
            let batch = framer.push(&piece).map_err(too_long)?;
            let mut start = 0;
            let mut has_output = false;
            for end in &batch.ends {
                let bytes = batch.bytes.slice(start..*end);
                start = *end;
                let meaning = watch.event(&bytes);
                if !has_output {
                    self.still_good(meaning, &bytes, headers)?;
                }
                has_output |= matches!(meaning, Meaning::Output | Meaning::End);
                size += bytes.len();
                held.push(Held { bytes, meaning });
            }
            if has_output || size > MAX_HELD {
                return Ok(Content::Events(EventStream { held, framer, watch, rest: body }));
            }
        }
    }

    /// A failure before anything was said is like any other failure.
    fn still_good(&self, meaning: Meaning, raw: &Bytes, headers: &HeaderMap) -> Result<(), Fault> {
        match meaning {
            Meaning::Failed => Err(failed_event(&self.deployment.provider, raw, headers)),
            Meaning::Garbled => Err(garbled("the provider's stream has an event that is not JSON")),
            Meaning::Empty => Err(garbled("the provider's answer is empty")),
            Meaning::Lifecycle | Meaning::Output | Meaning::Withheld | Meaning::End => Ok(()),
        }
    }
}

/// How an answer is passed on.
enum Kind {
    Events,
    Json,
    Opaque,
}

impl Kind {
    fn of(headers: &HeaderMap, operation: Operation) -> Result<Self, Fault> {
        let text = |name| {
            headers.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok()).unwrap_or_default()
        };
        let essence =
            text(header::CONTENT_TYPE).split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let encoding = text(header::CONTENT_ENCODING);
        if !encoding.is_empty() && !encoding.eq_ignore_ascii_case("identity") {
            return Err(garbled("the provider compressed its answer although it was asked not to"));
        }
        let is_json = essence == "application/json" || essence.ends_with("+json");
        match (essence.as_str(), operation) {
            ("text/event-stream", _) => Ok(Self::Events),
            (_, Operation::Audio | Operation::Other) if !is_json => Ok(Self::Opaque),
            ("text/html", _) => Err(garbled("the provider answered with a web page")),
            _ => Ok(Self::Json),
        }
    }
}

/// The fault that an error event stands for: its data is the error body of the dialect.
pub(crate) fn failed_event(provider: &crate::fleet::Provider, raw: &[u8], headers: &HeaderMap) -> Fault {
    let event = lockgate_protocol::framing::sse::Event::parse(raw);
    let body = Bytes::from(event.data.map(std::borrow::Cow::into_owned).unwrap_or_default());
    provider.site.classify(&Reply { status: 200, headers, body: &body, now: clock::wall() })
}

pub(crate) fn garbled(text: &str) -> Fault {
    Fault::new(FaultKind::Garbled, text)
}

pub(crate) fn too_long(_: TooLong) -> Fault {
    garbled("the provider's stream has an event that is too long")
}

/// Nothing came for so long.
pub(crate) fn silent(patience: Duration) -> Fault {
    Fault::new(FaultKind::Timeout, format!("the provider sent nothing for {} s", patience.as_secs()))
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
async fn collect(mut body: Incoming, limit: usize) -> Result<Bytes, Fault> {
    let Some(first) = next(&mut body).await? else { return Ok(Bytes::new()) };
    let Some(second) = next(&mut body).await? else { return Ok(first) };
    let mut all = BytesMut::with_capacity((first.len() + second.len()) * 2);
    all.extend_from_slice(&first);
    all.extend_from_slice(&second);
    while let Some(piece) = next(&mut body).await? {
        if all.len() + piece.len() > limit {
            return Err(garbled("the provider's answer is larger than the gateway reads"));
        }
        all.extend_from_slice(&piece);
    }
    Ok(all.freeze())
}
