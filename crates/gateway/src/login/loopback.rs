//! The end of a sign-in in a browser: one visit to a port of this machine (RFC 8252, section 7.3).

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use percent_encoding::percent_decode_str;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::oneshot,
};
use tokio_util::task::TaskTracker;

use super::LoginError;

/// How long a person may take.
const PATIENCE: Duration = Duration::from_secs(300);
/// How long a visitor may take to say what it wants, and how long the last page may take to arrive.
const SHORT: Duration = Duration::from_secs(5);
/// Visits that are answered at most: browsers look for pictures, and others may knock too.
const MAX_VISITS: usize = 64;
/// Where the browser is sent back to.
const PATH: &str = "/callback";

/// A port that waits for the browser.
pub(super) struct Loopback {
    listener: TcpListener,
    address: SocketAddr,
}

/// What the browser brought: a code, or why there is none.
type Outcome = Result<String, LoginError>;

/// Takes the first outcome, and no other.
type Taker = Arc<Mutex<Option<oneshot::Sender<Outcome>>>>;

impl Loopback {
    /// Listens on a free port of this machine alone.
    pub(super) async fn open() -> Result<Self, LoginError> {
        let failed = |error| LoginError(format!("no port of this machine can be listened on: {error}"));
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address })
    }

    /// Where the service is to send the browser back to.
    pub(super) fn redirect(&self) -> String {
        format!("http://{}{PATH}", self.address)
    }

    /// Waits for the browser that was sent away with `state`. Whoever does not know it is turned away and changes nothing.
    pub(super) async fn code(self, state: &str) -> Outcome {
        let (taker, taken) = oneshot::channel();
        let taker: Taker = Arc::new(Mutex::new(Some(taker)));
        let tasks = TaskTracker::new();
        let state: Arc<str> = state.into();
        let accept = async {
            for _ in 0..MAX_VISITS {
                if let Ok((stream, _)) = self.listener.accept().await {
                    tasks.spawn(serve(stream, Arc::clone(&state), Arc::clone(&taker)));
                }
            }
            Err(LoginError(
                "too many others knocked while the browser was waited for; sign in again".to_owned(),
            ))
        };
        let outcome = tokio::select! {
            outcome = taken => outcome.unwrap_or_else(|_| Err(LoginError("the sign-in broke off".to_owned()))),
            outcome = accept => outcome,
            () = tokio::time::sleep(PATIENCE) => {
                Err(LoginError(format!("nobody signed in within {} minutes; sign in again", PATIENCE.as_secs() / 60)))
            }
        };
        tasks.close();
        // The page that says so is still on its way.
        let _ = tokio::time::timeout(SHORT, tasks.wait()).await;
        outcome
    }
}

async fn serve(stream: TcpStream, state: Arc<str>, taker: Taker) {
    let service = service_fn(move |request: Request<Incoming>| {
        let response = visit(&request, &state, &taker);
        async move { Ok::<_, Infallible>(response) }
    });
    let mut server = http1::Builder::new();
    server.keep_alive(false).timer(TokioTimer::new()).header_read_timeout(SHORT);
    // How a visit ends is nobody's business; what it brought has been taken.
    let _ = server.serve_connection(TokioIo::new(stream), service).await;
}

fn visit(request: &Request<Incoming>, state: &str, taker: &Taker) -> Response<Full<Bytes>> {
    if request.method() != http::Method::GET || request.uri().path() != PATH {
        return page(StatusCode::NOT_FOUND, "There is nothing here.");
    }
    let query = request.uri().query().unwrap_or_default();
    if field(query, "state").as_deref() != Some(state) {
        return page(StatusCode::BAD_REQUEST, "This is not the sign-in that was begun here.");
    }
    let outcome = match (field(query, "code"), field(query, "error")) {
        (Some(code), _) if !code.is_empty() => Ok(code),
        (_, error) => {
            let words = error.unwrap_or_default();
            let words: String = words.chars().filter(char::is_ascii_graphic).take(80).collect();
            Err(LoginError(format!("the service let nobody in: {words}")))
        }
    };
    let text = match &outcome {
        Ok(_) => "Signed in. This page can be closed.",
        Err(_) => "Nobody was signed in. The terminal says why.",
    };
    match taker.lock().unwrap_or_else(PoisonError::into_inner).take().map(|taker| taker.send(outcome)) {
        Some(Ok(())) => page(StatusCode::OK, text),
        _ => page(StatusCode::GONE, "This sign-in is over."),
    }
}

fn field(query: &str, name: &str) -> Option<String> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(key, _)| *key == name)?;
    Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
}

fn page(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, http::HeaderValue::from_static("text/plain; charset=utf-8"));
    // The address of this page has a code in it.
    headers.insert(header::REFERRER_POLICY, http::HeaderValue::from_static("no-referrer"));
    headers.insert(header::CACHE_CONTROL, http::HeaderValue::from_static("no-store"));
    response
}
