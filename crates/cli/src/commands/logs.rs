//! `lockgate logs`: the calls of clients, one line each, from a running gateway or from what one has left on disk.

mod events;
mod lines;

use std::{
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

use clap::Args;
use http::Method;
use http_body_util::BodyExt;
use lockgate_config::Config;
use lockgate_gateway::admin::{ADMIN_OFF, CallLine, Calls, Missed, calls_on_disk};

use super::{
    admin::{self, Failure, Gateway, Where, encoded},
    failed,
};
use events::Events;
use lines::Lines;

/// How long nothing may come of a gateway that tells of calls: it gives a sign of life more often.
const SILENCE: Duration = Duration::from_secs(45);
/// How often a gateway that is gone is looked for, and a database for new calls.
const AGAIN: Duration = Duration::from_secs(1);

/// Which calls, and whether to go on with those to come.
#[derive(Args)]
pub(crate) struct Options {
    /// Go on with calls as they end.
    #[arg(long, short)]
    follow: bool,
    /// The latest so many calls.
    #[arg(long, short = 'n', default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=1000))]
    limit: u64,
    /// Only of this client key.
    #[arg(long)]
    key: Option<String>,
    /// Only of this model, as clients ask for it.
    #[arg(long)]
    model: Option<String>,
    /// Only those that this deployment answered, `provider/model#credential`.
    #[arg(long)]
    deployment: Option<String>,
    /// Only with this tag of the key, `name:value`.
    #[arg(long)]
    tag: Option<String>,
    /// Only with this status: `429`, `4xx`, `400-499`.
    #[arg(long)]
    status: Option<String>,
    /// Only those that ended so: answered, refused, broken, client_gone, interrupted.
    #[arg(long)]
    ended: Option<String>,
    /// Only with these words: parts of names and paths, whole words of faults, or a call's whole id.
    #[arg(long)]
    text: Option<String>,
    /// Only those that ended then or later: `15m` ago, `2026-11-21`, `2026-11-21T20:15:00Z`.
    #[arg(long)]
    from: Option<String>,
    /// Only those that ended before then.
    #[arg(long, conflicts_with = "follow")]
    to: Option<String>,
    #[command(flatten)]
    place: Where,
}

pub(crate) fn run(options: &Options) -> ExitCode {
    admin::run(show(options))
}

/// Where calls come from.
enum Source {
    Running(Gateway),
    /// What is on disk, and why it is looked for there.
    Disk(Box<Config>, String),
}

impl Options {
    /// What calls are sought by, except by time.
    fn sought(&self) -> String {
        let pairs = [
            ("key", &self.key),
            ("model", &self.model),
            ("deployment", &self.deployment),
            ("tag", &self.tag),
            ("status", &self.status),
            ("ended", &self.ended),
            ("text", &self.text),
        ];
        query(&pairs)
    }

    /// What the list is asked for.
    fn listed(&self, limit: u64) -> String {
        let times = query(&[("from", &self.from), ("to", &self.to)]);
        format!("limit={limit}{}{}", prefixed(&times), prefixed(&self.sought()))
    }
}

fn query(pairs: &[(&str, &Option<String>)]) -> String {
    let written =
        pairs.iter().filter_map(|(name, value)| Some(format!("{name}={}", encoded(value.as_deref()?))));
    written.collect::<Vec<_>>().join("&")
}

fn prefixed(query: &str) -> String {
    if query.is_empty() { String::new() } else { format!("&{query}") }
}

async fn show(options: &Options) -> Result<ExitCode, ExitCode> {
    let (gateway, config) = options.place.find()?;
    let asked: Result<Calls, Failure> =
        gateway.ask(Method::GET, &format!("requests?{}", options.listed(options.limit)), "").await;
    let (source, calls) = match (asked, config) {
        (Ok(calls), _) => (Source::Running(gateway), calls),
        // What a gateway has written on this machine is there for whoever may read it, whether it runs or not.
        (Err(Failure::Unreachable(why)), Some(config)) => on_disk(options, config, why)?,
        (Err(Failure::Refused(error)), Some(config)) if error.code == ADMIN_OFF => {
            on_disk(options, config, "the gateway has no admin key".to_owned())?
        }
        (Err(failure), _) => return Err(gateway.failed(failure)),
    };
    let mut out = Out::new(options.place.json);
    let mut calls = calls.requests;
    calls.reverse();
    let last = calls.last().map(|call| call.id.clone());
    if out.calls(&calls).is_err() || !options.follow {
        // Whoever reads has read enough.
        return Ok(ExitCode::SUCCESS);
    }
    let ended = match source {
        Source::Running(gateway) => follow(&gateway, options, last, &mut out).await,
        Source::Disk(config, why) => {
            eprintln!("{why}: following what is written to `{}`", config.data_dir.0.display());
            follow_disk(&config, options, last, &mut out).await
        }
    };
    ended.map(|()| ExitCode::SUCCESS)
}

fn on_disk(options: &Options, config: Config, why: String) -> Result<(Source, Calls), ExitCode> {
    let calls = calls_on_disk(&config, &options.listed(options.limit))
        .map_err(|error| failed(format!("{why}, and {error}")))?;
    Ok((Source::Disk(Box::new(config), why), calls))
}

/// Tells of calls as they end, from the one of that id on, through restarts of the gateway; ends when nobody reads any more.
async fn follow(
    gateway: &Gateway,
    options: &Options,
    mut last: Option<String>,
    out: &mut Out,
) -> Result<(), ExitCode> {
    let sought = options.sought();
    let path = if sought.is_empty() { "requests/live".to_owned() } else { format!("requests/live?{sought}") };
    let mut is_away = false;
    loop {
        match gateway.follow(&path, last.as_deref()).await {
            Ok(body) => {
                if std::mem::take(&mut is_away) {
                    eprintln!("the gateway is back");
                }
                if listen(body, &mut last, out).await.is_err() {
                    return Ok(());
                }
            }
            Err(Failure::Refused(error)) if error.code != "too_many_listeners" => {
                return Err(gateway.failed(Failure::Refused(error)));
            }
            Err(_) => {}
        }
        if !std::mem::replace(&mut is_away, true) {
            eprintln!("the gateway on {} is away: waiting for it", gateway.base);
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Tells of what comes until nothing more does.
///
/// # Errors
/// When nobody reads any more.
async fn listen(mut body: hyper::body::Incoming, last: &mut Option<String>, out: &mut Out) -> io::Result<()> {
    let mut events = Events::default();
    // Silence and a broken connection are one: the gateway is looked for anew.
    while let Ok(Some(Ok(frame))) = tokio::time::timeout(SILENCE, body.frame()).await {
        events.take(&frame.into_data().unwrap_or_default());
        while let Some(event) = events.next() {
            match event.name.as_str() {
                "call" => {
                    if let Ok(call) = serde_json::from_str::<CallLine>(&event.data) {
                        *last = Some(call.id.clone());
                        out.calls(&[call])?;
                    }
                }
                "missed" => {
                    let count =
                        serde_json::from_str::<Missed>(&event.data).ok().and_then(|missed| missed.count);
                    let count = count.map_or("some".to_owned(), |count| count.to_string());
                    eprintln!("... {count} calls went by unseen");
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// Looks again and again for what is new in the database.
async fn follow_disk(
    config: &Config,
    options: &Options,
    mut last: Option<String>,
    out: &mut Out,
) -> Result<(), ExitCode> {
    loop {
        tokio::time::sleep(AGAIN).await;
        let page = calls_on_disk(config, &options.listed(1000)).map_err(failed)?;
        let is_new = |call: &&CallLine| last.as_ref() != Some(&call.id);
        let mut new: Vec<CallLine> = page.requests.iter().take_while(is_new).cloned().collect();
        new.reverse();
        if let Some(call) = new.last() {
            last = Some(call.id.clone());
        }
        if out.calls(&new).is_err() {
            return Ok(());
        }
    }
}

/// Where lines go.
struct Out {
    is_json: bool,
    lines: Lines,
}

impl Out {
    fn new(is_json: bool) -> Self {
        Self { is_json, lines: Lines::new() }
    }

    /// Writes calls, a line each.
    fn calls(&mut self, calls: &[CallLine]) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if self.is_json {
            for call in calls {
                writeln!(out, "{}", serde_json::to_string(call)?)?;
            }
        } else {
            out.write_all(self.lines.of(calls).as_bytes())?;
        }
        out.flush()
    }
}
