//! Server-sent events out of the pieces in which they come.

/// Reads events.
#[derive(Default)]
pub(super) struct Events {
    bytes: Vec<u8>,
}

/// One event.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) name: String,
    pub(super) data: String,
}

/// More than this is no event of a gateway's: what came is thrown away.
const LONGEST: usize = 1 << 20;

impl Events {
    /// Takes what has come.
    pub(super) fn take(&mut self, piece: &[u8]) {
        self.bytes.extend_from_slice(piece);
        if self.bytes.len() > LONGEST {
            self.bytes.clear();
        }
    }

    /// The next event that is whole.
    pub(super) fn next(&mut self) -> Option<Event> {
        loop {
            let end = self.bytes.windows(2).position(|pair| pair == b"\n\n")?;
            let text: Vec<u8> = self.bytes.drain(..end + 2).collect();
            let text = String::from_utf8_lossy(&text);
            let mut event = Event::default();
            for line in text.lines() {
                match line.split_once(": ") {
                    Some(("event", name)) => name.clone_into(&mut event.name),
                    Some(("data", data)) => data.clone_into(&mut event.data),
                    _ => {}
                }
            }
            if event != Event::default() {
                return Some(event);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_whole_wherever_they_are_split() {
        let text = "retry: 1000\n\n:\n\nid: r1\nevent: call\ndata: {\"a\": \"ü\"}\n\nevent: end\ndata: {}\n\nevent: x";
        let event = |name: &str, data: &str| Event { name: name.to_owned(), data: data.to_owned() };
        for size in 1..text.len() {
            let (mut events, mut found) = (Events::default(), Vec::new());
            for piece in text.as_bytes().chunks(size) {
                events.take(piece);
                found.extend(std::iter::from_fn(|| events.next()));
            }
            assert_eq!(found, [event("call", "{\"a\": \"ü\"}"), event("end", "{}")], "pieces of {size}");
        }
        let mut endless = Events::default();
        (0..40).for_each(|_| endless.take(&[b'x'; 100_000]));
        assert!(endless.bytes.len() <= LONGEST && endless.next().is_none());
    }
}
