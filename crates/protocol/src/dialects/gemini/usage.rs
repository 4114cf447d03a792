//! Tokens as Gemini counts them: cached ones inside the prompt, thoughts and tool prompts beside it.

use super::{
    wire::{self, Int, Modality},
    write::Object,
};
use crate::ir::{Losses, Members, Usage, raw};

/// The usage; `None` if nothing was counted.
pub(super) fn read(wire: &wire::Usage<'_>) -> Option<Usage> {
    let counts = [wire.prompt, wire.cached, wire.candidates, wire.tool_prompt, wire.thoughts, wire.total];
    if counts.iter().all(Option::is_none) {
        return None;
    }
    let count = |number: Option<Int>| number.map_or(0, Int::count);
    let (cached, thoughts) = (count(wire.cached), count(wire.thoughts));
    Some(Usage {
        input: count(wire.prompt).saturating_add(count(wire.tool_prompt)).saturating_sub(cached),
        cache_read: cached,
        cache_write: 0,
        output: count(wire.candidates).saturating_add(thoughts),
        reasoning: thoughts,
        audio_input: audio(wire.prompt_details.as_deref()),
        audio_output: audio(wire.candidates_details.as_deref()),
    })
}

/// What [`Usage`] has no place for, as extra members of the answer: unknown ones, and details of media other than
/// audio (those of text follow from the rest).
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
        if list.iter().any(|entry| !matches!(word(entry), "TEXT" | "AUDIO")) {
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
        "2" => "IMAGE",
        "3" => "VIDEO",
        "4" => "AUDIO",
        "5" => "DOCUMENT",
        text => text.trim_matches('"'),
    }
}

fn audio(details: Option<&[Modality<'_>]>) -> u64 {
    let audio = details.unwrap_or_default().iter().filter(|entry| word(entry) == "AUDIO");
    audio.map(|entry| entry.count.map_or(0, Int::count)).sum()
}

/// Writes the value of `usageMetadata`. Counts of zero are left out, as protobuf's JSON mapping does.
pub(super) fn write(object: &mut Object<'_>, usage: Usage, losses: &mut Losses) {
    let mut count = |name: &str, number: u64| {
        if number > 0 {
            object.plain(name, number);
        }
    };
    let prompt = usage.total_input();
    count("promptTokenCount", prompt);
    count("cachedContentTokenCount", usage.cache_read);
    count("candidatesTokenCount", usage.output.saturating_sub(usage.reasoning));
    count("thoughtsTokenCount", usage.reasoning);
    count("totalTokenCount", prompt.saturating_add(usage.output));
    for (name, audio) in
        [("promptTokensDetails", usage.audio_input), ("candidatesTokensDetails", usage.audio_output)]
    {
        if audio > 0 {
            object.array(name, |array| {
                array.object(|entry| {
                    entry.text("modality", "AUDIO");
                    entry.plain("tokenCount", audio);
                });
            });
        }
    }
    if usage.cache_write > 0 {
        losses.add("usage.cache_write", "counted in promptTokenCount only");
    }
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
            raw_object(|object| write(object, usage, &mut losses)).get(),
            r#"{"promptTokenCount":3520,"cachedContentTokenCount":3512,"candidatesTokenCount":6,"thoughtsTokenCount":940,"totalTokenCount":4466,"promptTokensDetails":[{"modality":"AUDIO","tokenCount":3500}]}"#,
        );
        assert!(leftovers(&wire).is_empty() && losses.is_empty());
    }

    #[test]
    fn tool_prompts_are_input_and_pictures_are_named() {
        let wire: wire::Usage<'_> = serde_json::from_str(
            r#"{"promptTokenCount":85,"toolUsePromptTokenCount":149,"trafficType":"X","promptTokensDetails":[{"modality":2,"tokenCount":80}]}"#,
        )
        .unwrap();
        assert_eq!(read(&wire).unwrap().input, 234);
        let left = leftovers(&wire);
        let left: Vec<_> = left.iter().map(|(key, value)| format!("{key}={}", value.get())).collect();
        assert_eq!(
            left,
            [
                r#"usageMetadata.promptTokensDetails=[{"modality":"IMAGE","tokenCount":80}]"#,
                r#"usageMetadata.trafficType="X""#
            ]
        );
    }
}
