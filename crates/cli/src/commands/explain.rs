//! `lockgate explain MODEL`: why which deployment answers a model now.

use std::process::ExitCode;

use clap::Args;
use http::Method;
use lockgate_config::Config;
use lockgate_gateway::admin::{ADMIN_OFF, Allowed, BudgetState, Candidate, Explanation, PriceStatus};

use super::{
    admin::{self, Failure, Gateway, Table, Where, encoded, print_json, span, state},
    failed,
};

/// Which model, for whom.
#[derive(Args)]
pub(crate) struct Options {
    /// The name that clients ask for.
    model: String,
    /// The name of a client key: may it use the model.
    #[arg(long, value_name = "NAME")]
    key: Option<String>,
    #[command(flatten)]
    place: Where,
}

pub(crate) fn run(options: &Options) -> ExitCode {
    admin::run(explain(options))
}

async fn explain(options: &Options) -> Result<ExitCode, ExitCode> {
    let (gateway, config) = options.place.find()?;
    let said = match (ask(&gateway, options).await, config) {
        (Ok(said), _) => said,
        (Err(Failure::Unreachable(text)), Some(config)) => {
            eprintln!("note: {text}: this is what the config alone comes to, as if all were well");
            of_config(&config, options)?
        }
        (Err(Failure::Refused(error)), Some(config)) if error.code == ADMIN_OFF => {
            eprintln!("note: {error}; this is what the config alone comes to, as if all were well");
            of_config(&config, options)?
        }
        (Err(failure), _) => return Err(gateway.failed(failure)),
    };
    if options.place.json {
        return print_json(&said);
    }
    print!("{}", shown(&said));
    Ok(ExitCode::SUCCESS)
}

async fn ask(gateway: &Gateway, options: &Options) -> Result<Explanation, Failure> {
    let mut path = format!("explain?model={}", encoded(&options.model));
    if let Some(key) = &options.key {
        path = format!("{path}&key={}", encoded(key));
    }
    gateway.ask(Method::GET, &path, "").await
}

fn of_config(config: &Config, options: &Options) -> Result<Explanation, ExitCode> {
    lockgate_gateway::admin::explain(config, &options.model, options.key.as_deref()).map_err(failed)
}

/// The explanation for a person.
fn shown(said: &Explanation) -> String {
    let Explanation { model, strategy, limits, retries, .. } = said;
    let mut text =
        format!("{model}: {strategy}, {} attempts within {}", limits.attempts, span(limits.timeout_ms));
    match (limits.check_every_ms, &limits.check_method) {
        (Some(every), Some(method)) => text.push_str(&format!(", checked by {method} every {}", span(every))),
        _ => text.push_str(", not checked in the background"),
    }
    text.push('\n');
    if said.live {
        text.push_str(&format!(
            "{} requests and {} retries in the last 10 s, {} more retries allowed\n",
            retries.requests, retries.retries, retries.left
        ));
    }
    if let Some(key) = &said.key {
        let may = if key.may_use { "may use it" } else { "may not use it: its `models` do not name it" };
        text.push_str(&format!("key {}: {may}\n", key.name));
    }
    said.allowed.iter().for_each(|allowed| text.push_str(&held_to(allowed)));
    let mut lists: Vec<&str> = said.deployments.iter().map(|row| row.list.as_str()).collect();
    lists.dedup();
    for list in lists {
        text.push_str(&format!("\n{}\n", heading(list)));
        let mut table = Table::new(
            &["", "deployment", "tier", "weight", "share", "price", "state", "first token", "why"],
            &[0, 2, 3, 4, 7],
        );
        for row in said.deployments.iter().filter(|row| row.list == list) {
            table.row(cells(row));
        }
        text.push_str(&table.to_string());
    }
    if said.deployments.is_empty() {
        text.push_str("\nnobody answers it: all credentials behind it are disabled or exclude it\n");
    }
    text
}

