//! What one receiver is yet to be told: a bounded line, whose oldest go first where it is full.

use std::{collections::VecDeque, sync::Arc};

use crate::{Message, Notice};

/// Most notices that wait for one receiver.
const ROOM: usize = 256;

/// What one receiver is yet to be told.
#[derive(Debug, Default)]
pub struct Outbox {
    waiting: VecDeque<Arc<Notice>>,
    /// How many were pushed out since the last message.
    left_out: u64,
}

// === impl Outbox ===

impl Outbox {
    /// Puts a notice in; where there is no room, the oldest one goes. True if one went.
    pub fn push(&mut self, notice: Arc<Notice>) -> bool {
        let is_full = self.waiting.len() >= ROOM;
        if is_full {
            self.waiting.pop_front();
            self.left_out += 1;
        }
        self.waiting.push_back(notice);
        is_full
    }

    /// Whether nobody waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// All that wait as one message; none if nobody does.
    pub fn take(&mut self) -> Option<Message> {
        let notices: Vec<_> = std::mem::take(&mut self.waiting).into();
        let message = Message { left_out: std::mem::take(&mut self.left_out), notices };
        (!message.notices.is_empty()).then_some(message)
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::{Alert, Kind, Status};

    #[test]
    fn the_oldest_go_and_are_counted() {
        let mut outbox = Outbox::default();
        assert!(outbox.take().is_none());
        let notice = |number: usize| {
            let alert = Alert::new(Kind::Test, number.to_string(), "");
            Arc::new(Notice::new(number.to_string(), SystemTime::UNIX_EPOCH, Status::Raised, alert))
        };
        let gone = (0..ROOM + 5).filter(|number| outbox.push(notice(*number))).count();
        assert_eq!((gone, outbox.len()), (5, ROOM));
        let message = outbox.take().expect("some wait");
        assert_eq!((message.left_out, message.notices.len()), (5, ROOM));
        assert_eq!(message.notices[0].subject, "5");
        assert!(outbox.is_empty() && outbox.take().is_none());
        outbox.push(notice(0));
        assert_eq!(outbox.take().expect("one waits").left_out, 0, "told once");
    }
}
