//! Tokens as Gemini counts them: cached ones inside the prompt, thoughts and tool prompts beside it.

use super::{
    wire::{self, Int, Modality},
    write::Object,
};
use crate::ir::{Losses, Members, Usage, raw};

/// The modalities that are counted by themselves.
const AUDIO: &str = "AUDIO";
const IMAGE: &str = "IMAGE";

/// The usage; `None` if nothing was counted.
pub(super) fn read(wire: &wire::Usage<'_>) -> Option<Usage> {
    let counts = [wire.prompt, wire.cached, wire.candidates, wire.tool_prompt, wire.thoughts, wire.total];
    if counts.iter().all(Option::is_none) {
        return None;
    }
    let count = |number: Option<Int>| number.map_or(0, Int::count);
    let (cached, thoughts) = (count(wire.cached), count(wire.thoughts));
    let of = |kind: &str, list: &Option<Vec<Modality<'_>>>| -> u64 {
        let entries = list.as_deref().unwrap_or_default().iter().filter(|entry| word(entry) == kind);
        entries.fold(0, |sum, entry| sum.saturating_add(count(entry.count)))
    };
    Some(Usage {
        input: count(wire.prompt).saturating_sub(cached).saturating_add(count(wire.tool_prompt)),
        cache_read: cached,
        output: count(wire.candidates).saturating_add(thoughts),
        reasoning: thoughts,
        audio_input: of(AUDIO, &wire.prompt_details),
        audio_output: of(AUDIO, &wire.candidates_details),
        image_input: of(IMAGE, &wire.prompt_details),
        image_output: of(IMAGE, &wire.candidates_details),
        tool_input: count(wire.tool_prompt),
        ..Usage::default()
    })
}

/// What [`Usage`] has no place for, as extra members of the answer: unknown ones, and details of media other than
/// audio and pictures (those of text follow from the rest).
pub(super) fn leftovers<'a>(wire: &wire::Usage<'a>) -> Members<'a> {
    let mut extra: Members<'a> = Vec::new();
    let details = [
        ("promptTokensDetails", &wire.prompt_details),
        ("candidatesTokensDetails", &wire.candidates_details),
        ("cacheTokensDetails", &wire.cache_details),
        ("toolUsePromptTokensDetails", &wire.tool_details),
    ];
    for (name, list) in details {
        let list = list.as_deref().unwrap_or_default();
        if list.iter().any(|entry| !matches!(word(entry), "TEXT" | AUDIO | IMAGE)) {
            let value: Vec<_> = list.iter().map(Listed::of).collect();
            extra.push((format!("usageMetadata.{name}").into(), raw(&value)));
        }
    }
    extra
        .extend(wire.extra.iter().map(|(key, value)| (format!("usageMetadata.{key}").into(), value.clone())));
    extra
}

#[derive(serde::Serialize)]
struct Listed<'a> {
    modality: &'a str,
    #[serde(rename = "tokenCount")]
    count: u64,
}

impl<'a> Listed<'a> {
    fn of(entry: &'a Modality<'_>) -> Self {
        Self { modality: word(entry), count: entry.count.map_or(0, Int::count) }
    }
}

/// The modality's name; Vertex may give its number (`enum-encoding=int`).
fn word<'m>(entry: &'m Modality<'_>) -> &'m str {
    match entry.modality.map_or("", |raw| raw.get()) {
        "" | "1" => "TEXT",
        "2" => IMAGE,
        "3" => "VIDEO",
        "4" => AUDIO,
        "5" => "DOCUMENT",
        text => text.trim_matches('"'),
    }
}

