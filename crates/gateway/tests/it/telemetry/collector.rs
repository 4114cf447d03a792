//! A collector that keeps what it is sent, over HTTP or gRPC, and reads it with no help from the gateway.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::{body::Incoming, server::conn, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::house::loopback;

/// How it is spoken to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Http,
    Grpc,
}

/// Closes its port when dropped.
pub(super) struct Collector {
    pub(super) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: JoinHandle<()>,
}

/// One sending.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    path: String,
    pub(super) headers: HeaderMap,
    /// The message, without what gRPC puts before it.
    pub(super) body: Bytes,
}

/// A span as it was sent.
#[derive(Debug, Clone)]
pub(super) struct Span {
    pub(super) trace: String,
    pub(super) id: String,
    pub(super) parent: String,
    pub(super) state: String,
    pub(super) name: String,
    pub(super) kind: u64,
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) status: u64,
}

impl Collector {
    pub(super) async fn start(protocol: Protocol) -> Self {
        let listener = TcpListener::bind(loopback()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let kept = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let kept = Arc::clone(&kept);
                let service = service_fn(move |request| take(protocol, Arc::clone(&kept), request));
                tokio::spawn(async move {
                    let stream = TokioIo::new(stream);
                    let _ = match protocol {
                        Protocol::Http => conn::http1::Builder::new().serve_connection(stream, service).await,
                        Protocol::Grpc => {
                            conn::http2::Builder::new(TokioExecutor::new())
                                .serve_connection(stream, service)
                                .await
                        }
                    };
                });
            }
        });
        Self { address, seen, task }
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn take(
    protocol: Protocol,
    kept: Arc<Mutex<Vec<Seen>>>,
    request: Request<Incoming>,
) -> Result<Response<BoxBody<Bytes, Infallible>>, Infallible> {
    let (head, body) = request.into_parts();
    let mut body = body.collect().await.unwrap().to_bytes();
    let kind = head.headers["content-type"].to_str().unwrap();
    let answer = match protocol {
        Protocol::Http => {
            assert_eq!(kind, "application/x-protobuf");
            Full::default().boxed()
        }
        Protocol::Grpc => {
            assert_eq!((kind, head.headers["te"].to_str().unwrap()), ("application/grpc", "trailers"));
            let prefix = body.split_to(5);
            assert_eq!(prefix[0], 0, "not compressed");
            assert_eq!(u32::from_be_bytes(prefix[1..].try_into().unwrap()) as usize, body.len());
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", "0".parse().unwrap());
            let trailers = std::future::ready(Some(Ok(trailers)));
            // An empty message.
            Full::new(Bytes::from_static(&[0; 5])).with_trailers(trailers).boxed()
        }
    };
    kept.lock().unwrap().push(Seen { path: head.uri.path().to_owned(), headers: head.headers, body });
    Ok(Response::new(answer))
}

/// A field's value as the wire has it.
#[derive(Debug, Clone)]
enum Field {
    Number(u64),
    Bytes(Vec<u8>),
}

/// The fields of a message, in order.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Field)> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let mut value = 0;
        for shift in (0..).step_by(7) {
            let (byte, rest) = bytes.split_first().unwrap();
            *bytes = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        value
    }
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let value = match key & 7 {
            0 => Field::Number(varint(&mut bytes)),
            1 => {
                let (value, rest) = bytes.split_at(8);
                bytes = rest;
                Field::Number(u64::from_le_bytes(value.try_into().unwrap()))
            }
            2 => {
                let length = varint(&mut bytes) as usize;
                let (value, rest) = bytes.split_at(length);
                bytes = rest;
                Field::Bytes(value.to_vec())
            }
            5 => {
                let (value, rest) = bytes.split_at(4);
                bytes = rest;
                Field::Number(u64::from(u32::from_le_bytes(value.try_into().unwrap())))
            }
            kind => panic!("kind {kind}"),
        };
        found.push((key >> 3, value));
    }
    found
}

fn all(message: &[u8], field: u64) -> Vec<Vec<u8>> {
    let rows = fields(message).into_iter().filter(|(number, _)| *number == field);
    rows.filter_map(|(_, value)| if let Field::Bytes(bytes) = value { Some(bytes) } else { None }).collect()
}

fn first(message: &[u8], field: u64) -> Vec<u8> {
    all(message, field).into_iter().next().unwrap_or_default()
}

fn number(message: &[u8], field: u64) -> u64 {
    let found = fields(message).into_iter().find_map(|(number, value)| match value {
        Field::Number(value) if number == field => Some(value),
        _ => None,
    });
    found.unwrap_or_default()
}

fn text(message: &[u8], field: u64) -> String {
    String::from_utf8(first(message, field)).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn attributes(message: &[u8], field: u64) -> BTreeMap<String, String> {
    let pair = |pair: Vec<u8>| {
        let value = match fields(&first(&pair, 2)).pop() {
            Some((1, Field::Bytes(text))) => String::from_utf8(text).unwrap(),
            Some((2, Field::Number(value))) => (value == 1).to_string(),
            Some((3, Field::Number(value))) => value.to_string(),
            Some((4, Field::Number(bits))) => f64::from_bits(bits).to_string(),
            other => panic!("{other:?}"),
        };
        (text(&pair, 1), value)
    };
    all(message, field).into_iter().map(pair).collect()
}

impl Seen {
    pub(super) fn is_traces(&self) -> bool {
        match self.path.as_str() {
            "/v1/traces" | "/opentelemetry.proto.collector.trace.v1.TraceService/Export" => true,
            "/v1/metrics" | "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export" => false,
            other => panic!("{other}"),
        }
    }

    pub(super) fn service(&self) -> String {
        attributes(&first(&first(&self.body, 1), 1), 1)["service.name"].clone()
    }

    pub(super) fn spans(&self) -> Vec<Span> {
        let span = |span: Vec<u8>| Span {
            trace: hex(&first(&span, 1)),
            id: hex(&first(&span, 2)),
            state: text(&span, 3),
            parent: hex(&first(&span, 4)),
            name: text(&span, 5),
            kind: number(&span, 6),
            start: number(&span, 7),
            end: number(&span, 8),
            attributes: attributes(&span, 9),
            status: number(&first(&span, 15), 3),
        };
        let scopes = all(&self.body, 1).into_iter().flat_map(|resource| all(&resource, 2));
        scopes.flat_map(|scope| all(&scope, 2)).map(span).collect()
    }

    /// The names of the metrics.
    pub(super) fn metrics(&self) -> Vec<String> {
        let scopes = all(&self.body, 1).into_iter().flat_map(|resource| all(&resource, 2));
        scopes.flat_map(|scope| all(&scope, 2)).map(|metric| text(&metric, 1)).collect()
    }
}
