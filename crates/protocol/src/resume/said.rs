//! What the client has been sent of an answer, as far as going on with it needs to know.

use std::fmt;

use crate::ir::{BlockKind, Delta, Event, OutputFormat, Request, Usage};

/// Longest text that is gone on with, in bytes: far beyond what models put out.
const MAX_TEXT: usize = 4 << 20;
/// Bytes of an answer that cost about a token: exact counts would hold up other answers while they are made.
const BYTES_PER_TOKEN: u64 = 4;

/// Notes an answer on its way to the client.
#[derive(Debug)]
pub struct Said {
    text: String,
    /// The block that is open.
    open: Option<Open>,
    /// The number of the next block.
    next: u64,
    obstacle: Option<Obstacle>,
    /// Bytes of reasoning.
    thought: u64,
    /// The latest usage that was told, earlier parts included.
    usage: Option<Usage>,
    /// What the parts cost that have broken off.
    spent: Usage,
    /// Where in the text the part begins that is under way, and how much reasoning came before.
    part: (usize, u64),
}

/// The block that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Text(u64),
    Thinking,
    Other,
}

/// Why an answer cannot be gone on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// All of its content was sent.
    Ended,
    /// Several answers were asked for.
    SeveralChoices,
    /// A tool call has begun.
    ToolCall,
    /// Reasoning has begun and not ended.
    Thinking,
    /// The model declines.
    Refusal,
    /// It has sound.
    Audio,
    /// It has something that only one dialect knows.
    Foreign,
    /// It has log probabilities.
    Logprobs,
    /// It has to be JSON, which a provider begins anew.
    Format,
    /// Its text is longer than what is kept.
    TooLong,
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ended => "all of its content was sent",
            Self::SeveralChoices => "several answers were asked for",
            Self::ToolCall => "a tool call had begun",
            Self::Thinking => "it broke off inside the reasoning",
            Self::Refusal => "the model had declined",
            Self::Audio => "it has sound",
            Self::Foreign => "it has a part that only one dialect knows",
            Self::Logprobs => "it has log probabilities",
            Self::Format => "it has to be JSON, which a provider would begin anew",
            Self::TooLong => "its text is longer than what is kept",
        })
    }
}

impl Said {
    /// For the answer to `request`.
    pub fn new(request: &Request<'_>) -> Self {
        let obstacle = if request.choices.is_some_and(|count| count > 1) {
            Some(Obstacle::SeveralChoices)
        } else if request.logprobs.is_some() {
            Some(Obstacle::Logprobs)
        } else if request.audio.is_some() {
            Some(Obstacle::Audio)
        } else if matches!(request.format, Some(OutputFormat::Json | OutputFormat::Schema { .. })) {
            Some(Obstacle::Format)
        } else {
            None
        };
        Self {
            text: String::new(),
            open: None,
            next: 0,
            obstacle,
            thought: 0,
            usage: None,
            spent: Usage::default(),
            part: (0, 0),
        }
    }

    /// Takes one event as the client's encoder gets it.
    pub fn note(&mut self, event: &Event<'_>) {
        match event {
            Event::BlockStart { choice, block, kind } => {
                let obstacle = match kind {
                    _ if *choice != 0 => Some(Obstacle::SeveralChoices),
                    BlockKind::Text | BlockKind::Thinking { .. } => None,
                    BlockKind::ToolUse { .. } => Some(Obstacle::ToolCall),
                    BlockKind::Refusal => Some(Obstacle::Refusal),
                    BlockKind::Audio { .. } => Some(Obstacle::Audio),
                    BlockKind::Foreign { .. } => Some(Obstacle::Foreign),
                };
                self.hinder(obstacle);
                self.open = Some(match kind {
                    BlockKind::Text => Open::Text(*block),
                    BlockKind::Thinking { .. } => Open::Thinking,
                    _ => Open::Other,
                });
                self.next = block + 1;
            }
            Event::Delta { delta: Delta::Text(more), .. } => match self.open {
                Some(Open::Text(_)) => self.append(more),
                Some(Open::Thinking) => self.thought += more.len() as u64,
                Some(Open::Other) | None => {}
            },
            Event::BlockStop { .. } => self.open = None,
            Event::Logprobs { .. } => self.hinder(Some(Obstacle::Logprobs)),
            Event::Stop { .. } | Event::End => self.hinder(Some(Obstacle::Ended)),
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Delta { .. }
            | Event::Start { .. }
            | Event::ServiceTier(_)
            | Event::Member { .. }
            | Event::Ping => {}
        }
    }

    /// Why the answer cannot be gone on with, if it cannot.
    pub fn obstacle(&self) -> Option<Obstacle> {
        self.obstacle.or((self.open == Some(Open::Thinking)).then_some(Obstacle::Thinking))
    }

    /// All of its text so far.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What the part cost that has broken off, with those before it. What its provider did not live to say is estimated:
    /// the request was about `input` tokens, and so many bytes of an answer are a token.
    pub fn cost(&self, input: u64) -> Usage {
        let (text, thought) = self.part;
        let reasoning = (self.thought - thought) / BYTES_PER_TOKEN;
        let output = (self.text.len() - text.min(self.text.len())) as u64 / BYTES_PER_TOKEN + reasoning;
        let estimated = Usage { input, output, reasoning, ..Usage::default() };
        let told = self.usage.map(|usage| usage.minus(self.spent)).filter(|told| *told != Usage::default());
        let part = match told {
            None => estimated,
            // What a provider says at the beginning is all of the input, and next to nothing of the output.
            Some(told) => Usage {
                output: told.output.max(estimated.output),
                reasoning: told.reasoning.max(estimated.reasoning),
                ..told
            },
        };
        self.spent.plus(part)
    }

    /// Begins the next part: all before it cost `spent`.
    pub(crate) fn go_on(&mut self, spent: Usage) {
        self.spent = spent;
        self.usage = None;
        self.part = (self.text.len(), self.thought);
    }

    /// Whether reasoning was sent.
    pub(super) fn has_thought(&self) -> bool {
        self.thought > 0
    }

    /// The text block that is open.
    pub(super) fn open_text(&self) -> Option<u64> {
        match self.open {
            Some(Open::Text(block)) => Some(block),
            Some(Open::Thinking | Open::Other) | None => None,
        }
    }

    /// The number of the next block.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// What the parts cost that have broken off.
    pub(super) fn spent(&self) -> Usage {
        self.spent
    }

    fn append(&mut self, more: &str) {
        if self.text.len() + more.len() > MAX_TEXT {
            self.hinder(Some(Obstacle::TooLong));
            self.text = String::new();
        } else if self.obstacle.is_none() {
            self.text.push_str(more);
        }
    }

    fn hinder(&mut self, obstacle: Option<Obstacle>) {
        self.obstacle = self.obstacle.or(obstacle);
    }
}
