//! The form of a balancer over instances: some that share the work, and others for when all of those are down.

use std::time::Duration;

use super::Form;
use super::common::{Listen, Names, kind_at};
use super::section::{Section, Text};
use super::table::{Table, list, literal, written};
use crate::reading::Reading;
use crate::span::Span;
use crate::tree::{Kind, Node};

pub(super) const FORM: Form = Form {
    name: "a balancer over instances",
    known_by: "`instances` or `fallback_instances`",
    fits,
    convert,
};

/// Where the original listens.
const USUAL: (&str, u16) = ("0.0.0.0", 9999);
/// The original's strategies, by names that are the same here.
const STRATEGIES: [&str; 2] = ["round_robin", "least_connections"];
/// Every model's name.
const ANY: &str = "*";
/// The priority of those that are asked while all others are down.
const BEHIND: i32 = -1;

fn fits(root: &Node) -> bool {
    let is_list = |key: &str| root.get(key).is_some_and(|node| matches!(node.kind, Kind::Sequence(_)));
    is_list("instances") || is_list("fallback_instances")
}

fn convert(root: &Node, reading: &mut Reading<'_>) -> Option<Node> {
    let mut top = Section::of(root, "", reading);
    let mut out = Table::at(root.span);

    let listen = Listen::of(&mut top, USUAL, reading);
    let mut server = Table::at(listen.address.span);
    server.put("listen", listen.address.clone());
    out.put("server", server.node());
    listen.access(None, &mut out);

    let mut names = Names::default();
    let mut instances = |key: &str, wished: &str, reading: &mut Reading<'_>| {
        let mut read = Vec::new();
        for (index, (path, item)) in top.items(key, reading).into_iter().enumerate() {
            let wished = format!("{wished}-{}", index + 1);
            read.extend(Instance::of(Section::of(item, &path, reading), &wished, &mut names, reading));
        }
        read
    };
    let private = instances("instances", "instance", reading);
    let fallback = instances("fallback_instances", "fallback", reading);
    pool(root.span, &private, &fallback, &mut out);

    let strategy = top.text("load_balancing_strategy", reading);
    out.put_some(
        "strategy",
        strategy.and_then(|text| self::strategy(text, &top.at("load_balancing_strategy"), reading)),
    );
    let mut health = Table::at(root.span);
    let threshold = top.number("error_threshold", reading);
    health.put_some("error_threshold", threshold.map(|(count, span)| written(span, count.to_string())));
    health.put_some("error_window", seconds(&mut top, "error_window", reading));
    out.put_some("health", health.some());
    let mut alerts = Table::at(root.span);
    alerts.put_some("cooldown", seconds(&mut top, "alert_cooldown", reading));
    out.put_some("alerts", alerts.some());
    let data_dir = top.text("data_dir", reading);
    out.put_some("data_dir", data_dir.map(|folder| literal(folder.span, folder.text)));
    // Every answered request is written down, whatever the file says.
    let mut log = Table::at(root.span);
    log.put("training_files", literal(root.span, "messages"));
    out.put("log", log.node());
    top.close(reading);
    Some(out.node())
}

fn strategy(written: Text<'_>, path: &str, reading: &mut Reading<'_>) -> Option<Node> {
    if STRATEGIES.contains(&written.text) {
        return Some(literal(written.span, written.text));
    }
    let message = format!("`{path}` must be `{}`", STRATEGIES.join("` or `"));
    reading.findings.may_quote(written.span);
    reading.findings.report(written.span, path, message, None);
    None
}

/// A number of seconds.
fn seconds(section: &mut Section<'_>, key: &str, reading: &mut Reading<'_>) -> Option<Node> {
    let (seconds, span) = section.amount(key, reading)?;
    let millis = Duration::try_from_secs_f64(seconds).map_or(0, |time| time.as_millis());
    if millis == 0 {
        let path = section.at(key);
        let message = format!("`{path}` must be a number of seconds above 0");
        reading.findings.report(span, &path, message, None);
        return None;
    }
    Some(written(
        span,
        if millis.is_multiple_of(1000) { format!("{}s", millis / 1000) } else { format!("{millis}ms") },
    ))
}

