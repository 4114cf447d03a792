//! The proofs of reasoning that clients cannot carry, kept for their next turn.

use std::{sync::Arc, time::Duration};

use lockgate_protocol::{
    codec::Codec,
    continuity::{self, Collector, Harvest, Kept, Name},
    ir::Request,
};

use crate::{
    access::Caller,
    clock,
    keep::{Bounds, Keep, key},
};

/// An hour without a turn ends most rounds of tools; a session that goes on uses its proofs with every turn. Proofs of a
/// turn of reasoning have a few kilobytes, so the bytes are those of some ten thousand turns.
const BOUNDS: Bounds = Bounds { entries: 100_000, bytes: 128 << 20, age: Duration::from_secs(3600) };

/// All that is kept.
pub(crate) struct Proofs {
    kept: Keep<Arc<Kept>>,
}

/// What is kept for one client key, in one call.
#[derive(Clone)]
pub(crate) struct OwnProofs {
    proofs: Arc<Proofs>,
    /// Stands before every key, so that no client finds another's.
    owner: Arc<str>,
}

impl Proofs {
    pub(crate) fn new() -> Self {
        Self { kept: Keep::new(BOUNDS) }
    }

    /// What is kept for `caller`; clients without a key are one.
    pub(crate) fn of(self: &Arc<Self>, caller: Option<&Caller>) -> OwnProofs {
        let owner = caller.map_or_else(|| Arc::from(""), |caller| Arc::clone(&caller.id));
        OwnProofs { proofs: Arc::clone(self), owner }
    }
}

impl OwnProofs {
    /// Puts back into `request`, which `client` read, what a provider of the dialect `home` wants to see again.
    pub(crate) fn restore(&self, request: &mut Request<'_>, client: &dyn Codec, home: &str) {
        let now = clock::now();
        let by_place = !client.returns_call_ids();
        continuity::restore(request, home, by_place, &mut |name| self.proofs.kept.get(&self.key(name), now));
    }

    /// Starts to take the proofs out of the answer to `request`, which goes to `client`.
    pub(crate) fn collector(client: &dyn Codec, request: &Request<'_>) -> Collector {
        Collector::new((!client.returns_call_ids()).then(|| continuity::conversation(request)))
    }

    /// Keeps what an answer leaves; true if none of its proofs is lost.
    pub(crate) fn keep(&self, harvest: Harvest) -> bool {
        let now = clock::now();
        let mut is_whole = harvest.is_whole;
        for (name, kept) in harvest.rows {
            let size = kept.size();
            is_whole &= self.proofs.kept.put(&self.key(&name), kept, size, now);
        }
        is_whole
    }

    fn key(&self, name: &Name) -> String {
        match name {
            Name::Id(id) => key(&self.owner, &format!("id:{id}")),
            Name::Place(place) => key(&self.owner, &format!("place:{place:x}")),
        }
    }
}
