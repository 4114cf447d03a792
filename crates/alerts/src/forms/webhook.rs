//! Lockgate's own JSON, for programs: versioned, signed where there is a secret.

use serde::Serialize;

use crate::{Message, Notice, Place, Post, notice::time, sign};

/// The version of the body. A field that is added does not change it.
const VERSION: u32 = 1;
/// Bytes of the text for people.
const ROOM: usize = 8 << 10;

#[derive(Serialize)]
struct Body<'m> {
    version: u32,
    id: &'m str,
    sent_at: String,
    title: String,
    text: String,
    alerts: Vec<Row<'m>>,
    left_out: u64,
}

#[derive(Serialize)]
struct Row<'m> {
    id: &'m str,
    at: String,
    kind: &'static str,
    status: &'static str,
    title: &'static str,
    subject: &'m str,
    text: &'m str,
}

/// The signature is over the time in seconds, a dot and the body, so that an old message cannot be sent again unseen.
pub(crate) fn compose(message: &Message, place: Place<'_>, now_ms: u64) -> Post {
    let seconds = now_ms / 1000;
    let sent_at = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
    let body = Body {
        version: VERSION,
        id: message.id(),
        sent_at: time(sent_at),
        title: message.title(),
        text: message.text(ROOM),
        alerts: message.notices.iter().map(|notice| row(notice)).collect(),
        left_out: message.left_out,
    };
    // Nothing of it can fail: it has text for names, and no numbers but whole ones.
    let body = serde_json::to_vec(&body).unwrap_or_default();
    let mut headers = vec![
        ("content-type", "application/json; charset=utf-8".to_owned()),
        ("x-lockgate-alert-id", message.id().to_owned()),
    ];
    if let Some(secret) = place.secret {
        let signature = sign::hex(secret.as_bytes(), &[seconds.to_string().as_bytes(), b".", &body]);
        headers.push(("x-lockgate-signature", format!("t={seconds},v1={signature}")));
    }
    Post { url: place.url.to_owned(), headers, body }
}

fn row(notice: &Notice) -> Row<'_> {
    Row {
        id: &notice.id,
        at: notice.time(),
        kind: notice.kind.name(),
        status: notice.status.name(),
        title: notice.kind.title(notice.status),
        subject: &notice.subject,
        text: &notice.text,
    }
}
