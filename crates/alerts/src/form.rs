//! The seam of receivers by HTTP: a message in, a request out; an answer in, whether it was taken.

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde_json::Value as Json;

use crate::{
    Message,
    forms::{dingtalk, feishu, slack, webhook, wecom},
    notice::line,
};

/// Most characters of a receiver's words that are repeated.
const WORDS: usize = 300;
/// Shortest part of an address that is taken to be a secret where a receiver repeats it.
const SHORTEST: usize = 8;

/// How a receiver takes messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// Lockgate's own JSON, for programs.
    Webhook,
    /// An incoming webhook of Slack's, or of what takes the same.
    Slack,
    /// A group robot of WeCom's.
    Wecom,
    /// A custom bot of Feishu's or Lark's.
    Feishu,
    /// A custom robot of DingTalk's.
    Dingtalk,
}

/// Where a receiver is and what it wants to see.
#[derive(Clone, Copy)]
pub struct Place<'p> {
    /// Its address, which for most is the secret as well.
    pub url: &'p str,
    /// What it signs with, where it does.
    pub secret: Option<&'p str>,
}

/// A `POST`. Nothing of it is to be shown: address and headers hold secrets.
pub struct Post {
    /// The address.
    pub url: String,
    /// Headers: names in lower case, and values.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// Why a message was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What is the matter, without a secret.
    pub text: String,
    /// Whether the same message could be taken a moment later.
    pub may_pass: bool,
    /// How long the receiver asks to wait.
    pub wait: Option<Duration>,
}

/// What a form is.
struct Row {
    form: Form,
    name: &'static str,
    compose: fn(&Message, Place<'_>, u64) -> Post,
    judge: fn(&[u8]) -> Result<(), Failure>,
    /// Whether it signs.
    signs: bool,
}

/// All forms.
const TABLE: &[Row] = &[
    Row { form: Form::Webhook, name: "webhook", compose: webhook::compose, judge: any, signs: true },
    Row { form: Form::Slack, name: "slack", compose: slack::compose, judge: any, signs: false },
    Row { form: Form::Wecom, name: "wecom", compose: wecom::compose, judge: wecom::judge, signs: false },
    Row { form: Form::Feishu, name: "feishu", compose: feishu::compose, judge: feishu::judge, signs: true },
    Row {
        form: Form::Dingtalk,
        name: "dingtalk",
        compose: dingtalk::compose,
        judge: dingtalk::judge,
        signs: true,
    },
];

// === impl Form ===

impl Form {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.form)
    }

    fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }

    /// Its name in configs.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// Whether its receivers can check signatures.
    #[must_use]
    pub fn signs(self) -> bool {
        self.row().signs
    }

    /// What is sent to a receiver at `now`.
    #[must_use]
    pub fn compose(self, message: &Message, place: Place<'_>, now: SystemTime) -> Post {
        let now = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        (self.row().compose)(message, place, u64::try_from(now).unwrap_or(u64::MAX))
    }

    /// Whether a receiver took a message, by the status and the body of its answer.
    ///
    /// # Errors
    /// Why not; of the receiver's words, what is known of the place as a secret is left out.
    pub fn judge(self, place: Place<'_>, status: u16, body: &[u8]) -> Result<(), Failure> {
        let judged = match status {
            200..=299 => (self.row().judge)(body),
            _ => Err(refused(status, body)),
        };
        judged.map_err(|failure| Failure { text: line(&place.hide(&failure.text), WORDS), ..failure })
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

// === impl Place ===

impl Place<'_> {
    /// The text without this place's secrets: receivers repeat what they were asked.
    #[must_use]
    pub fn hide(&self, text: &str) -> String {
        const HIDDEN: &str = "<hidden>";
        let rest = self.url.split_once("://").map_or(self.url, |(_, rest)| rest);
        let asked = rest.find(['/', '?']).map_or("", |at| &rest[at..]);
        let parts = asked.split(['/', '?', '&', '=', '#']).filter(|part| part.len() >= SHORTEST);
        let user = rest.split('/').next().and_then(|host| host.rsplit_once('@')).map(|(user, _)| user);
        let mut hidden = text.to_owned();
        for part in self.secret.into_iter().chain(user).chain(parts).filter(|part| !part.is_empty()) {
            hidden = hidden.replace(part, HIDDEN);
        }
        hidden
    }
}

// === impl Post ===

impl Post {
    /// A `POST` of JSON.
    pub(crate) fn json(url: &str, body: &Json) -> Self {
        let headers = vec![("content-type", "application/json; charset=utf-8".to_owned())];
        Self { url: url.to_owned(), headers, body: body.to_string().into_bytes() }
    }
}

// === impl Failure ===

impl Failure {
    /// A failure after which the same message is not sent again.
    pub fn lasting(text: impl Into<String>) -> Self {
        Self { text: text.into(), may_pass: false, wait: None }
    }

