//! WeCom's group robots: a text of at most 2,048 bytes; 200 is answered whatever comes of it.
//!
//! Source: <https://developer.work.weixin.qq.com/document/path/91770>. A robot takes 20 messages a minute.

use serde_json::json;

use crate::{Failure, Message, Place, Post, form};

/// Bytes of a text, by the source.
const ROOM: usize = 2048;
/// Codes that may pass: the system is busy, too many messages.
/// Source: <https://developer.work.weixin.qq.com/document/path/90313>.
const PASSING: &[i64] = &[-1, 45009, 45033];

/// As plain text: in its Markdown, names that others made up could call for people.
pub(crate) fn compose(message: &Message, place: Place<'_>, _: u64) -> Post {
    Post::json(place.url, &json!({ "msgtype": "text", "text": { "content": message.whole(ROOM) } }))
}

pub(crate) fn judge(body: &[u8]) -> Result<(), Failure> {
    form::coded(body, &["errcode"], "errmsg", PASSING)
}
