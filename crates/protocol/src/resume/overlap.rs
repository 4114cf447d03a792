//! How much of the beginning of a continuation repeats what was sent.
//!
//! The beginning is held until that is known: as long as it may still be a piece of the end of the sent text, or of its
//! very beginning, since a model may start all over. The decision is taken character by character, so that it does not
//! depend on how the continuation was cut into pieces.

/// How far back the end of the sent text is looked at, in characters.
const WINDOW: usize = 2000;
/// Most bytes of quotation marks, dots, blanks and fences that a model may have put in front.
const MAX_WRAPPING: usize = 64;
/// How many repetitions are looked at, longer ones first: only what is periodic has more.
const MAX_FOUND: usize = 16;
/// Letters and digits that a repetition has to have: less is punctuation and indentation, which repeats by itself.
const MIN_LETTERS: usize = 3;

/// How much a repetition is believed to be one, by the way the model was asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    /// Least bytes of a repetition, blanks aside: scripts whose letters take more of them say more with each.
    least: usize,
    /// Whether it is one at any length from the beginning of a word on: the model was asked for that.
    from_words: bool,
    /// Most bytes that two beginnings of different texts have in common by accident.
    accident: usize,
}

impl Rules {
    /// For a model that got its own text to go on with, and so repeats nothing unless it did not understand: what
    /// looks like a repetition may be part of the text.
    pub(super) const TRUSTED: Self = Self { least: 24, from_words: false, accident: 64 };
    /// For a model that was asked with words to go on.
    pub(super) const TOLD: Self = Self { least: 8, from_words: true, accident: 40 };
}

/// What the continuation came to so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Met {
    /// Not known yet.
    Open,
    /// What follows the sent text so far; may be empty.
    At(String),
    /// The continuation starts all over and says something else.
    Contradicts,
}

/// Looks for the place where the sent text goes on.
#[derive(Debug)]
pub(super) struct Overlap {
    /// As the model got it: without the blanks at its end.
    sent: String,
    /// These.
    blanks: String,
    rules: Rules,
    /// The continuation so far.
    held: String,
    /// From the continuation's first byte, and from the first behind what may be wrapped around it.
    runs: Vec<Run>,
    /// How long the wrapping is, once that is known.
    wrapping: Option<Wrapping>,
    /// Whether anything of the continuation was a repetition.
    has_repeated: bool,
}

#[derive(Debug, Clone, Copy)]
struct Wrapping {
    bytes: usize,
    /// Whether a code block is opened at its end, with the name of a language.
    opens_block: bool,
}

/// A comparison that begins at one place of the continuation.
#[derive(Debug)]
struct Run {
    /// Where in the continuation.
    from: usize,
    /// How many bytes of it were compared.
    compared: usize,
    /// Where in the sent text a piece begins that has been the same so far.
    alive: Vec<usize>,
    /// Where one begins that has been the same to the end of the sent text; longer ones come later.
    found: Vec<usize>,
    /// How many bytes were those of the sent text's own beginning, unless they were its end too.
    from_start: usize,
}

impl Run {
    fn new(sent: &str, from: usize) -> Self {
        let start = start(sent);
        let window = sent.len() - super::request::ending(sent, WINDOW).len();
        let outside = Some(start).filter(|start| *start < window);
        let alive = outside.into_iter().chain(window.max(start)..sent.len()).collect();
        Self { from, compared: 0, alive, found: Vec::new(), from_start: 0 }
    }

    fn take(&mut self, sent: &str, byte: u8) {
        let Self { compared, alive, found, from_start, .. } = self;
        let (sent, start) = (sent.as_bytes(), start(sent));
        alive.retain(|at| sent.get(at + *compared) == Some(&byte));
        *compared += 1;
        if alive.first() == Some(&start) {
            *from_start = *compared;
        }
        alive.retain(|at| {
            let is_whole = at + *compared == sent.len();
            if is_whole {
                found.push(*at);
                if *at == start {
                    *from_start = 0;
                }
            }
            !is_whole
        });
    }
}

/// Where the sent text begins, but for blanks.
fn start(sent: &str) -> usize {
    sent.len() - sent.trim_start().len()
}

impl Overlap {
    pub(super) fn new(mut sent: String, rules: Rules) -> Self {
        let blanks = sent.split_off(sent.trim_end().len());
        let runs = vec![Run::new(&sent, 0)];
        Self { sent, blanks, rules, held: String::new(), runs, wrapping: None, has_repeated: false }
    }

    /// Takes the next piece of the continuation. Nothing more is taken once it is known.
    pub(super) fn push(&mut self, text: &str) -> Met {
        for (at, character) in text.char_indices() {
            let end = at + character.len_utf8();
            self.take(&text[at..end]);
            if !self.is_known() {
                continue;
            }
            match self.cut() {
                None => return Met::Contradicts,
                // As long as there may be more blanks, nobody knows how many of them were sent.
                Some(cut) if self.may_be_blank(cut) => {}
                Some(cut) => return Met::At([self.behind_blanks(cut), &text[end..]].concat()),
            }
        }
        Met::Open
    }

