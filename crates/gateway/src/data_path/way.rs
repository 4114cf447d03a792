//! The way from a client's dialect to a provider's and back: untouched where both speak the same, translated elsewhere.

use std::borrow::Cow;

use bytes::Bytes;
use http::Method;
use lockgate_protocol::{
    codec::{Codec, Reply, RequestHead, Target},
    dialect::{Answer, Operation},
    ir::{Fault, FaultKind, Losses, Request, Text, Usage},
    splice::Edits,
};
use lockgate_provider::StreamUsage;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{
    body::RequestBody,
    data_path::{
        identify::Asked,
        passage::{Passage, Translated, Watched},
    },
    fleet::Deployment,
    proofs::OwnProofs,
};

/// The way of one attempt.
pub(crate) enum Way<'a> {
    /// The provider speaks the client's dialect.
    Same(Same<'a>),
    /// It speaks another one.
    Across(Box<Across<'a>>),
}

/// The client's bytes with the gateway's edits.
pub(crate) struct Same<'a> {
    asked: &'a Asked,
    /// Whether the client is to be spared the usage that was asked for on the gateway's behalf.
    spare_usage: bool,
    /// Of the head: the body is the client's.
    losses: Losses,
}

/// The client's request as it was understood.
pub(crate) struct Across<'a> {
    client: &'static dyn Codec,
    upstream: &'static dyn Codec,
    request: Request<'a>,
    proofs: OwnProofs,
    losses: Losses,
    asked: &'a Asked,
    /// The path that was called, with its query.
    path: Cow<'a, str>,
    /// Who the answer is for: derives the ids a provider did not give.
    seed: &'a str,
    now: u64,
}

/// A request on its way out, not yet addressed.
pub(crate) struct Outgoing<'a> {
    pub(crate) method: Method,
    pub(crate) tail: Cow<'a, str>,
    pub(crate) query: Option<Cow<'a, str>>,
    pub(crate) body: RequestBody,
}

/// A whole answer for the client.
pub(crate) struct WholeAnswer {
    pub(crate) body: Bytes,
    pub(crate) usage: Option<Usage>,
}

impl<'a> Way<'a> {
    /// Finds the way to `deployment`. `proofs` are what the client could not carry; `seed` and `now` are for what the
    /// answer needs and the provider may not give.
    pub(crate) fn to(
        asked: &'a Asked,
        deployment: &Deployment,
        proofs: OwnProofs,
        seed: &'a str,
        now: u64,
    ) -> Result<Self, Fault> {
        let dialect = deployment.dialect_for(asked.dialect);
        if dialect.name() == asked.dialect.name() || asked.operation == Operation::Other {
            return Ok(Self::Same(Same { asked, spare_usage: false, losses: Losses::default() }));
        }
        let (client, upstream) = (asked.dialect.codec(), dialect.codec());
        if asked.operation != Operation::Generate {
            let text = format!(
                "this endpoint cannot be translated to the dialect {} of the model's provider",
                dialect.name()
            );
            return Err(Fault::new(FaultKind::Unsupported, text));
        }
        let head = RequestHead { model: Some(&asked.model), stream: asked.stream_in_path, path: &asked.path };
        let mut request = client.decode_request(head, asked.envelope.body())?;
        proofs.restore(&mut request, client, dialect.name());
        let path = match &asked.query {
            Some(query) => Cow::Owned(format!("{}?{query}", asked.path)),
            None => Cow::Borrowed(asked.path.as_str()),
        };
        let losses = Losses::default();
        let across = Across { client, upstream, request, proofs, losses, asked, path, seed, now };
        Ok(Self::Across(Box::new(across)))
    }

