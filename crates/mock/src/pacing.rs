//! Turns a reply, the pace and the fault due into the steps the connection performs.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;

use crate::{
    Behaviour, Fault,
    reply::{Frame, Frames, Role},
};

/// One thing the response body does next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Send(Bytes),
    Wait(Duration),
    /// What was sent goes out before the next step.
    Flush,
    /// Nothing more, and no end.
    Stall,
    /// The connection closes where it is.
    Cut,
}

/// The steps of a body.
pub(crate) type Steps = Box<dyn Iterator<Item = Step> + Send>;

/// What happens inside an answer, and after how many outputs.
pub(crate) struct Mishap {
    at: usize,
    what: What,
}

enum What {
    Cut,
    Stall,
    /// Sends this event and goes on.
    Insert(Bytes),
    /// Sends this event and ends.
    Break(Bytes),
    /// Leaves out the terminator.
    NoTerminator,
}

impl Mishap {
    /// The mishap a fault means for a stream; `error` and `malformed` are the dialect's own spellings, the former told
    /// whether it is all the client gets.
    pub(crate) fn of(
        fault: &Fault,
        error: impl FnOnce(bool) -> Bytes,
        malformed: impl FnOnce() -> Bytes,
    ) -> Option<Self> {
        let (at, what) = match fault {
            Fault::CutAfter { events } => (*events, What::Cut),
            Fault::StallAfter { events } => (*events, What::Stall),
            Fault::MalformedEvent { at } => (*at, What::Insert(malformed())),
            Fault::ErrorEvent { at } => (*at, What::Break(error(*at == 0))),
            Fault::ErrorIn200 => (0, What::Break(error(true))),
            Fault::TruncatedJson => (1, What::Break(malformed())),
            Fault::NoDone => (usize::MAX, What::NoTerminator),
            _ => return None,
        };
        Some(Self { at, what })
    }

    /// Whether an error is all the client gets, lifecycle events included.
    fn comes_first(&self) -> bool {
        matches!((self.at, &self.what), (0, What::Break(_)))
    }
}

/// The steps of a stream.
pub(crate) fn stream(frames: Frames, behaviour: &Behaviour, mishap: Option<Mishap>) -> Steps {
    let mut paced = Paced {
        frames,
        first_token: behaviour.first_token,
        between: behaviour.between_events,
        mishap,
        outputs: 0,
        due: VecDeque::new(),
        over: false,
    };
    if paced.mishap.as_ref().is_some_and(Mishap::comes_first) {
        paced.fire();
    }
    Box::new(paced)
}

/// The steps of a reply known whole, of which a fault takes a part away.
pub(crate) fn broken_whole(body: &Bytes, fault: &Fault) -> Steps {
    let half = Step::Send(body.slice(..body.len() / 2));
    let steps = match fault {
        Fault::CutAfter { .. } => vec![half, Step::Flush, Step::Cut],
        Fault::StallAfter { .. } => vec![half, Step::Stall],
        Fault::LateFirstToken { after } => vec![Step::Wait(*after), Step::Send(body.clone())],
        _ => vec![Step::Send(body.clone())],
    };
    Box::new(steps.into_iter())
}

struct Paced {
    frames: Frames,
    first_token: Duration,
    between: Duration,
    mishap: Option<Mishap>,
    outputs: usize,
    due: VecDeque<Step>,
    over: bool,
}

impl Paced {
    /// Puts the mishap before whatever comes next.
    fn fire(&mut self) {
        match self.mishap.take().map(|mishap| mishap.what) {
            Some(What::Cut) => {
                // Otherwise hyper drops what it has not written yet.
                self.due.push_back(Step::Flush);
                self.finish_with(Step::Cut);
            }
            Some(What::Stall) => self.finish_with(Step::Stall),
            Some(What::Break(event)) => self.finish_with(Step::Send(event)),
            Some(What::Insert(event)) => self.due.push_back(Step::Send(event)),
            Some(What::NoTerminator) => self.over = true,
            None => {}
        }
    }

    fn finish_with(&mut self, step: Step) {
        self.due.push_back(step);
        self.over = true;
    }

    fn plan(&mut self, frame: Frame) {
        let is_due = |mishap: &Mishap| mishap.at <= self.outputs || frame.role == Role::Terminator;
        // Faults count outputs: the events before the first one go out first.
        if (frame.role != Role::Lifecycle || self.outputs > 0) && self.mishap.as_ref().is_some_and(is_due) {
            self.fire();
            if self.over {
                return;
            }
        }
        if frame.role == Role::Output {
            let pause = if self.outputs == 0 { self.first_token } else { self.between };
            if !pause.is_zero() {
                self.due.push_back(Step::Wait(pause));
            }
            self.outputs += 1;
        }
        self.due.push_back(Step::Send(frame.bytes));
    }
}

impl Iterator for Paced {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        loop {
            if let Some(step) = self.due.pop_front() {
                return Some(step);
            }
            if self.over {
                return None;
            }
            let frame = self.frames.next()?;
            self.plan(frame);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream of a role event, the outputs `1 2 3`, a finish event and a terminator.
    fn frames() -> Frames {
        let frame = |text: &'static str, role| Frame { bytes: Bytes::from_static(text.as_bytes()), role };
        Box::new(
            [
                frame("role", Role::Lifecycle),
                frame("1", Role::Output),
                frame("2", Role::Output),
                frame("3", Role::Output),
                frame("finish", Role::Lifecycle),
                frame("[DONE]", Role::Terminator),
            ]
            .into_iter(),
        )
    }

    #[track_caller]
    fn check(fault: &str, expected: &str) {
        let fault: Fault = fault.parse().unwrap();
        let mishap = Mishap::of(&fault, |_| Bytes::from_static(b"error"), || Bytes::from_static(b"{broken"));
        let steps = stream(frames(), &Behaviour::default(), mishap);
        let seen: Vec<_> = steps
            .filter(|step| *step != Step::Flush)
            .map(|step| match step {
                Step::Send(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
                other => format!("<{other:?}>"),
            })
            .collect();
        assert_eq!(seen.join(" "), expected, "{fault}");
    }

    #[test]
    fn mishaps_count_outputs() {
        check("cut:2", "role 1 2 <Cut>");
        check("cut:0", "role <Cut>");
        check("cut:3", "role 1 2 3 <Cut>");
        check("cut:99", "role 1 2 3 finish <Cut>");
        check("stall:1", "role 1 <Stall>");
        check("malformed:2", "role 1 2 {broken 3 finish [DONE]");
        check("error:1", "role 1 error");
        check("error:0", "error");
        check("error-in-200", "error");
        check("no-done", "role 1 2 3 finish");
        check("truncated", "role 1 {broken");
    }

    #[test]
    fn pauses_come_before_outputs_only() {
        let behaviour = Behaviour {
            first_token: Duration::from_millis(9),
            between_events: Duration::from_millis(2),
            ..Behaviour::default()
        };
        let waits: Vec<_> = stream(frames(), &behaviour, None)
            .enumerate()
            .filter_map(|(index, step)| match step {
                Step::Wait(pause) => Some((index, pause.as_millis())),
                _ => None,
            })
            .collect();
        assert_eq!(waits, [(1, 9), (3, 2), (5, 2)]);
    }
}