/// One instance: a provider of its own.
struct Instance<'n> {
    name: String,
    span: Span,
    url: Text<'n>,
    key: Option<Text<'n>>,
    model: Option<Text<'n>>,
    weight: Option<(i64, Span)>,
}

impl<'n> Instance<'n> {
    /// `None` if nobody could be asked, which is said.
    fn of(
        mut section: Section<'n>,
        wished: &str,
        names: &mut Names,
        reading: &mut Reading<'_>,
    ) -> Option<Self> {
        let url = section.text("url", reading);
        let key = section.text("api_key", reading).filter(|key| !key.text.is_empty());
        let model = section.text("model_name", reading);
        let weight = section.number("weight", reading);
        let (span, path, has_url) = (section.span, section.path.clone(), section.has("url"));
        section.close(reading);
        let Some(url) = url else {
            if !has_url {
                let message = format!("`{path}` has no `url`");
                let hint = "write where the instance is, such as `http://10.0.0.1:8080/v1`".to_owned();
                reading.findings.report(span, &path, message, Some(hint));
            }
            return None;
        };
        Some(Self { name: names.free(wished), span, url, key, model, weight })
    }

    /// `priority` is what it is asked by, where it is not like most others.
    fn provider(&self, priority: Option<i32>, is_for_any: bool) -> Node {
        let mut table = Table::at(self.span);
        table.put("kind", literal(self.url.span, kind_at(self.url.text)));
        table.put("base_url", literal(self.url.span, self.url.text));
        let mut credential = Table::at(self.span);
        credential.put_some("api_key", self.key.map(|key| literal(key.span, key.text)));
        credential.put_some("weight", self.weight.map(|(weight, span)| written(span, weight.to_string())));
        credential.put_some("priority", priority.map(|priority| written(self.span, priority.to_string())));
        let credentials = credential.some().map(|credential| list(self.span, vec![credential]));
        table.put_some("credentials", credentials);
        if is_for_any {
            table.put("models", list(self.span, vec![literal(self.span, ANY)]));
        }
        table.node()
    }
}

/// Puts the pool of all instances: the original asks one of them, whatever a request is for.
fn pool(span: Span, private: &[Instance<'_>], fallback: &[Instance<'_>], out: &mut Table) {
    let all = || private.iter().chain(fallback);
    // What most likely is asked for, if any instance says what it has.
    let usual = all().find_map(|instance| instance.model);
    let mut providers = Table::at(span);
    for instance in private {
        providers.put(&instance.name, instance.provider(None, usual.is_none()));
    }
    for instance in fallback {
        providers.put(&instance.name, instance.provider(Some(BEHIND), usual.is_none()));
    }
    let comment = "Those of a lower priority are asked while all others are down.";
    match providers.some() {
        Some(providers) if !fallback.is_empty() => out.put_chosen("providers", providers, comment),
        providers => out.put_some("providers", providers),
    }
    let Some(usual) = usual else { return };
    let target = |instance: &Instance<'_>| {
        let model = instance.model.unwrap_or(usual);
        literal(model.span, &format!("{}/{}", instance.name, model.text))
    };
    let mut model = Table::at(usual.span);
    model.put("targets", list(span, all().map(target).collect()));
    let mut aliases: Vec<Text<'_>> = Vec::new();
    for other in all().filter_map(|instance| instance.model) {
        if other.text != usual.text && aliases.iter().all(|known| known.text != other.text) {
            aliases.push(other);
        }
    }
    let aliases = aliases.into_iter().chain([Text { text: ANY, span: usual.span }]);
    let aliases = aliases.map(|alias| literal(alias.span, alias.text)).collect();
    let comment = "Whatever a request asks for, an instance answers it by its own model, as before.";
    model.put_chosen("aliases", list(usual.span, aliases), comment);
    let mut models = Table::at(span);
    models.put(usual.text, model.node());
    out.put("models", models.node());
}
