//! The conversation as Gemini takes it: turns of the user and of the model, the user's first, results behind their calls.

use std::collections::HashSet;

use super::super::{
    part::{self, Place},
    write::{Array, Object},
};
use crate::{
    dialects::orphan,
    ir::{Block, Content, Message, Request, Role},
};

/// Stands before a conversation that the model begins, because Gemini refuses one whose first turn calls a function
/// ("function call turn comes immediately after a user turn") and older models any that does not begin with the user.
const MODEL_BEGINS: &str = "(The conversation begins with the model's turn.)";

/// One turn, with the places of its blocks.
struct Turn<'r> {
    is_model: bool,
    blocks: Vec<(Place, &'r Block<'r>)>,
    /// The numbers of the messages in it that are the operator's.
    instructions: Vec<usize>,
}

/// Writes `contents` and `systemInstruction`. A system prompt that nothing follows is said as the user, and where there is
/// nothing at all to say a placeholder stands, because Gemini wants some content ("contents is not specified").
pub(super) fn write<'r>(request: &'r Request<'r>, writer: &mut part::Writer<'r>, object: &mut Object<'_>) {
    let mut is_said = request.system.is_empty();
    object.array("contents", |array| {
        contents(request, writer, array);
        if array.is_empty() && !is_said && !writer.at_home {
            is_said = true;
            array.object_if(|content| {
                content.text("role", "user");
                content.array_if_any("parts", |parts| system(request, writer, parts))
            });
            if !array.is_empty() {
                writer
                    .losses
                    .add("system", "nothing follows it, which Gemini does not take: said as the user");
            }
        }
        if array.is_empty() && !writer.at_home {
            writer.losses.add("messages", orphan::MODEL_FIRST);
            array.object(|content| {
                content.text("role", "user");
                content.array("parts", |parts| {
                    parts.object(|part| part.text("text", orphan::PLACEHOLDER));
                });
            });
        }
    });
    if !is_said {
        object.object_if_any("systemInstruction", |content| {
            content.array_if_any("parts", |parts| system(request, writer, parts));
        });
    }
}

fn system<'r>(request: &'r Request<'r>, writer: &mut part::Writer<'r>, parts: &mut Array<'_>) {
    for (place, block) in request.system.iter().enumerate() {
        writer.block(block, Place::System(place), parts);
    }
}

fn contents<'r>(request: &'r Request<'r>, writer: &mut part::Writer<'r>, array: &mut Array<'_>) {
    let turns = turns(request, writer);
    let current = current_turn(&turns);
    let needs_signatures = !writer.at_home && writer.is_gemini_3;
    for (number, turn) in turns.iter().enumerate() {
        writer.must_sign = needs_signatures && turn.is_model && number >= current;
        let is_too_early = turn.is_model && array.is_empty() && !writer.at_home;
        array.all_or_none(|array| {
            if is_too_early {
                array.object(|content| {
                    content.text("role", "user");
                    content.array("parts", |parts| parts.object(|part| part.text("text", MODEL_BEGINS)));
                });
            }
            array.object_if(|content| one(turn, writer, content))
        });
        if is_too_early && !array.is_empty() {
            writer.losses.add("messages", "Gemini wants the user first: a line that says so stands before");
        }
    }
}

/// Writes one turn; false if it says nothing, which Gemini refuses. At home that is not for the gateway to leave out.
fn one<'r>(turn: &Turn<'r>, writer: &mut part::Writer<'r>, content: &mut Object<'_>) -> bool {
    content.text("role", if turn.is_model { "model" } else { "user" });
    let mut has_parts = false;
    content.array("parts", |parts| {
        for (place, block) in &turn.blocks {
            if !writer.is_response(block, *place) {
                writer.rest(parts);
            }
            let before = parts.len();
            writer.block(block, *place, parts);
            if parts.len() > before {
                lose_role(turn, *place, writer);
            }
        }
        writer.rest(parts);
        has_parts = !parts.is_empty();
    });
    has_parts || writer.at_home
}

/// Where the latest words of the user begin, from which on Gemini 3 asks for signatures. What stands beside tool
/// results continues a turn.
fn current_turn(turns: &[Turn<'_>]) -> usize {
    let has_results = |turn: &Turn<'_>| turn.blocks.iter().any(|(_, block)| is_result(block));
    let (mut current, mut start) = (0, 0);
    for run in turns.chunk_by(|one, other| one.is_model == other.is_model) {
        if run.iter().all(|turn| !turn.is_model && !has_results(turn)) {
            current = start;
        }
        start += run.len();
    }
    current
}

fn is_result(block: &Block<'_>) -> bool {
    matches!(block.content, Content::ToolResult(_))
}

/// The turns: at home as they came; else neighbours of the model joined, because all calls of a turn are answered by
/// the next one, and so are results with the words before them. Results stand first, in the order of the calls; those
/// that no call of the turn before asked for are noted in the writer.
fn turns<'r>(request: &'r Request<'r>, writer: &mut part::Writer<'r>) -> Vec<Turn<'r>> {
    let mut turns: Vec<Turn<'r>> = Vec::with_capacity(request.messages.len());
    let mut order: Vec<&str> = Vec::new();
    let mut open: HashSet<&str> = HashSet::new();
    for (number, message) in request.messages.iter().enumerate() {
        lose_around(message, number, writer);
        let is_model = message.role == Role::Assistant;
        let places = (0..).map(|block| Place::Message(number, block));
        let blocks: Vec<(Place, &'r Block<'r>)> = places.zip(&message.blocks).collect();
        let is_neighbour = !writer.at_home && turns.last().is_some_and(|last| last.is_model == is_model);
        if is_model && !is_neighbour {
            open.clear();
        }
        let mut has_results = false;
        for (place, block) in &blocks {
            match &block.content {
                Content::ToolUse(call) => {
                    writer.names.insert(&call.id, &call.name);
                    order.push(&call.id);
                    open.insert(&call.id);
                }
                Content::ToolResult(result) => {
                    has_results = true;
                    if !open.remove(&*result.id) && !writer.at_home {
                        writer.strays.insert(*place);
                    }
                }
                _ => {}
            }
        }
        if !(is_neighbour && (is_model || has_results)) {
            turns.push(Turn { is_model, blocks: Vec::new(), instructions: Vec::new() });
        }
        let Some(turn) = turns.last_mut() else { continue };
        if matches!(message.role, Role::System | Role::Developer) {
            turn.instructions.push(number);
        }
        turn.blocks.extend(blocks);
        if has_results && !writer.at_home {
            turn.blocks.sort_by_key(|(place, block)| match &block.content {
                Content::ToolResult(result) if !writer.strays.contains(place) => {
                    order.iter().rposition(|id| **id == *result.id).unwrap_or(order.len())
                }
                _ => usize::MAX,
            });
        }
    }
    turns
}

/// Names what a message says beside its blocks and Gemini cannot say.
fn lose_around(message: &Message<'_>, number: usize, writer: &mut part::Writer<'_>) {
    let place = format!("messages[{number}]");
    if message.name.is_some() {
        writer.losses.add(format!("{place}.name"), "Gemini has no names of speakers");
    }
    writer.lose_extra(&message.extra, Some(&place));
}

/// Names the role of an instruction within the conversation, of which a block is said.
fn lose_role(turn: &Turn<'_>, place: Place, writer: &mut part::Writer<'_>) {
    if let Place::Message(number, _) = place
        && turn.instructions.contains(&number)
    {
        let reason = "no system role within the conversation: said as the user";
        writer.losses.add(format!("messages[{number}].role"), reason);
    }
}
