//! `lockgate mock`: the built-in provider alone, for trying clients, gateways and failures.

use std::{net::SocketAddr, process::ExitCode, str::FromStr, time::Duration};

use clap::Args;
use lockgate_mock::{Behaviour, Fault, Settings};

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
    if let Err(error) = told_to_stop().await {
        return failed(format!("cannot listen for signals: {error}"));
    }
    mock.stop().await;
    ExitCode::SUCCESS
}
