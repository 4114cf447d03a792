//! How many bytes of request bodies are held at once.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use lockgate_protocol::ir::{Fault, FaultKind};

/// When there may be room again: nobody knows, but most calls are short.
const SOON: Duration = Duration::from_secs(1);

/// The room that all bodies share. Clones share the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Room(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    most: AtomicUsize,
    held: AtomicUsize,
}

/// The part of it that one body takes, until it is dropped.
#[derive(Debug)]
pub(crate) struct Space {
    room: Room,
    bytes: usize,
}

/// Bytes that keep their space for as long as anything looks at them.
struct Held {
    body: Bytes,
    _space: Space,
}

impl Room {
    /// Makes it room for `most` bytes in all. What is held beyond that stays until it is given back.
    pub(crate) fn resize(&self, most: usize) {
        self.0.most.store(most, Ordering::Relaxed);
    }

    /// How many bytes are taken.
    pub(crate) fn held(&self) -> usize {
        self.0.held.load(Ordering::Relaxed)
    }

    /// How many there is room for.
    pub(crate) fn most(&self) -> usize {
        self.0.most.load(Ordering::Relaxed)
    }

    /// Space for a body of which nothing is there yet.
    pub(crate) fn space(&self) -> Space {
        Space { room: self.clone(), bytes: 0 }
    }

    /// Keeps room for a body that is there, as long as anything looks at it.
    pub(crate) fn hold(&self, body: Bytes) -> Result<Bytes, Fault> {
        let mut space = self.space();
        space.grow(body.len())?;
        Ok(space.hold(body))
    }
}

impl Space {
    /// Makes it space for `bytes` at least. A body must leave as much room as it takes: whatever is under way, there is
    /// room left for smaller ones.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Fault> {
        let Shared { most, held } = &*self.room.0;
        let more = bytes.saturating_sub(self.bytes);
        if more == 0 {
            return Ok(());
        }
        let most = most.load(Ordering::Relaxed);
        let take = |held: usize| {
            let after = held.checked_add(more)?;
            (after.checked_add(bytes)? <= most).then_some(after)
        };
        held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).map_err(|_| full())?;
        self.bytes = bytes;
        Ok(())
    }

    /// The body that it is for: with the last view of it, the space is given back.
    pub(crate) fn hold(self, body: Bytes) -> Bytes {
        if body.is_empty() { body } else { Bytes::from_owner(Held { body, _space: self }) }
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        self.room.0.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

fn full() -> Fault {
    let text = "the gateway holds as many bytes of requests as it may (`server.body_budget`): try again soon";
    let mut fault = Fault::new(FaultKind::Busy, text);
    fault.retry_after = Some(SOON);
    fault
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(most: usize) -> Room {
        let room = Room::default();
        room.resize(most);
        room
    }

    #[test]
    fn space_is_given_back_with_the_last_view_of_a_body() {
        let room = room(100);
        let body = room.hold(Bytes::from_static(b"0123456789")).unwrap();
        assert_eq!(room.held(), 10);
        let view = body.slice(3..5);
        drop(body);
        assert_eq!((room.held(), &*view), (10, &b"34"[..]));
        drop(view);
        assert_eq!(room.held(), 0);
        assert!(room.hold(Bytes::new()).unwrap().is_empty());
        assert_eq!(room.held(), 0);
    }

    #[test]
    fn what_does_not_fit_takes_nothing() {
        let room = room(100);
        let mut growing = room.space();
        growing.grow(20).unwrap();
        growing.grow(10).unwrap();
        assert_eq!(room.held(), 20);
        growing.grow(50).unwrap();
        let fault = growing.grow(51).unwrap_err();
        assert_eq!((fault.kind, fault.status, fault.retry_after), (FaultKind::Busy, 503, Some(SOON)));
        assert_eq!(room.held(), 50);
        assert!(room.space().grow(usize::MAX).is_err());
        drop(growing);
        assert_eq!(room.held(), 0);
    }

    #[test]
    fn large_bodies_leave_room_for_small_ones() {
        let room = room(64 << 20);
        let fill = |bytes: usize| {
            std::iter::from_fn(|| {
                let mut space = room.space();
                space.grow(bytes).is_ok().then_some(space)
            })
            .collect::<Vec<_>>()
        };
        let large = fill(32 << 20);
        let medium = fill(8 << 20);
        let small = fill(64 << 10);
        assert_eq!((large.len(), medium.len()), (1, 3));
        assert!(small.len() > 100, "{}", small.len());
        assert!(room.held() <= 64 << 20);
        drop((large, medium, small));
        assert_eq!(room.held(), 0);
    }
}
