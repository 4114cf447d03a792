//! `lockgate deployments`: how the deployments of a running gateway are, and what may be done about it.

use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use http::Method;
use lockgate_gateway::admin::{DeploymentStatus, Deployments, Tested};

use super::admin::{self, Gateway, Table, Where, encoded, print_json, state};

/// What to do; without a word they are listed.
#[derive(Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    place: Where,
}

#[derive(Subcommand)]
enum Action {
    /// List all of them.
    List,
    /// Forget what keeps requests from one and from its credential.
    Reset {
        /// `provider/model#credential`, as the list has it.
        name: String,
    },
    /// Take one out of routing; what is under way finishes.
    Drain {
        /// `provider/model#credential`, as the list has it.
        name: String,
        /// Take it in again.
        #[arg(long)]
        off: bool,
    },
    /// Ask one once and say what came; what is found counts like a request.
    Test {
        /// `provider/model#credential`, as the list has it.
        name: String,
        /// By what.
        #[arg(long, value_enum, default_value = "models")]
        method: By,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum By {
    /// The provider's list of models: costs nothing.
    Models,
    /// An answer of one token: is billed.
    Call,
}

pub(crate) fn run(options: &Options) -> ExitCode {
    admin::run(act(options))
}

async fn act(options: &Options) -> Result<ExitCode, ExitCode> {
    let (gateway, _) = options.place.find()?;
    let json = options.place.json;
    let (method, path, body) = match options.action.as_ref().unwrap_or(&Action::List) {
        Action::List => return list(&gateway, json).await,
        Action::Test { name, method } => return test(&gateway, name, *method, json).await,
        Action::Reset { name } => (Method::POST, format!("deployments/{}/reset", encoded(name)), ""),
        Action::Drain { name, off } => {
            let method = if *off { Method::DELETE } else { Method::POST };
            (method, format!("deployments/{}/drain", encoded(name)), "")
        }
    };
    let said: DeploymentStatus =
        gateway.ask(method, &path, body).await.map_err(|failure| gateway.failed(failure))?;
    if json {
        return print_json(&said);
    }
    let why = Some(state(&said.condition)).filter(|why| !why.is_empty());
    let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
    println!("{}: {}{why}, {} under way", said.name, word(&said.condition.state), said.condition.in_flight);
    Ok(ExitCode::SUCCESS)
}

async fn list(gateway: &Gateway, json: bool) -> Result<ExitCode, ExitCode> {
    let asked = gateway.ask(Method::GET, "deployments", "").await;
    let said: Deployments = asked.map_err(|failure| gateway.failed(failure))?;
    if json {
        return print_json(&said);
    }
    print!("{}", table(&said));
    Ok(ExitCode::SUCCESS)
}

/// All deployments for a person.
fn table(said: &Deployments) -> Table {
    let headings = ["deployment", "serves", "state", "requests", "answered", "faults", "under way", "why"];
    let mut table = Table::new(&headings, &[3, 4, 5, 6]);
    for row in &said.deployments {
        let mut serves: Vec<&str> = row.serves.iter().map(|place| place.model.as_str()).collect();
        serves.dedup();
        let condition = &row.condition;
        table.row([
            row.name.clone(),
            serves.join(", "),
            word(&condition.state),
            condition.requests.to_string(),
            condition.answered.to_string(),
            condition.faults.values().sum::<u64>().to_string(),
            condition.in_flight.to_string(),
            state(condition),
        ]);
    }
    table
}

async fn test(gateway: &Gateway, name: &str, by: By, json: bool) -> Result<ExitCode, ExitCode> {
    let body = match by {
        By::Models => r#"{"method":"models"}"#,
        By::Call => r#"{"method":"call"}"#,
    };
    let asked = gateway.ask(Method::POST, &format!("deployments/{}/test", encoded(name)), body).await;
    let said: Tested = asked.map_err(|failure| gateway.failed(failure))?;
    // A script learns from the exit code what a person reads.
    let code = if said.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    if json {
        return print_json(&said).map(|_| code);
    }
    match &said.fault {
        None => println!("{}: answers, after {:.0} ms", said.name, said.took_ms),
        Some(fault) => println!("{}: {} after {:.0} ms: {}", said.name, fault.kind, said.took_ms, fault.text),
    }
    Ok(code)
}

fn word(state: &str) -> String {
    state.replace('_', " ")
}
