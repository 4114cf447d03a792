//! Counts about what one answer costs as it passes, for providers that do not say.

use super::{family::Family, tokens, vocabulary::Tally};
use crate::ir::{BlockKind, Delta, Event, Loss, Losses, Request, Usage};

/// Stands between a decoder and whoever takes its events, and says what the answer cost where the provider has not.
#[derive(Debug)]
pub struct Meter {
    family: &'static Family,
    input: u64,
    output: Tally,
    reasoning: Tally,
    /// The choices whose open block is reasoning.
    thinking: Vec<u64>,
    is_told: bool,
    is_estimated: bool,
}

impl Meter {
    /// For an answer to `request` by `model`. Takes the time that [`tokens`] takes.
    pub fn new(request: &Request<'_>, model: &str) -> Self {
        let family = Family::of(model);
        Self {
            family,
            input: tokens(request, model),
            output: Tally::new(family.vocabulary),
            reasoning: Tally::new(family.vocabulary),
            thinking: Vec::new(),
            is_told: false,
            is_estimated: false,
        }
    }

    /// Hands one event of the answer on; before the end what it cost, if the provider has not said so.
    pub fn pass(&mut self, event: Event<'_>, each: &mut dyn FnMut(Event<'_>)) {
        match &event {
            Event::BlockStart { choice, kind, .. } => {
                self.thinking.retain(|thinking| thinking != choice);
                match kind {
                    BlockKind::Thinking { .. } => self.thinking.push(*choice),
                    BlockKind::ToolUse { name, .. } => self.output.add(name),
                    BlockKind::Text
                    | BlockKind::Refusal
                    | BlockKind::Audio { .. }
                    | BlockKind::Foreign { .. } => {}
                }
            }
            Event::Delta { choice, delta: Delta::Text(part) | Delta::Input(part), .. } => {
                let is_thinking = self.thinking.contains(choice);
                let tally = if is_thinking { &mut self.reasoning } else { &mut self.output };
                tally.add(part);
            }
            Event::Usage(_) => self.is_told = true,
            Event::End if !self.is_told => {
                self.is_estimated = true;
                each(Event::Usage(self.usage()));
            }
            _ => {}
        }
        each(event);
    }

    /// That the usage is an estimate, if it is one.
    pub fn losses(&self) -> Losses {
        let mut losses = Losses::default();
        if self.is_estimated {
            losses.add("usage", Loss::ESTIMATED);
        }
        losses
    }

    fn usage(&self) -> Usage {
        let cost = |tally: &Tally| (tally.tokens() * self.family.frame.thousandths).div_ceil(1000);
        let reasoning = cost(&self.reasoning);
        Usage { input: self.input, output: cost(&self.output) + reasoning, reasoning, ..Usage::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::Block;

    const WORDS: &str = "The quick brown fox jumps over the lazy dog.";

    /// The usage that comes out of an answer with these events.
    fn metered(events: Vec<Event<'_>>) -> (Vec<Usage>, bool) {
        let request = Request {
            system: vec![Block::from(crate::ir::Content::text("Be brief."))],
            ..Request::default()
        };
        let mut meter = Meter::new(&request, "gpt-5");
        let mut told = Vec::new();
        for event in events {
            meter.pass(event, &mut |event| {
                if let Event::Usage(usage) = event {
                    told.push(usage);
                }
            });
        }
        (told, !meter.losses().is_empty())
    }

    fn delta(text: &str) -> Event<'_> {
        Event::Delta { choice: 0, block: 0, delta: Delta::Text(text.into()) }
    }

    fn start<'a>(kind: BlockKind<'a>) -> Event<'a> {
        Event::BlockStart { choice: 0, block: 0, kind }
    }

    #[test]
    fn an_answer_in_parts_costs_what_it_costs_whole() {
        // Three of the text, three of the front.
        let expected = Usage { input: 6, output: 10, ..Usage::default() };
        for size in 1..=WORDS.len() {
            let parts = WORDS.as_bytes().chunks(size).map(|part| std::str::from_utf8(part).unwrap());
            let events = parts.map(delta).chain([Event::End]).collect();
            assert_eq!(metered(events), (vec![expected], true), "{size}");
        }
    }

    #[test]
    fn reasoning_is_a_part_of_the_answer() {
        let thinking = BlockKind::Thinking { is_summary: false, is_redacted: false, item: None };
        let events = vec![start(thinking), delta(WORDS), start(BlockKind::Text), delta("Yes"), Event::End];
        let expected = Usage { input: 6, output: 11, reasoning: 10, ..Usage::default() };
        assert_eq!(metered(events), (vec![expected], true));
    }

    #[test]
    fn a_provider_that_says_what_it_cost_is_believed() {
        let said = Usage { input: 7, output: 8, ..Usage::default() };
        assert_eq!(metered(vec![delta(WORDS), Event::Usage(said), Event::End]), (vec![said], false));
    }

    #[test]
    fn an_answer_that_is_not_whole_costs_nothing_that_anybody_knows() {
        assert_eq!(metered(vec![delta(WORDS)]), (vec![], false));
    }
}
