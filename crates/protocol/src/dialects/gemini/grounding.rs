//! What an answer rests on: `groundingMetadata` and the citations of the conversation model.

use serde_json::value::RawValue;

use super::{
    NAME,
    part::Place,
    wire::{self, Int},
    write,
};
use crate::{
    dialects::place,
    ir::{Citation, Loss, Losses},
};

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
                    // The segment's text is the answer's own.
                    text: None,
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
    supports: Vec<Support>,
    /// Those of the block that goes on: the range in its characters, and the number of the source.
    open: Vec<(Option<(u64, u64)>, usize)>,
}

#[derive(Debug)]
struct Support {
    part: usize,
    /// In bytes.
    range: (usize, usize),
    /// What the answer says there.
    text: String,
    chunks: Vec<usize>,
}

/// Most citations that are kept for one answer.
const MAX_CITATIONS: usize = 4096;

impl Collected {
    /// Takes in a citation of the block at `place`, and names what of it cannot be said.
    pub(super) fn add(&mut self, citation: &Citation<'_>, place: Place, losses: &mut Losses) {
        let path = format!("{place}.citations");
        let Some(url) = citation.url.as_deref() else {
            return losses.add(path, "only citations of web pages can be said");
        };
        if self.supports.len() + self.open.len() >= MAX_CITATIONS {
            return losses.add(path, "more citations than are kept for one answer");
        }
        let pointer = place::pointer(citation);
        if citation.text.is_some() {
            let words = Some(pointer.words).filter(|words| !words.is_empty()).unwrap_or("text");
            losses.add(format!("{path}.{words}"), "Gemini repeats the answer's words, not the source's");
        }
        for member in pointer.place_members {
            losses.add(format!("{path}.{member}"), "Gemini does not say where in a source it is");
        }
        for member in pointer.unsaid {
            losses.add(format!("{path}.{member}"), Loss::PROVIDERS_OWN);
        }
        let at = match self.chunks.iter().position(|(known, _)| known == url) {
            Some(at) => at,
            None => {
                self.chunks.push((url.to_owned(), citation.title.as_deref().map(str::to_owned)));
                self.chunks.len() - 1
            }
        };
        self.open.push((citation.range, at));
    }

    /// Takes the end of a block, which begins at the byte `offset` of part `part`: a citation that does not say where in
    /// it it stands is of all of it.
    pub(super) fn close(&mut self, part: usize, text: &str, offset: usize) {
        let byte = |characters: u64| {
            let characters = usize::try_from(characters).ok()?;
            text.char_indices().map(|(byte, _)| byte).chain([text.len()]).nth(characters)
        };
        let first = self.supports.len();
        for (range, chunk) in std::mem::take(&mut self.open) {
            let range = range.and_then(|(start, end)| Some((byte(start)?, byte(end)?)));
            let range = range.filter(|(start, end)| start <= end).unwrap_or((0, text.len()));
            let place = (offset + range.0, offset + range.1);
            match self.supports[first..].iter_mut().find(|support| support.range == place) {
                Some(support) if support.chunks.contains(&chunk) => {}
                Some(support) => support.chunks.push(chunk),
                None => self.supports.push(Support {
                    part,
                    range: place,
                    text: text.get(range.0..range.1).unwrap_or_default().to_owned(),
                    chunks: vec![chunk],
                }),
            }
        }
    }

    /// True if there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        self.supports.is_empty()
    }

    /// Writes the `groundingMetadata` member; sources of the same words stand together.
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
                self.supports.iter().for_each(|support| array.object(|object| support.write(object)));
            });
        });
    }
}

impl Support {
    fn write(&self, object: &mut write::Object<'_>) {
        object.object("segment", |segment| {
            if self.part > 0 {
                segment.plain("partIndex", self.part);
            }
            let (start, end) = self.range;
            if start > 0 {
                segment.plain("startIndex", start);
            }
            segment.plain("endIndex", end);
            segment.text("text", &self.text);
        });
        object.array("groundingChunkIndices", |array| {
            self.chunks.iter().for_each(|chunk| array.item().extend_from_slice(chunk.to_string().as_bytes()));
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
        let place = Place::Choice(0, 1);
        collected.add(&citation, place, &mut losses);
        collected.close(0, "é–x", 0);
        assert_eq!(
            write::raw_object(|object| collected.write(object)).get(),
            r#"{"groundingMetadata":{"groundingChunks":[{"web":{"uri":"u","title":"t"}}],"groundingSupports":[{"segment":{"startIndex":2,"endIndex":5,"text":"–"},"groundingChunkIndices":[0]}]}}"#
        );
        assert!(losses.is_empty());
        collected.add(&Citation { url: None, ..citation }, place, &mut losses);
        let reason = "only citations of web pages can be said";
        assert_eq!(losses.to_string(), format!("choices[0].content[1].citations ({reason})"));
    }

    #[test]
    fn a_citation_of_a_block_is_of_the_answers_words() {
        let raw: &RawValue = serde_json::from_str(
            r#"{"type":"search_result_location","cited_text":"c","source":"u","title":"t","search_result_index":1,"start_block_index":2,"end_block_index":3}"#,
        )
        .unwrap();
        let citation = Citation {
            text: Some("c".into()),
            url: Some("u".into()),
            title: Some("t".into()),
            range: None,
            origin: crate::dialects::anthropic::NAME,
            raw: std::borrow::Cow::Borrowed(raw),
        };
        let (mut collected, mut losses) = (Collected::default(), Losses::default());
        for url in ["u", "v", "u"] {
            let citation = Citation { url: Some(url.into()), ..citation.clone() };
            collected.add(&citation, Place::Choice(0, 0), &mut losses);
        }
        collected.close(2, "é x", 7);
        assert_eq!(
            write::raw_object(|object| collected.write(object)).get(),
            r#"{"groundingMetadata":{"groundingChunks":[{"web":{"uri":"u","title":"t"}},{"web":{"uri":"v","title":"t"}}],"groundingSupports":[{"segment":{"partIndex":2,"startIndex":7,"endIndex":11,"text":"é x"},"groundingChunkIndices":[0,1]}]}}"#
        );
        let lost: Vec<_> = losses.iter().filter_map(|loss| loss.path.rsplit('.').next()).collect();
        assert_eq!(lost, ["cited_text", "search_result_index", "start_block_index", "end_block_index"]);
    }
}
