//! The way of a request for vectors to a provider of another dialect and back.

use std::borrow::Cow;

use bytes::Bytes;
use http::Method;
use lockgate_protocol::{
    codec::RequestHead,
    dialect::Dialect,
    embedding::{self, EmbedRequest, Embedding},
    ir::{Fault, Losses, Usage},
};

use crate::{
    data_path::way::{Outgoing, WholeAnswer},
    fleet::Deployment,
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
    /// What could not be said to the provider, or of its answer.
    pub(crate) losses: Losses,
}

impl<'a> Vectors<'a> {
    pub(crate) fn new(
        dialect: &'static dyn Dialect,
        client: &'static dyn Embedding,
        upstream: &'static dyn Embedding,
        head: RequestHead<'a>,
        body: &'a [u8],
    ) -> Result<Self, Fault> {
        let request = client.decode_request(head, body)?;
        Ok(Self { dialect, client, upstream, request, path: head.path, losses: Losses::default() })
    }

    /// The request for `deployment`.
    pub(crate) fn outgoing(&mut self, deployment: &Deployment) -> Outgoing<'a> {
        let encoded = self.upstream.encode_request(&self.request, &deployment.model);
        let call = self.upstream.call(&deployment.model);
        self.losses = encoded.losses;
        Outgoing {
            method: Method::POST,
            tail: Cow::Owned(call.tail),
            query: call.query.map(Cow::Borrowed),
            body: vec![encoded.body.into()],
        }
    }

    /// The provider's answer as the client's; `Ok(None)` if it is an error in spite of its status.
    pub(crate) fn answer(&mut self, body: &Bytes) -> Result<Option<WholeAnswer>, Fault> {
        let answer = self.upstream.decode_answer(body)?;
        embedding::check(&answer, &self.request)?;
        let encoded = self.client.encode_answer(&answer, &self.request, self.path)?;
        self.losses.append(encoded.losses);
        let usage = answer.tokens.map(|input| Usage { input, ..Usage::default() });
        Ok(Some(WholeAnswer { body: encoded.body.into(), usage }))
    }
}
