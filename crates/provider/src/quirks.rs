//! What single services make of their dialect: fields that they refuse requests for, or have under another name.

use bytes::Bytes;
use lockgate_protocol::ir::Losses;

use crate::preset::Preset;

/// Why a field is gone.
const REFUSED: &str = "the provider refuses requests with it";
/// Why the second of two spellings of one field is gone.
const TWICE: &str = "the provider has one name for it, and both were sent";

/// The body as the service of `preset` takes it. One that has none of the fields leaves as it is, in the same pieces; so
/// does one that is not text.
pub(crate) fn fit(preset: &Preset, body: Vec<Bytes>, losses: &mut Losses) -> Vec<Bytes> {
    let renamed = preset.renames.iter().map(|rename| (&rename.of, Some(rename.to.as_str()), Some(TWICE)));
    let refused = preset.refuses.iter().map(|place| (place, None, Some(REFUSED)));
    let needless = preset.needless.iter().map(|place| (place, None, None));
    let quirks = renamed.chain(refused).chain(needless);
    // No piece ends inside a name.
    if !quirks.clone().any(|(place, ..)| body.iter().any(|piece| place.may_be_in(piece))) {
        return body;
    }
    let Ok(mut text) = String::from_utf8(body.concat()) else { return body };
    for (place, name, reason) in quirks {
        let changed = match name {
            Some(name) => place.rename(&text, name),
            None => place.remove(&text),
        };
        let Some(changed) = changed else { continue };
        text = changed.text;
        for (path, reason) in changed.gone.into_iter().filter_map(|path| Some((path, reason?))) {
            losses.add(path, reason);
        }
    }
    vec![Bytes::from(text)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::find;

    #[track_caller]
    fn check(kind: &str, body: &str, expected: &str, lost: &str) {
        let preset = find(kind).expect("a kind").preset.expect("a preset");
        let mut losses = Losses::default();
        let fitted = fit(preset, vec![Bytes::from(body.to_owned())], &mut losses);
        assert_eq!(String::from_utf8_lossy(&fitted.concat()), expected);
        assert_eq!(losses.to_string(), lost);
    }

    #[test]
    fn what_a_service_refuses_goes_and_is_named() {
        check(
            "groq",
            r#"{"messages":[{"role":"user","name":"ann","content":"\"name\""}],"logprobs":true,"seed":1}"#,
            r#"{"messages":[{"role":"user","content":"\"name\""}],"seed":1}"#,
            "logprobs (the provider refuses requests with it), messages[0].name (the provider refuses requests with it)",
        );
        check(
            "mistral",
            r#"{"stream":true,"stream_options":{"include_usage":true}}"#,
            r#"{"stream":true,"stream_options":{}}"#,
            "",
        );
        check("deepseek", r#"{"logprobs":true}"#, r#"{"logprobs":true}"#, "");
    }

    #[test]
    fn what_a_service_calls_otherwise_is_renamed() {
        check(
            "mistral",
            r#"{"max_completion_tokens":5,"seed":1}"#,
            r#"{"max_tokens":5,"random_seed":1}"#,
            "",
        );
        check(
            "mistral",
            r#"{"max_completion_tokens":5,"max_tokens":6}"#,
            r#"{"max_tokens":6}"#,
            "max_completion_tokens (the provider has one name for it, and both were sent)",
        );
        check(
            "cerebras",
            r#"{"messages":[{"role":"assistant","reasoning_content":"so","content":"x"}]}"#,
            r#"{"messages":[{"role":"assistant","reasoning":"so","content":"x"}]}"#,
            "",
        );
    }

    #[test]
    fn a_body_without_such_fields_stays_in_its_pieces() {
        let preset = find("groq").expect("a kind").preset.expect("a preset");
        let pieces = vec![Bytes::from_static(b"{\"model\":"), Bytes::from_static(b"\"m\"}")];
        let mut losses = Losses::default();
        assert_eq!(fit(preset, pieces.clone(), &mut losses), pieces);
    }
}
