//! One POST to a collector: protobuf over HTTP, or a call over gRPC, which is the same with five bytes before it and its
//! status behind the answer (<https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>).

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use lockgate_config::OtlpProtocol;

use super::settings::{Settings, Signal};
use crate::upstream::elsewhere_tls;

/// Most of an answer that is read.
const MAX_ANSWER: usize = 64 << 10;
/// What gRPC calls that it worked.
const OK: &str = "0";
/// Those of its codes that may pass: cancelled, deadline, exhausted, aborted, out of range, unavailable, data loss.
const PASSING: &[&str] = &["1", "4", "8", "10", "11", "14", "15"];

/// The way to a collector.
pub(super) struct Post {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// Why a collector did not take something.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) why: String,
    /// Whether it may take it a little later.
    pub(super) may_pass: bool,
}

impl Trouble {
    fn new(why: impl Into<String>, may_pass: bool) -> Self {
        Self { why: why.into(), may_pass }
    }
}

impl Post {
    /// As the settings say.
    ///
    /// # Errors
    /// A file with certificates that cannot be used.
    pub(super) fn new(settings: &Settings) -> Result<Self, String> {
        let is_grpc = settings.protocol == OtlpProtocol::Grpc;
        let mut tls = elsewhere_tls(settings.ca_file.as_deref())?;
        if is_grpc {
            tls.alpn_protocols = vec![b"h2".to_vec()];
        }
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(settings.timeout));
        let client = Client::builder(TokioExecutor::new())
            .http2_only(is_grpc)
            .pool_max_idle_per_host(1)
            .build(HttpsConnector::from((tcp, tls)));
        Ok(Self { client })
    }

    /// Sends a message of `signal`. Whoever does not send it has nowhere to send it to.
    pub(super) async fn send(
        &self,
        settings: &Settings,
        signal: Signal,
        message: Bytes,
    ) -> Result<(), Trouble> {
        let Some(at) = settings.at(signal) else { return Ok(()) };
        let sending = self.ask(settings, Request::post(at), message);
        match tokio::time::timeout(settings.timeout, sending).await {
            Ok(result) => result,
            Err(_) => {
                let why = format!("it did not answer within {} ms", settings.timeout.as_millis());
                Err(Trouble::new(why, true))
            }
        }
    }

    async fn ask(
        &self,
        settings: &Settings,
        request: http::request::Builder,
        message: Bytes,
    ) -> Result<(), Trouble> {
        let (kind, body) = match settings.protocol {
            OtlpProtocol::Http => ("application/x-protobuf", message),
            OtlpProtocol::Grpc => ("application/grpc", framed(&message)),
        };
        let mut request = request
            .body(Full::new(body))
            .map_err(|error| Trouble::new(format!("the request cannot be written: {error}"), false))?;
        let headers = request.headers_mut();
        for (name, value) in &settings.headers {
            headers.append(name, value.clone());
        }
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(
            header::USER_AGENT,
            HeaderValue::from_static(concat!("lockgate/", env!("CARGO_PKG_VERSION"))),
        );
        if settings.protocol == OtlpProtocol::Grpc {
            headers.insert(header::TE, HeaderValue::from_static("trailers"));
        }
        let answered = self.client.request(request).await;
        let response =
            answered.map_err(|error| Trouble::new(format!("it cannot be reached: {error}"), true))?;
        match settings.protocol {
            OtlpProtocol::Http => judged(response.status()),
            OtlpProtocol::Grpc => called(response).await,
        }
    }
}

/// A message as gRPC has it: not compressed, and its length before it.
fn framed(message: &Bytes) -> Bytes {
    let mut framed = BytesMut::with_capacity(message.len() + 5);
    framed.put_u8(0);
    framed.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    framed.extend_from_slice(message);
    framed.freeze()
}

fn judged(status: StatusCode) -> Result<(), Trouble> {
    if status.is_success() {
        return Ok(());
    }
    let may_pass = matches!(status.as_u16(), 429 | 502 | 503 | 504);
    Err(Trouble::new(format!("it answered with status {}", status.as_u16()), may_pass))
}

/// What came of a call, which stands behind the answer, or in its head if there is none.
async fn called(response: Response<Incoming>) -> Result<(), Trouble> {
    judged(response.status())?;
    let (head, body) = response.into_parts();
    let collected = Limited::new(body, MAX_ANSWER).collect().await;
    let collected =
        collected.map_err(|error| Trouble::new(format!("its answer broke off: {error}"), true))?;
    let code = |headers: &HeaderMap| {
        headers.get("grpc-status").and_then(|code| code.to_str().ok()).map(str::to_owned)
    };
    match collected.trailers().and_then(code).or_else(|| code(&head.headers)).as_deref() {
        Some(OK) => Ok(()),
        Some(other) => {
            Err(Trouble::new(format!("it answered with gRPC code {other}"), PASSING.contains(&other)))
        }
        None => Err(Trouble::new("it does not speak gRPC", false)),
    }
}
