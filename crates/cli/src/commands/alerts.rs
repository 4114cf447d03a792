//! `lockgate alerts`: what operators were told, and whether it arrives.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use http::Method;
use lockgate_config::Config;
use lockgate_gateway::admin::{ADMIN_OFF, AlertsStatus, AlertsTested, test_alerts};

use super::{
    admin::{self, Failure, Gateway, Table, Where, print_json},
    failed,
};

/// What to do; without a word the last alerts are listed.
#[derive(Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    place: Where,
}

#[derive(Subcommand)]
enum Action {
    /// List the last alerts of a running gateway, and how the receivers are.
    List,
    /// Send a message to the receivers and say whether they took it: by the running gateway, else from here. The exit code is
    /// 1 if one did not, or if there is none.
    Test {
        /// Only this one, by its name.
        #[arg(long, value_name = "NAME")]
        sink: Option<String>,
    },
}

pub(crate) fn run(options: &Options) -> ExitCode {
    admin::run(act(options))
}

async fn act(options: &Options) -> Result<ExitCode, ExitCode> {
    let (gateway, config) = options.place.find()?;
    match options.action.as_ref().unwrap_or(&Action::List) {
        Action::List => list(&gateway, options.place.json).await,
        Action::Test { sink } => test(&gateway, config.as_ref(), sink.as_deref(), options.place.json).await,
    }
}

async fn list(gateway: &Gateway, json: bool) -> Result<ExitCode, ExitCode> {
    let asked = gateway.ask(Method::GET, "alerts", "").await;
    let said: AlertsStatus = asked.map_err(|failure| gateway.failed(failure))?;
    if json {
        return print_json(&said);
    }
    let mut alerts = Table::new(&["at", "what", "whom", "text"], &[]);
    for alert in said.alerts {
        alerts.row([alert.at, alert.title, alert.subject, alert.text]);
    }
    let mut sinks = Table::new(&["receiver", "by", "sent", "failed", "waiting", "why"], &[2, 3, 4]);
    for sink in said.sinks {
        let counts = [sink.sent, sink.failed, sink.waiting as u64].map(|count| count.to_string());
        let [sent, failed, waiting] = counts;
        sinks.row([sink.name, sink.form, sent, failed, waiting, sink.last_error.unwrap_or_default()]);
    }
    print!("{alerts}\n{sinks}");
    Ok(ExitCode::SUCCESS)
}

async fn test(
    gateway: &Gateway,
    config: Option<&Config>,
    sink: Option<&str>,
    json: bool,
) -> Result<ExitCode, ExitCode> {
    let wish = serde_json::json!({ "sink": sink }).to_string();
    let said = match gateway.ask(Method::POST, "alerts/test", wish).await {
        Ok(said) => said,
        // The receivers can be asked without a gateway, if only the config is there.
        Err(failure) => match config.filter(|_| is_away(&failure)) {
            Some(config) => from_here(config, sink).await?,
            None => return Err(gateway.failed(failure)),
        },
    };
    // A script learns from the exit code what a person reads.
    let code = if said.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    if json {
        return print_json(&said).map(|_| code);
    }
    if said.sinks.is_empty() {
        eprintln!("no receivers: the config names none under `alerts`, so that alerts go to the log only");
    }
    for sink in &said.sinks {
        match &sink.error {
            None => println!("{}: sent, after {} ms", sink.name, sink.took_ms),
            Some(why) => println!("{}: not sent, after {} ms: {why}", sink.name, sink.took_ms),
        }
    }
    Ok(code)
}

/// Whether there is nobody to ask.
fn is_away(failure: &Failure) -> bool {
    match failure {
        Failure::Unreachable(_) => true,
        Failure::Refused(error) => error.code == ADMIN_OFF,
        Failure::Strange(_) => false,
    }
}

async fn from_here(config: &Config, sink: Option<&str>) -> Result<AlertsTested, ExitCode> {
    eprintln!("no gateway answers, so that the receivers of the config are asked from here");
    test_alerts(config, sink).await.map_err(failed)?.map_err(failed)
}
