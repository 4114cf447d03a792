//! company: the client of a streamed answer is told now and then that it is still waited for.

use std::{pin::Pin, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{HeaderMap, HeaderValue, Response, header};
use lockgate_protocol::{
    dialect::Watch,
    ir::{Fault, FaultKind},
};
use lockgate_store::Ended;

use crate::{
    body::{AnswerBody, Broken, Pieces},
    data_path::{
        call::Call,
        limits,
        relay::relay,
        reply::Content,
        settle,
        sign::Sign,
        work::{Outcome, Work},
    },
};

/// The sign for a streamed answer, in dialects that have one.
fn sign(call: &Call, work: &Work) -> Option<Sign> {
    let asked = work.asked();
    let text = asked.dialect.sign_of_life(asked.operation).filter(|_| call.stream)?;
    let every = work.keep_alive();
    (every < Duration::MAX).then_some(Sign { every, text })
}

/// The answer to a call. Until something of it is there, its client has seen no status either, unless it had to wait so
/// long that it was told so: from then on a failure is told inside the stream.
pub(crate) async fn answered(mut call: Box<Call>, work: Box<Work>) -> Response<AnswerBody> {
    let Some(sign) = sign(&call, &work) else {
        let outcome = work.run(&mut call).await;
        return finished(call, outcome);
    };
    call.sign = Some(sign);
    let (id, asked) = (call.id.clone(), work.asked());
    let mut marks = HeaderMap::new();
    limits::mark(&call, &mut marks);
    let watch = || asked.dialect.watch(asked.operation, false);
    let (watch, stream_type) = (watch(), asked.dialect.codec().stream_type(&asked.path));
    let mut run: Running = Box::pin(async move {
        let outcome = work.run(&mut call).await;
        (call, outcome)
    });
    match tokio::time::timeout(sign.every, &mut run).await {
        Ok((call, outcome)) => finished(call, outcome),
        Err(_) => {
            let first = stream::iter([Ok(sign.bytes())]);
            let waiting = Stage::Waiting(run, watch);
            let rest = stream::unfold(waiting, move |stage| next(sign, stage));
            let pieces: Pieces = Box::pin(first.chain(rest));
            let mut headers = marks;
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(stream_type));
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
            settle::mark_id(&id, &mut headers);
            let mut response = Response::new(AnswerBody::Streamed { pieces, length: None });
            *response.headers_mut() = headers;
            response
        }
    }
}

fn finished(call: Box<Call>, outcome: Result<Outcome, Fault>) -> Response<AnswerBody> {
    match outcome {
        Ok(Outcome::Local(response)) => settle::local(&call, response),
        Ok(Outcome::Committed(committed, resumer)) => relay(call, *committed, resumer),
        Err(fault) => settle::refuse(call, &fault),
    }
}

type Running = Pin<Box<dyn Future<Output = (Box<Call>, Result<Outcome, Fault>)> + Send>>;

/// Where an answer is whose status has left.
enum Stage {
    /// Nothing of it is there yet.
    Waiting(Running, Box<dyn Watch>),
    /// It passes.
    Passing(Pieces),
    /// It is over.
    Over,
}

async fn next(sign: Sign, stage: Stage) -> Option<(Result<Bytes, Broken>, Stage)> {
    let (mut run, mut watch) = match stage {
        Stage::Waiting(run, watch) => (run, watch),
        Stage::Passing(pieces) => return passed(pieces).await,
        Stage::Over => return None,
    };
    let Ok((mut call, outcome)) = tokio::time::timeout(sign.every, &mut run).await else {
        return Some((Ok(sign.bytes()), Stage::Waiting(run, watch)));
    };
    let fault = match outcome {
        Ok(Outcome::Committed(committed, resumer))
            if matches!(committed.answer.content, Content::Events(_)) =>
        {
            return match relay(call, *committed, resumer).into_body() {
                AnswerBody::Streamed { pieces, .. } => passed(pieces).await,
                AnswerBody::Whole(_) => None,
            };
        }
        Ok(_) => {
            let fault = Fault::new(FaultKind::Garbled, "the provider did not stream its answer");
            call.broke(&fault);
            fault
        }
        Err(fault) => fault,
    };
    call.tells(&fault);
    call.settle(http::StatusCode::OK.as_u16(), Ended::Broken);
    call.is_kept().await;
    Some((Ok(watch.fail(&fault)), Stage::Over))
}

async fn passed(mut pieces: Pieces) -> Option<(Result<Bytes, Broken>, Stage)> {
    let piece = pieces.next().await?;
    Some((piece, Stage::Passing(pieces)))
}
