//! `lockgate keys`: the keys of clients at a running gateway, listed, made, given another text and ended.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use http::Method;
use lockgate_gateway::admin::{CreatedKey, KeyStatus, Keys};
use serde_json::{Map, Value, json};

use super::admin::{self, Gateway, Table, Where, encoded, print_json};

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
    /// Make a key and show it, this once.
    Create(Box<Settings>),
    /// List all of them.
    List {
        /// Those that are revoked too.
        #[arg(long)]
        all: bool,
    },
    /// End a created key for good, within a second; answers that are under way finish.
    Revoke {
        /// Its name or its id, as the list has them.
        key: String,
    },
    /// Give a created key another text and show it, this once.
    Rotate {
        /// Its name or its id, as the list has them.
        key: String,
        /// How long the text so far still works, such as 1h.
        #[arg(long, value_name = "DURATION")]
        grace: Option<String>,
        /// Print the new text alone.
        #[arg(long, short)]
        quiet: bool,
    },
}

/// What the key may do, in the words of the config's `access.keys`.
#[derive(Args)]
struct Settings {
    /// What logs and bills call it.
    name: String,
    /// A model that it may use; `*` and `?` work. May be given several times, or with commas.
    #[arg(long = "model", value_name = "GLOB", value_delimiter = ',')]
    models: Vec<String>,
    /// A provider that may answer it.
    #[arg(long = "provider", value_name = "GLOB", value_delimiter = ',')]
    providers: Vec<String>,
    /// What it may be used for: generate, count_tokens, embed, audio, images, other.
    #[arg(long = "operation", value_name = "OPERATION", value_delimiter = ',')]
    operations: Vec<String>,
    /// The most requests in a minute.
    #[arg(long)]
    rpm: Option<u32>,
    /// The most tokens in a minute.
    #[arg(long)]
    tpm: Option<u32>,
    /// The most requests under way at once.
    #[arg(long, value_name = "COUNT")]
    max_concurrent: Option<u32>,
    /// What it may spend: 50usd/month, 1000000tokens/day. May be given several times.
    #[arg(long = "budget", value_name = "AMOUNT/TIME", value_parser = budget)]
    budgets: Vec<Value>,
    /// When it ends, such as 2027-01-01.
    #[arg(long, value_name = "TIME")]
    expires: Option<String>,
    /// Who answers for it.
    #[arg(long)]
    owner: Option<String>,
    /// What its calls are counted by too, such as team=search.
    #[arg(long = "tag", value_name = "NAME=VALUE", value_parser = tag)]
    tags: Vec<(String, String)>,
    /// Of which part of its calls the journal has what was said: true, false, or a part such as 0.1.
    #[arg(long, value_name = "PART", value_parser = part)]
    log_bodies: Option<Value>,
    /// Print the key alone.
    #[arg(long, short)]
    quiet: bool,
}

pub(crate) fn run(options: &Options) -> ExitCode {
    admin::run(act(options))
}

async fn act(options: &Options) -> Result<ExitCode, ExitCode> {
    let (gateway, _) = options.place.find()?;
    let json = options.place.json;
    match options.action.as_ref().unwrap_or(&Action::List { all: false }) {
        Action::Create(settings) => {
            let asked = gateway.ask(Method::POST, "keys", body(settings).to_string()).await;
            show(&asked.map_err(|failure| gateway.failed(failure))?, json, settings.quiet)
        }
        Action::List { all } => list(&gateway, *all, json).await,
        Action::Revoke { key } => {
            let asked = gateway.ask(Method::DELETE, &format!("keys/{}", encoded(key)), "").await;
            let said: KeyStatus = asked.map_err(|failure| gateway.failed(failure))?;
            if json {
                return print_json(&said);
            }
            println!("{} ({}) is revoked", said.name, said.id);
            Ok(ExitCode::SUCCESS)
        }
        Action::Rotate { key, grace, quiet } => {
            let body = grace.as_ref().map_or_else(|| json!({}), |grace| json!({ "grace": grace }));
            let path = format!("keys/{}/rotate", encoded(key));
            let asked = gateway.ask(Method::POST, &path, body.to_string()).await;
            show(&asked.map_err(|failure| gateway.failed(failure))?, json, *quiet)
        }
    }
}

