//! `lockgate check [FILE]`: is this config fit to run.

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, ValueEnum};
use lockgate_config::{Note, Problem};
use serde_json::{Value, json};

use super::{
    USAGE,
    config::{self, Found, Unfit},
};

/// Which config, and how it is said.
#[derive(Args)]
pub(crate) struct Options {
    /// The config file; without one the config that `lockgate run` would take.
    #[arg(env = "LOCKGATE_CONFIG")]
    file: Option<PathBuf>,
    /// For whom it is said.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// One JSON object, for machines.
    Json,
}

pub(crate) fn run(options: &Options) -> ExitCode {
    let outcome = config::find(options.file.as_deref()).and_then(|found| {
        match lockgate_gateway::check(found.config()) {
            Ok(()) => Ok(found),
            Err(error) => Err(Unfit::None(format!("{}: {error}", found.source()), Vec::new())),
        }
    });
    match (&outcome, options.format) {
        (Ok(found), Format::Text) => {
            for note in found.notes() {
                eprintln!("note: {note}");
            }
            for note in lockgate_gateway::unpriced(found.config()) {
                eprintln!("note: {note}");
            }
            print!("{}", text(found));
        }
        (Err(unfit), Format::Text) => eprintln!("{unfit}"),
        (outcome, Format::Json) => println!("{:#}", said(outcome.as_ref())),
    }
    if outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(USAGE) }
}

fn text(found: &Found) -> String {
    let config = found.config();
    let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let mut text = format!(
        "{}: fit to run: {}, {}, listens on {}\n",
        found.source(),
        count(config.providers.len(), "provider"),
        count(config.models.len(), "model"),
        config.server.listen
    );
    for name in found.overrides() {
        text.push_str(&format!("overridden by {name}\n"));
    }
    text
}

/// The outcome for machines: the same members whatever it is.
fn said(outcome: Result<&Found, &Unfit>) -> Value {
    let empty = json!({
        "fit": false, "source": null, "providers": null, "models": null, "listens": [], "overrides": [], "notes": [],
        "problems": [],
    });
    let members = match outcome {
        Ok(found) => json!({
            "fit": true,
            "source": found.source(),
            "providers": found.config().providers.len(),
            "models": found.config().models.len(),
            "listens": found.config().server.listen.iter().map(|it| it.address.to_string()).collect::<Vec<_>>(),
            "overrides": found.overrides(),
            "notes": notes(found),
        }),
        Err(Unfit::Wrong(errors)) => json!({ "problems": errors.iter().map(problem).collect::<Vec<_>>() }),
        Err(Unfit::None(message, hints)) => json!({ "problems": [{
            "file": "", "line": 0, "column": 0, "path": "", "message": message, "help": null,
            "hint": if hints.is_empty() { Value::Null } else { hints.join("; ").into() },
        }] }),
    };
    match (empty, members) {
        (Value::Object(mut all), Value::Object(members)) => {
            all.extend(members);
            Value::Object(all)
        }
        (_, members) => members,
    }
}

fn notes(found: &Found) -> Vec<Value> {
    let unpriced = lockgate_gateway::unpriced(found.config());
    let of_money = unpriced.iter().map(|text| json!({ "file": "", "line": 0, "path": "", "text": text }));
    found.notes().iter().map(note).chain(of_money).collect()
}

fn note(note: &Note) -> Value {
    json!({ "file": note.file, "line": note.line, "path": note.path, "text": note.text })
}

fn problem(problem: &Problem) -> Value {
    let Problem { file, line, column, path, message, hint, help, .. } = problem;
    json!({
        "file": file, "line": line, "column": column, "path": path, "message": message, "hint": hint, "help": help,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, variables: &[(&str, &str)]) -> Result<Found, Unfit> {
        let env = |name: &str| {
            variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| (*value).to_owned())
        };
        let names = || variables.iter().map(|(name, _)| (*name).to_owned()).collect();
        let file = PathBuf::from("none/lockgate.toml");
        let loaded = lockgate_config::load_text(&file, text, &env, &names).map_err(Unfit::Wrong)?;
        Ok(Found::File(file, Box::new(loaded)))
    }

    const FILE: &str = "[providers.a]\nkind = 'vllm'\nbase_url = 'http://127.0.0.1:1/v1'\n";

    #[test]
    fn a_fit_config_is_said_for_people_and_for_machines() {
        let found = found(FILE, &[("LOCKGATE_SERVER__LISTEN", "127.0.0.1:2")]).ok().unwrap();
        assert_eq!(
            text(&found),
            "none/lockgate.toml: fit to run: 1 provider, 0 models, listens on 127.0.0.1:2\n\
             overridden by LOCKGATE_SERVER__LISTEN\n"
        );
        assert_eq!(
            said(Ok(&found)),
            json!({
                "fit": true, "source": "none/lockgate.toml", "providers": 1, "models": 0, "listens": ["127.0.0.1:2"],
                "overrides": ["LOCKGATE_SERVER__LISTEN"], "notes": [], "problems": [],
            })
        );
    }

    #[test]
    fn what_is_wrong_is_said_for_machines_with_the_same_members() {
        let unfit = found("log.levle = 'info'\n", &[]).map(drop).unwrap_err();
        assert_eq!(
            said(Err(&unfit)),
            json!({
                "fit": false, "source": null, "providers": null, "models": null, "listens": [], "overrides": [],
                "notes": [], "problems": [{
                    "file": "none/lockgate.toml", "line": 1, "column": 5, "path": "log.levle",
                    "message": "unknown key `levle` in `log`", "hint": "did you mean `level`?", "help": null,
                }],
            })
        );
    }
}
