//! Settings for all rows: how they are spread, tried and rested, and what is asked when they fail.

use super::alerts;
use super::params::seconds;
use super::variables::Variables;
use super::words::{self, STRATEGIES};
use crate::foreign::section::{Section, text};
use crate::foreign::table::{Table, literal, written};
use crate::reading::Reading;
use crate::span::Span;
use crate::tree::{Kind, Node};

/// Retries where nothing is written.
const USUAL_RETRIES: i64 = 2;
/// How long a deployment rests where nothing is written, in seconds.
const USUAL_REST: f64 = 5.0;
/// The longest rest here where nothing is written, in seconds.
const LONGEST_REST: f64 = 300.0;

/// What holds for all rows.
pub(super) struct Settings {
    pub(super) master_key: Option<Node>,
    pub(super) max_body: Option<Node>,
    pub(super) max_requests: Option<Node>,
    pub(super) log: Option<Node>,
    pub(super) alerts: Option<Node>,
    /// The most requests at once for each row that says nothing else.
    pub(super) at_once: Option<(i64, Span)>,
    /// Name, model, place and path of other names.
    pub(super) aliases: Vec<(String, String, Span, String)>,
    pub(super) fallbacks: Turns,
    pub(super) too_long: Turns,
    pub(super) refused: Turns,
    span: Span,
    strategy: Option<(Span, &'static str, Option<&'static str>)>,
    retries: Option<(i64, Span)>,
    /// How long an answer may take, in seconds.
    pub(super) timeout: Option<(f64, Span)>,
    stream_timeout: Option<(f64, Span)>,
    allowed_fails: Option<(i64, Span)>,
    cooldown: Option<(f64, Span)>,
    never_rests: bool,
    checks: Option<(f64, Span)>,
}

/// Who is asked instead of one model, or of every model that has nobody of its own.
pub(super) struct Turn {
    pub(super) from: Option<String>,
    pub(super) to: Vec<(String, Span)>,
    pub(super) span: Span,
    pub(super) path: String,
}

/// All of one kind.
#[derive(Default)]
pub(super) struct Turns(Vec<Turn>);

impl Turns {
    /// Those for a model: its own, else those for all.
    pub(super) fn turns_of(&self, name: &str) -> Vec<&Turn> {
        let own: Vec<&Turn> = self.0.iter().filter(|turn| turn.from.as_deref() == Some(name)).collect();
        if own.is_empty() { self.0.iter().filter(|turn| turn.from.is_none()).collect() } else { own }
    }

    /// Reads a list of mappings from a model to a list of others.
    fn read(&mut self, section: &mut Section<'_>, key: &str, reading: &mut Reading<'_>) {
        for (path, item) in section.items(key, reading) {
            let mut mapping = Section::of(item, &path, reading);
            for (path, entry) in mapping.named() {
                let to = names(&entry.value, &path, reading);
                let from = Some(entry.key.clone()).filter(|from| from != "*");
                self.0.push(Turn { from, to, span: entry.key_span, path });
            }
        }
    }

    /// Reads a list of models that are asked instead of any.
    fn read_default(&mut self, section: &mut Section<'_>, key: &str, reading: &mut Reading<'_>) {
        let path = section.at(key);
        let Some(node) = section.node(key) else { return };
        let to = names(node, &path, reading);
        self.0.push(Turn { from: None, to, span: node.span, path });
    }
}

fn is_positive((seconds, _): &(f64, Span)) -> bool {
    *seconds > 0.0
}

/// A list of names, or one.
fn names(node: &Node, path: &str, reading: &mut Reading<'_>) -> Vec<(String, Span)> {
    let items: Vec<(String, &Node)> = match &node.kind {
        Kind::Sequence(items) => {
            items.iter().enumerate().map(|(index, item)| (format!("{path}[{index}]"), item)).collect()
        }
        _ => vec![(path.to_owned(), node)],
    };
    let mut names = Vec::new();
    for (path, item) in items {
        // A fallback may bring parameters of its own; its model counts.
        let item = item.get("model").unwrap_or(item);
        names.extend(text(item, &path, reading).map(|name| (name.text.to_owned(), name.span)));
    }
    names
}

