//! What an answer rests on: `groundingMetadata` and the citations of the conversation model.

use serde_json::value::RawValue;

use super::{
    NAME,
    wire::{self, Int},
    write,
};
use crate::ir::{Citation, Losses};

/// One citation for each pair of a segment and a source, with the number of the part that the segment is in. `raw` is
/// Gemini's support; offsets are still in bytes.
pub(super) fn read(raw: &RawValue) -> Vec<(usize, Citation<'_>)> {
    let Ok(grounding) = serde_json::from_str::<wire::Grounding<'_>>(raw.get()) else { return Vec::new() };
    let raws = wire::members(raw).unwrap_or_default();
    let raws = raws.iter().find(|(key, _)| matches!(&**key, "groundingSupports" | "grounding_supports"));
    let raws: Vec<&RawValue> =
        raws.and_then(|(_, list)| serde_json::from_str(list.get()).ok()).unwrap_or_default();
    let mut chunks = grounding.chunks.unwrap_or_default();
    let mut citations = Vec::new();
    for (support, raw) in grounding.supports.unwrap_or_default().into_iter().zip(raws) {
        let segment = support.segment.unwrap_or_default();
        let count = |number: Option<Int>| number.map_or(0, Int::count);
        for index in support.chunks.unwrap_or_default() {
            let Some(chunk) = usize::try_from(index.0).ok().and_then(|index| chunks.get_mut(index)) else {
                continue;
            };
            let place = [&chunk.web, &chunk.maps, &chunk.retrieved].into_iter().flatten().next();
            let part = usize::try_from(count(segment.part)).unwrap_or(0);
            citations.push((
                part,
                Citation {
                    text: segment.text.clone(),
                    url: place.and_then(|place| place.uri.clone()),
                    title: place.and_then(|place| place.title.clone()),
                    range: segment.end.map(|end| (count(segment.start), end.count())),
                    origin: NAME,
                    raw: std::borrow::Cow::Borrowed(raw),
                },
            ));
        }
    }
    citations
}

/// The range in characters that a range in bytes is in `text`; `None` if it does not fit.
pub(super) fn in_characters(text: &str, (start, end): (u64, u64)) -> Option<(u64, u64)> {
    let count = |end: u64| text.get(..usize::try_from(end).ok()?).map(|front| front.chars().count() as u64);
    Some((count(start)?, count(end)?))
}

/// Citations of an answer, as they come, to be written as one `groundingMetadata`.
#[derive(Debug, Default)]
pub(super) struct Collected {
    chunks: Vec<(String, Option<String>)>,
    supports: Vec<(Support, usize)>,
}

#[derive(Debug, PartialEq, Eq)]
struct Support {
    part: usize,
    /// In bytes.
    range: Option<(usize, usize)>,
    text: Option<String>,
}

/// Most citations that are kept for one answer.
const MAX_CITATIONS: usize = 4096;

impl Collected {
    /// Takes in a citation of the text `said` so far in part `part`.
    pub(super) fn add(&mut self, citation: &Citation<'_>, part: usize, said: &str, losses: &mut Losses) {
        let Some(url) = citation.url.as_deref().filter(|_| self.supports.len() < MAX_CITATIONS) else {
            return losses.add("citations", "only citations of web pages can be said");
        };
        let at = match self.chunks.iter().position(|(known, _)| known == url) {
            Some(at) => at,
            None => {
                self.chunks.push((url.to_owned(), citation.title.as_deref().map(str::to_owned)));
                self.chunks.len() - 1
            }
        };
        let byte = |characters: u64| {
            let characters = usize::try_from(characters).ok()?;
            said.char_indices().map(|(byte, _)| byte).chain([said.len()]).nth(characters)
        };
        let range = citation.range.and_then(|(start, end)| Some((byte(start)?, byte(end)?)));
        let text = citation.text.as_deref().or_else(|| range.and_then(|(start, end)| said.get(start..end)));
        self.supports.push((Support { part, range, text: text.map(str::to_owned) }, at));
    }

    /// True if there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        self.supports.is_empty()
    }

    /// Writes the `groundingMetadata` member; supports of the same words become one.
    pub(super) fn write(&self, object: &mut write::Object<'_>) {
        if self.is_empty() {
            return;
        }
        object.object("groundingMetadata", |object| {
            object.array("groundingChunks", |array| {
                for (url, title) in &self.chunks {
                    array.object(|chunk| {
                        chunk.object("web", |web| {
                            web.text("uri", url);
                            if let Some(title) = title {
                                web.text("title", title);
                            }
                        });
                    });
                }
            });
            object.array("groundingSupports", |array| {
                for group in self.supports.chunk_by(|one, other| one.0 == other.0) {
                    array.object(|object| group[0].0.write(group.iter().map(|(_, chunk)| *chunk), object));
                }
            });
        });
    }
}

impl Support {
    fn write(&self, chunks: impl Iterator<Item = usize>, object: &mut write::Object<'_>) {
        object.object("segment", |segment| {
            if self.part > 0 {
                segment.plain("partIndex", self.part);
            }
            if let Some((start, end)) = self.range {
                if start > 0 {
                    segment.plain("startIndex", start);
                }
                segment.plain("endIndex", end);
            }
            if let Some(text) = &self.text {
                segment.text("text", text);
            }
        });
        object.array("groundingChunkIndices", |array| {
            chunks.for_each(|chunk| array.item().extend_from_slice(chunk.to_string().as_bytes()));
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_characters() {
        assert_eq!(in_characters("é–x", (2, 5)), Some((1, 2)));
        assert_eq!(in_characters("é", (1, 2)), None);
        let raw: &RawValue = serde_json::from_str(
            r#"{"groundingChunks":[{"web":{"uri":"u","title":"t"}}],"groundingSupports":[{"segment":{"startIndex":2,"endIndex":5,"text":"–"},"groundingChunkIndices":[0,9]}]}"#,
        )
        .unwrap();
        let citations = read(raw);
        assert_eq!(citations.len(), 1);
        let mut citation = citations[0].1.clone();
        assert_eq!((citation.url.as_deref(), citation.range), (Some("u"), Some((2, 5))));
        citation.range = Some((1, 2));
        let mut collected = Collected::default();
        let mut losses = Losses::default();
        collected.add(&citation, 0, "é–x", &mut losses);
        assert_eq!(
            write::raw_object(|object| collected.write(object)).get(),
            r#"{"groundingMetadata":{"groundingChunks":[{"web":{"uri":"u","title":"t"}}],"groundingSupports":[{"segment":{"startIndex":2,"endIndex":5,"text":"–"},"groundingChunkIndices":[0]}]}}"#
        );
        collected.add(&Citation { url: None, ..citation }, 0, "", &mut losses);
        assert_eq!(losses.to_string(), "citations (only citations of web pages can be said)");
    }
}
