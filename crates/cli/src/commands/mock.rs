//! `lockgate mock`: the built-in provider alone, for trying clients, gateways and failures.

use std::{net::SocketAddr, process::ExitCode, str::FromStr, time::Duration};

use clap::Args;
use lockgate_mock::{AwsKey, Behaviour, Fault, Settings};

use super::{failed, runtime, told_to_stop};

/// What the provider is like.
#[derive(Args)]
pub(crate) struct Options {
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1:9000")]
    listen: SocketAddr,
    /// Length of each answer, in words.
    #[arg(long)]
    words: Option<usize>,
    /// The text of each answer, in place of a sentence that quotes the question.
    #[arg(long)]
    answer: Option<String>,
    /// Time before each answer, e.g. 5ms.
    #[arg(long, value_parser = humantime::parse_duration)]
    latency: Option<Duration>,
    /// Time before the first word of a stream.
    #[arg(long, value_parser = humantime::parse_duration)]
    first_token: Option<Duration>,
    /// Time between the words of a stream.
    #[arg(long, value_parser = humantime::parse_duration)]
    between_events: Option<Duration>,
    /// Answer anything that has a model and messages, instead of being as strict as the real provider.
    #[arg(long)]
    lenient: bool,
    /// Keep only counts of the calls, not their list.
    #[arg(long)]
    no_ledger: bool,
    /// Keep the bodies of the calls in the list too.
    #[arg(long, conflicts_with = "no_ledger")]
    keep_bodies: bool,
    /// Check signatures of AWS requests against this key, e.g. "AKIAMOCK:secret", and give out keys for it below /aws/.
    #[arg(long, value_name = "ID:SECRET")]
    aws_key: Option<String>,
    /// The region that AWS requests have to be signed for.
    #[arg(long, default_value = "us-east-1", requires = "aws_key")]
    aws_region: String,
    /// How long AWS keys count that are given out.
    #[arg(long, value_parser = humantime::parse_duration, default_value = "1h", requires = "aws_key")]
    aws_lifetime: Duration,
    /// Faults for the first calls, e.g. "429,500,cut:3"; after them all is well.
    #[arg(long, value_delimiter = ',')]
    script: Vec<Step>,
    /// Faults for all calls, again and again; "ok" is a call without a fault.
    #[arg(long, value_delimiter = ',', conflicts_with = "script")]
    cycle: Vec<Step>,
}

/// A fault, or `ok`.
#[derive(Clone)]
struct Step(Option<Fault>);

impl FromStr for Step {
    type Err = <Fault as FromStr>::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "ok" { Ok(Self(None)) } else { text.parse().map(|fault| Self(Some(fault))) }
    }
}

pub(crate) fn run(options: &Options) -> ExitCode {
    match runtime() {
        Ok(runtime) => runtime.block_on(serve(options)),
        Err(error) => failed(error),
    }
}

async fn serve(options: &Options) -> ExitCode {
    let behaviour = Behaviour {
        words: options.words,
        answer: options.answer.clone(),
        latency: options.latency.unwrap_or_default(),
        first_token: options.first_token.unwrap_or_default(),
        between_events: options.between_events.unwrap_or_default(),
        ..Behaviour::default()
    };
    let mut settings = Settings {
        behaviour,
        strict: !options.lenient,
        keep_bodies: options.keep_bodies,
        aws: match options.aws_key.as_ref().map(|key| key.split_once(':')) {
            Some(Some((id, secret))) => Some(AwsKey {
                id: id.to_owned(),
                secret: secret.to_owned(),
                region: options.aws_region.clone(),
                lifetime: options.aws_lifetime,
            }),
            Some(None) => return failed("--aws-key: write its name, a colon, and the key"),
            None => None,
        },
        ..Settings::default()
    };
    if options.no_ledger {
        settings.ledger_entries = 0;
    }
    let mock = match lockgate_mock::start(options.listen, settings).await {
        Ok(mock) => mock,
        Err(error) => return failed(format!("cannot listen on {}: {error}", options.listen)),
    };
    mock.script(options.script.iter().filter_map(|step| step.0.clone()));
    mock.cycle(options.cycle.iter().map(|step| step.0.clone()).collect());
    println!("mock provider at {} (any key; ledger at http://{}/_mock/ledger)", mock.base_url(), mock.addr());
    match told_to_stop() {
        Ok(end) => end.await,
        Err(error) => return failed(format!("cannot listen for signals: {error}")),
    }
    mock.stop().await;
    ExitCode::SUCCESS
}
