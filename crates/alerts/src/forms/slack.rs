//! Slack's incoming webhooks, and what takes the same: `text` in JSON, `ok` or a word of what is wrong as the answer.
//!
//! Source: <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>, and for what has to be escaped
//! <https://docs.slack.dev/messaging/formatting-message-text>.

use serde_json::json;

use crate::{Message, Place, Post};

/// Bytes of a text before it is escaped: Slack asks for at most 4,000 characters and cuts at 40,000.
const ROOM: usize = 3000;

pub(crate) fn compose(message: &Message, place: Place<'_>, _: u64) -> Post {
    // In angle brackets a text could call for everybody, or hide where a link leads.
    let text = message.whole(ROOM).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    Post::json(place.url, &json!({ "text": text, "mrkdwn": false }))
}
