//! The way of a request for vectors to a provider of another dialect and back.

use std::borrow::Cow;

use bytes::Bytes;
use http::Method;
use lockgate_protocol::{
    cloak::Mask,
    codec::RequestHead,
    dialect::Dialect,
    embedding::{self, EmbedRequest, Embedding},
    ir::{Fault, Losses, Usage},
};

use crate::{
    data_path::outgoing::{Outgoing, WholeAnswer},
    fleet::{Cloak, Deployment},
};

/// The client's request as it was understood.
pub(crate) struct Vectors<'a> {
    /// The provider's dialect.
    pub(crate) dialect: &'static dyn Dialect,
    client: &'static dyn Embedding,
    upstream: &'static dyn Embedding,
    request: EmbedRequest<'a>,
    /// The path that was called.
    path: &'a str,
    cloak: Option<&'a Cloak>,
    /// What could not be said to the provider, or of its answer.
    pub(crate) losses: Losses,
    /// What turns back what a cloaked request's fault says.
    pub(crate) mask: Option<Mask>,
}

impl<'a> Vectors<'a> {
    pub(crate) fn new(
        dialect: &'static dyn Dialect,
        (client, upstream): (&'static dyn Embedding, &'static dyn Embedding),
        cloak: Option<&'a Cloak>,
        head: RequestHead<'a>,
        body: &'a [u8],
    ) -> Result<Self, Fault> {
        let request = client.decode_request(head, body)?;
        Ok(Self {
            dialect,
            client,
            upstream,
            request,
            path: head.path,
            cloak,
            losses: Losses::default(),
            mask: None,
        })
    }

    /// The request for `deployment`.
    pub(crate) fn outgoing(&mut self, deployment: &Deployment) -> Result<Outgoing<'a>, Fault> {
        let encoded = self.upstream.encode_request(&self.request, &deployment.model);
        let call = self.upstream.call(&deployment.model);
        self.losses = encoded.losses;
        let mut body = Bytes::from(encoded.body);
        if let Some(cloak) = self.cloak {
            let (covered, mask) = cloak.talk.body(&body)?;
            body = covered.map_or(body, Bytes::from);
            self.mask = Some(mask);
        }
        Ok(Outgoing {
            method: Method::POST,
            tail: Cow::Owned(call.tail),
            query: call.query.map(Cow::Borrowed),
            body: vec![body],
        })
    }

    /// The provider's answer as the client's.
    pub(crate) fn answer(&mut self, body: &Bytes) -> Result<WholeAnswer, Fault> {
        let answer = self.upstream.decode_answer(body)?;
        embedding::check(&answer, &self.request)?;
        let encoded = self.client.encode_answer(&answer, &self.request, self.path)?;
        self.losses.append(encoded.losses);
        let usage = answer.tokens.map(|input| Usage { input, ..Usage::default() });
        Ok(WholeAnswer { body: encoded.body.into(), usage })
    }
}
