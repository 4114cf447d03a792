//! Turns a reply, the pace and the fault due into the steps the connection performs.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;

use crate::{
    Behaviour, Fault, Pause,
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
    comes_first: bool,
}

enum What {
    Cut,
    /// Nothing more; the connection closes after a while, or never.
    Stall(Option<Duration>),
    /// Waits and goes on.
    Pause(Duration),
    /// Sends this event and goes on.
    Insert(Bytes),
    /// Sends this event, or the other one if it is all the client gets, and ends.
    Break {
        after: Bytes,
        alone: Bytes,
    },
    /// Ends.
    End,
    /// Leaves out the terminator.
    NoTerminator,
    /// Leaves out the end of the body behind all of it.
    NoEnd,
}

impl Mishap {
    /// The mishap a fault means for a stream; `error` and `malformed` are the dialect's own spellings, the former told
    /// which status it stands for and whether it is all the client gets.
    pub(crate) fn of(
        fault: &Fault,
        error: impl Fn(Option<u16>, bool) -> Bytes,
        malformed: impl FnOnce() -> Bytes,
    ) -> Option<Self> {
        let broken =
            |status: Option<u16>| What::Break { after: error(status, false), alone: error(status, true) };
        let (at, what) = match fault {
            Fault::CutAfter { events } => (*events, What::Cut),
            Fault::StallAfter { events, closes } => (*events, What::Stall(*closes)),
            Fault::MalformedEvent { at } => (*at, What::Insert(malformed())),
            Fault::PauseAfter { events, pause } => (*events, What::Pause(*pause)),
            Fault::ErrorEvent { at, status } => (*at, broken(*status)),
            Fault::ErrorIn200 { status } => (0, broken(*status)),
            Fault::LifecycleOnly { status: Some(status) } => (0, broken(Some(*status))),
            Fault::LifecycleOnly { status: None } => (0, What::End),
            Fault::TruncatedJson => {
                let event = malformed();
                (1, What::Break { after: event.clone(), alone: event })
            }
            Fault::NoDone => (usize::MAX, What::NoTerminator),
            Fault::NoEnd => (usize::MAX, What::NoEnd),
            _ => return None,
        };
        // Not even what opens the stream comes before these.
        let comes_first = at == 0 && matches!(fault, Fault::ErrorEvent { .. } | Fault::ErrorIn200 { .. });
        Some(Self { at, what, comes_first })
    }
}

/// The steps of a stream.
pub(crate) fn stream(frames: Frames, behaviour: &Behaviour, mishap: Option<Mishap>) -> Steps {
    let mut paced = Paced {
        frames,
        first_token: behaviour.first_token,
        between: behaviour.between_events,
        pauses: behaviour.pauses.clone(),
        mishap,
        outputs: 0,
        has_sent: false,
        is_open: false,
        due: VecDeque::new(),
        over: false,
    };
    if paced.mishap.as_ref().is_some_and(|mishap| mishap.comes_first) {
        paced.fire();
    }
    Box::new(paced)
}

/// The steps of a reply known whole, of which a fault takes a part away.
pub(crate) fn broken_whole(body: &Bytes, fault: &Fault) -> Steps {
    let half = Step::Send(body.slice(..body.len() / 2));
    let steps = match fault {
        Fault::CutAfter { .. } => vec![half, Step::Flush, Step::Cut],
        Fault::StallAfter { closes: None, .. } => vec![half, Step::Stall],
        Fault::StallAfter { closes: Some(closes), .. } => {
            vec![half, Step::Flush, Step::Wait(*closes), Step::Cut]
        }
        Fault::LateFirstToken { after } => vec![Step::Wait(*after), Step::Send(body.clone())],
        Fault::HeadersOnly => vec![Step::Stall],
        Fault::PauseAfter { pause, .. } => {
            let rest = Step::Send(body.slice(body.len() / 2..));
            vec![half, Step::Flush, Step::Wait(*pause), rest]
        }
        Fault::NoEnd => vec![Step::Send(body.clone()), Step::Flush, Step::Cut],
        // What was sent goes out before the connection finds that it is less than was announced.
        Fault::Length { .. } => vec![Step::Send(body.clone()), Step::Flush],
        _ => vec![Step::Send(body.clone())],
    };
    Box::new(steps.into_iter())
}

struct Paced {
    frames: Frames,
    first_token: Duration,
    between: Duration,
    pauses: Vec<Pause>,
    mishap: Option<Mishap>,
    outputs: usize,
    has_sent: bool,
    /// Whether the body's own end is left out.
    is_open: bool,
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
            Some(What::Stall(None)) => self.finish_with(Step::Stall),
            Some(What::Stall(Some(closes))) => {
                self.due.extend([Step::Flush, Step::Wait(closes)]);
                self.finish_with(Step::Cut);
            }
            Some(What::Pause(pause)) => self.due.extend([Step::Flush, Step::Wait(pause)]),
            Some(What::Break { after, alone }) => {
                let event = if self.has_sent { after } else { alone };
                self.finish_with(Step::Send(event));
            }
            Some(What::End) => self.over = true,
            Some(What::NoEnd) => self.is_open = true,
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
            let usual = if self.outputs == 0 { self.first_token } else { self.between };
            let own = self.pauses.iter().find(|pause| pause.after == self.outputs);
            let pause = own.map_or(usual, |own| own.pause);
            if !pause.is_zero() {
                self.due.push_back(Step::Wait(pause));
            }
            self.outputs += 1;
        }
        self.has_sent = true;
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
            match self.frames.next() {
                Some(frame) => self.plan(frame),
                None => {
                    self.over = true;
                    if self.is_open {
                        self.due.extend([Step::Flush, Step::Cut]);
                    }
                }
            }
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
        let error = |status: Option<u16>, alone: bool| {
            let status = status.map_or(String::new(), |status| status.to_string());
            Bytes::from(format!("error{status}{}", if alone { "!" } else { "" }))
        };
        let mishap = Mishap::of(&fault, error, || Bytes::from_static(b"{broken"));
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
        check("stall:1;2s", "role 1 <Wait(2s)> <Cut>");
        check("malformed:2", "role 1 2 {broken 3 finish [DONE]");
        check("error:1", "role 1 error");
        check("error:1;429", "role 1 error429");
        check("error:0", "error!");
        check("error-in-200", "error!");
        check("error-in-200;503", "error503!");
        check("lifecycle", "role");
        check("lifecycle;529", "role error529");
        check("pause:1;2s", "role 1 <Wait(2s)> 2 3 finish [DONE]");
        check("no-end", "role 1 2 3 finish [DONE] <Cut>");
        check("no-done", "role 1 2 3 finish");
        check("truncated", "role 1 {broken");
    }

    #[test]
    fn pauses_come_before_outputs_only() {
        let behaviour = Behaviour {
            first_token: Duration::from_millis(9),
            between_events: Duration::from_millis(2),
            pauses: vec![Pause { after: 2, pause: Duration::from_millis(70) }],
            ..Behaviour::default()
        };
        let waits: Vec<_> = stream(frames(), &behaviour, None)
            .enumerate()
            .filter_map(|(index, step)| match step {
                Step::Wait(pause) => Some((index, pause.as_millis())),
                _ => None,
            })
            .collect();
        assert_eq!(waits, [(1, 9), (3, 2), (5, 70)]);
    }
}
