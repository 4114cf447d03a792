//! Into a client's next request: what its dialect could not carry.

use std::sync::Arc;

use super::{
    Home, Kept, Name,
    fingerprint::{self, Talk},
};
use crate::ir::{Block, Content, Message, Request, Role};

/// Puts the reasoning back in front of the calls it led to, and the calls' own proofs at them, wherever the client did
/// not bring them along. `home` is the dialect of the provider: only proofs that its providers take are put back. `lookup` finds what was
/// kept; `by_place` says that the client drops the ids of its calls, so that they are looked for by their place too.
pub fn restore(
    request: &mut Request<'_>,
    home: &str,
    by_place: bool,
    lookup: &mut dyn FnMut(&Name) -> Option<Arc<Kept>>,
) {
    let home = Home::of(home);
    let mut talk = Talk::default();
    let mut heard = 0;
    for turn in 0..request.messages.len() {
        let message = &request.messages[turn];
        if message.role != Role::Assistant {
            continue;
        }
        let mut found = Vec::new();
        for (place, (at, call)) in calls(message).enumerate() {
            let kept = lookup(&Name::Id(call.id.to_string())).or_else(|| {
                let name = by_place.then(|| {
                    talk.hear(&request.messages[heard..turn]);
                    heard = turn;
                    fingerprint::place(talk.hash(), place)
                });
                lookup(&name?)
            });
            let fits = |kept: &Arc<Kept>| kept.call == fingerprint::call(call) && kept.is_of(home);
            found.extend(kept.filter(fits).map(|kept| (at, kept)));
        }
        if !found.is_empty() {
            sign(&mut request.messages[turn], home, &found);
            think(&mut request.messages, turn, home, &found);
        }
    }
}

/// The calls of a message, with their places among its blocks.
fn calls<'m, 'a>(message: &'m Message<'a>) -> impl Iterator<Item = (usize, &'m crate::ir::ToolUse<'a>)> {
    message.blocks.iter().enumerate().filter_map(|(at, block)| match &block.content {
        Content::ToolUse(call) => Some((at, call)),
        _ => None,
    })
}

fn sign(message: &mut Message<'_>, home: Home<'_>, found: &[(usize, Arc<Kept>)]) {
    for (at, kept) in found {
        let Content::ToolUse(call) = &mut message.blocks[*at].content else { continue };
        if call.signature.as_ref().is_none_or(|signature| !home.takes(signature)) {
            call.signature.clone_from(&kept.signature);
        }
    }
}

/// Puts the thoughts of `found` into the turn that ends with the message at `end`. Thoughts that came before anything
/// else go to the turn's very beginning, the others right before their calls.
fn think(messages: &mut [Message<'_>], end: usize, home: Home<'_>, found: &[(usize, Arc<Kept>)]) {
    // Some dialects say a turn in several messages.
    let said_before = messages[..end].iter().rev();
    let before = said_before.take_while(|said| said.role == Role::Assistant && calls(said).next().is_none());
    let start = end - before.count();
    let turn = &messages[start..=end];
    let is_proven = turn.iter().flat_map(|message| &message.blocks).any(|block| is_proven(block, home));
    if is_proven || found.iter().all(|(_, kept)| kept.thoughts.is_empty()) {
        return;
    }
    let thoughts = |kept: &Kept, leads: bool| {
        let chosen = kept.thoughts.iter().filter(move |thought| thought.leads == leads);
        chosen.map(|thought| Block::from(Content::Thinking(thought.thinking.clone()))).collect::<Vec<_>>()
    };
    let last = std::mem::take(&mut messages[end].blocks);
    for (at, block) in last.into_iter().enumerate() {
        for (_, kept) in found.iter().filter(|(call, _)| *call == at) {
            messages[end].blocks.extend(thoughts(kept, false));
        }
        // What the client may show of the same thoughts is no proof of them.
        if !is_thinking(&block) {
            messages[end].blocks.push(block);
        }
    }
    for message in &mut messages[start..end] {
        message.blocks.retain(|block| !is_thinking(block));
    }
    let leading: Vec<_> = found.iter().flat_map(|(_, kept)| thoughts(kept, true)).collect();
    messages[start].blocks.splice(..0, leading);
}

fn is_thinking(block: &Block<'_>) -> bool {
    matches!(block.content, Content::Thinking(_))
}

fn is_proven(block: &Block<'_>, home: Home<'_>) -> bool {
    match &block.content {
        Content::Thinking(thinking) => {
            thinking.signature.as_ref().is_some_and(|signature| home.takes(signature))
        }
        _ => false,
    }
}
