//! DingTalk's custom robots: the signature is in the address; 200 is answered whatever comes of it.
//!
//! Source: <https://open.dingtalk.com/document/robots/customize-robot-security-settings> and
//! <https://open.dingtalk.com/document/robots/custom-robot-access>. A robot takes 20 messages a minute, and nothing for ten
//! minutes after more of them.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use crate::{Failure, Message, Place, Post, form, sign};

/// Bytes of a text: the whole body may have 20,000.
const ROOM: usize = 4 << 10;
/// Codes that may pass: the system is busy, messages come too fast.
const PASSING: &[i64] = &[-1, 130101];

pub(crate) fn compose(message: &Message, place: Place<'_>, now_ms: u64) -> Post {
    let body = json!({ "msgtype": "text", "text": { "content": message.whole(ROOM) } });
    let mut post = Post::json(place.url, &body);
    if let Some(secret) = place.secret {
        let signature = sign::base64(secret.as_bytes(), &[format!("{now_ms}\n{secret}").as_bytes()]);
        let signature = utf8_percent_encode(&signature, NON_ALPHANUMERIC);
        let joint = if place.url.contains('?') { '&' } else { '?' };
        post.url = format!("{}{joint}timestamp={now_ms}&sign={signature}", place.url);
    }
    post
}

pub(crate) fn judge(body: &[u8]) -> Result<(), Failure> {
    form::coded(body, &["errcode"], "errmsg", PASSING)
}
