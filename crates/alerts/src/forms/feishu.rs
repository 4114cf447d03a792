//! Feishu's and Lark's custom bots: a body of at most 20 KB with the signature in it; 200 is answered whatever comes of it.
//!
//! Source: <https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot>. A bot takes 100 messages a minute and 5 a
//! second.

use serde_json::json;

use crate::{Failure, Message, Place, Post, form, sign};

/// Bytes of a text: JSON makes more of it.
const ROOM: usize = 8 << 10;
/// Codes that may pass: too many messages.
const PASSING: &[i64] = &[11232];

/// As a post, whose texts are taken as they are: in a plain text message, `<at user_id="all">` calls for everybody.
pub(crate) fn compose(message: &Message, place: Place<'_>, now_ms: u64) -> Post {
    let lines: Vec<_> =
        message.text(ROOM).lines().map(|line| json!([{ "tag": "text", "text": line }])).collect();
    let post = json!({ "zh_cn": { "title": message.title(), "content": lines } });
    let mut body = json!({ "msg_type": "post", "content": { "post": post } });
    if let Some(secret) = place.secret {
        let seconds = now_ms / 1000;
        // By the source the text to sign is the key, and what is signed is empty.
        let sign = sign::base64(format!("{seconds}\n{secret}").as_bytes(), &[]);
        body["timestamp"] = json!(seconds.to_string());
        body["sign"] = json!(sign);
    }
    Post::json(place.url, &body)
}

/// Bots of the first kind said `StatusCode`.
pub(crate) fn judge(body: &[u8]) -> Result<(), Failure> {
    form::coded(body, &["code", "StatusCode"], "msg", PASSING)
}
