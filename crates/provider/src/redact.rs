//! Takes keys out of texts that somebody else wrote.

use std::{borrow::Cow, ops::Range};

/// How keys of known services begin, lower case. Services whose keys look like any other id (Azure, Cohere, DeepInfra,
/// SambaNova, Volcengine, Zhipu) have none here: their keys are known by what stands before them, and the key that was
/// used is taken out by [`Pass::conceal`](crate::Pass::conceal) whatever it looks like.
const PREFIXES: &[&str] = &[
    // OpenAI, Anthropic, OpenRouter, DeepSeek, Moonshot, DashScope, SiliconFlow and many more; Novita.
    "sk-",
    "sk_",
    // Google: keys of two kinds, access and refresh tokens, clients' secrets.
    "aiza",
    "aq.ab",
    "ya29.",
    "1//0",
    "gocspx-",
    // Groq, xAI, Perplexity, Nvidia, Hugging Face, Cerebras, Fireworks, Together.
    "gsk_",
    "xai-",
    "pplx-",
    "nvapi-",
    "hf_",
    "csk-",
    "fw_",
    "tgp_",
    // GitHub.
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    // Amazon: Bedrock's keys of two kinds, names of keys, session tokens of two kinds.
    "absk",
    "bedrock-api-key-",
    "akia",
    "asia",
    "fwogzxivyxdz",
    "iqojb3jpz2lu",
    // JSON Web Tokens, which also MiniMax, Hyperbolic and Nebius give out.
    "eyj",
];

/// Words after which a key stands, whatever it looks like, lower case.
const MARKS: &[&str] = &["bearer ", "basic ", "api key provided: ", "api-key provided: ", "key="];

/// Names whose value is a key, as in `name=value`, `name: value` and JSON, lower case.
const NAMES: &[&str] = &[
    "access_token",
    "api-key",
    "api_key",
    "apikey",
    "assertion",
    "client_secret",
    "id_token",
    "password",
    "private_key",
    "refresh_token",
    "secret",
    "secret_access_key",
    "session_token",
    "signature",
    "x-amz-security-token",
    "x-api-key",
    "x-goog-api-key",
];

/// Shorter ones are words or were masked by the provider.
const SHORTEST: usize = 12;

const HIDDEN: &str = "[redacted]";

/// The text with everything that looks like a key replaced.
pub fn redact(text: &str) -> Cow<'_, str> {
    // ASCII lower case keeps byte positions, so what is found in `lower` is cut from `text`.
    let lower = text.to_ascii_lowercase();
    let mut out = String::new();
    let mut copied = 0;
    let mut at = 0;
    while at < text.len() {
        if let Some(key) = key_at(&lower, at) {
            out.push_str(&text[copied..key.start]);
            out.push_str(HIDDEN);
            copied = key.end;
            at = key.end;
        } else {
            at += 1;
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[copied..]);
    Cow::Owned(out)
}

/// The key that begins at `at`, or right after a mark at `at`.
fn key_at(lower: &str, at: usize) -> Option<Range<usize>> {
    let bytes = lower.as_bytes();
    let rest = lower.get(at..)?;
    if let Some(user) = user_of_url(rest).or_else(|| private_key(rest)) {
        return Some(at + user.start..at + user.end);
    }
    let inside_a_word = at > 0 && bytes[at - 1].is_ascii_alphanumeric();
    if inside_a_word {
        return None;
    }
    let mark = MARKS.iter().find(|mark| rest.starts_with(**mark)).map(|mark| mark.len());
    if let Some(length) = mark.or_else(|| named(rest)) {
        let start = at + length;
        let end = token_end(bytes, start);
        // A mark is also a plain word ("bearer token"): only what could be no word is hidden.
        return looks_made(&bytes[start..end]).then_some(start..end);
    }
    PREFIXES.iter().find(|prefix| rest.starts_with(**prefix))?;
    let end = token_end(bytes, at);
    (end - at >= SHORTEST && looks_made(&bytes[at..end])).then_some(at..end)
}

/// Where the value of a name begins that stands at the front.
fn named(rest: &str) -> Option<usize> {
    let after = |name: &&str| {
        let value = rest.strip_prefix(name)?.trim_start_matches(['"', '\'', '\\', ' ']);
        let value = value.strip_prefix([':', '='])?.trim_start_matches(['"', '\'', '\\', ' ']);
        Some(rest.len() - value.len())
    };
    NAMES.iter().find_map(after)
}

/// The user name and password of a URL, from its `://` on.
fn user_of_url(rest: &str) -> Option<Range<usize>> {
    let authority = rest.strip_prefix("://")?;
    let end =
        authority.find(|c: char| c.is_whitespace() || "/?#\"'<>".contains(c)).unwrap_or(authority.len());
    authority[..end].rfind('@').filter(|length| *length > 0).map(|length| 3..3 + length)
}

/// A private key in PEM form; one that is cut goes on to the end.
fn private_key(rest: &str) -> Option<Range<usize>> {
    let kind = rest.strip_prefix("-----begin ")?;
    kind[..kind.find("-----")?].ends_with("private key").then_some(())?;
    let end = rest.find("-----end").map_or(rest.len(), |end| {
        let tail = &rest[end + "-----end".len()..];
        tail.find("-----").map_or(rest.len(), |dashes| rest.len() - tail.len() + dashes + "-----".len())
    });
    Some(0..end)
}

fn token_end(bytes: &[u8], start: usize) -> usize {
    let is_token = |b: &u8| {
        b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'*' | b'+' | b'/' | b'=' | b'~')
    };
    let end = start + bytes[start..].iter().take_while(|b| is_token(b)).count();
    // A full stop at the end belongs to the sentence.
    if end > start && bytes[end - 1] == b'.' { end - 1 } else { end }
}

