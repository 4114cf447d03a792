//! The one way from a client's dialect to a provider's and back: read, put right what only some dialects have, written.
//!
//! What both dialects can say is the codecs' business alone. What stands between them is here: tools that take plain
//! text are functions for a provider that has none ([`custom`]), and their calls are plain text again for the client.

mod custom;
mod unwrap;

use std::sync::Arc;

use bytes::Bytes;

use crate::{
    cloak::{Mask, Unmask},
    codec::{Codec, Encoded, Reply, Step, StreamDecoder, StreamEncoder, Target},
    counting::Counting,
    estimate::Meter,
    fold::{Folded, fold},
    framing::{Framer, Framing, MOST_NOISE},
    ir::{Event, Fault, FaultKind, Loss, Losses, Request, Response, Tool, ToolChoice, Usage},
    resume::{Manner, Said, Seam},
};

/// The dialect of a client, and another one that its provider speaks.
#[derive(Clone, Copy)]
pub struct Pair {
    client: &'static dyn Codec,
    upstream: &'static dyn Codec,
    has_custom_tools: bool,
}

impl Pair {
    /// A client that speaks the first before a provider that speaks the second.
    pub fn new(client: &'static dyn Codec, upstream: &'static dyn Codec) -> Self {
        Self { client, upstream, has_custom_tools: upstream.has_custom_tools() }
    }

    /// The same before a provider that takes functions only, whatever its dialect has.
    #[must_use]
    pub fn without_custom_tools(self) -> Self {
        Self { has_custom_tools: false, ..self }
    }

    /// The client's side.
    pub fn client(&self) -> &'static dyn Codec {
        self.client
    }

    /// The provider's side.
    pub fn upstream(&self) -> &'static dyn Codec {
        self.upstream
    }

    /// Writes a client's request for the provider. Fails as [`Codec::encode_request`] does.
    pub fn request(&self, request: &Request<'_>, target: Target<'_>) -> Result<Encoded, Fault> {
        self.said(request, |request| self.upstream.encode_request(request, target))
    }

    /// Writes a request that [`Said::request`] made for the provider to go on with an answer, in this manner. Fails as
    /// [`Codec::encode_request`] does.
    pub fn resumption(
        &self,
        request: &Request<'_>,
        manner: Manner,
        target: Target<'_>,
    ) -> Result<Encoded, Fault> {
        let Encoded { body, losses } = self.request(request, target)?;
        let body = match manner {
            Manner::Prefill(prefill) => self.upstream.mark_prefill(body, prefill),
            Manner::Afresh | Manner::Instruction => body,
        };
        Ok(Encoded { body, losses })
    }

    /// Writes it as one that the provider shall count and not answer. Fails as [`Counting::encode`] does.
    pub fn count(
        &self,
        counting: &dyn Counting,
        request: &Request<'_>,
        target: Target<'_>,
    ) -> Result<Encoded, Fault> {
        self.said(request, |request| counting.encode(request, target))
    }

    /// What `encode` makes of a request that has only what the provider's dialect knows.
    fn said(
        &self,
        request: &Request<'_>,
        encode: impl FnOnce(&Request<'_>) -> Result<Encoded, Fault>,
    ) -> Result<Encoded, Fault> {
        let wrapped = if self.has_custom_tools { None } else { custom::wrap(request) };
        let (wrapped, losses) = wrapped.unzip();
        let encoded = encode(wrapped.as_ref().unwrap_or(request))?;
        let mut losses: Losses = losses.unwrap_or_default();
        losses.append(encoded.losses);
        if !self.upstream.has_choice_among_tools() {
            name_unchosen(request, &mut losses);
        }
        // Of a tool that is not offered nothing else is lost.
        (0..request.tools.len()).for_each(|at| losses.forget_inside(&format!("tools[{at}]")));
        Ok(Encoded { body: encoded.body, losses })
    }

    /// Reads a whole answer of the provider and writes it for the client: what was read, and what was written. `mask`
    /// turns back what a cloak has covered. Fails with `Garbled` if it is no answer.
    pub fn answer<'b>(
        &self,
        body: &'b [u8],
        reply: Reply<'_>,
        mask: Option<&Mask>,
    ) -> Result<(Response<'b>, Encoded), Fault> {
        let mut response = self.upstream.decode_response(body)?;
        let encoded = self.told(&mut response, reply, mask);
        Ok((response, encoded))
    }

    /// Reads all of a stream of the provider, whose dialect is called `origin`, and writes it for a client that does not
    /// stream. `mask` turns back what a cloak has covered; `meter` says what it cost where the provider does not. Fails
    /// with `Garbled` if it is no answer or not all of one.
    pub fn answer_of_stream(
        &self,
        origin: &'static str,
        bytes: &Bytes,
        reply: Reply<'_>,
        mask: Option<&Mask>,
        mut meter: Option<Meter>,
    ) -> Result<Streamed, Fault> {
        let mut response = match fold(origin, self.upstream, bytes, meter.as_mut()) {
            Folded::Whole(response) => response,
            Folded::Failed(body) => return Ok(Streamed::Failed(body)),
            Folded::Garbled(why) => {
                return Err(
                    Fault::new(FaultKind::Garbled, "the provider's answer is not whole").with_detail(why)
                );
            }
        };
        let mut encoded = self.told(&mut response, reply, mask);
        encoded.losses.append(meter.map(|meter| meter.losses()).unwrap_or_default());
        Ok(Streamed::Whole(response, encoded))
    }

    /// What an answer is for the client, which then is as the client may see it.
    fn told(&self, response: &mut Response<'_>, reply: Reply<'_>, mask: Option<&Mask>) -> Encoded {
        if let Some(mask) = mask {
            mask.response(response);
        }
        let mut losses = custom::Calls::of(reply.request).unwrap_all(response);
        let encoded = self.client.encode_response(response, reply);
        losses.append(encoded.losses);
        Encoded { body: encoded.body, losses }
    }

    /// Starts to translate a stream of the provider for the client. `mask` turns back what a cloak has covered.
    pub fn stream(&self, reply: Reply<'_>, mask: Option<Arc<Mask>>) -> Stream {
        Stream {
            framer: Framer::new(self.upstream.framing()),
            framing: self.upstream.framing(),
            noise: 0,
            pipe: Pipe {
                decoder: self.upstream.decoder(),
                meter: None,
                unmask: mask.map(Unmask::new),
                calls: custom::Calls::of(reply.request),
                encoder: self.client.encoder(reply),
                said: None,
                seam: None,
                losses: Losses::default(),
            },
        }
    }
}