/// Writes the value of `usageMetadata`. Counts of zero are left out, as protobuf's JSON mapping does.
/// `kept` are the answer's own members, which say more than the usage does of the same lists.
pub(super) fn write(object: &mut Object<'_>, usage: Usage, kept: &Members<'_>, losses: &mut Losses) {
    let mut count = |name: &str, number: u64| {
        if number > 0 {
            object.plain(name, number);
        }
    };
    let prompt = usage.total_input();
    count("promptTokenCount", prompt.saturating_sub(usage.tool_input));
    count("toolUsePromptTokenCount", usage.tool_input);
    count("cachedContentTokenCount", usage.cache_read);
    count("candidatesTokenCount", usage.output.saturating_sub(usage.reasoning));
    count("thoughtsTokenCount", usage.reasoning);
    count("totalTokenCount", prompt.saturating_add(usage.output));
    for (name, audio, image) in [
        ("promptTokensDetails", usage.audio_input, usage.image_input),
        ("candidatesTokensDetails", usage.audio_output, usage.image_output),
    ] {
        let is_kept = kept.iter().any(|(key, _)| key.strip_prefix("usageMetadata.") == Some(name));
        if is_kept || (audio == 0 && image == 0) {
            continue;
        }
        object.array(name, |array| {
            for (modality, tokens) in [(AUDIO, audio), (IMAGE, image)] {
                if tokens > 0 {
                    array.object(|entry| {
                        entry.text("modality", modality);
                        entry.plain("tokenCount", tokens);
                    });
                }
            }
        });
    }
    let said = [
        "cache_read",
        "reasoning",
        "audio_input",
        "audio_output",
        "image_input",
        "image_output",
        "tool_input",
    ];
    usage.lose_parts(&said, "counted in promptTokenCount only", losses);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialects::gemini::write::raw_object;

    #[test]
    fn parts_do_not_overlap_and_come_back() {
        let wire: wire::Usage<'_> = serde_json::from_str(
            r#"{"promptTokenCount":3520,"cachedContentTokenCount":3512,"candidatesTokenCount":6,"thoughtsTokenCount":940,"totalTokenCount":4466,"promptTokensDetails":[{"modality":"TEXT","tokenCount":20},{"modality":"AUDIO","tokenCount":3500}]}"#,
        )
        .unwrap();
        let usage = read(&wire).unwrap();
        assert_eq!((usage.input, usage.cache_read, usage.output, usage.reasoning), (8, 3512, 946, 940));
        let mut losses = Losses::default();
        assert_eq!(
            raw_object(|object| write(object, usage, &Members::new(), &mut losses)).get(),
            r#"{"promptTokenCount":3520,"cachedContentTokenCount":3512,"candidatesTokenCount":6,"thoughtsTokenCount":940,"totalTokenCount":4466,"promptTokensDetails":[{"modality":"AUDIO","tokenCount":3500}]}"#,
        );
        assert!(leftovers(&wire).is_empty() && losses.is_empty());
    }

    #[test]
    fn tool_prompts_are_input_and_what_is_not_counted_stays() {
        let wire: wire::Usage<'_> = serde_json::from_str(
            r#"{"promptTokenCount":85,"toolUsePromptTokenCount":149,"trafficType":"X","promptTokensDetails":[{"modality":2,"tokenCount":80},{"modality":"VIDEO","tokenCount":5}]}"#,
        )
        .unwrap();
        let usage = read(&wire).unwrap();
        assert_eq!((usage.input, usage.tool_input, usage.image_input), (234, 149, 80));
        let left = leftovers(&wire);
        let left: Vec<_> = left.iter().map(|(key, value)| format!("{key}={}", value.get())).collect();
        assert_eq!(
            left,
            [
                r#"usageMetadata.promptTokensDetails=[{"modality":"IMAGE","tokenCount":80},{"modality":"VIDEO","tokenCount":5}]"#,
                r#"usageMetadata.trafficType="X""#
            ]
        );
        let written = raw_object(|object| write(object, usage, &leftovers(&wire), &mut Losses::default()));
        assert_eq!(
            written.get(),
            r#"{"promptTokenCount":85,"toolUsePromptTokenCount":149,"totalTokenCount":234}"#,
            "the list that is kept is not written twice"
        );
    }
}