/// Shows a key's text, which nobody can show again.
fn show(said: &CreatedKey, json: bool, quiet: bool) -> Result<ExitCode, ExitCode> {
    if json {
        return print_json(said);
    }
    println!("{}", said.key);
    if !quiet {
        let KeyStatus { name, id, old_until, .. } = &said.status;
        eprintln!("the key of {name} ({id}); it is shown this once");
        if let Some(until) = old_until {
            eprintln!("the one before works until {until}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(gateway: &Gateway, all: bool, json: bool) -> Result<ExitCode, ExitCode> {
    let mut listed = Keys { keys: Vec::new(), next: None };
    let mut path = "keys?limit=10000".to_owned();
    loop {
        let asked = gateway.ask(Method::GET, &path, "").await;
        let said: Keys = asked.map_err(|failure| gateway.failed(failure))?;
        listed.keys.extend(said.keys.into_iter().filter(|key| all || key.state != "revoked"));
        match said.next {
            Some(next) => path = format!("keys?limit=10000&after={}", encoded(&next)),
            None => break,
        }
    }
    if json {
        return print_json(&listed);
    }
    print!("{}", table(&listed));
    Ok(ExitCode::SUCCESS)
}

/// All keys for a person.
fn table(said: &Keys) -> Table {
    let headings = ["name", "key", "state", "models", "providers", "owner", "ends", "last used", "id"];
    let mut table = Table::new(&headings, &[]);
    for key in &said.keys {
        let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        table.row([
            key.name.clone(),
            key.hint.as_ref().map_or_else(|| "in the config".to_owned(), |hint| format!("lgk_…{hint}")),
            key.state.clone(),
            key.models.join(","),
            key.providers.join(","),
            or_none(&key.owner),
            or_none(&key.expires),
            or_none(&key.last_used_at),
            key.id.clone(),
        ]);
    }
    table
}

/// What is told of a new key: what was not said is left to the gateway.
fn body(settings: &Settings) -> Value {
    let mut body = Map::new();
    let mut add = |name: &str, value: Value| {
        let is_said = !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty());
        if is_said {
            body.insert(name.to_owned(), value);
        }
    };
    add("name", json!(settings.name));
    add("models", json!(settings.models));
    add("providers", json!(settings.providers));
    add("operations", json!(settings.operations));
    add("rpm", json!(settings.rpm));
    add("tpm", json!(settings.tpm));
    add("max_concurrent", json!(settings.max_concurrent));
    add("budget", json!(settings.budgets));
    add("expires", json!(settings.expires));
    add("owner", json!(settings.owner));
    add("log_bodies", json!(settings.log_bodies));
    if !settings.tags.is_empty() {
        let tags: Map<String, Value> =
            settings.tags.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        add("tags", Value::Object(tags));
    }
    Value::Object(body)
}

/// A budget such as `50usd/month`.
fn budget(text: &str) -> Result<Value, String> {
    let wanted = || format!("`{text}` is no budget: write one like 50usd/month or 1000000tokens/day");
    let (amount, per) = text.split_once('/').ok_or_else(wanted)?;
    let unit = amount.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(wanted)?;
    let (amount, unit) = amount.split_at(unit);
    // The gateway says what is wrong with a number or a time.
    match unit {
        "usd" => Ok(json!({ "usd": amount, "per": per })),
        "tokens" => Ok(json!({ "tokens": amount.parse::<u64>().map_err(|_| wanted())?, "per": per })),
        _ => Err(wanted()),
    }
}

fn tag(text: &str) -> Result<(String, String), String> {
    let wanted = || format!("`{text}` is no tag: write one like team=search");
    text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())).ok_or_else(wanted)
}

/// A part of all calls, such as `true` or `0.1`.
fn part(text: &str) -> Result<Value, String> {
    let wanted = || format!("`{text}` is no part of its calls: write true, false, or a part such as 0.1");
    text.parse::<lockgate_config::Share>().map_err(|()| wanted())?;
    serde_json::from_str(text).map_err(|_| wanted())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    #[track_caller]
    fn check(line: &str, expect: &Value) {
        let line = Line::try_parse_from(["keys"].into_iter().chain(line.split(' ')))
            .unwrap_or_else(|e| panic!("{e}"));
        let Some(Action::Create(settings)) = line.options.action else { panic!("nothing is made") };
        assert_eq!(&body(&settings), expect);
    }

    #[test]
    fn what_is_said_is_told_and_nothing_else() {
        check("create alice", &json!({ "name": "alice" }));
        check(
            "create ci --model fast,claude-* --model slow --operation generate --rpm 60 --owner ops --expires 2027-01-01 \
             --budget 1.50usd/day --budget 1000tokens/hour --tag team=search --tag env=ci --log-bodies 0.1",
            &json!({
                "name": "ci", "models": ["fast", "claude-*", "slow"], "operations": ["generate"], "rpm": 60, "owner": "ops",
                "expires": "2027-01-01", "tags": { "team": "search", "env": "ci" }, "log_bodies": 0.1,
                "budget": [{ "usd": "1.50", "per": "day" }, { "tokens": 1000, "per": "hour" }],
            }),
        );
        check("create a --log-bodies true", &json!({ "name": "a", "log_bodies": true }));
        check("create a --log-bodies false", &json!({ "name": "a", "log_bodies": false }));
    }

    #[test]
    fn what_is_no_budget_tag_or_part_is_refused() {
        for text in ["50/month", "50usd", "xtokens/day", "1.5tokens/day", "50eur/day"] {
            assert!(budget(text).is_err(), "{text}");
        }
        assert!(tag("team").is_err());
        for text in ["yes", "1.5", "-1", "10%", "", "\"true\"", ".1"] {
            assert!(part(text).is_err(), "{text}");
        }
    }
}
