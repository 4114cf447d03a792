//! Which vocabulary and which formula a model is counted by, as far as its name tells.

use super::{
    picture::{self, Picture},
    vocabulary::Vocabulary,
};

/// Models that count alike.
#[derive(Debug)]
pub(super) struct Family {
    /// How the names of its models begin.
    fronts: &'static [&'static str],
    pub(super) vocabulary: Vocabulary,
    pub(super) frame: Frame,
    pub(super) picture: Picture,
}

/// What a maker's way to count adds to the tokens of the texts.
#[derive(Debug)]
pub(super) struct Frame {
    /// Tokens of a text for a thousand of the vocabulary's.
    pub(super) thousandths: u64,
    /// Tokens around each message.
    pub(super) message: u64,
    /// Tokens around the whole.
    pub(super) whole: u64,
    /// Tokens of the instructions that come along with tools.
    pub(super) instructions: u64,
    /// Tokens of a tool's schema for a thousand of its JSON's: makers show schemas to their models in other languages.
    pub(super) tool: u64,
    /// The same of a schema that the answer has to fit.
    pub(super) format: u64,
}

/// Three for a message and one for its role, three for the answer's front, and schemas as recorded prompts count them.
const OPENAI: Frame =
    Frame { thousandths: 1000, message: 4, whole: 3, instructions: 0, tool: 600, format: 500 };
/// Anthropic does not publish its tokenizer: all of these are fitted to the counts of recorded prompts.
const CLAUDE: Frame =
    Frame { thousandths: 1200, message: 3, whole: 4, instructions: 346, tool: 2000, format: 2000 };
/// Recorded prompts: texts count as they are, and nothing is counted around them.
const GEMINI: Frame =
    Frame { thousandths: 1000, message: 0, whole: 0, instructions: 0, tool: 400, format: 0 };
/// Servers of open models constrain the answer without a word to the model.
const UNKNOWN: Frame = Frame { tool: 1000, format: 0, ..OPENAI };

/// For names that no row fits: nothing is known of them.
const OTHERS: Family = row(&[], UNKNOWN, Picture::Each(picture::UNKNOWN));

/// A row of [`FAMILIES`] with OpenAI's newer vocabulary.
const fn row(fronts: &'static [&'static str], frame: Frame, picture: Picture) -> Family {
    Family { fronts, vocabulary: Vocabulary::O200k, frame, picture }
}

/// A row of OpenAI's models that charge by tiles.
const fn tiles(fronts: &'static [&'static str], base: u64, tile: u64) -> Family {
    row(fronts, OPENAI, Picture::Tiles { base, tile })
}

/// A row of OpenAI's models that charge by patches.
const fn patches(fronts: &'static [&'static str], thousandths: u64) -> Family {
    row(fronts, OPENAI, Picture::Patches { thousandths })
}

/// Every family; the first with a front that a name has counts. These are makers' names of models, whoever serves them.
///
/// Vocabularies: the table of models in OpenAI's tiktoken. Pictures: OpenAI's guide to images and vision, Anthropic's to
/// vision, Google's to media resolution (Gemini 3: 1120 unless asked otherwise) and to image understanding.
const FAMILIES: &[Family] = &[
    row(&["claude"], CLAUDE, Picture::Area { edge: 1568, per_token: 750, most: 1600 }),
    row(&["gemini-3"], GEMINI, Picture::Each(1120)),
    row(&["gemini", "gemma"], GEMINI, Picture::Crops),
    tiles(&["gpt-4o-mini"], 2833, 5667),
    patches(&["gpt-4.1-mini", "gpt-5-mini"], 1620),
    patches(&["gpt-4.1-nano", "gpt-5-nano"], 2460),
    patches(&["o4-mini"], 1720),
    tiles(&["gpt-5"], 70, 140),
    tiles(&["o1", "o3"], 75, 150),
    tiles(&["gpt-4o", "gpt-4.1", "gpt-4.5"], 85, 170),
    Family { vocabulary: Vocabulary::Cl100k, ..tiles(&["gpt-4", "gpt-3.5", "gpt-35"], 85, 170) },
];

impl Family {
    /// The family of `model`, whose name may have a region's and a maker's in front (`eu.anthropic.claude-x`,
    /// `openai/gpt-x`).
    pub(super) fn of(model: &str) -> &'static Self {
        let name = model.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
        let words = std::iter::once(0).chain(name.match_indices('.').map(|(at, _)| at + 1));
        let words: Vec<&str> = words.map(|at| &name[at..]).collect();
        let fits = |family: &&Self| {
            family.fronts.iter().any(|front| words.iter().any(|word| word.starts_with(front)))
        };
        FAMILIES.iter().find(fits).unwrap_or(&OTHERS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(model: &str, vocabulary: Vocabulary, picture: Picture) {
        let family = Family::of(model);
        assert_eq!((family.vocabulary, family.picture), (vocabulary, picture), "{model}");
    }

    #[test]
    fn the_name_tells() {
        let (new, old) = (Vocabulary::O200k, Vocabulary::Cl100k);
        let tiles = |base, tile| Picture::Tiles { base, tile };
        let claude = Picture::Area { edge: 1568, per_token: 750, most: 1600 };
        check("claude-sonnet-4-5", new, claude);
        check("eu.anthropic.claude-haiku-4-5-20251001-v1:0", new, claude);
        check("openai/GPT-4", old, tiles(85, 170));
        check("gpt-4-turbo", old, tiles(85, 170));
        check("gpt-35-turbo", old, tiles(85, 170));
        check("gpt-4o", new, tiles(85, 170));
        check("gpt-4o-mini", new, tiles(2833, 5667));
        check("gpt-4.1-nano", new, Picture::Patches { thousandths: 2460 });
        check("gpt-5.5", new, tiles(70, 140));
        check("gemini-2.5-flash", new, Picture::Crops);
        check("gemini-3.8-flash", new, Picture::Each(1120));
        check("qwen3", new, Picture::Each(1000));
        check("", new, Picture::Each(1000));
    }
}
