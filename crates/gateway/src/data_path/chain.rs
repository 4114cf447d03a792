//! chain: what the answer that a request continues was about, and what is to be kept of the new one.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use lockgate_protocol::{
    conversations::Conversations,
    dialect::Operation,
    envelope::Envelope,
    ir::{Fault, FaultKind},
};

use crate::{
    Setup,
    answers::{Kept, Note, NotePlace, OwnAnswers, views},
    data_path::{
        asking::Committed,
        call::Call,
        identify::Asked,
        passage::{Noted, Progress},
        reply::{Content, Events},
    },
    fleet::{Deployment, Plan},
};

/// How a request hangs together with answers before and after it. Only dialects whose answers have lasting ids have one.
pub(crate) struct Chain {
    conversations: &'static dyn Conversations,
    answers: OwnAnswers,
    /// The answer it continues.
    previous: Option<String>,
    before: Before,
    /// Whether the request holds items of answers that are kept here.
    has_items: bool,
    /// Whether it belongs to a conversation that only a provider can keep.
    is_in_conversation: bool,
    /// What the client adds to the conversation; absent if nothing is to be kept.
    said: Option<Bytes>,
}

/// Where the answer is that the request continues.
enum Before {
    /// There is none.
    Nothing,
    /// Here: the request holds the whole conversation by now.
    Here,
    /// At this deployment's provider.
    At(Arc<Deployment>),
    /// Nobody knows. A provider may, if it speaks the dialect: the gateway may have been started since.
    Unknown,
}

/// Finds the answer that the request continues, and puts the conversation into the request if it is kept here.
pub(crate) fn find(setup: &Setup, call: &Call, asked: &mut Asked) -> Result<Option<Chain>, Fault> {
    let Some(conversations) = asked.dialect.conversations() else { return Ok(None) };
    if !matches!(asked.operation, Operation::Generate | Operation::CountTokens) {
        return Ok(None);
    }
    let wish = conversations.wish(&asked.envelope);
    let answers = setup.gateway.answers.of(call.caller.as_deref());
    let resolved = conversations.resolved(&asked.envelope, &mut |id| answers.item(conversations, id));
    let has_items = resolved.is_some();
    if let Some(body) = resolved {
        if body.len() > setup.max_body {
            return Err(too_long(setup.max_body));
        }
        asked.envelope = Envelope::read(None, setup.gateway.room.hold(body)?)?;
    }
    // A count is no answer, so there is nothing to keep.
    let said =
        (wish.keeps && asked.operation == Operation::Generate).then(|| conversations.said(&asked.envelope));
    let before = match &wish.previous {
        None => Before::Nothing,
        Some(id) => match answers.find(id) {
            None => Before::Unknown,
            Some(Kept::At(deployment)) => Before::At(deployment),
            Some(Kept::Here(last)) => {
                let turns = answers.turns(last).ok_or_else(|| conversations.no_previous(id))?;
                let size = |turns: &[_]| -> usize {
                    views(turns).iter().map(|turn| turn.said.len() + turn.answer.len()).sum()
                };
                if size(&turns) > setup.max_body {
                    return Err(too_long(setup.max_body));
                }
                let body = conversations.unrolled(&asked.envelope, &views(&turns));
                asked.envelope = Envelope::read(None, setup.gateway.room.hold(body)?)?;
                asked.continues = Some(id.clone());
                Before::Here
            }
        },
    };
    asked.is_kept = said.is_some();
    let (previous, is_in_conversation) = (wish.previous, wish.is_in_conversation);
    Ok(Some(Chain { conversations, answers, previous, before, has_items, is_in_conversation, said }))
}

fn too_long(limit: usize) -> Fault {
    let text =
        format!("the conversation is longer than the {limit} bytes this gateway takes (`server.max_body`)");
    Fault::new(FaultKind::TooLarge, text)
}

impl Chain {
    /// Leaves only the deployments that can know what the request continues. An answer that is kept here is translated:
    /// its ids and proofs would mean nothing to a provider of its own dialect. The same goes for its items, which such a
    /// provider may yet read if there is no other. `headers` are the client's.
    pub(crate) fn narrow(&self, asked: &Asked, headers: &HeaderMap, mut plan: Plan) -> Result<Plan, Fault> {
        let keeps_itself = |deployment: &Arc<Deployment>| keeps_itself(asked, headers, deployment);
        match &self.before {
            Before::Nothing => {}
            Before::Here => plan.retain(|deployment| !keeps_itself(deployment)),
            Before::Unknown => plan.retain(keeps_itself),
            Before::At(known) => plan.retain(|deployment| deployment.shares_account(known)),
        }
        if self.is_in_conversation {
            plan.retain(keeps_itself);
            if plan.is_empty() {
                return Err(self.conversations.no_conversation());
            }
        } else if self.has_items && !plan.deployments().all(keeps_itself) {
            plan.retain(|deployment| !keeps_itself(deployment));
        }
        match &self.previous {
            Some(id) if plan.is_empty() => Err(self.conversations.no_previous(id)),
            _ => Ok(plan),
        }
    }

    /// Sees to it that the answer, once it is whole, is kept where it can be continued.
    pub(crate) fn note(self, asked: &Asked, headers: &HeaderMap, mut committed: Committed) -> Committed {
        let Some(said) = self.said else { return committed };
        let place = if keeps_itself(asked, headers, &committed.deployment) {
            NotePlace::At(Arc::clone(&committed.deployment))
        } else {
            NotePlace::Here { previous: self.previous, said }
        };
        let note = Note { conversations: self.conversations, answers: self.answers, place };
        committed.answer.content = match committed.answer.content {
            Content::Whole(answer) => {
                note.keep(answer.clone());
                Content::Whole(answer)
            }
            Content::Events(Events { passage, ready, progress, rest }) => {
                let mut noted = Noted::new(passage, asked.dialect.codec().framing(), note);
                if progress == Progress::Complete {
                    noted.note(ready.iter());
                }
                Content::Events(Events { passage: Box::new(noted), ready, progress, rest })
            }
            bytes @ Content::Bytes { .. } => bytes,
        };
        committed
    }
}

/// Whether `deployment` is spoken to in the client's dialect, so that it keeps answers itself. What it keeps of a cloaked
/// conversation is not what the client said, and what it keeps of an answer that others go on with is not all of it: those
/// are kept here.
fn keeps_itself(asked: &Asked, headers: &HeaderMap, deployment: &Deployment) -> bool {
    deployment.dialect_for(asked.dialect, asked.operation).name() == asked.dialect.name()
        && deployment.cloak_for(headers).is_none()
        && !asked.resumes
}
