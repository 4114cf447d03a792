//! The answer as events, each padded with blanks before its last brace as the real ones are.

use std::{iter, sync::Arc};

use serde::Serialize;

use super::message::{Block, Filled, Message, WireBlock};
use crate::{
    reply::{Frame, Frames, Reply, Role},
    text,
};

/// Most blanks before the last brace.
const MAX_PADDING: u64 = 16;

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Event<M, D, U, B> {
    MessageStart { message: M },
    ContentBlockStart { index: usize, content_block: B },
    ContentBlockDelta { index: usize, delta: D },
    ContentBlockStop { index: usize },
    MessageDelta { delta: D, usage: U },
    MessageStop,
}

/// What a block has more of.
#[derive(Serialize)]
#[serde(tag = "type")]
enum Delta<'a> {
    #[serde(rename = "text_delta")]
    Text { text: &'a str },
    #[serde(rename = "thinking_delta")]
    Thinking { thinking: &'a str },
    #[serde(rename = "signature_delta")]
    Signature { signature: &'a str },
    #[serde(rename = "input_json_delta")]
    Input { partial_json: &'a str },
}

/// Nothing in that place of an event.
type No = ();

/// One event to come.
enum Step {
    Start,
    BlockStart(usize),
    Ping,
    /// A piece of a block, from here to there.
    Piece(usize, usize, usize),
    Signature(usize),
    BlockStop(usize),
    Delta,
    Stop,
}

/// The stream.
pub(super) fn reply(message: Message) -> Reply {
    Reply::frames("text/event-stream; charset=utf-8", frames(Arc::new(message)))
}

fn frames(message: Arc<Message>) -> Frames {
    let steps = steps(&message);
    Box::new(steps.into_iter().enumerate().map(move |(number, step)| message.frame(number as u64, &step)))
}

/// The order of events: the ping comes after the first block has begun, or alone where there is none.
fn steps(message: &Message) -> Vec<Step> {
    let mut steps = vec![Step::Start];
    if message.blocks.is_empty() {
        steps.push(Step::Ping);
    }
    for (index, block) in message.blocks.iter().enumerate() {
        steps.push(Step::BlockStart(index));
        if index == 0 {
            steps.push(Step::Ping);
        }
        steps.extend(block_steps(index, block));
        steps.push(Step::BlockStop(index));
    }
    steps.extend([Step::Delta, Step::Stop]);
    steps
}

fn block_steps(index: usize, block: &Block) -> Vec<Step> {
    let pieces = |text: &str| {
        let mut start = 0;
        let piece = |end| Step::Piece(index, std::mem::replace(&mut start, end), end);
        text::piece_ends(text).into_iter().map(piece).collect::<Vec<_>>()
    };
    match block {
        Block::Text(text) => pieces(text),
        // Thinking that may not be read is signed all the same.
        Block::Thinking { text, .. } => pieces(text).into_iter().chain([Step::Signature(index)]).collect(),
        Block::Redacted(_) => Vec::new(),
        // Arguments begin with an empty piece, and where there are none that is all.
        Block::ToolUse { input, .. } => {
            let rest = if input == "{}" { Vec::new() } else { pieces(input) };
            iter::once(Step::Piece(index, 0, 0)).chain(rest).collect()
        }
    }
}

impl Message {
    fn frame(&self, number: u64, step: &Step) -> Frame {
        let padding = (text::mix(self.serial ^ number) % MAX_PADDING) as usize;
        match *step {
            Step::Start => {
                let event: Event<_, No, No, No> = Event::MessageStart { message: self.beginning() };
                event.frame(Role::Lifecycle, "message_start", padding)
            }
            Step::BlockStart(index) => {
                let block = &self.blocks[index];
                let content_block: WireBlock<'_> = block.wire(Filled::Empty);
                // That a tool is called is news; that a text begins is not.
                let role =
                    if matches!(block, Block::ToolUse { .. }) { Role::Output } else { Role::Lifecycle };
                let event: Event<No, No, No, _> = Event::ContentBlockStart { index, content_block };
                event.frame(role, "content_block_start", padding)
            }
            Step::Ping => Frame::fixed(Role::Lifecycle, "event: ping\ndata: {\"type\": \"ping\"}\n\n"),
            Step::Piece(index, start, end) => {
                let delta = match &self.blocks[index] {
                    Block::Text(text) => Delta::Text { text: &text[start..end] },
                    Block::Thinking { text, .. } => Delta::Thinking { thinking: &text[start..end] },
                    Block::ToolUse { input: text, .. } | Block::Redacted(text) => {
                        Delta::Input { partial_json: &text[start..end] }
                    }
                };
                delta_frame(Role::Output, index, delta, padding)
            }
            Step::Signature(index) => {
                let signature = match &self.blocks[index] {
                    Block::Thinking { signature, .. } => signature,
                    _ => "",
                };
                delta_frame(Role::Lifecycle, index, Delta::Signature { signature }, padding)
            }
            Step::BlockStop(index) => {
                let event: Event<No, No, No, No> = Event::ContentBlockStop { index };
                event.frame(Role::Lifecycle, "content_block_stop", padding)
            }
            Step::Delta => {
                let (delta, usage) = self.ending();
                let event: Event<No, _, _, No> = Event::MessageDelta { delta, usage };
                event.frame(Role::Lifecycle, "message_delta", padding)
            }
            Step::Stop => {
                let event: Event<No, No, No, No> = Event::MessageStop;
                event.frame(Role::Terminator, "message_stop", padding)
            }
        }
    }
}

fn delta_frame(role: Role, index: usize, delta: Delta<'_>, padding: usize) -> Frame {
    let event: Event<No, _, No, No> = Event::ContentBlockDelta { index, delta };
    event.frame(role, "content_block_delta", padding)
}

impl<M: Serialize, D: Serialize, U: Serialize, B: Serialize> Event<M, D, U, B> {
    fn frame(&self, role: Role, name: &str, padding: usize) -> Frame {
        Frame::padded(role, name, self, padding)
    }
}
