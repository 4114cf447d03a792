//! One thing that an operator is told.

use std::time::SystemTime;

use crate::Kind;

/// Most characters of a subject: clients make up the names of some.
const SUBJECT: usize = 200;
/// Most characters of a text.
const TEXT: usize = 600;

/// Something that an operator should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// What it is about.
    pub kind: Kind,
    /// Whom it concerns: a deployment, a credential, a key, a model. Of one kind, each subject is told of by itself.
    pub subject: String,
    /// What is the matter, in a sentence without a secret.
    pub text: String,
}

/// Whether something begins or is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It is the matter now.
    Raised,
    /// It was the matter, and is not any more.
    Resolved,
}

/// An alert that is told: one line of text each for subject and text, within bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What tells it from all others.
    pub id: String,
    /// When it was raised.
    pub at: SystemTime,
    /// Whether it begins or is over.
    pub status: Status,
    /// What it is about.
    pub kind: Kind,
    /// Whom it concerns.
    pub subject: String,
    /// What is the matter.
    pub text: String,
}

// === impl Alert ===

impl Alert {
    /// An alert of `kind` about `subject`.
    pub fn new(kind: Kind, subject: impl Into<String>, text: impl Into<String>) -> Self {
        Self { kind, subject: subject.into(), text: text.into() }
    }
}

// === impl Status ===

impl Status {
    /// Its name for machines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Resolved => "resolved",
        }
    }
}

// === impl Notice ===

impl Notice {
    /// What is told of `alert`.
    #[must_use]
    pub fn new(id: String, at: SystemTime, status: Status, alert: Alert) -> Self {
        let Alert { kind, subject, text } = alert;
        Self { id, at, status, kind, subject: line(&subject, SUBJECT), text: line(&text, TEXT) }
    }

    /// What a person reads first: what is the matter, and with whom.
    #[must_use]
    pub fn title(&self) -> String {
        let title = self.kind.title(self.status);
        if self.subject.is_empty() { title.to_owned() } else { format!("{title}: {}", self.subject) }
    }

    /// When it was raised, to the second, in UTC.
    #[must_use]
    pub fn time(&self) -> String {
        time(self.at)
    }
}

/// A time to the second, in UTC.
pub(crate) fn time(at: SystemTime) -> String {
    humantime::format_rfc3339_seconds(at).to_string()
}

/// The text as one line of at most that many characters: what comes from others can neither forge lines nor fill a message.
pub(crate) fn line(text: &str, most: usize) -> String {
    let mut chars = text.trim().chars().map(|c| if is_line(c) { c } else { ' ' });
    let mut line: String = chars.by_ref().take(most).collect();
    if chars.next().is_some() {
        line.push('…');
    }
    line
}

/// Whether a character neither ends a line nor turns the order of what is read.
fn is_line(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_made_up_is_one_short_line() {
        let alert = Alert::new(Kind::Deployment, "a\r\nBcc: x\u{202e}y", "é".repeat(TEXT + 1));
        let notice = Notice::new("1".to_owned(), SystemTime::UNIX_EPOCH, Status::Raised, alert);
        assert_eq!(notice.title(), "deployment ejected: a  Bcc: x y");
        assert_eq!(notice.text, format!("{}…", "é".repeat(TEXT)));
        assert_eq!(notice.time(), "1970-01-01T00:00:00Z");
    }
}
