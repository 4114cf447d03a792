//! The way from a client's dialect to a provider's and back: untouched where both speak the same, translated elsewhere.

use std::{borrow::Cow, sync::Arc};

use bytes::Bytes;
use lockgate_protocol::{
    cloak::Mask,
    codec::RequestHead,
    counting,
    dialect::{Answer, Operation},
    forms::Form,
    framing::Framing,
    ir::{Fault, FaultKind, Losses, Usage},
    resume::{self, Manner, Prefill},
    splice::Edits,
    translate::{Continuation, Pair},
};
use lockgate_provider::{StreamUsage, Talk};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{
    data_path::{
        across::Across,
        identify::Asked,
        outgoing::{Outgoing, Said, WholeAnswer},
        passage::{Passage, Translated, Watched},
        vectors::Vectors,
    },
    fleet::{Cloak, Deployment},
    proofs::OwnProofs,
};

/// The way of one attempt.
pub(crate) enum Way<'a> {
    /// The provider speaks the client's dialect.
    Same(Same<'a>),
    /// It speaks another one, or what is said is cloaked.
    Across(Box<Across<'a>>),
    /// It speaks another one, and is asked for vectors.
    Vectors(Box<Vectors<'a>>),
}

/// The client's bytes with the gateway's edits.
pub(crate) struct Same<'a> {
    asked: &'a Asked,
    /// Whether the client is to be spared the usage that was asked for on the gateway's behalf.
    spare_usage: bool,
    /// Of the head: the body is the client's.
    losses: Losses,
    cloak: Option<&'a Cloak>,
    /// What turns a cloaked request's answer back.
    mask: Option<Arc<Mask>>,
}

impl<'a> Way<'a> {
    /// Finds the way to `deployment`, under `cloak` if there is one. `proofs` are what the client could not carry; `seed`
    /// and `now` are for what the answer needs and the provider may not give.
    pub(crate) fn to(
        asked: &'a Asked,
        deployment: &'a Deployment,
        cloak: Option<&'a Cloak>,
        proofs: OwnProofs,
        seed: &'a str,
        now: u64,
    ) -> Result<Self, Fault> {
        let dialect = deployment.dialect_for(asked.dialect, asked.operation);
        let is_same = dialect.name() == asked.dialect.name() || asked.operation == Operation::Other;
        let has_custom_tools = deployment.provider.site.kind().has_custom_tools();
        // Tools of plain text are made functions of in the request as it is understood.
        let stays = has_custom_tools || !asked.dialect.codec().may_name_custom_tools(asked.envelope.body());
        // What may have to be gone on with by others has to be understood.
        let stays = stays && !asked.resumes;
        if is_same && (asked.operation != Operation::Generate || (cloak.is_none() && stays)) {
            let losses = Losses::default();
            return Ok(Self::Same(Same { asked, spare_usage: false, losses, cloak, mask: None }));
        }
        let (client, upstream) = (asked.dialect.codec(), dialect.codec());
        if !dialect.takes(asked.operation) {
            let text = format!(
                "this endpoint cannot be translated to the dialect {} of the model's provider",
                dialect.name()
            );
            return Err(Fault::new(FaultKind::Unsupported, text));
        }
        let head = RequestHead { model: Some(&asked.model), stream: asked.stream_in_path, path: &asked.path };
        if let (Operation::Embed, Some(client), Some(upstream)) =
            (asked.operation, client.embedding(), upstream.embedding())
        {
            let vectors = Vectors::new(dialect, (client, upstream), cloak, head, asked.envelope.body())?;
            return Ok(Self::Vectors(Box::new(vectors)));
        }
        let (mut request, counting) = match asked.operation {
            Operation::CountTokens => {
                let mut request = client.decode_count(head, asked.envelope.body())?;
                counting::strip(&mut request);
                (request, upstream.counting())
            }
            _ => (client.decode_request(head, asked.envelope.body())?, None),
        };
        proofs.restore(&mut request, client, dialect.name());
        let path = match &asked.query {
            Some(query) => Cow::Owned(format!("{}?{query}", asked.path)),
            None => Cow::Borrowed(asked.path.as_str()),
        };
        let pair = Pair::new(client, upstream);
        Ok(Self::Across(Box::new(Across {
            pair: if has_custom_tools { pair } else { pair.without_custom_tools() },
            dialect,
            model: &deployment.model,
            counting,
            request,
            proofs,
            losses: Losses::default(),
            asked,
            path,
            seed,
            now,
            is_home: is_same,
            cloak,
            mask: None,
            manner: None,
        })))
    }

    /// The dialect that is spoken to the provider, and what is asked in it.
    pub(crate) fn talk<'t>(&self, deployment: &'t Deployment) -> Talk<'t> {
        let (dialect, operation) = match self {
            Self::Same(Same { asked, .. }) => (asked.dialect, asked.operation),
            Self::Across(across) if across.counting.is_some() => (across.dialect, Operation::CountTokens),
            Self::Across(across) => (across.dialect, Operation::Generate),
            Self::Vectors(vectors) => (vectors.dialect, Operation::Embed),
        };
        Talk { dialect: dialect.name(), operation, model: &deployment.model }
    }

    /// The request for `deployment`, before it is put into `form`.
    pub(crate) fn outgoing(
        &mut self,
        deployment: &Deployment,
        form: &dyn Form,
    ) -> Result<Outgoing<'a>, Fault> {
        match self {
            Self::Same(same) => same.outgoing(deployment, form),
            Self::Across(across) => across.outgoing(deployment),
            Self::Vectors(vectors) => vectors.outgoing(deployment),
        }
    }

    /// A whole JSON answer of the provider as the client's.
    pub(crate) fn answer(&mut self, body: Bytes) -> Result<Said, Fault> {
        match self {
            Self::Same(Same { asked, mask, .. }) => match asked.dialect.read_answer(asked.operation, &body) {
                Answer::Whole(usage) => {
                    let restored = mask.as_ref().and_then(|mask| mask.json_answer(&body));
                    Ok(Said::Answer(WholeAnswer { body: restored.map_or(body, Bytes::from), usage }))
                }
                Answer::Failed => Ok(Said::Failed(body)),
                Answer::Garbled(why) => Err(not_whole().with_detail(why)),
            },
            Self::Across(across) => across.answer(&body),
            Self::Vectors(vectors) => vectors.answer(&body).map(Said::Answer),
        }
    }

    /// Whether the client wants its answer whole where the provider streams it.
    pub(crate) fn is_to_fold(&self) -> bool {
        matches!(self, Self::Across(across) if across.counting.is_none() && !across.request.stream)
    }

    /// A whole stream of the provider as the client's answer.
    pub(crate) fn folded(&mut self, body: Bytes) -> Result<Said, Fault> {
        match self {
            Self::Across(across) => across.folded(&body),
            Self::Same(_) | Self::Vectors(_) => self.answer(body),
        }
    }

    /// How a stream of the provider becomes the client's; `None` where there is no stream to expect.
    pub(crate) fn passage(&self) -> Option<Box<dyn Passage>> {
        match self {
            Self::Same(Same { asked, spare_usage, .. }) => {
                let framing = asked.dialect.codec().framing();
                let watch = asked.dialect.watch(asked.operation, *spare_usage);
                Some(Box::new(Watched::new(framing, watch)))
            }
            Self::Across(across) if across.counting.is_none() => {
                let collector = OwnProofs::collector(across.pair.client(), &across.request);
                let mut stream =
                    across.pair.stream(across.reply(), across.mask.clone()).metered(across.meter());
                if across.asked.resumes {
                    stream = stream.resumable(&across.request);
                }
                Some(Box::new(Translated::new(stream, collector, across.proofs.clone())))
            }
            Self::Across(_) | Self::Vectors(_) => None,
        }
    }

    /// Makes it the way on from where an answer broke off: how its provider is asked to go on, in that manner if the usual
    /// one was refused. `None` where nothing is translated, so that nothing can be gone on with.
    pub(crate) fn go_on(
        &mut self,
        said: &'a resume::Said,
        manner: Option<Manner>,
        known: Option<Prefill>,
    ) -> Option<Manner> {
        let Self::Across(across) = self else { return None };
        Some(across.go_on(said, manner, known))
    }

    /// How the stream of a provider that was asked so becomes the rest of the client's; `spent` is what the parts before
    /// it cost.
    pub(crate) fn continuation(&self, spent: Usage) -> Option<Continuation> {
        let Self::Across(across) = self else { return None };
        Some(across.continuation(spent))
    }

    /// The same for a stream that comes as one JSON array: `None` where an answer in JSON is no stream.
    pub(crate) fn array_passage(&self) -> Option<Box<dyn Passage>> {
        match self {
            Self::Same(Same { asked, .. })
                if asked.stream_in_path == Some(true) && asked.operation == Operation::Generate =>
            {
                let watch = asked.dialect.watch_array()?;
                Some(Box::new(Watched::new(Framing::JsonArray, watch)))
            }
            _ => None,
        }
    }

    /// What could not be said to the provider, or of its answer.
    pub(crate) fn losses(&self) -> &Losses {
        match self {
            Self::Same(same) => &same.losses,
            Self::Across(across) => &across.losses,
            Self::Vectors(vectors) => &vectors.losses,
        }
    }

    /// For more of them, once [`outgoing`](Self::outgoing) has named those of the body.
    pub(crate) fn losses_mut(&mut self) -> &mut Losses {
        match self {
            Self::Same(same) => &mut same.losses,
            Self::Across(across) => &mut across.losses,
            Self::Vectors(vectors) => &mut vectors.losses,
        }
    }

    /// The media type of the client's streams, where it is not the provider's own header that says it.
    pub(crate) fn stream_type(&self) -> Option<&'static str> {
        match self {
            Self::Same(_) | Self::Vectors(_) => None,
            Self::Across(across) => Some(across.pair.client().stream_type(&across.path)),
        }
    }

    /// What turns a cloaked request's answer back, once [`outgoing`](Self::outgoing) has cloaked it.
    pub(crate) fn mask(&self) -> Option<&Mask> {
        match self {
            Self::Same(same) => same.mask.as_deref(),
            Self::Across(across) => across.mask.as_deref(),
            Self::Vectors(vectors) => vectors.mask.as_ref(),
        }
    }

    /// True if the provider speaks another dialect than the client.
    pub(crate) fn changes_dialect(&self) -> bool {
        match self {
            Self::Same(_) => false,
            Self::Across(across) => !across.is_home,
            Self::Vectors(_) => true,
        }
    }

    /// True if the answer is translated, so that the provider's headers about its body do not fit it.
    pub(crate) fn is_across(&self) -> bool {
        !matches!(self, Self::Same(_))
    }
}

