//! Who is told of alerts: Slack and a webhook, whose addresses are in the file or in variables.

use lockgate_alerts::Kind;

use super::variables::Variables;
use crate::foreign::section::{Section, text};
use crate::foreign::table::{Table, list, written};
use crate::reading::Reading;
use crate::span::Span;
use crate::tree::{Kind as Shape, Node};

/// What `alerting` may name, the variable with its address, the key here, and what is different here.
const RECEIVERS: &[(&str, &str, &str, Option<&str>)] = &[
    ("slack", "SLACK_WEBHOOK_URL", "slack", None),
    ("webhook", "WEBHOOK_URL", "webhook", Some("What it is sent is Lockgate's own JSON: docs/alerts.md.")),
];

/// The kinds of alerts there, and those that they are here.
const TYPES: &[(&str, &[Kind])] = &[
    ("llm_exceptions", &[Kind::ErrorRate, Kind::KeyFault, Kind::Quota]),
    ("cooldown_deployment", &[Kind::Deployment]),
    ("outage_alerts", &[Kind::Deployment, Kind::ErrorRate]),
    ("region_outage_alerts", &[Kind::Deployment, Kind::ErrorRate]),
    ("budget_alerts", &[Kind::BudgetNear, Kind::BudgetSpent]),
    ("db_exceptions", &[Kind::Disk, Kind::Projection]),
];

/// What `general_settings` says of it.
pub(super) fn of<'n>(
    section: &mut Section<'n>,
    variables: &mut Variables<'n>,
    reading: &mut Reading<'_>,
) -> Option<Node> {
    let named = section.items("alerting", reading);
    let addresses = addresses(section, variables, reading);
    let kinds = kinds(section, reading);
    let mut alerts = Table::at(section.span);
    for (path, item) in named {
        let Some(name) = text(item, &path, reading) else { continue };
        let Some((_, variable, key, comment)) = RECEIVERS.iter().find(|(known, ..)| *known == name.text)
        else {
            let why = "has no meaning here: mail goes to addresses that `alerts.email` names, and of others nothing is known";
            reading.note(name.span, &path, why);
            continue;
        };
        let urls = match *key == "slack" && !addresses.is_empty() {
            true => addresses.clone(),
            false if variables.is_set(variable, reading) => vec![variables.referred(name.span, variable)],
            false => {
                let why =
                    format!("has no meaning here without the variable `{variable}`: alerts go to the log");
                reading.note(name.span, &path, why);
                continue;
            }
        };
        let receivers = urls.into_iter().map(|url| receiver(url, &kinds, name.span)).collect();
        match comment {
            Some(comment) => alerts.put_chosen(key, list(name.span, receivers), comment),
            None => alerts.put(key, list(name.span, receivers)),
        }
    }
    alerts.some()
}

fn receiver(url: Node, kinds: &[Kind], span: Span) -> Node {
    let mut receiver = Table::at(span);
    receiver.put("url", url);
    if !kinds.is_empty() {
        let names = kinds.iter().map(|kind| written(span, kind.name())).collect();
        receiver.put("kinds", list(span, names));
    }
    receiver.node()
}

/// The addresses of `alert_to_webhook_url`, each once; what each of them is for is one thing here.
fn addresses<'n>(
    section: &mut Section<'n>,
    variables: &mut Variables<'n>,
    reading: &mut Reading<'_>,
) -> Vec<Node> {
    let Some(mut urls) = section.section("alert_to_webhook_url", reading) else { return Vec::new() };
    let (mut seen, mut addresses) = (Vec::new(), Vec::new());
    for (path, entry) in urls.named() {
        let items: Vec<&Node> = match &entry.value.kind {
            Shape::Sequence(items) => items.iter().collect(),
            _ => vec![&entry.value],
        };
        for item in items {
            let Some(url) = text(item, &path, reading) else { continue };
            if !seen.contains(&url.text) {
                seen.push(url.text);
                addresses.push(variables.value(url));
            }
        }
    }
    addresses
}

/// The kinds that `alert_types` names; none are all.
fn kinds(section: &mut Section<'_>, reading: &mut Reading<'_>) -> Vec<Kind> {
    let mut kinds = Vec::new();
    for (path, item) in section.items("alert_types", reading) {
        let Some(name) = text(item, &path, reading) else { continue };
        match TYPES.iter().find(|(known, _)| *known == name.text) {
            Some((_, own)) => {
                kinds.extend(own.iter().filter(|kind| !kinds.contains(*kind)).collect::<Vec<_>>())
            }
            None => reading.note(name.span, &path, "has no meaning here: nothing is told of that".to_owned()),
        }
    }
    kinds
}
