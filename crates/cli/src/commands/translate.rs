//! `lockgate translate`: shows what a message becomes in another dialect, and what is lost.

use std::{
    io::{Read, Write},
    path::PathBuf,
    process::ExitCode,
};

use bytes::Bytes;
use clap::{Args, ValueEnum};
use lockgate_protocol::{
    codec::{Codec, Reply, RequestHead, Step, Target},
    dialects::{self, DIALECTS},
    ir::{Fault, FaultKind, Losses, Request},
    translate::Pair,
};

use super::{USAGE, failed};

/// What to translate.
#[derive(Args)]
pub(crate) struct Options {
    /// The dialect it is in.
    #[arg(long, value_parser = names())]
    from: String,
    /// The dialect to write it in.
    #[arg(long, value_parser = names())]
    to: String,
    /// What it is.
    #[arg(long, value_enum)]
    what: What,
    /// The model to ask for, in requests; without it the one that is asked for.
    #[arg(long)]
    model: Option<String>,
    /// Where to read it from; without it standard input.
    file: Option<PathBuf>,
}

/// The kinds of message.
#[derive(Clone, Copy, ValueEnum)]
enum What {
    /// A client's request.
    Request,
    /// A provider's whole answer.
    Response,
    /// A provider's streamed answer.
    Stream,
    /// A provider's error body.
    Error,
}

fn names() -> clap::builder::PossibleValuesParser {
    DIALECTS.iter().map(|dialect| dialect.name()).collect::<Vec<_>>().into()
}

pub(crate) fn run(options: &Options) -> ExitCode {
    let mut input = Vec::new();
    let read = match &options.file {
        Some(file) => std::fs::read(file).map(|bytes| input = bytes),
        None => std::io::stdin().read_to_end(&mut input).map(drop),
    };
    if let Err(error) = read {
        let name = options.file.as_ref().map_or("standard input".into(), |file| file.display().to_string());
        return failed(format!("cannot read {name}: {error}"));
    }
    let (Some(from), Some(to)) = (dialects::find(&options.from), dialects::find(&options.to)) else {
        return ExitCode::from(USAGE);
    };
    let (from, to) = (from.codec(), to.codec());
    let translated = match options.what {
        What::Request => request(Pair::new(from, to), &input, options.model.as_deref()),
        What::Response => response(Pair::new(to, from), &input),
        What::Stream => Ok(stream(Pair::new(to, from), &input.into())),
        What::Error => error(from, to, &input),
    };
    match translated {
        Ok((output, losses)) => {
            for loss in losses.iter() {
                eprintln!("lost: {}: {}", loss.path, loss.reason);
            }
            match std::io::stdout().write_all(&output) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => failed(error),
            }
        }
        Err(fault) => failed(fault),
    }
}

fn request(pair: Pair, body: &[u8], model: Option<&str>) -> Result<(Vec<u8>, Losses), Fault> {
    let request = pair.client().decode_request(RequestHead { model, ..RequestHead::default() }, body)?;
    let model = model.unwrap_or(&request.model);
    let encoded = pair.request(&request, Target { model, max_output: None, version: None })?;
    Ok((encoded.body, encoded.losses))
}

fn response(pair: Pair, body: &[u8]) -> Result<(Vec<u8>, Losses), Fault> {
    let (_, encoded) = pair.answer(body, reply(&Request::default()), None)?;
    Ok((encoded.body, encoded.losses))
}

fn stream(pair: Pair, bytes: &Bytes) -> (Vec<u8>, Losses) {
    let request = Request { stream: true, stream_usage: Some(true), ..Request::default() };
    let mut stream = pair.stream(reply(&request), None);
    let mut output = Vec::new();
    let mut step = stream.push(bytes, &mut |_| {}, &mut output);
    if step == Step::Go {
        step = stream.finish(&mut |_| {}, &mut output);
    }
    match step {
        Step::End | Step::Go => {}
        Step::Failed(body) => stream.fail(&fault_of(pair.upstream(), &body), &mut output),
        Step::Garbled(why) => stream.fail(&Fault::new(FaultKind::Cut, why), &mut output),
    }
    (output, stream.losses())
}

fn error(from: &dyn Codec, to: &dyn Codec, body: &[u8]) -> Result<(Vec<u8>, Losses), Fault> {
    Ok((to.encode_error(&fault_of(from, body)).to_vec(), Losses::default()))
}

/// What an error body says; its status is not in it.
fn fault_of(from: &dyn Codec, body: &[u8]) -> Fault {
    let mut fault = Fault::new(FaultKind::UpstreamFailed, "the provider failed");
    fault.complaint = from.decode_error(body).map(Box::new);
    fault
}

fn reply<'a>(request: &'a Request<'a>) -> Reply<'a> {
    Reply { request, seed: "translated", now: 0, path: "" }
}