    /// A failure that may pass.
    pub fn passing(text: impl Into<String>) -> Self {
        Self { text: text.into(), may_pass: true, wait: None }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Any body will do.
fn any(_: &[u8]) -> Result<(), Failure> {
    Ok(())
}

fn refused(status: u16, body: &[u8]) -> Failure {
    let words = String::from_utf8_lossy(body);
    let words = words.trim();
    let said = if words.is_empty() { String::new() } else { format!(": {words}") };
    let may_pass = matches!(status, 408 | 425 | 429 | 500..=599);
    let text = match status {
        300..=399 => {
            format!("it answered {status}: redirects are not followed, so write the address it leads to")
        }
        _ => format!("it answered {status}{said}"),
    };
    Failure { text, may_pass, wait: None }
}

/// What an answer of those says that answer 200 whatever comes of it: the number in `code`, and the words in `words`.
pub(crate) fn coded(body: &[u8], code: &[&str], words: &str, passing: &[i64]) -> Result<(), Failure> {
    let Ok(said) = serde_json::from_slice::<Json>(body) else {
        let body = String::from_utf8_lossy(body);
        return Err(Failure::lasting(format!(
            "it answered 200 without saying what came of it: {}",
            body.trim()
        )));
    };
    match code.iter().find_map(|name| said[*name].as_i64()) {
        Some(0) => Ok(()),
        Some(number) => {
            let words = said[words].as_str().unwrap_or_default();
            let text = format!("it answered 200 with code {number}: {words}");
            Err(Failure { text, may_pass: passing.contains(&number), wait: None })
        }
        None => Err(Failure::lasting(format!("it answered 200 without saying what came of it: {said}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_at_its_place() {
        for row in TABLE {
            assert_eq!(row.form.name(), row.name);
        }
    }

    #[track_caller]
    fn check(form: Form, status: u16, body: &str, expect: Result<(), (&str, bool)>) {
        let place =
            Place { url: "https://me:word@h.example/hook/0123456789?key=abcdefgh&x=1", secret: Some("hush") };
        let judged = form.judge(place, status, body.as_bytes());
        let judged = judged.map_err(|failure| (failure.text, failure.may_pass));
        assert_eq!(judged, expect.map_err(|(text, may_pass)| (text.to_owned(), may_pass)));
    }

    #[test]
    fn answers_are_judged_by_what_they_say() {
        check(Form::Webhook, 204, "", Ok(()));
        check(Form::Slack, 200, "ok", Ok(()));
        check(Form::Slack, 404, "no_service", Err(("it answered 404: no_service", false)));
        check(Form::Slack, 429, "", Err(("it answered 429", true)));
        check(Form::Webhook, 503, "later", Err(("it answered 503: later", true)));
        let moved = "it answered 302: redirects are not followed, so write the address it leads to";
        check(Form::Webhook, 302, "x", Err((moved, false)));
        check(Form::Wecom, 200, r#"{"errcode":0,"errmsg":"ok"}"#, Ok(()));
        let bad = r#"{"errcode":93000,"errmsg":"invalid webhook url"}"#;
        check(Form::Wecom, 200, bad, Err(("it answered 200 with code 93000: invalid webhook url", false)));
        let often = r#"{"errcode":45009,"errmsg":"api freq out of limit"}"#;
        check(Form::Wecom, 200, often, Err(("it answered 200 with code 45009: api freq out of limit", true)));
        check(Form::Dingtalk, 200, r#"{"errcode":0,"errmsg":"ok"}"#, Ok(()));
        let unsigned = r#"{"errcode":310000,"errmsg":"sign not match"}"#;
        check(
            Form::Dingtalk,
            200,
            unsigned,
            Err(("it answered 200 with code 310000: sign not match", false)),
        );
        check(Form::Feishu, 200, r#"{"code":0,"msg":"success","data":{}}"#, Ok(()));
        check(Form::Feishu, 200, r#"{"StatusCode":0,"StatusMessage":"success"}"#, Ok(()));
        let late =
            r#"{"code":19021,"msg":"sign match fail or timestamp is not within one hour from current time"}"#;
        let told = "it answered 200 with code 19021: sign match fail or timestamp is not within one hour from current time";
        check(Form::Feishu, 200, late, Err((told, false)));
        check(
            Form::Feishu,
            200,
            "<html>",
            Err(("it answered 200 without saying what came of it: <html>", false)),
        );
        check(Form::Wecom, 200, "{}", Err(("it answered 200 without saying what came of it: {}", false)));
    }

    #[test]
    fn a_receivers_words_hold_no_secret() {
        let words = "no hook 0123456789 for key abcdefgh signed with hush by me:word";
        let told = "it answered 403: no hook <hidden> for key <hidden> signed with <hidden> by <hidden>";
        check(Form::Webhook, 403, words, Err((told, false)));
    }
}
