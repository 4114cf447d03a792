//! Alerts by HTTP: one `POST` on the gateway's own ways out.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, Uri, header};
use http_body_util::{BodyExt, Limited};
use lockgate_alerts::{Failure, Form, Message, Place};
use lockgate_config::{self as config, Secret};

use super::sink::without;
use crate::{
    body::RequestBody,
    upstream::{Exit, Exits, Incoming, Upstream},
};

/// How long a connection may take to open.
const CONNECT: Duration = Duration::from_secs(5);
/// Most of an answer that is read.
const MAX_ANSWER: usize = 64 << 10;
/// The longest pause that a receiver may ask for.
const MAX_WAIT: Duration = Duration::from_secs(60);
/// Who sends it.
const AGENT: HeaderValue = HeaderValue::from_static(concat!("lockgate/", env!("CARGO_PKG_VERSION")));

/// A receiver by HTTP.
pub(super) struct Post {
    form: Form,
    upstream: Upstream,
    url: Secret,
    secret: Option<Secret>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Post {
    /// # Errors
    /// What cannot be used, without a secret.
    pub(super) fn new(
        form: Form,
        receiver: &config::Receiver,
        proxy: Option<&Secret>,
        exits: &mut Exits,
    ) -> Result<Self, String> {
        let uri = receiver.url.expose().parse::<Uri>().ok();
        if uri.is_none_or(|uri| uri.host().is_none()) {
            return Err("`url` is not a valid URL".to_owned());
        }
        // One message in a while is no work for HTTP/2.
        let tls = config::Tls { ca_file: receiver.ca_file.clone(), http2: false, ..config::Tls::default() };
        let exit =
            Exit::new(&[receiver.proxy.clone(), proxy.cloned()].each_ref().map(Option::as_ref), Some(&tls))?;
        let mut headers = Vec::with_capacity(receiver.headers.len());
        for (name, value) in &receiver.headers {
            let parsed = (name.parse::<HeaderName>(), HeaderValue::from_str(value.expose()));
            let (Ok(name), Ok(mut value)) = parsed else {
                return Err(format!("the header `{name}` is not one"));
            };
            value.set_sensitive(true);
            headers.push((name, value));
        }
        let upstream = exits.get(CONNECT, &exit)?;
        let (url, secret) = (receiver.url.clone(), receiver.secret.clone());
        Ok(Self { form, upstream, url, secret, headers })
    }

    pub(super) fn form(&self) -> Form {
        self.form
    }

    /// # Errors
    /// Why it was not taken, without a secret.
    pub(super) async fn send(&self, message: &Message, now: SystemTime) -> Result<(), Failure> {
        let place = Place { url: self.url.expose(), secret: self.secret.as_ref().map(Secret::expose) };
        let post = self.form.compose(message, place, now);
        let mut request = Request::new(RequestBody::new(vec![Bytes::from(post.body)]));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() =
            post.url.parse().map_err(|_| Failure::lasting("its address is not a valid URL"))?;
        let headers = request.headers_mut();
        headers.insert(header::USER_AGENT, AGENT);
        for (name, value) in post.headers {
            let value = HeaderValue::from_str(&value);
            headers.insert(name, value.map_err(|_| Failure::lasting("a header cannot be sent"))?);
        }
        for (name, value) in &self.headers {
            headers.insert(name, value.clone());
        }
        let answered = self.upstream.send(request).await.map_err(|fault| {
            let why = if fault.detail.is_empty() { &fault.public } else { &fault.detail };
            Failure::passing(self.hidden(&place.hide(why)))
        })?;
        self.judge(place, answered).await
    }

    async fn judge(&self, place: Place<'_>, answer: Response<Incoming>) -> Result<(), Failure> {
        let (head, body) = answer.into_parts();
        // What came of it is in the status for most; an answer that breaks off is judged by what came.
        let body = match Limited::new(body, MAX_ANSWER).collect().await {
            Ok(body) => body.to_bytes(),
            Err(_) => Bytes::new(),
        };
        self.form.judge(place, head.status.as_u16(), &body).map_err(|failure| {
            let wait =
                head.headers.get(header::RETRY_AFTER).and_then(|wait| wait.to_str().ok()?.parse().ok());
            let wait = wait.map(|seconds| Duration::from_secs(seconds).min(MAX_WAIT));
            Failure { text: self.hidden(&failure.text), wait: failure.wait.or(wait), ..failure }
        })
    }

    /// The text without the values of the operator's headers.
    fn hidden(&self, text: &str) -> String {
        self.headers.iter().fold(text.to_owned(), |text, (_, value)| {
            let value = value.to_str().ok().filter(|value| value.len() >= 8).map(Secret::new);
            without(&text, value.as_ref())
        })
    }
}