fn looks_made(token: &[u8]) -> bool {
    token.iter().any(|b| b.is_ascii_digit() || *b == b'*') || token.len() >= 20
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(redact(text), expected);
    }

    #[test]
    fn keys_are_hidden() {
        check("key sk-proj-abcdEFGH1234_xyz is wrong.", "key [redacted] is wrong.");
        check("AIzaSyD-1234567890abcdefghij", "[redacted]");
        check("Authorization: Bearer abc123.def, then", "Authorization: Bearer [redacted], then");
        check("Incorrect API key provided: wrong1234*ef. See", "Incorrect API key provided: [redacted]. See");
        check("https://x/?key=AIzaSy1&a=b", "https://x/?key=[redacted]&a=b");
        check("ä sk-aaaaaaaaaaaa1 ä sk-bbbbbbbbbbbb2 ä", "ä [redacted] ä [redacted] ä");
    }

    #[test]
    fn a_key_of_every_service_with_a_form_is_hidden() {
        // Made up, in the form in which each service gives them out.
        for key in [
            "sk-proj-Ab3dEf6hIj9lMn2pQr5tUv8x",
            "sk-svcacct-Ab3dEf6hIj9lMn2pQr5t",
            "sk-ant-api03-Ab3dEf6hIj9lMn2pQr5t-AA",
            "sk-ant-oat01-Ab3dEf6hIj9lMn2pQr5t",
            "sk-or-v1-0123456789abcdef0123456789abcdef",
            "sk-0123456789abcdef0123456789abcdef",
            "sk-kimi-Ab3dEf6hIj9lMn2pQr5t",
            "sk_Ab3dEf6hIj9lMn2pQr5t",
            "AIzaSyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q",
            "AQ.Ab8RN6J1k2L3m4N5o6P7q8R9s0T1u2V3",
            "ya29.a0AfB_byC1d2E3f4G5h6I7j8",
            "1//0gAb3dEf6hIj9lMn2pQr5tUv8x",
            "GOCSPX-Ab3dEf6hIj9lMn2pQr5tUv8x",
            "gsk_Ab3dEf6hIj9lMn2pQr5tUv8x",
            "xai-Ab3dEf6hIj9lMn2pQr5tUv8x",
            "pplx-Ab3dEf6hIj9lMn2pQr5tUv8x",
            "nvapi-Ab3dEf6hIj9lMn2pQr5tUv8x",
            "hf_Ab3dEf6hIj9lMn2pQr5tUv8x",
            "csk-ab3def6hij9lmn2pqr5tuv8x",
            "fw_Ab3dEf6hIj9lMn2pQr5tUv8x",
            "tgp_v1_Ab3dEf6hIj9lMn2pQr5tUv8x",
            "github_pat_11AB3DEF6_hIj9lMn2pQr5tUv8x",
            "ghu_Ab3dEf6hIj9lMn2pQr5tUv8x",
            "ABSKQmVkcm9ja0FQSUtleS1hYjNkZWY2aGlqOWxtbjI=",
            "bedrock-api-key-YmVkcm9jay5hbWF6b25hd3MuY29tLz9BY3Rpb249",
            "AKIAIOSFODNN7EXAMPLE",
            "FwoGZXIvYXdzEBYaDAb3dEf6hIj9lMn2pQ",
            "IQoJb3JpZ2luX2VjEBYaDAb3dEf6hIj9lMn2pQ",
            "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJhIn0.c2lnbmF0dXJl",
        ] {
            check(&format!("the key {key} is wrong"), "the key [redacted] is wrong");
        }
    }

    #[test]
    fn a_key_without_a_form_is_known_by_its_name() {
        check(r#"{"api-key": "0123456789abcdef0123456789abcdef"}"#, r#"{"api-key": "[redacted]"}"#);
        check("x-api-key: 0123456789abcdef.AbCdEf", "x-api-key: [redacted]");
        check("grant refresh_token=a1b2c3d4&x=1", "grant refresh_token=[redacted]&x=1");
        check(r#"\"client_secret\":\"Ab8~c.d1\""#, r#"\"client_secret\":\"[redacted]\""#);
        check("Signature=0123456789abcdef, x", "Signature=[redacted], x");
        check("proxy http://me:p4ss@10.0.0.1:80/x", "proxy http://[redacted]@10.0.0.1:80/x");
        let pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabcd\n-----END RSA PRIVATE KEY-----";
        check(&format!("a {pem} b"), "a [redacted] b");
        check("a -----BEGIN PRIVATE KEY-----\\nMIIE", "a [redacted]");
    }

    #[test]
    fn words_and_ids_stay() {
        for text in [
            "a risk-averse task-1 and sk-learn",
            "Item 'rs_68c42de022c881948db7ed1cc2529f2e' of type 'reasoning'",
            "a bearer token is missing",
            "messages.1.content.0.thinking.signature: Field required",
            "the secret: be brief, the password: none",
            "https://example.com/docs?a=b#me@here and mail me@example.com",
            "-----BEGIN CERTIFICATE-----",
            "unknown key `max_tokens_1`",
            "wisk-123456789012345",
            "",
            "ä€😀",
        ] {
            check(text, text);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_taken(text in ".*", key in "sk-[a-z0-9]{20}") {
            let _ = redact(&text);
            let around = format!("{text} {key} {text}");
            proptest::prop_assert!(!redact(&around).contains(&key));
        }
    }
}