/// The request with functions of one text in place of tools that take plain text, their calls and results with them; `None`
/// if it has neither. What their formats lose by that is named.
pub fn with_functions_only<'r>(request: &'r Request<'_>) -> Option<(Request<'r>, Losses)> {
    custom::wrap(request)
}

/// Names the tools that are not offered, because the choice is among others and cannot be said otherwise.
fn name_unchosen(request: &Request<'_>, losses: &mut Losses) {
    let Some(ToolChoice::Allowed { names, .. }) = &request.tool_choice else { return };
    for (at, tool) in request.tools.iter().enumerate() {
        if let Tool::Client { name, .. } = tool
            && !names.contains(name)
        {
            losses.add(format!("tools[{at}]"), Loss::NOT_CHOSEN);
        }
    }
}

/// What a stream comes to that was read to its end.
#[derive(Debug)]
pub enum Streamed {
    /// An answer: what was read, and what was written.
    Whole(Box<Response<'static>>, Encoded),
    /// The provider failed; the bytes are its error body.
    Failed(Bytes),
}

/// One stream on its way from a provider to a client.
pub struct Stream {
    framer: Framer,
    framing: Framing,
    /// How many events were left out because nobody could have meant them.
    noise: u32,
    pipe: Pipe,
}

struct Pipe {
    decoder: Box<dyn StreamDecoder>,
    meter: Option<Meter>,
    unmask: Option<Unmask>,
    calls: custom::Calls,
    encoder: Box<dyn StreamEncoder>,
    /// What the client was sent, if the stream shall be gone on with when it breaks off.
    said: Option<Said>,
    /// In front of a continuation.
    seam: Option<Seam>,
    /// Of the continuations before.
    losses: Losses,
}

/// The stream that goes on with one that broke off.
pub struct Continuation {
    /// The dialect of its provider.
    pub upstream: &'static dyn Codec,
    /// How it was asked for.
    pub manner: Manner,
    /// What turns back what a cloak has covered of its request.
    pub mask: Option<Arc<Mask>>,
    /// What says what it cost, where its provider does not.
    pub meter: Option<Meter>,
    /// What all parts before it cost: [`Said::cost`].
    pub spent: Usage,
}

/// Sees each event as it is written for the client.
pub type Seen<'s> = &'s mut dyn FnMut(&Event<'_>);

impl Stream {
    /// The same with what its answer cost said by `meter`, where the provider does not say it.
    #[must_use]
    pub fn metered(mut self, meter: Option<Meter>) -> Self {
        self.pipe.meter = meter;
        self
    }

    /// The same with what the client is sent noted, so that another provider can go on with it: see [`Stream::said`].
    #[must_use]
    pub fn resumable(mut self, request: &Request<'_>) -> Self {
        self.pipe.said = Some(Said::new(request));
        self
    }

    /// What the client was sent so far, of a stream that is [`Stream::resumable`].
    pub fn said(&self) -> Option<&Said> {
        self.pipe.said.as_ref()
    }

    /// Goes on with another provider's stream in place of the one that broke off: what is pushed from here on is that.
    /// May be done again where a continuation broke off too, or was none. Nothing changes unless the stream is
    /// [`Stream::resumable`].
    pub fn resume(&mut self, continuation: Continuation) {
        let Continuation { upstream, manner, mask, meter, spent } = continuation;
        let Pipe { said: Some(said), seam, losses, .. } = &mut self.pipe else { return };
        said.go_on(spent);
        if let Some(seam) = seam.replace(Seam::new(said, manner)) {
            losses.append(seam.losses().clone());
        }
        self.framing = upstream.framing();
        self.framer = Framer::new(self.framing);
        self.pipe.decoder = upstream.decoder();
        self.pipe.meter = meter;
        self.pipe.unmask = mask.map(Unmask::new);
    }

    /// Takes the next bytes, and appends to `out` what they are for the client.
    pub fn push(&mut self, bytes: &Bytes, seen: Seen<'_>, out: &mut Vec<u8>) -> Step {
        let Ok(batch) = self.framer.push(bytes) else {
            return Step::Garbled("the provider's stream cannot be cut into events".to_owned());
        };
        out.reserve(batch.bytes.len());
        for raw in batch.events() {
            let step = self.pipe.step(seen, out, |decoder, sink| decoder.event(raw, sink));
            if matches!(step, Step::Garbled(_)) && self.noise < MOST_NOISE && self.framing.is_noise(raw) {
                self.noise += 1;
                self.pipe.losses.push(Loss::noise());
            } else if step != Step::Go {
                return step;
            }
        }
        Step::Go
    }

    /// Takes the end of the bytes: `End` if the answer was complete, `Garbled` if it was cut.
    pub fn finish(&mut self, seen: Seen<'_>, out: &mut Vec<u8>) -> Step {
        self.stop(seen, out, |decoder, sink| decoder.finish(sink))
    }

    /// Takes the breaking off of the connection in place of the end: `End` if the answer was complete all the same.
    pub fn broken(&mut self, seen: Seen<'_>, out: &mut Vec<u8>) -> Step {
        self.stop(seen, out, |decoder, sink| decoder.broken(sink))
    }

    fn stop(
        &mut self,
        seen: Seen<'_>,
        out: &mut Vec<u8>,
        take: impl FnOnce(&mut dyn StreamDecoder, &mut dyn FnMut(Event<'_>)) -> Step,
    ) -> Step {
        let mut step = Step::Go;
        if let Some(last) = self.framer.finish() {
            step = self.pipe.step(seen, out, |decoder, sink| decoder.event(&last, sink));
        }
        // Half an event is no event: the decoder's own end says whether something is missing.
        match step {
            Step::Go | Step::Garbled(_) => self.pipe.step(seen, out, take),
            step => step,
        }
    }

    /// Appends the error of the client's dialect; nothing follows it.
    pub fn fail(&mut self, fault: &Fault, out: &mut Vec<u8>) {
        self.pipe.encoder.fail(fault, out);
    }

    /// Turns back what the client may read of a failure.
    pub fn turn_back(&self, fault: &mut Fault) {
        if let Some(unmask) = &self.pipe.unmask {
            unmask.fault(fault);
        }
    }

    /// What could not be said so far.
    pub fn losses(&self) -> Losses {
        let mut losses = self.pipe.calls.losses().clone();
        losses.append(self.pipe.encoder.losses().clone());
        losses.append(self.pipe.losses.clone());
        losses.append(self.pipe.seam.as_ref().map(|seam| seam.losses().clone()).unwrap_or_default());
        losses.append(self.pipe.meter.as_ref().map(Meter::losses).unwrap_or_default());
        losses
    }
}

impl Pipe {
    fn step(
        &mut self,
        seen: Seen<'_>,
        out: &mut Vec<u8>,
        take: impl FnOnce(&mut dyn StreamDecoder, &mut dyn FnMut(Event<'_>)) -> Step,
    ) -> Step {
        let Self { decoder, meter, unmask, calls, encoder, said, seam, losses: _ } = self;
        let mut write = |event: Event<'_>| {
            seen(&event);
            if let Some(said) = said {
                said.note(&event);
            }
            encoder.event(&event, out);
        };
        let mut join = |event: Event<'_>| match seam {
            None => write(event),
            Some(seam) => seam.pass(event, &mut write),
        };
        let mut unwrap = |event: Event<'_>| calls.pass(event, &mut join);
        let mut turn_back = |event: Event<'_>| match unmask {
            None => unwrap(event),
            Some(unmask) => unmask.event(event, &mut unwrap),
        };
        let step = match meter {
            None => take(decoder.as_mut(), &mut turn_back),
            Some(meter) => take(decoder.as_mut(), &mut |event| meter.pass(event, &mut turn_back)),
        };
        match seam.as_ref().and_then(Seam::fault) {
            Some(why) => Step::Garbled(format!("the answer is not gone on with: {why}")),
            None => step,
        }
    }
}