    /// Takes the end of the continuation's text.
    pub(super) fn finish(&mut self) -> Met {
        if self.wrapping.is_none() {
            self.wrapping = Some(Wrapping { bytes: self.held.len(), opens_block: false });
        }
        match self.cut() {
            None => Met::Contradicts,
            Some(cut) => Met::At(self.behind_blanks(cut).to_owned()),
        }
    }

    /// Whether the continuation repeated something, so that it is one even if nothing follows.
    pub(super) fn has_repeated(&self) -> bool {
        self.has_repeated
    }

    fn take(&mut self, character: &str) {
        self.held.push_str(character);
        for run in &mut self.runs {
            character.bytes().for_each(|byte| run.take(&self.sent, byte));
        }
        if self.wrapping.is_none() {
            self.wrapping = wrapping(&self.held);
            if let Some(Wrapping { bytes: from @ 1.., .. }) = self.wrapping {
                let mut run = Run::new(&self.sent, from);
                self.held[from..].bytes().for_each(|byte| run.take(&self.sent, byte));
                self.runs.push(run);
            }
        }
    }

    fn is_known(&self) -> bool {
        self.wrapping.is_some() && self.runs.iter().all(|run| run.alive.is_empty())
    }

    /// How much of what is held is not new; `None` if it contradicts what was sent.
    fn cut(&mut self) -> Option<usize> {
        for run in &self.runs {
            if let Some(at) = run.found.iter().rev().take(MAX_FOUND).find(|at| self.is_repetition(**at)) {
                self.has_repeated = true;
                return Some(run.from + self.sent.len() - at);
            }
        }
        if self.runs.iter().any(|run| run.from_start > self.rules.accident) {
            return None;
        }
        let wrapping = self.wrapping.filter(|wrapping| wrapping.opens_block && is_in_block(&self.sent));
        Some(wrapping.map_or(0, |wrapping| wrapping.bytes))
    }

    fn may_be_blank(&self, cut: usize) -> bool {
        let new = &self.held[cut..];
        !self.blanks.is_empty() && new.trim_start().is_empty() && new.len() <= MAX_WRAPPING
    }

    /// Whether the end of the sent text from `at` on, which the continuation begins with, is there for a second time.
    fn is_repetition(&self, at: usize) -> bool {
        let (before, repeated) = self.sent.split_at(at);
        let is_whole = at == start(&self.sent);
        let begins_word = before.is_empty() || before.ends_with(char::is_whitespace);
        // Behind a blank there is no word to repeat.
        let from_words = self.rules.from_words && self.blanks.is_empty();
        if from_words && (is_whole || begins_word && !repeated.starts_with(char::is_whitespace)) {
            return true;
        }
        let letters = repeated.chars().filter(|character| character.is_alphanumeric()).count();
        let blanks = repeated.bytes().filter(u8::is_ascii_whitespace).count();
        let is_long = is_whole || repeated.len() - blanks >= self.rules.least;
        is_long && letters >= MIN_LETTERS && !is_periodic(repeated.as_bytes())
    }

    /// What is new behind the cut, without the blanks that were sent already.
    fn behind_blanks(&self, cut: usize) -> &str {
        let new = &self.held[cut..];
        let held = &new[..new.len() - new.trim_start().len()];
        let same = self.blanks.chars().zip(held.chars()).take_while(|(sent, held)| sent == held);
        let same = same.map(|(_, held)| held.len_utf8()).sum();
        let ends = held.char_indices().map(|(at, _)| at).chain([held.len()]);
        let meets = ends.filter(|end| self.blanks.ends_with(&held[..*end])).max();
        &new[meets.unwrap_or(0).max(same)..]
    }
}

/// How much stands before the text itself; `None` as long as that is not known.
fn wrapping(held: &str) -> Option<Wrapping> {
    const MARKS: &str = "\"'“”„‘’«»….>";
    let marks = held.trim_start_matches(|mark: char| mark.is_whitespace() || MARKS.contains(mark));
    let bytes = held.len() - marks.len();
    let plain = Some(Wrapping { bytes, opens_block: false });
    if held.len() > MAX_WRAPPING {
        return plain;
    }
    if marks.is_empty() || "```".starts_with(marks) {
        return None;
    }
    let Some(fence) = marks.strip_prefix("```") else { return plain };
    let (language, _) = fence.split_once('\n')?;
    Some(Wrapping {
        bytes: bytes + "```\n".len() + language.len(),
        opens_block: held[..bytes].trim().is_empty() && !language.trim().is_empty(),
    })
}

/// Whether a text ends inside a block of code.
fn is_in_block(text: &str) -> bool {
    text.lines().filter(|line| line.trim_start().starts_with("```")).count() % 2 == 1
}

/// Whether a text is one piece at least twice, as far as it goes: then nobody can tell how often it shall be there.
fn is_periodic(text: &[u8]) -> bool {
    // The lengths of the longest pieces that the text up to each place both begins and ends with.
    let mut borders = vec![0_usize; text.len()];
    for at in 1..text.len() {
        let mut border = borders[at - 1];
        while border > 0 && text[border] != text[at] {
            border = borders[border - 1];
        }
        borders[at] = border + usize::from(text[border] == text[at]);
    }
    borders.last().is_some_and(|border| border * 2 >= text.len())
}

#[cfg(test)]
mod tests;
