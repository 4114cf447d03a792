//! The same dialect on both sides: the provider's bytes go on as they are.

use std::collections::VecDeque;

use bytes::Bytes;
use lockgate_protocol::{
    dialect::{Ending, Meaning, Watch},
    framing::{Framer, Framing, MOST_NOISE},
    ir::{Fault, Loss, Losses, Usage},
};

use super::{Passage, Progress, cut, empty, garbled, unreadable};

/// Forwards events and watches what they mean.
pub(crate) struct Watched {
    framing: Framing,
    framer: Framer,
    watch: Box<dyn Watch>,
    has_output: bool,
    has_answer: bool,
    /// How many events were left out because nobody could have meant them.
    noise: u32,
    /// How many events carried something of the answer.
    outputs: u64,
}

impl Watched {
    pub(crate) fn new(framing: Framing, watch: Box<dyn Watch>) -> Self {
        Self {
            framing,
            framer: Framer::new(framing),
            watch,
            has_output: false,
            has_answer: false,
            noise: 0,
            outputs: 0,
        }
    }

    fn spoke(&mut self) {
        self.has_output = true;
        self.has_answer = true;
    }

    /// What one event comes to; `None` if the stream just goes on with it.
    fn judge(&mut self, event: &[u8], meaning: Meaning) -> Option<Progress> {
        match meaning {
            Meaning::Lifecycle | Meaning::Withheld => None,
            Meaning::Thinking => {
                self.outputs += 1;
                self.has_output = true;
                None
            }
            Meaning::Output => {
                self.outputs += 1;
                self.spoke();
                None
            }
            Meaning::End => {
                self.spoke();
                Some(Progress::Complete)
            }
            Meaning::Empty if self.has_output => Some(Progress::Complete),
            Meaning::Empty => Some(empty()),
            Meaning::Failed => Some(Progress::Failed(self.framing.payload(event).into_owned().into())),
            Meaning::Garbled => Some(garbled()),
        }
    }
}

impl Passage for Watched {
    /// Events that stand side by side leave as one piece, which is a view of what came.
    fn chunk(&mut self, chunk: &Bytes, out: &mut VecDeque<Bytes>) -> Progress {
        let Ok(batch) = self.framer.push(chunk) else { return unreadable() };
        let mut run = 0;
        let mut start = 0;
        for end in &batch.ends {
            let event = &batch.bytes[start..*end];
            let mut meaning = self.watch.event(event);
            if meaning == Meaning::Garbled && self.noise < MOST_NOISE && self.framing.is_noise(event) {
                self.noise += 1;
                meaning = Meaning::Withheld;
            }
            let progress = self.judge(event, meaning);
            let goes_on = match progress {
                None => meaning != Meaning::Withheld,
                Some(Progress::Complete) => true,
                Some(_) => false,
            };
            if !goes_on || progress.is_some() {
                let until = if goes_on { *end } else { start };
                out.extend((run < until).then(|| batch.bytes.slice(run..until)));
                run = *end;
            }
            if let Some(progress) = progress {
                return progress;
            }
            start = *end;
        }
        out.extend((run < start).then(|| batch.bytes.slice(run..start)));
        Progress::Open
    }

    fn end(&mut self, out: &mut VecDeque<Bytes>) -> Progress {
        if let Some(last) = self.framer.finish() {
            let meaning = self.watch.event(&last);
            // Half an event is no event; a whole one only lacks its blank line. One that has a name and no data yet would,
            // closed, be read by its name.
            let is_half = meaning == Meaning::Garbled
                || (meaning == Meaning::Lifecycle && self.framing.payload(&last).is_empty());
            if !is_half {
                let progress = self.judge(&last, meaning);
                if matches!(progress, None | Some(Progress::Complete)) && meaning != Meaning::Withheld {
                    out.push_back(self.framing.closed(&last));
                }
                if let Some(progress) = progress {
                    return progress;
                }
            }
        }
        match self.watch.finish() {
            Ending::Whole(closing) => {
                self.spoke();
                out.extend((!closing.is_empty()).then_some(closing));
                Progress::Complete
            }
            Ending::Cut => cut(),
        }
    }

    fn has_output(&self) -> bool {
        self.has_output
    }

    fn has_answer(&self) -> bool {
        self.has_answer
    }

    fn fail(&mut self, fault: &Fault) -> Bytes {
        self.watch.fail(fault)
    }

    fn usage(&self) -> Option<Usage> {
        self.watch.usage()
    }

    fn outputs(&self) -> u64 {
        self.outputs
    }

    fn losses(&self) -> Option<Losses> {
        let mut losses = Losses::default();
        losses.push(Loss::noise());
        (self.noise > 0).then_some(losses)
    }
}
