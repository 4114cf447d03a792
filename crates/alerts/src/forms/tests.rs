//! Each form, as its receiver takes it.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use serde_json::{Value as Json, json};

use crate::{Alert, Form, Kind, Message, Notice, Place, Post, Status};

const URL: &str = "https://h.example/hook?key=k";
/// 2026-01-02T03:04:05.678Z.
const NOW_MS: u64 = 1_767_323_045_678;

fn message(count: usize) -> Message {
    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(NOW_MS);
    let notice = |number: usize| {
        let alert = Alert::new(Kind::Deployment, "p/<!channel>&#1", "it fails");
        Arc::new(Notice::new(format!("alert_{number}"), at, Status::Raised, alert))
    };
    Message { notices: (0..count).map(notice).collect(), left_out: 0 }
}

fn compose(form: Form, count: usize, secret: Option<&str>) -> (Post, Json) {
    let now = SystemTime::UNIX_EPOCH + Duration::from_millis(NOW_MS);
    let post = form.compose(&message(count), Place { url: URL, secret }, now);
    let body = serde_json::from_slice(&post.body).expect("JSON");
    (post, body)
}

const TEXT: &str = "Lockgate: deployment ejected: p/<!channel>&#1\nit fails\n2026-01-02T03:04:05Z";

#[test]
fn a_webhook_is_sent_what_programs_read() {
    let (post, body) = compose(Form::Webhook, 1, None);
    assert_eq!(post.url, URL);
    let headers = [("content-type", "application/json; charset=utf-8"), ("x-lockgate-alert-id", "alert_0")];
    assert_eq!(post.headers, headers.map(|(name, value)| (name, value.to_owned())));
    let expected = json!({
        "version": 1,
        "id": "alert_0",
        "sent_at": "2026-01-02T03:04:05Z",
        "title": "Lockgate: deployment ejected: p/<!channel>&#1",
        "text": "it fails\n2026-01-02T03:04:05Z",
        "alerts": [{
            "id": "alert_0",
            "at": "2026-01-02T03:04:05Z",
            "kind": "deployment",
            "status": "raised",
            "title": "deployment ejected",
            "subject": "p/<!channel>&#1",
            "text": "it fails",
        }],
        "left_out": 0,
    });
    assert_eq!(body, expected);
}

#[test]
fn a_webhook_is_signed_with_the_time_and_the_body() {
    let (post, _) = compose(Form::Webhook, 2, Some("hush"));
    let signed = [b"1767323045.", post.body.as_slice()].concat();
    let expected = format!("t=1767323045,v1={}", crate::sign::hex(b"hush", &[&signed]));
    assert_eq!(post.headers.last(), Some(&("x-lockgate-signature", expected)));
}

#[test]
fn chats_are_sent_plain_text_that_calls_for_nobody() {
    let (_, slack) = compose(Form::Slack, 1, None);
    let escaped = TEXT.replace("<!channel>&", "&lt;!channel&gt;&amp;");
    assert_eq!(slack, json!({ "text": escaped, "mrkdwn": false }));
    for form in [Form::Wecom, Form::Dingtalk] {
        let (post, body) = compose(form, 1, None);
        assert_eq!(
            (post.url.as_str(), body),
            (URL, json!({ "msgtype": "text", "text": { "content": TEXT } }))
        );
    }
    let (_, feishu) = compose(Form::Feishu, 1, None);
    let lines =
        json!([[{ "tag": "text", "text": "it fails" }], [{ "tag": "text", "text": "2026-01-02T03:04:05Z" }]]);
    let post =
        json!({ "zh_cn": { "title": "Lockgate: deployment ejected: p/<!channel>&#1", "content": lines } });
    assert_eq!(feishu, json!({ "msg_type": "post", "content": { "post": post } }));
}

/// The signatures are those that Python's `hmac` makes by the receivers' examples.
#[test]
fn bots_are_shown_their_own_signatures() {
    let (_, feishu) = compose(Form::Feishu, 1, Some("this is secret"));
    assert_eq!(feishu["timestamp"], "1767323045");
    assert_eq!(feishu["sign"], "vPsnnvAZxu+kCm2cauzPRMibf/V3U+rBntySACW2LnQ=");
    let (dingtalk, _) = compose(Form::Dingtalk, 1, Some("this is secret"));
    assert_eq!(
        dingtalk.url,
        format!("{URL}&timestamp={NOW_MS}&sign=jHA8UA%2Fxco%2BcKcAWeqsB1f3cskON7VG533B7Dw9pnL4%3D")
    );
}

#[test]
fn a_storm_stays_within_what_receivers_take() {
    let sizes = [(Form::Slack, 4000), (Form::Wecom, 2300), (Form::Feishu, 20_000), (Form::Dingtalk, 20_000)];
    for (form, most) in sizes {
        let (post, _) = compose(form, 256, None);
        assert!(post.body.len() <= most, "{form}: {} bytes", post.body.len());
    }
}
