//! The short text forms of faults, as scripts and command lines have them.

use std::{collections::BTreeMap, fmt, str::FromStr, time::Duration};

use super::Fault;

/// A fault text nobody knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no fault, use one of {KNOWN}")]
pub struct UnknownFault(String);

const KNOWN: &str = "`429`, `503;retry-after=2`, `quota`, `context-length`, `content-filter`, `reset`, \
`silent`, `headers`, `late:20s`, `cut:40`, `stall:20`, `stall:20;30s`, `pause:20;30s`, `malformed:5`, `error:3`, `error:3;429`, \
`lifecycle`, `lifecycle;529`, `no-done`, `no-end`, `empty`, `html`, `html:200`, `error-in-200`, `error-in-200;429`, \
`truncated`, `type:text/plain`, `gzip`, `gzip-unnamed`, `gzip-claimed`, `length:+10`, `length:-10`";

impl FromStr for Fault {
    type Err = UnknownFault;

    fn from_str(text: &str) -> Result<Self, UnknownFault> {
        parse(text).ok_or_else(|| UnknownFault(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<Fault> {
    let (head, option) = text.split_once(';').map_or((text, None), |(head, rest)| (head, Some(rest)));
    if let Ok(status) = head.parse::<u16>()
        && (200..1000).contains(&status)
    {
        let retry_after = match option {
            None => None,
            Some(option) => Some(option.strip_prefix("retry-after=")?.to_owned()),
        };
        return Some(Fault::Status { status, retry_after, body: None, headers: BTreeMap::new() });
    }
    let (name, argument) = head.split_once(':').map_or((head, None), |(name, rest)| (name, Some(rest)));
    with_option(name, argument, option).or_else(|| match option {
        None => plain(name, argument),
        Some(_) => None,
    })
}

/// The faults that may have something behind a semicolon.
fn with_option(name: &str, argument: Option<&str>, option: Option<&str>) -> Option<Fault> {
    let status = match option {
        None => None,
        Some(option) => option.parse().ok().filter(|status| (400..600).contains(status)),
    };
    if option.is_some() && status.is_none() && !matches!(name, "pause" | "stall") {
        return None;
    }
    match (name, argument) {
        ("pause", Some(events)) => {
            Some(Fault::PauseAfter { events: events.parse().ok()?, pause: duration(option?)? })
        }
        ("stall", Some(events)) => {
            let closes = option.map(duration);
            (closes != Some(None))
                .then_some(Fault::StallAfter { events: events.parse().ok()?, closes: closes.flatten() })
        }
        ("error", Some(at)) => Some(Fault::ErrorEvent { at: at.parse().ok()?, status }),
        ("lifecycle", None) => Some(Fault::LifecycleOnly { status }),
        ("error-in-200", None) => Some(Fault::ErrorIn200 { status }),
        _ => None,
    }
}

fn plain(name: &str, argument: Option<&str>) -> Option<Fault> {
    Some(match (name, argument) {
        ("quota", None) => Fault::Quota,
        ("context-length", None) => Fault::ContextLength,
        ("content-filter", None) => Fault::ContentFilter,
        ("reset", None) => Fault::Reset,
        ("silent", None) => Fault::Silent,
        ("headers", None) => Fault::HeadersOnly,
        ("late", Some(after)) => Fault::LateFirstToken { after: duration(after)? },
        ("cut", Some(events)) => Fault::CutAfter { events: events.parse().ok()? },
        ("malformed", Some(at)) => Fault::MalformedEvent { at: at.parse().ok()? },
        ("no-done", None) => Fault::NoDone,
        ("no-end", None) => Fault::NoEnd,
        ("empty", None) => Fault::EmptyStream,
        ("html", None) => Fault::Html { status: 502 },
        ("html", Some(status)) => {
            Fault::Html { status: status.parse().ok().filter(|s| (200..600).contains(s))? }
        }
        ("truncated", None) => Fault::TruncatedJson,
        ("type", Some(media_type))
            if !media_type.is_empty() && http::HeaderValue::from_str(media_type).is_ok() =>
        {
            Fault::ContentType { media_type: media_type.to_owned() }
        }
        ("gzip", None) => Fault::Gzip { named: true },
        ("gzip-unnamed", None) => Fault::Gzip { named: false },
        ("gzip-claimed", None) => Fault::GzipClaimed,
        ("length", Some(off)) if off.starts_with(['+', '-']) => Fault::Length { off: off.parse().ok()? },
        _ => return None,
    })
}

fn duration(text: &str) -> Option<Duration> {
    humantime::parse_duration(text).ok()
}

/// The short text form. The body and the headers of a `Status` have no place in it and are left out.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status { status, retry_after: None, .. } => write!(f, "{status}"),
            Self::Status { status, retry_after: Some(after), .. } => {
                write!(f, "{status};retry-after={after}")
            }
            Self::Quota => f.write_str("quota"),
            Self::ContextLength => f.write_str("context-length"),
            Self::ContentFilter => f.write_str("content-filter"),
            Self::Reset => f.write_str("reset"),
            Self::Silent => f.write_str("silent"),
            Self::HeadersOnly => f.write_str("headers"),
            Self::LateFirstToken { after } => write!(f, "late:{}", humantime::format_duration(*after)),
            Self::CutAfter { events } => write!(f, "cut:{events}"),
            Self::StallAfter { events, closes: None } => write!(f, "stall:{events}"),
            Self::StallAfter { events, closes: Some(closes) } => {
                write!(f, "stall:{events};{}", humantime::format_duration(*closes))
            }
            Self::PauseAfter { events, pause } => {
                write!(f, "pause:{events};{}", humantime::format_duration(*pause))
            }
            Self::MalformedEvent { at } => write!(f, "malformed:{at}"),
            Self::ErrorEvent { at, status } => with_status(f, &format!("error:{at}"), *status),
            Self::LifecycleOnly { status } => with_status(f, "lifecycle", *status),
            Self::NoDone => f.write_str("no-done"),
            Self::NoEnd => f.write_str("no-end"),
            Self::EmptyStream => f.write_str("empty"),
            Self::Html { status: 502 } => f.write_str("html"),
            Self::Html { status } => write!(f, "html:{status}"),
            Self::ErrorIn200 { status } => with_status(f, "error-in-200", *status),
            Self::TruncatedJson => f.write_str("truncated"),
            Self::ContentType { media_type } => write!(f, "type:{media_type}"),
            Self::Gzip { named: true } => f.write_str("gzip"),
            Self::Gzip { named: false } => f.write_str("gzip-unnamed"),
            Self::GzipClaimed => f.write_str("gzip-claimed"),
            Self::Length { off } => write!(f, "length:{off:+}"),
        }
    }
}

fn with_status(f: &mut fmt::Formatter<'_>, name: &str, status: Option<u16>) -> fmt::Result {
    match status {
        None => f.write_str(name),
        Some(status) => write!(f, "{name};{status}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_form_reads_back() {
        for text in KNOWN.split(", ").map(|quoted| quoted.trim_matches('`')) {
            let fault: Fault = text.parse().unwrap();
            assert_eq!(fault.to_string(), text);
            let json = serde_json::to_string(&fault).unwrap();
            assert_eq!(serde_json::from_str::<Fault>(&json).unwrap(), fault, "{json}");
        }
    }

    #[test]
    fn nonsense_is_named() {
        for text in [
            "",
            "cut",
            "cut:x",
            "cut:3;429",
            "late:soon",
            "503;retry=2",
            "html:99",
            "99",
            "100",
            "0",
            "reset:1",
            "quota;1",
            "banana",
            "error:3;soon",
            "error:3;200",
            "pause:3",
            "stall:3;soon",
            "length:10",
            "type:",
            "type:\n",
        ] {
            let why = text.parse::<Fault>().unwrap_err().to_string();
            assert!(why.starts_with(&format!("`{text}` is no fault, use one of `429`")), "{why}");
        }
    }
}