    /// The request for `deployment`.
    pub(crate) fn outgoing(&mut self, deployment: &Deployment) -> Result<Outgoing<'a>, Fault> {
        match self {
            Self::Same(same) => same.outgoing(deployment),
            Self::Across(across) => across.outgoing(deployment),
        }
    }

    /// A whole JSON answer of the provider as the client's; `Ok(None)` if it is an error in spite of its status.
    pub(crate) fn answer(&mut self, body: Bytes) -> Result<Option<WholeAnswer>, Fault> {
        match self {
            Self::Same(Same { asked, .. }) => match asked.dialect.read_answer(asked.operation, &body) {
                Answer::Whole(usage) => Ok(Some(WholeAnswer { body, usage })),
                Answer::Failed => Ok(None),
                Answer::Garbled(why) => Err(not_whole().with_detail(why)),
            },
            Self::Across(across) => across.answer(&body),
        }
    }

    /// How a stream of the provider becomes the client's.
    pub(crate) fn passage(&self) -> Box<dyn Passage> {
        match self {
            Self::Same(Same { asked, spare_usage, .. }) => {
                let framing = asked.dialect.codec().framing();
                Box::new(Watched::new(framing, asked.dialect.watch(asked.operation, *spare_usage)))
            }
            Self::Across(across) => {
                let collector = OwnProofs::collector(across.client, &across.request);
                let encoder = across.client.encoder(across.reply());
                Box::new(Translated::new(across.upstream, encoder, collector, across.proofs.clone()))
            }
        }
    }

    /// What could not be said to the provider, or of its answer.
    pub(crate) fn losses(&self) -> &Losses {
        match self {
            Self::Same(same) => &same.losses,
            Self::Across(across) => &across.losses,
        }
    }

    /// For more of them, once [`outgoing`](Self::outgoing) has named those of the body.
    pub(crate) fn losses_mut(&mut self) -> &mut Losses {
        match self {
            Self::Same(same) => &mut same.losses,
            Self::Across(across) => &mut across.losses,
        }
    }

    /// The media type of the client's streams, where it is not the provider's own header that says it.
    pub(crate) fn stream_type(&self) -> Option<&'static str> {
        match self {
            Self::Same(_) => None,
            Self::Across(across) => Some(across.client.stream_type(&across.path)),
        }
    }

    /// True if the answer is translated, so that the provider's headers about its body do not fit it.
    pub(crate) fn is_across(&self) -> bool {
        matches!(self, Self::Across(_))
    }
}

/// What a model's name must have encoded to be one path segment; colons stand in names as they are.
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':');

impl<'a> Same<'a> {
    fn outgoing(&mut self, deployment: &Deployment) -> Result<Outgoing<'a>, Fault> {
        let asked = self.asked;
        self.losses = Losses::default();
        let mut edits = Edits::default();
        let tail = match &asked.model_in_tail {
            Some(place) => {
                let mut tail = asked.tail.clone();
                let model = utf8_percent_encode(&deployment.model, IN_PATH).to_string();
                tail.replace_range(place.clone(), &model);
                Cow::Owned(tail)
            }
            None => {
                asked.envelope.set_model(&deployment.model, &mut edits);
                Cow::Borrowed(asked.tail.as_str())
            }
        };
        self.spare_usage = match deployment.provider.site.stream_usage() {
            StreamUsage::Ask => asked.dialect.ask_usage(asked.operation, &asked.envelope, &mut edits)?,
            StreamUsage::Always | StreamUsage::Never => false,
        };
        Ok(Outgoing {
            method: asked.method.clone(),
            tail,
            query: asked.query.as_deref().map(Cow::Borrowed),
            body: RequestBody::new(edits.apply(asked.envelope.body())),
        })
    }
}

impl<'a> Across<'a> {
    fn outgoing(&mut self, deployment: &Deployment) -> Result<Outgoing<'a>, Fault> {
        let target = Target { model: &deployment.model, max_output: None, version: None };
        // What the gateway keeps is not the provider's to keep; the answer repeats what the client said about it.
        let store = self.request.store.take_if(|store| *store && self.asked.is_kept);
        let encoded = self.upstream.encode_request(&self.request, target);
        self.request.store = store.or(self.request.store);
        self.request.previous =
            self.asked.continues.as_deref().map(Text::from).or(self.request.previous.take());
        let encoded = encoded?;
        self.losses = encoded.losses;
        let call = self.upstream.call(&deployment.model, self.request.stream);
        Ok(Outgoing {
            method: Method::POST,
            tail: Cow::Owned(call.tail),
            query: call.query.map(Cow::Borrowed),
            body: RequestBody::new(vec![encoded.body.into()]),
        })
    }

    fn answer(&mut self, body: &Bytes) -> Result<Option<WholeAnswer>, Fault> {
        if self.upstream.decode_error(body).is_some() {
            return Ok(None);
        }
        let response = self.upstream.decode_response(body)?;
        let mut encoded = self.client.encode_response(&response, self.reply());
        let mut collector = OwnProofs::collector(self.client, &self.request);
        collector.response(&response);
        if self.proofs.keep(collector.finish()) {
            encoded.losses.forget_proofs();
        }
        self.losses.append(encoded.losses);
        Ok(Some(WholeAnswer { body: encoded.body.into(), usage: response.usage }))
    }

    fn reply(&self) -> Reply<'_> {
        Reply { request: &self.request, seed: self.seed, now: self.now, path: &self.path }
    }
}

fn not_whole() -> Fault {
    Fault::new(FaultKind::Garbled, "the provider's answer is not whole JSON")
}
