//! The query of a request: each parameter is of the path's own table, stands there once and means what it should.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use percent_encoding::percent_decode_str;

use super::Refusal;

/// A parameter of a path.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    /// What it does, for people.
    pub(super) about: &'static str,
    pub(super) kind: Kind,
    pub(super) is_required: bool,
}

/// What a parameter's value is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// Any text.
    Text,
    /// A whole number in these bounds.
    Count(u64, u64),
    /// A moment: RFC 3339, a day, milliseconds since 1970, or how long ago it was.
    Moment,
    /// One of these words.
    OneOf(&'static [&'static str]),
}

/// A parameter that may be left out.
pub(super) const fn may(name: &'static str, kind: Kind, about: &'static str) -> Parameter {
    Parameter { name, about, kind, is_required: false }
}

/// A parameter that has to be there.
pub(super) const fn must(name: &'static str, kind: Kind, about: &'static str) -> Parameter {
    Parameter { name, about, kind, is_required: true }
}

/// The parameters of one request.
#[derive(Debug, Default)]
pub(super) struct Query {
    values: Vec<(&'static str, String)>,
    now: Duration,
}

impl Query {
    /// Reads `text`, in which nothing is but `known` parameters. An empty value is as good as none.
    pub(super) fn read(
        text: &str,
        known: &'static [Parameter],
        path: &str,
        now: SystemTime,
    ) -> Result<Self, Refusal> {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut query = Self { values: Vec::new(), now };
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (Some(name), Some(value)) = (plain(name), plain(value)) else {
                return Err(Refusal::bad("the query is not text: percent-encode it as UTF-8"));
            };
            let Some(parameter) = known.iter().find(|parameter| parameter.name == name) else {
                return Err(unknown(&name, known));
            };
            if value.is_empty() {
                continue;
            }
            if query.get(parameter.name).is_some() {
                return Err(Refusal::bad(format!("`{}` is there twice in the query", parameter.name)));
            }
            parameter.check(&value, now)?;
            query.values.push((parameter.name, value));
        }
        let missing = known.iter().find(|must| must.is_required && query.get(must.name).is_none());
        match missing {
            Some(Parameter { name, about, .. }) => {
                Err(Refusal::bad(format!("`{name}` is missing: `{path}?{name}=...` ({about})")))
            }
            None => Ok(query),
        }
    }

    /// The value of that name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// The same as a number.
    pub(super) fn count(&self, name: &str) -> Option<u64> {
        self.get(name)?.parse().ok()
    }

    /// The same as a moment, in milliseconds since 1970.
    pub(super) fn moment(&self, name: &str) -> Option<u64> {
        moment(self.get(name)?, self.now)
    }
}

impl Parameter {
    fn check(&self, value: &str, now: Duration) -> Result<(), Refusal> {
        let wanted = match self.kind {
            Kind::Text => return Ok(()),
            Kind::Count(least, most) => match value.parse() {
                Ok(count) if (least..=most).contains(&count) => return Ok(()),
                _ => format!("is a number from {least} to {most}"),
            },
            Kind::Moment if moment(value, now).is_some() => return Ok(()),
            Kind::Moment => {
                "is a moment: `2026-11-21T20:15:00Z`, `2026-11-21`, milliseconds since 1970, or how long ago it was, as \
                 `15m` or `24h`"
                    .to_owned()
            }
            Kind::OneOf(words) if words.contains(&value) => return Ok(()),
            Kind::OneOf(words) => match nearest(value, words.iter().copied()) {
                Some(near) => format!("is one of {}: did you mean `{near}`?", listed(words.iter().copied())),
                None => format!("is one of {}", listed(words.iter().copied())),
            },
        };
        Err(Refusal::bad(format!("`{}={}` cannot be: `{}` {wanted}", self.name, shown(value), self.name)))
    }
}

