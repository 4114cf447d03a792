//! The answers that clients may continue by their id: kept here, or known to be kept by the provider that gave them.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use bytes::Bytes;
use lockgate_protocol::conversations::{Conversations, Turn};

use crate::{
    access::Caller,
    clock,
    fleet::Deployment,
    keep::{Bounds, Keep, key},
};

/// A day without a turn ends a conversation; the bytes hold some hundred long ones. A conversation that goes on uses all
/// of its turns.
const BOUNDS: Bounds = Bounds { entries: 50_000, bytes: 128 << 20, age: Duration::from_secs(24 * 3600) };
/// The items of answers, by which requests refer to them: no more than a few per answer, and small.
const ITEM_BOUNDS: Bounds = Bounds { entries: 100_000, bytes: 32 << 20, ..BOUNDS };
/// Most turns of one conversation. More do not fit any model, and the walk along them stays short.
const MAX_TURNS: usize = 4096;

/// All answers.
pub(crate) struct Answers {
    kept: Keep<Kept>,
    /// The turn in whose answer an item is, as long as that is kept.
    items: Keep<Weak<KeptTurn>>,
}

/// Where an answer is.
#[derive(Clone)]
pub(crate) enum Kept {
    /// Here.
    Here(Arc<KeptTurn>),
    /// At the provider, under the account that was asked.
    At(Arc<Deployment>),
}

/// A turn that is kept here.
pub(crate) struct KeptTurn {
    pub(crate) previous: Option<String>,
    pub(crate) said: Bytes,
    pub(crate) answer: Bytes,
}

/// What there is of one client key.
#[derive(Clone)]
pub(crate) struct OwnAnswers {
    answers: Arc<Answers>,
    owner: Arc<str>,
}

impl Answers {
    pub(crate) fn new() -> Self {
        Self { kept: Keep::new(BOUNDS), items: Keep::new(ITEM_BOUNDS) }
    }

    /// The answers of `caller`; clients without a key are one.
    pub(crate) fn of(self: &Arc<Self>, caller: Option<&Caller>) -> OwnAnswers {
        let owner = caller.map_or_else(|| Arc::from(""), |caller| Arc::clone(&caller.id));
        OwnAnswers { answers: Arc::clone(self), owner }
    }
}

impl OwnAnswers {
    /// Where the answer `id` is, if anybody knows.
    pub(crate) fn find(&self, id: &str) -> Option<Kept> {
        self.answers.kept.get(&key(&self.owner, id), clock::now())
    }

    /// The turns up to and with `last`, oldest first; `None` if one of them was forgotten.
    pub(crate) fn turns(&self, last: Arc<KeptTurn>) -> Option<Vec<Arc<KeptTurn>>> {
        let mut turns = vec![last];
        while let Some(previous) = turns.last().and_then(|turn| turn.previous.clone()) {
            match self.find(&previous) {
                Some(Kept::Here(turn)) if turns.len() < MAX_TURNS => turns.push(turn),
                _ => return None,
            }
        }
        turns.reverse();
        Some(turns)
    }

    /// Keeps the answer `id`; false if it is too large.
    pub(crate) fn keep(&self, id: &str, kept: Kept) -> bool {
        let size = match &kept {
            Kept::Here(turn) => {
                turn.said.len() + turn.answer.len() + turn.previous.as_deref().map_or(0, str::len)
            }
            Kept::At(_) => size_of::<Deployment>(),
        };
        self.answers.kept.put(&key(&self.owner, id), kept, size, clock::now())
    }

    /// The item `id` of an answer that is kept here.
    pub(crate) fn item(&self, conversations: &dyn Conversations, id: &str) -> Option<Bytes> {
        let turn = self.answers.items.get(&key(&self.owner, id), clock::now())?;
        conversations.item(&turn.upgrade()?.answer, id)
    }

    /// Keeps a turn whose answer has the id `id`; false if it is too large.
    fn keep_turn(&self, conversations: &dyn Conversations, id: &str, turn: KeptTurn) -> bool {
        let turn = Arc::new(turn);
        let is_kept = self.keep(id, Kept::Here(Arc::clone(&turn)));
        for item in conversations.item_ids(&turn.answer).iter().filter(|_| is_kept) {
            self.answers.items.put(&key(&self.owner, item), Arc::downgrade(&turn), 0, clock::now());
        }
        is_kept
    }

    /// Forgets the answer `id`.
    pub(crate) fn forget(&self, id: &str) {
        self.answers.kept.remove(&key(&self.owner, id));
    }
}

/// The turns as the dialect takes them.
pub(crate) fn views(turns: &[Arc<KeptTurn>]) -> Vec<Turn<'_>> {
    turns.iter().map(|turn| Turn { said: &turn.said, answer: &turn.answer }).collect()
}

/// What is to be kept of an answer under way.
pub(crate) struct Note {
    pub(crate) conversations: &'static dyn Conversations,
    pub(crate) answers: OwnAnswers,
    pub(crate) place: NotePlace,
}

/// Where the answer will be.
pub(crate) enum NotePlace {
    /// Here, after `previous` and what the client `said`.
    Here { previous: Option<String>, said: Bytes },
    /// At the provider.
    At(Arc<Deployment>),
}

impl Note {
    /// Keeps `answer`, which is whole.
    pub(crate) fn keep(self, answer: Bytes) {
        let Some(id) = self.conversations.id_of(&answer) else { return };
        let is_kept = match self.place {
            NotePlace::Here { previous, said } => {
                self.answers.keep_turn(self.conversations, &id, KeptTurn { previous, said, answer })
            }
            NotePlace::At(deployment) => self.answers.keep(&id, Kept::At(deployment)),
        };
        if !is_kept {
            tracing::warn!(answer = id, "answer too large to be kept: it cannot be continued by its id");
        }
    }
}