/// What calls are held to, on a line for each limit and budget.
fn held_to(allowed: &Allowed) -> String {
    let owner = &allowed.owner;
    let limits = [
        (allowed.rpm, "requests a minute"),
        (allowed.tpm, "tokens a minute"),
        (allowed.max_concurrent, "requests at once"),
    ];
    let limits = limits.into_iter().filter_map(|(most, what)| Some(format!("{owner}: {} {what}\n", most?)));
    let spent = |budget: &BudgetState| match (budget.spent, budget.kept) {
        (Some(spent), Some(kept)) => {
            format!(", {} spent, {} kept for calls under way", amount(budget, spent), amount(budget, kept))
        }
        _ => String::new(),
    };
    let budgets = allowed.budgets.iter().map(|it| format!("{owner}: {}{}\n", it.budget, spent(it)));
    limits.chain(budgets).collect()
}

fn amount(budget: &BudgetState, amount: u64) -> String {
    if budget.of == "usd" { format!("${}", dollars(amount)) } else { format!("{amount} tokens") }
}

/// Dollars for a million tokens in and out.
fn priced(price: &PriceStatus) -> String {
    let figure = |class: &str| price.figures.get(class).copied().map_or("-".to_owned(), dollars);
    let tiers = if price.tiers.is_empty() { "" } else { ", more above" };
    format!("${} / ${}{tiers}", figure("input"), figure("output"))
}

/// Millionths as dollars, without the zeros at the end.
fn dollars(micros: u64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn heading(list: &str) -> String {
    match list {
        "targets" => "asked in this order".to_owned(),
        "on_context_length" => "in place of the rest, for a conversation that is too long".to_owned(),
        "on_content_filter" => "in place of the rest, after a refusal by a filter".to_owned(),
        other => other.to_owned(),
    }
}

fn cells(row: &Candidate) -> Vec<String> {
    let condition = &row.condition;
    let share = match (row.order, row.share) {
        (None, _) => "-".to_owned(),
        (Some(_), Some(share)) => format!("{:.0} %", share * 100.0),
        (Some(_), None) => "?".to_owned(),
    };
    vec![
        row.order.map_or("-".to_owned(), |order| order.to_string()),
        row.name.clone(),
        (row.tier + 1).to_string(),
        row.weight.to_string(),
        share,
        row.price.as_ref().map_or("unknown".to_owned(), priced),
        condition.state.replace('_', " "),
        condition.first_token_ms.map_or("-".to_owned(), |mean| format!("{mean:.0} ms")),
        state(condition),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_can_read_it() {
        let text = "
providers:
  openai: { kind: openai, credentials: [{ api_key: key-one-0123456, weight: 3 }, { api_key: key-two-0123456, name: two }] }
  local: { kind: vllm, base_url: \"http://127.0.0.1:1/v1\" }
models:
  fast: { targets: [openai/gpt-4o-mini], fallback: [local/qwen3], on_context_length: [openai/gpt-4.1] }
access:
  keys: [{ name: alice, key: client-key-0123456789, models: [slow], rpm: 60, budget: { usd: 50, per: month } }]
  limits: { max_concurrent: 100 }
prices: { 'local/*': { input: 0, output: 0.5, tiers: [{ above: 1000, input: 1 }] }, 'openai/gpt-4.1': { input: 2 } }
health: { method: call }
";
        let config = lockgate_config::parse("test.yaml", text, &|_| None).unwrap();
        let said = lockgate_gateway::admin::explain(&config, "fast", Some("alice")).unwrap();
        let expect = "\
fast: round_robin, 3 attempts within 10 min, checked by call every 30 s
key alice: may not use it: its `models` do not name it
the key `alice`: 60 requests a minute
the key `alice`: $50 a month
this gateway: 100 requests at once

asked in this order
     deployment              tier  weight  share  price                  state   first token  why
  1  openai/gpt-4o-mini#1       1       3   75 %  $0.15 / $0.6           closed            -
  2  openai/gpt-4o-mini#two     1       1   25 %  $0.15 / $0.6           closed            -
  3  local/qwen3#1              2       1  100 %  $0 / $0.5, more above  closed            -

in place of the rest, for a conversation that is too long
     deployment          tier  weight  share  price    state   first token  why
  1  openai/gpt-4.1#1       1       3   75 %  $2 / $8  closed            -
  2  openai/gpt-4.1#two     1       1   25 %  $2 / $8  closed            -
";
        assert_eq!(shown(&said), expect);
        let unknown = lockgate_gateway::admin::explain(&config, "fats", None).unwrap_err();
        assert_eq!((unknown.code.as_str(), unknown.message.contains("`fast`")), ("model_not_found", true));
    }
}