/// A moment in milliseconds since 1970, as far as it can be understood.
pub(super) fn moment(text: &str, now: Duration) -> Option<u64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok();
    }
    let ms = |since: Duration| u64::try_from(since.as_millis()).ok();
    let date = match text.len() {
        10 => humantime::parse_rfc3339(&format!("{text}T00:00:00Z")),
        _ => humantime::parse_rfc3339_weak(text),
    };
    match date {
        Ok(at) => ms(at.duration_since(UNIX_EPOCH).ok()?),
        Err(_) => ms(now.saturating_sub(humantime::parse_duration(text).ok()?)),
    }
}

fn unknown(name: &str, known: &[Parameter]) -> Refusal {
    let names = || known.iter().map(|parameter| parameter.name);
    let takes = match known.is_empty() {
        true => "this path takes none".to_owned(),
        false => format!("this path takes {}", listed(names())),
    };
    let meant = nearest(name, names()).map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
    Refusal::bad(format!("there is no parameter `{}`: {meant}{takes}", shown(name)))
}

/// The word that `name` was probably meant to be.
pub(super) fn nearest<'w>(name: &str, words: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    // A name is compared as far as real ones are long.
    let name: String = name.chars().take(64).flat_map(char::to_lowercase).collect();
    let allowed = (name.chars().count() / 3).max(1);
    words
        .map(|word| (strsim::damerau_levenshtein(&name, word), word))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// Words in backticks, with commas between.
pub(super) fn listed<'w>(words: impl Iterator<Item = &'w str>) -> String {
    words.map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// A text as far as it can be shown in a sentence.
pub(super) fn shown(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(60).collect()
}

fn plain(text: &str) -> Option<String> {
    let text = text.replace('+', " ");
    Some(percent_decode_str(&text).decode_utf8().ok()?.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[Parameter] = &[
        may("model", Kind::Text, "the model"),
        may("limit", Kind::Count(1, 9), "how many"),
        may("from", Kind::Moment, "from when on"),
        may("step", Kind::OneOf(&["minute", "hour"]), "how far apart"),
    ];
    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn read(text: &str) -> Result<Query, String> {
        let now = NOW + Duration::from_secs(86_400);
        Query::read(text, KNOWN, "/x", now).map_err(|refusal| refusal.error.message)
    }

    #[test]
    fn values_are_read() {
        let query = read("model=a%2Fb+c&limit=3&from=&step=hour").unwrap();
        assert_eq!(query.get("model"), Some("a/b c"));
        assert_eq!((query.count("limit"), query.get("from")), (Some(3), None));
        for (text, expect) in [
            ("1000", 1_000),
            ("1970-01-01T00:00:01Z", 1_000),
            ("1970-01-01%2000:00:01", 1_000),
            ("1970-01-01T00:00:01.5Z", 1_500),
            ("1970-01-01", 0),
            ("24h", 0),
            ("1h", 23 * 3_600_000),
        ] {
            assert_eq!(read(&format!("from={text}")).unwrap().moment("from"), Some(expect), "{text}");
        }
    }

    #[track_caller]
    fn check(text: &str, expect: &str) {
        let said = read(text).unwrap_err();
        assert!(said.contains(expect), "{said}");
    }

    #[test]
    fn what_is_wrong_is_named() {
        check(
            "modle=a",
            "no parameter `modle`: did you mean `model`? this path takes `model`, `limit`, `from`, `step`",
        );
        check("something=a", "no parameter `something`: this path takes");
        check("limit=10", "`limit=10` cannot be: `limit` is a number from 1 to 9");
        check("limit=-1", "`limit` is a number");
        check("limit=1&limit=2", "`limit` is there twice");
        check("from=yesterday", "`from` is a moment");
        check("step=hours", "one of `minute`, `hour`: did you mean `hour`?");
        check("model=%ff", "not text");
        const MUST: &[Parameter] = &[must("model", Kind::Text, "the model's name")];
        let said = Query::read("", MUST, "/x", NOW).unwrap_err().error.message;
        assert_eq!(said, "`model` is missing: `/x?model=...` (the model's name)");
    }
}