impl Settings {
    pub(super) fn of<'n>(
        top: &mut Section<'n>,
        variables: &mut Variables<'n>,
        reading: &mut Reading<'_>,
    ) -> Self {
        let mut own = Self {
            master_key: None,
            max_body: None,
            max_requests: None,
            log: None,
            alerts: None,
            at_once: None,
            aliases: Vec::new(),
            fallbacks: Turns::default(),
            too_long: Turns::default(),
            refused: Turns::default(),
            span: top.span,
            strategy: None,
            retries: None,
            timeout: None,
            stream_timeout: None,
            allowed_fails: None,
            cooldown: None,
            never_rests: false,
            checks: None,
        };
        // Where both say it, the router's settings count.
        if let Some(section) = top.section("litellm_settings", reading) {
            own.library(section, reading);
        }
        if let Some(section) = top.section("router_settings", reading) {
            own.router(section, reading);
        }
        if let Some(section) = top.section("general_settings", reading) {
            own.general(section, variables, reading);
        }
        own
    }

    /// What both `litellm_settings` and `router_settings` may say.
    fn both(&mut self, section: &mut Section<'_>, reading: &mut Reading<'_>) {
        self.retries = section.number("num_retries", reading).or(self.retries);
        self.allowed_fails = section.number("allowed_fails", reading).or(self.allowed_fails);
        self.cooldown = section.amount("cooldown_time", reading).or(self.cooldown);
        self.fallbacks.read(section, "fallbacks", reading);
        self.fallbacks.read_default(section, "default_fallbacks", reading);
        self.too_long.read(section, "context_window_fallbacks", reading);
        self.refused.read(section, "content_policy_fallbacks", reading);
    }

    fn library(&mut self, mut section: Section<'_>, reading: &mut Reading<'_>) {
        self.both(&mut section, reading);
        self.timeout = section.amount("request_timeout", reading).filter(is_positive);
        let mut log = Table::at(section.span);
        if section.truth("set_verbose", reading) == Some(true) {
            log.put("level", written(section.span, "debug"));
        }
        if section.truth("json_logs", reading) == Some(true) {
            log.put("format", written(section.span, "json"));
        }
        self.log = log.some();
        for (key, why) in words::LIBRARY {
            section.meaningless(key, why, reading);
        }
        section.close(reading);
    }

    fn router(&mut self, mut section: Section<'_>, reading: &mut Reading<'_>) {
        self.both(&mut section, reading);
        if let Some(named) = section.text("routing_strategy", reading) {
            match STRATEGIES.iter().find(|(name, ..)| *name == named.text) {
                Some((_, own, comment)) => self.strategy = Some((named.span, own, *comment)),
                None => {
                    let path = section.at("routing_strategy");
                    reading.findings.may_quote(named.span);
                    let known: Vec<&str> = STRATEGIES.iter().map(|(name, ..)| *name).collect();
                    let message = format!("`{path}` must be one of {}", known.join(", "));
                    reading.findings.report(named.span, &path, message, None);
                }
            }
        }
        self.timeout = section.amount("timeout", reading).filter(is_positive).or(self.timeout);
        self.stream_timeout = section.amount("stream_timeout", reading).filter(is_positive);
        self.never_rests = section.truth("disable_cooldowns", reading).unwrap_or(false);
        self.at_once = section.number("default_max_parallel_requests", reading).filter(|(most, _)| *most > 0);
        if let Some(mut aliases) = section.section("model_group_alias", reading) {
            for (path, entry) in aliases.named() {
                // An alias may say beside its model that lists do not show it.
                let node = entry.value.get("model").unwrap_or(&entry.value);
                if let Some(model) = text(node, &path, reading) {
                    self.aliases.push((entry.key.clone(), model.text.to_owned(), entry.key_span, path));
                }
            }
        }
        for (key, why) in words::ROUTER {
            section.meaningless(key, why, reading);
        }
        section.close(reading);
    }

    fn general<'n>(
        &mut self,
        mut section: Section<'n>,
        variables: &mut Variables<'n>,
        reading: &mut Reading<'_>,
    ) {
        let key = section.text("master_key", reading).filter(|key| !key.text.is_empty());
        self.master_key = key.map(|key| variables.value(key));
        let size = section.number("max_request_size_mb", reading).filter(|(size, _)| *size > 0);
        self.max_body = size.map(|(size, span)| written(span, format!("{size}MiB")));
        let most = section.number("global_max_parallel_requests", reading).filter(|(most, _)| *most > 0);
        self.max_requests = most.map(|(most, span)| written(span, most.to_string()));
        let at_once = section.number("max_parallel_requests", reading).filter(|(most, _)| *most > 0);
        self.at_once = at_once.or(self.at_once);
        let every = section.amount("health_check_interval", reading);
        if section.truth("background_health_checks", reading) == Some(true) {
            self.checks = Some(every.unwrap_or((300.0, section.span)));
        }
        self.alerts = alerts::of(&mut section, variables, reading);
        for (key, why) in words::GENERAL {
            section.meaningless(key, why, reading);
        }
        section.close(reading);
    }

    /// All that is asked instead of something, whatever for.
    pub(super) fn turns(&self) -> impl Iterator<Item = &Turn> {
        [&self.fallbacks, &self.too_long, &self.refused].into_iter().flat_map(|turns| &turns.0)
    }

    pub(super) fn strategy(&self) -> (Node, Option<&'static str>) {
        let (span, own, comment) = self.strategy.unwrap_or((self.span, "random", None));
        (literal(span, own), comment)
    }

    /// Attempts of one request at one model, the first included.
    pub(super) fn attempts(&self) -> i64 {
        self.retries.map_or(USUAL_RETRIES, |(retries, _)| retries.max(0)).saturating_add(1).min(10)
    }

    pub(super) fn retry(&self) -> Option<Node> {
        let mut own = Table::at(self.span);
        if let Some((_, span)) = self.retries {
            let comment = "The first time is counted here; ten are the most.";
            own.put_chosen("attempts", written(span, self.attempts().to_string()), comment);
        }
        if let Some((timeout, span)) = self.timeout {
            own.put_chosen(
                "answer",
                written(span, seconds(timeout)),
                "Each attempt may take that long, as before.",
            );
            own.put("timeout", written(span, seconds(timeout * self.attempts() as f64)));
        }
        if let Some((timeout, span)) = self.stream_timeout.or(self.timeout) {
            own.put("first_byte", written(span, seconds(timeout)));
        }
        own.some()
    }

    pub(super) fn health(&self) -> Node {
        let mut own = Table::at(self.span);
        let (rest, span) = self.cooldown.unwrap_or((USUAL_REST, self.span));
        if self.never_rests || rest <= 0.0 {
            let comment = "No deployment rests because it failed, as before.";
            own.put_chosen("error_threshold", written(span, "1000"), comment);
        } else {
            if let Some((fails, span)) = self.allowed_fails {
                let comment = "One failure more than are allowed in a minute.";
                let threshold = fails.clamp(0, 999) + 1;
                own.put_chosen("error_threshold", written(span, threshold.to_string()), comment);
                own.put("error_window", written(span, "60s"));
            }
            own.put("cooldown", written(span, seconds(rest)));
            if rest > LONGEST_REST {
                own.put("max_cooldown", written(span, seconds(rest)));
            }
        }
        if let Some((every, span)) = self.checks.filter(|(every, _)| *every > 0.0) {
            own.put_chosen(
                "interval",
                written(span, seconds(every)),
                "Checks are calls, and billed, as before.",
            );
            own.put("method", written(span, "call"));
        }
        own.node()
    }
}