/// What a model's name must have encoded to be one path segment; colons stand in names as they are.
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':');

impl<'a> Same<'a> {
    fn outgoing(&mut self, deployment: &Deployment, form: &dyn Form) -> Result<Outgoing<'a>, Fault> {
        let asked = self.asked;
        self.losses = Losses::default();
        let mut edits = Edits::default();
        let tail = match &asked.model_in_tail {
            Some(place) => {
                let mut tail = asked.tail.clone();
                let model = utf8_percent_encode(&deployment.model, IN_PATH).to_string();
                tail.replace_range(place.clone(), &model);
                asked.dialect.rename_model(&asked.envelope, &deployment.model, &mut edits);
                Cow::Owned(tail)
            }
            None if !form.keeps_model() => Cow::Borrowed(asked.tail.as_str()),
            None => {
                asked.envelope.set_model(&deployment.model, &mut edits);
                Cow::Borrowed(asked.tail.as_str())
            }
        };
        self.spare_usage = match deployment.provider.site.stream_usage() {
            StreamUsage::Ask => asked.dialect.ask_usage(asked.operation, &asked.envelope, &mut edits)?,
            StreamUsage::Always | StreamUsage::Never => false,
        };
        let mut pieces = edits.apply(asked.envelope.body());
        if let Some(cloak) = self.cloak {
            let body = pieces.concat();
            let (covered, mask) = cloak.talk.body(&body)?;
            if covered.is_some() && cloak.talk.has_words() && asked.envelope.streams(false) {
                return Err(not_streamed());
            }
            self.mask = Some(Arc::new(mask));
            pieces = vec![covered.map_or_else(|| Bytes::from(body), Bytes::from)];
        }
        Ok(Outgoing {
            method: asked.method.clone(),
            tail,
            query: asked.query.as_deref().map(Cow::Borrowed),
            body: pieces,
        })
    }
}

fn not_streamed() -> Fault {
    let text = "this endpoint cannot stream under a `cloak` with `words`: ask for the whole answer";
    Fault::new(FaultKind::Unsupported, text)
}

fn not_whole() -> Fault {
    Fault::new(FaultKind::Garbled, "the provider's answer is not whole")
}
