//! Which trace a request belongs to, as W3C Trace Context has it in headers (`traceparent`, `tracestate`).

use http::{HeaderMap, HeaderName, HeaderValue};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
/// The flag of a trace that is kept.
const SAMPLED: u8 = 1;
/// Of the flags, those that mean something: kept, and made up at random.
const KNOWN: u8 = 3;

/// What `traceparent` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Context {
    pub(super) trace: u128,
    /// The span that asks.
    pub(super) span: u64,
    flags: u8,
}

impl Context {
    /// A trace that begins here.
    pub(super) fn new(trace: u128, span: u64, is_kept: bool) -> Self {
        Self { trace, span, flags: u8::from(is_kept) * SAMPLED }
    }

    /// What these headers say; `None` if they say nothing that is valid.
    pub(super) fn read(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(TRACEPARENT).iter();
        // Who sends two has none.
        let (Some(value), None) = (values.next(), values.next()) else { return None };
        Self::parse(value.as_bytes().trim_ascii())
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let [version, trace, span, flags] =
            [text.get(..2)?, text.get(3..35)?, text.get(36..52)?, text.get(53..55)?];
        let has_dashes = [2, 35, 52].iter().all(|place| text[*place] == b'-');
        let version = hex(version)?;
        // Later versions may say more behind another dash; 255 is none.
        let ends = text.len() == 55 || (version > 0 && text[55] == b'-');
        if !has_dashes || !ends || version == 255 {
            return None;
        }
        let (trace, span) = (hex(trace)?, u64::try_from(hex(span)?).ok()?);
        let flags = u8::try_from(hex(flags)?).ok()? & KNOWN;
        (trace != 0 && span != 0).then_some(Self { trace, span, flags })
    }

    /// The same for a request of `span`.
    pub(super) fn with(self, span: u64) -> Self {
        Self { span, ..self }
    }

    /// The same, kept or not.
    pub(super) fn kept(self, is_kept: bool) -> Self {
        Self { flags: (self.flags & !SAMPLED) | (u8::from(is_kept) * SAMPLED), ..self }
    }

    /// Whether the trace is kept.
    pub(super) fn is_kept(self) -> bool {
        self.flags & SAMPLED != 0
    }

    fn value(self) -> Option<HeaderValue> {
        let Self { trace, span, flags } = self;
        HeaderValue::from_str(&format!("00-{trace:032x}-{span:016x}-{flags:02x}")).ok()
    }

    /// Says it in `out`, with what the makers of other spans say of it. What is there already (the operator's) wins.
    pub(super) fn carry(self, state: &[HeaderValue], out: &mut HeaderMap) {
        if out.contains_key(TRACEPARENT) {
            return;
        }
        out.extend(self.value().map(|value| (TRACEPARENT, value)));
        out.remove(TRACESTATE);
        for value in state {
            out.append(TRACESTATE, value.clone());
        }
    }
}

/// What the makers of other spans say of the trace that these headers name.
pub(super) fn state(headers: &HeaderMap) -> Vec<HeaderValue> {
    headers.get_all(TRACESTATE).iter().cloned().collect()
}

/// Says in `out` what the client's headers say of a trace, as they say it.
pub(crate) fn pass_on(client: &HeaderMap, out: &mut HeaderMap) {
    if Context::read(client).is_some() && !out.contains_key(TRACEPARENT) {
        out.extend(client.get(TRACEPARENT).map(|value| (TRACEPARENT, value.clone())));
        for value in state(client) {
            out.append(TRACESTATE, value);
        }
    }
}

/// A number in lower-case hexadecimal digits, as the standard wants them.
fn hex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |number: u128, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u128::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, value);
        }
        headers
    }

    #[track_caller]
    fn check(value: &str, expect: Option<&str>) {
        let read = Context::read(&headers(&[("traceparent", value)]));
        let shown = read.and_then(Context::value).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(shown.as_deref(), expect, "{value}");
    }

    #[test]
    fn only_what_the_standard_has_is_taken() {
        check(GOOD, Some(GOOD));
        check(&GOOD.replace("-01", "-00"), Some(&GOOD.replace("-01", "-00")));
        check(&GOOD.replace("-01", "-ff"), Some(&GOOD.replace("-01", "-03")));
        check(&GOOD.replacen("00", "cc", 1), Some(GOOD));
        check(&format!("{}-more", GOOD.replacen("00", "01", 1)), Some(GOOD));
        for bad in [
            "",
            "00",
            "00-1-2-01",
            &GOOD.to_uppercase(),
            &GOOD.replacen("00", "ff", 1),
            &format!("{GOOD}-more"),
            &format!("{}more", GOOD.replacen("00", "01", 1)),
            &GOOD.replace("b7ad6b7169203331", "0000000000000000"),
            &GOOD.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32)),
            &GOOD.replace('-', "_"),
            &GOOD.replace('c', "g"),
        ] {
            check(bad, None);
        }
        assert_eq!(Context::read(&headers(&[("traceparent", GOOD), ("traceparent", GOOD)])), None);
    }

    #[test]
    fn it_is_passed_on_as_it_came_or_with_another_span() {
        let client =
            headers(&[("traceparent", GOOD), ("tracestate", "a=1"), ("tracestate", "b=2"), ("cookie", "c")]);
        let mut out = HeaderMap::new();
        pass_on(&client, &mut out);
        assert_eq!(out, headers(&[("traceparent", GOOD), ("tracestate", "a=1"), ("tracestate", "b=2")]));

        let mut out = HeaderMap::new();
        Context::read(&client).unwrap().with(0xff).carry(&state(&client), &mut out);
        assert_eq!(out["traceparent"], "00-0af7651916cd43dd8448eb211c80319c-00000000000000ff-01");
        assert_eq!(out.get_all("tracestate").iter().count(), 2);

        let written = headers(&[("traceparent", "the operator's")]);
        let mut out = written.clone();
        pass_on(&client, &mut out);
        Context::new(1, 2, true).carry(&[], &mut out);
        assert_eq!(out, written);

        let mut out = HeaderMap::new();
        pass_on(&headers(&[("traceparent", "nonsense"), ("tracestate", "a=1")]), &mut out);
        assert!(out.is_empty());
    }
}
