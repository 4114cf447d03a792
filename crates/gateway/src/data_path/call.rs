//! The state of one call from its first byte to its record.

use std::{
    borrow::Cow,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::future::poll_immediate;
use http::Request;
use lockgate_protocol::{
    dialect::{Dialect, Operation},
    dialects::DEFAULT,
    ir::{Fault, Losses, Usage},
};
use lockgate_store::{AttemptRecord, Begin, CallRecord, Durable, Ended, Tokens};

use crate::{
    Setup,
    access::Caller,
    bodies::Tape,
    budgets::Moment,
    clock,
    data_path::{
        bill::Bill,
        notes::Notes,
        phases::{Phase, Phases},
        sign::Sign,
        tab::Tab,
        traced,
    },
    fleet::{Deployment, Wanted},
    gauge::Permit,
    metrics::{CallMeter, GIVEN_UP},
    peer::Peer,
    tally::Counted,
    telemetry::Trace,
};

/// Status in the record of a call whose client went away: nobody got it, so it is nginx's word for that.
const CLIENT_GONE: u16 = 499;

/// One call. Whatever way it ends, it is put on record exactly once: by [`Call::settle`], or when it is dropped because
/// the client went away.
pub(crate) struct Call {
    setup: Arc<Setup>,
    pub(crate) id: String,
    pub(crate) dialect: &'static dyn Dialect,
    pub(crate) caller: Option<Arc<Caller>>,
    pub(crate) model: Option<String>,
    pub(crate) stream: bool,
    pub(crate) usage: Option<Usage>,
    /// Whether some of the usage is estimated.
    is_estimated: bool,
    /// What that costs.
    pub(crate) bill: Bill,
    /// What is kept of limits and budgets for it.
    pub(crate) tab: Tab,
    /// About how many tokens its request is.
    pub(crate) about_tokens: u64,
    /// What could not be said to the provider, or of its answer.
    pub(crate) losses: Losses,
    /// Its place among what its credential is asked for.
    pub(crate) permit: Option<Permit>,
    /// How its client is told that it is still waited for.
    pub(crate) sign: Option<Sign>,
    /// What was said in it, if that is kept.
    tape: Option<Tape>,
    operation: Option<Operation>,
    /// What answers it, once something does.
    deployment: Option<Arc<str>>,
    first_token: Option<Duration>,
    /// What its client was told instead.
    error: Option<String>,
    /// Comes when its record is on disk, where that is waited for.
    durable: Option<Durable>,
    peer: Peer,
    path: String,
    started_ms: u64,
    /// Where its time goes.
    phases: Phases,
    /// What the work on a piece of its stream is.
    pub(crate) piecework: Phase,
    attempts: Vec<AttemptRecord>,
    /// What is neither a call of a model nor an attempt at one leaves no record.
    has_record: bool,
    _under_way: Counted,
    /// Where it is counted.
    pub(crate) meter: CallMeter,
    _passing: Option<Counted>,
    /// The trace that it belongs to, where traces are sent.
    pub(crate) trace: Option<Box<Trace>>,
    /// The kind of fault that its client was told of in place of an answer.
    pub(crate) refusal: Option<&'static str>,
}

impl Call {
    /// Boxed, since it is handed on from step to step.
    pub(crate) fn begin<B>(setup: &Arc<Setup>, peer: Peer, request: &Request<B>) -> Box<Self> {
        Box::new(Self {
            setup: Arc::clone(setup),
            id: setup.gateway.ids.next(),
            dialect: DEFAULT,
            caller: None,
            model: None,
            stream: false,
            usage: None,
            is_estimated: false,
            bill: Bill::default(),
            tab: Tab::default(),
            about_tokens: 0,
            losses: Losses::default(),
            permit: None,
            sign: None,
            tape: None,
            operation: None,
            deployment: None,
            first_token: None,
            error: None,
            durable: None,
            peer,
            path: request.uri().path().to_owned(),
            started_ms: clock::wall_ms(),
            phases: Phases::begin(Phase::Receive, clock::now()),
            piecework: Phase::Relay,
            attempts: Vec::new(),
            has_record: false,
            _under_way: setup.gateway.calls.enter(),
            meter: CallMeter::default(),
            _passing: None,
            trace: setup.telemetry.trace(request.headers(), || setup.gateway.ids.seed()),
            refusal: None,
        })
    }

    /// Notes that a model is called for: from here on there is a record, whatever happens.
    pub(crate) fn is_for(&mut self, dialect: &'static dyn Dialect) {
        self.dialect = dialect;
        self.has_record = true;
    }

    /// Notes what is asked of which model: should the process end before the call, it is on record from here on.
    pub(crate) fn asks(&mut self, operation: Operation, model: &str, request: &Bytes) {
        self.operation = Some(operation);
        let (setup, caller) = (&self.setup, self.caller.as_deref());
        let dice = || setup.gateway.ids.dice();
        let wanted = setup.bodies.of_call(model, caller, operation == Operation::Generate, dice);
        self.tape =
            wanted.map(|wanted| Tape::new(wanted, &setup.gateway.shelf, self.dialect, operation, request));
        if self.has_record {
            setup.gateway.journal.begin(Begin {
                id: self.id.clone(),
                started_ms: self.started_ms,
                key: caller.map(|caller| Arc::clone(&caller.name)),
                model: Some(model.to_owned()),
            });
        }
    }

    /// A deployment has begun to answer just now, and its client is about to see that.
    pub(crate) fn begins_to_answer(&mut self, deployment: &Deployment, is_stream: bool) {
        self.deployment = Some(Arc::clone(&deployment.name));
        self.first_token.get_or_insert_with(|| self.phases.since() - self.phases.began());
        if is_stream {
            self.setup.gateway.journal.shows(&self.id);
        }
    }

    /// Notes what its client is told instead of an answer, or of the rest of it.
    pub(crate) fn tells(&mut self, fault: &Fault) {
        self.error = Some(fault.public.clone());
    }

    /// Notes what leaves for the client.
    pub(crate) fn leaves(&mut self, piece: &Bytes) {
        if let Some(tape) = &mut self.tape {
            tape.note(piece);
        }
    }

    /// Takes over what one attempt has come to.
    pub(crate) fn take(&mut self, notes: Notes) {
        self.phases.take(&notes.phases);
        self.piecework = notes.piecework;
        self.usage = notes.usage;
        self.losses = notes.losses;
        self.permit = notes.permit;
    }

    /// The same of one that was to go on with an answer: what the answer cost and lost so far is known elsewhere.
    pub(crate) fn take_over(&mut self, notes: Notes) {
        self.phases.take(&notes.phases);
        self.permit = notes.permit;
    }

    /// Its time is spent on `phase` from now on.
    pub(crate) fn enter(&mut self, phase: Phase) {
        self.phases.enter(phase, clock::now());
    }

    /// The same at a time that is known.
    pub(crate) fn enter_at(&mut self, phase: Phase, at: Instant) {
        self.phases.enter(phase, at);
    }

    /// What is there goes to the client, whose time it is until the next piece is asked for.
    pub(crate) fn hands_over(&mut self) {
        if self.phases.now() != Phase::Client {
            self.enter(Phase::Client);
        }
    }

    /// Runs `work`, which is pinned where it is made, so that it is not moved about. Should it have to wait, that is time of
    /// `phase`.
    pub(crate) async fn wait<T>(&mut self, phase: Phase, mut work: Pin<&mut impl Future<Output = T>>) -> T {
        if let Some(done) = poll_immediate(work.as_mut()).await {
            return done;
        }
        let before = self.phases.now();
        self.enter(phase);
        let done = work.await;
        self.enter(before);
        done
    }

    /// What it brings to be planned; `affinity` is the same for all calls of one conversation.
    pub(crate) fn wanted(&self, affinity: Option<u64>) -> Wanted {
        Wanted { now: clock::now(), dice: self.setup.gateway.ids.seed(), affinity }
    }

    /// When what it is busy with began: now, for who has just said what that is.
    pub(crate) fn latest(&self) -> Instant {
        self.phases.since()
    }

    /// The time by both clocks, `now` being a reading of the steady one. The wall clock's jumps while the call is under way
    /// do not count.
    pub(crate) fn moment(&self, now: Instant) -> Moment {
        let wall_ms = self.started_ms.saturating_add(millis(now.saturating_duration_since(self.began())));
        Moment { wall_ms, steady: now }
    }

    /// When it began, in seconds since 1970.
    pub(crate) fn started(&self) -> u64 {
        self.started_ms / 1000
    }

    /// Who is at the other end.
    pub(crate) fn peer(&self) -> &Peer {
        &self.peer
    }

    /// The setup that it runs on to its end.
    pub(crate) fn setup(&self) -> &Arc<Setup> {
        &self.setup
    }

    /// A number in `0.0..1.0`.
    pub(crate) fn dice(&self) -> f64 {
        self.setup.gateway.ids.dice()
    }

    /// Notes that one attempt has ended: with an answer that has begun just now, or a fault.
    pub(crate) fn attempted(&mut self, deployment: &Deployment, since: Instant, fault: Option<&Fault>) {
        if let Some(fault) = fault {
            tracing::warn!(call = self.id, deployment = &*deployment.name, %fault, "attempt failed");
        } else {
            self.bill.answers(deployment);
        }
        // Of two that were asked beside each other, one may have failed while the other was waited for.
        let now = if fault.is_some() { clock::now() } else { self.latest() };
        let kind = fault.map(|fault| fault.kind.name());
        let took = now - since;
        self.meter.attempted(&deployment.meter, since, took, kind);
        let after = since.saturating_duration_since(self.began());
        if let Some(trace) = &mut self.trace {
            trace.attempted(deployment, (since, after), now, kind);
        }
        self.attempts.push(AttemptRecord {
            deployment: Arc::clone(&deployment.name),
            fault: fault.map(|fault| Cow::Owned(fault.to_string())),
            micros: micros(took),
        });
    }

    /// Notes an attempt that nobody waited for any longer, since another one had something to say first.
    pub(crate) fn gave_up(&mut self, deployment: &Deployment, since: Instant) {
        let now = clock::now();
        self.meter.gave_up(&deployment.meter, now - since);
        let after = since.saturating_duration_since(self.began());
        if let Some(trace) = &mut self.trace {
            trace.attempted(deployment, (since, after), now, Some(GIVEN_UP));
        }
        self.attempts.push(AttemptRecord {
            deployment: Arc::clone(&deployment.name),
            fault: Some(Cow::Borrowed("given up: another deployment answered first")),
            micros: micros(now - since),
        });
    }

    /// A fault after the commit belongs to the attempt that had answered.
    pub(crate) fn broke(&mut self, fault: &Fault) {
        self.meter.broke(fault.kind);
        if let Some(trace) = &mut self.trace {
            trace.broke(clock::now(), fault.kind.name());
        }
        if let Some(attempt) = self.attempts.last_mut() {
            tracing::warn!(call = self.id, deployment = &*attempt.deployment, %fault, "answer broke off");
            attempt.fault = Some(Cow::Owned(fault.to_string()));
        }
    }

    /// Its answer passes in pieces from now on.
    pub(crate) fn passes_in_pieces(&mut self) {
        self._passing = Some(self.setup.gateway.metrics.streams.enter());
    }

    /// How often a deployment was asked.
    pub(crate) fn attempts(&self) -> usize {
        self.attempts.len()
    }

    /// When the request's head was read.
    pub(crate) fn began(&self) -> Instant {
        self.phases.began()
    }

    /// Time since the request's head was read.
    pub(crate) fn elapsed(&self) -> Duration {
        clock::now() - self.phases.began()
    }

    /// The gateway's own part of that time so far.
    pub(crate) fn overhead(&self) -> Duration {
        self.phases.own(clock::now())
    }

    /// Whether it is on record already.
    pub(crate) fn is_settled(&self) -> bool {
        !self.has_record
    }

    /// Notes what an answer cost that did not come to its end: what its provider said of it by then, and else the request
    /// as it looks and about a token for each of the `outputs`.
    pub(crate) fn used_in_part(&mut self, told: Option<Usage>, outputs: u64) {
        let said = told.unwrap_or(Usage { input: self.about_tokens, ..Usage::default() });
        self.is_estimated |= told.is_none() || said.output < outputs;
        self.usage = Some(Usage { output: said.output.max(outputs), ..said });
    }

    /// Notes that others go on with an answer that broke off: `used` is what it cost so far, as far as that is known.
    pub(crate) fn breaks_off(&mut self, used: Usage) {
        self.is_estimated = true;
        self.bill.breaks_off(used);
    }

    /// Puts the call on record.
    pub(crate) fn settle(&mut self, status: u16, ended: Ended) {
        if let (Some(mut permit), Some(usage)) = (self.permit.take(), self.usage) {
            permit.settle(usage.total_input().saturating_add(usage.output));
        }
        if !std::mem::take(&mut self.has_record) {
            return;
        }
        let ended_at = clock::now();
        self.phases.enter(Phase::Relay, ended_at);
        let sum = self.bill.sum(self.usage);
        self.close_tab(&sum, ended_at);
        let mut record = CallRecord {
            id: self.id.clone(),
            started_ms: self.started_ms,
            micros: micros(ended_at - self.phases.began()),
            overhead_micros: micros(self.phases.own(ended_at)),
            key: self.caller.as_ref().map(|caller| Arc::clone(&caller.name)),
            tags: self.caller.as_ref().map(|caller| caller.tags.clone()).unwrap_or_default(),
            peer: self.peer.name(),
            dialect: Cow::Borrowed(self.dialect.name()),
            path: std::mem::take(&mut self.path),
            operation: Cow::Borrowed(self.operation.map(Operation::name).unwrap_or_default()),
            deployment: self.deployment.take(),
            first_token_micros: self.first_token.map(micros),
            error: self.error.take().map(Cow::Owned),
            model: self.model.take(),
            stream: self.stream,
            status,
            ended,
            attempts: std::mem::take(&mut self.attempts),
            usage: self.usage.map(|usage| tokens(usage, self.is_estimated)),
            cost: sum.cost,
            price: sum.price,
            losses: self.losses.iter().map(|loss| format!("{}: {}", loss.path, loss.reason)).collect(),
            ..CallRecord::default()
        };
        if let Some(tape) = self.tape.take() {
            (record.bodies, record.training) = tape.bodies(&record);
        }
        tracing::debug!(
            call = record.id,
            peer = &*record.peer,
            path = record.path,
            model = record.model,
            status,
            ended = ?record.ended,
            attempts = record.attempts.len(),
            micros = record.micros,
            overhead_micros = record.overhead_micros,
            "call settled"
        );
        let caller = self.caller.as_deref().map(|caller| (&caller.meter, &*caller.name));
        let metrics = &self.setup.gateway.metrics;
        metrics.settled(&self.meter, &record, self.dialect, &self.phases, caller, ended_at);
        let trace = self.trace.take();
        traced::settled(self, trace, &record, ended_at);
        self.setup.gateway.feed.settled(&record, ended_at);
        self.setup.gateway.alerts.settled(&record, ended_at);
        let journal = &self.setup.gateway.journal;
        journal.append(record);
        self.durable = journal.durable();
    }

    /// Waits until the disk has its record, where that is waited for.
    pub(crate) async fn is_kept(&mut self) {
        if let Some(durable) = self.durable.take() {
            durable.await;
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.settle(CLIENT_GONE, Ended::ClientGone);
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn tokens(usage: Usage, is_estimated: bool) -> Tokens {
    Tokens {
        input: usage.input,
        cache_read: usage.cache_read,
        cache_write: usage.cache_write,
        cache_write_1h: usage.cache_write_1h,
        output: usage.output,
        reasoning: usage.reasoning,
        audio_input: usage.audio_input,
        audio_output: usage.audio_output,
        image_input: usage.image_input,
        image_output: usage.image_output,
        is_estimated,
    }
}
