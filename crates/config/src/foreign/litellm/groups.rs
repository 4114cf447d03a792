//! Rows of one name as a pool, with what is asked when it fails.

use super::deployment::Deployment;
use super::params::seconds;
use super::places::Places;
use super::settings::{Settings, Turn};
use super::words::FIELDS_DIALECT;
use crate::foreign::table::{Table, list, literal, written};
use crate::reading::Reading;
use crate::span::Span;
use crate::tree::Node;

/// The most that a target may weigh here.
const HEAVIEST: i64 = 1000;
/// How far fallbacks of fallbacks are followed, as in the original.
const MOST_FALLBACKS: usize = 5;
/// The most attempts that one request may have here.
const MOST_ATTEMPTS: i64 = 10;

/// The pools by the names that clients ask for, in the order of the file.
pub(super) struct Groups<'d, 'n>(Vec<Group<'d, 'n>>);

struct Group<'d, 'n> {
    name: &'n str,
    span: Span,
    members: Vec<Member<'d, 'n>>,
}

struct Member<'d, 'n> {
    row: &'d Deployment<'n>,
    provider: String,
    weight: i64,
}

impl Member<'_, '_> {
    fn target(&self) -> Node {
        let text = format!("{}/{}", self.provider, self.row.upstream);
        let target = literal(self.row.model_span, &text);
        if self.weight == 1 {
            return target;
        }
        let mut own = Table::at(self.row.span);
        own.put("target", target);
        own.put("weight", written(self.row.span, self.weight.to_string()));
        own.node()
    }

    fn bare_target(&self) -> Node {
        literal(self.row.model_span, &format!("{}/{}", self.provider, self.row.upstream))
    }
}

impl<'d, 'n> Groups<'d, 'n> {
    pub(super) fn of(rows: &'d [Deployment<'n>], places: &mut Places) -> Self {
        let mut groups: Vec<Group<'d, 'n>> = Vec::new();
        for row in rows {
            let provider = places.of(row, &row.place);
            let at = groups.iter().position(|group| group.name == row.group.text).unwrap_or_else(|| {
                groups.push(Group { name: row.group.text, span: row.group.span, members: Vec::new() });
                groups.len() - 1
            });
            groups[at].members.push(Member { row, provider, weight: 1 });
        }
        groups.iter_mut().for_each(Group::weigh);
        Self(groups)
    }

    fn named(&self, name: &str) -> Option<&Group<'d, 'n>> {
        self.0.iter().find(|group| group.name == name)
    }

    /// `models`.
    pub(super) fn models(&self, settings: &Settings, reading: &mut Reading<'_>, span: Span) -> Option<Node> {
        for turn in settings.turns() {
            let unknown = turn.from.as_deref().filter(|from| self.named(from).is_none());
            let targets = turn.to.iter().filter(|to| self.named(&to.0).is_none());
            for (_, at) in targets.map(|(name, at)| (name, *at)).collect::<Vec<_>>() {
                reading.note(
                    at,
                    &turn.path,
                    "names a model that `model_list` does not have, and is left out",
                );
            }
            if unknown.is_some() {
                let why = "is for a model that `model_list` does not have, and is left out";
                reading.note(turn.span, &turn.path, why);
            }
        }
        let mut models = Table::at(span);
        for group in &self.0 {
            models.put(group.name, self.model(group, settings));
        }
        for (alias, of, at, path) in &settings.aliases {
            if self.named(of).is_none() {
                reading.note(*at, path, "is for a model that `model_list` does not have, and is left out");
            }
            if self.named(alias).is_some() {
                reading.note(*at, path, "is the name of a model of `model_list`, and is left out");
            }
        }
        models.some()
    }

    fn model(&self, group: &Group<'d, 'n>, settings: &Settings) -> Node {
        let mut own = Table::at(group.span);
        own.put("targets", list(group.span, group.members.iter().map(Member::target).collect()));
        let failed = settings.fallbacks.turns_of(group.name);
        let mut seen = vec![group.name];
        let mut fallback = Vec::new();
        let groups = self.follow(&failed, settings, &mut seen, &mut fallback, MOST_FALLBACKS);
        own.put_some("fallback", some_list(group.span, fallback));
        for (key, turns) in
            [("on_context_length", &settings.too_long), ("on_content_filter", &settings.refused)]
        {
            let mut targets = Vec::new();
            self.follow(&turns.turns_of(group.name), settings, &mut vec![group.name], &mut targets, 0);
            own.put_some(key, some_list(group.span, targets));
        }
        let aliases =
            settings.aliases.iter().filter(|(alias, of, ..)| of == group.name && self.named(alias).is_none());
        let aliases: Vec<Node> = aliases.map(|(alias, _, at, _)| literal(*at, alias)).collect();
        own.put_some("aliases", some_list(group.span, aliases));
        own.put_some("retry", self.retry(group, groups, settings));
        own.node()
    }

    /// Adds what the named groups have, one after the other and each followed by its own fallbacks; how many groups.
    fn follow(
        &self,
        turns: &[&'_ Turn],
        settings: &Settings,
        seen: &mut Vec<&'n str>,
        targets: &mut Vec<Node>,
        depth: usize,
    ) -> usize {
        let mut groups = 0;
        for (name, _) in turns.iter().flat_map(|turn| &turn.to) {
            let Some(next) = self.named(name).filter(|next| !seen.contains(&next.name)) else { continue };
            seen.push(next.name);
            groups += 1;
            let mut members: Vec<&Member<'_, '_>> = next.members.iter().collect();
            members.sort_by_key(|member| member.row.order);
            targets.extend(members.into_iter().map(Member::bare_target));
            if depth > 0 {
                groups +=
                    self.follow(&settings.fallbacks.turns_of(next.name), settings, seen, targets, depth - 1);
            }
        }
        groups
    }

    /// Each group of the fallbacks is tried as often as the first.
    fn retry(&self, group: &Group<'_, '_>, groups: usize, settings: &Settings) -> Option<Node> {
        let mut own = Table::at(group.span);
        let times = i64::try_from(groups).unwrap_or(MOST_ATTEMPTS).saturating_add(1);
        let attempts = settings.attempts().saturating_mul(times).min(MOST_ATTEMPTS);
        if groups > 0 && attempts != settings.attempts() {
            let comment = "Each model of the fallback is tried as often as the first; ten are the most.";
            own.put_chosen("attempts", written(group.span, attempts.to_string()), comment);
        }
        let timeouts = group.members.iter().filter_map(|member| member.row.timeout);
        let longest = timeouts.max_by(|(a, _), (b, _)| a.total_cmp(b));
        if let Some((longest, at)) = longest {
            own.put("answer", written(at, seconds(longest)));
        }
        // All attempts together may take as long as each of them may.
        if let Some((each, at)) = longest.or(settings.timeout).filter(|_| !own.is_empty()) {
            own.put("timeout", written(at, seconds(each * attempts as f64)));
        }
        own.some()
    }

    /// `prices`: what a row says of a model at its provider.
    pub(super) fn prices(&self, span: Span) -> Option<Node> {
        let mut own = Table::at(span);
        for member in self.0.iter().flat_map(|group| &group.members) {
            let key = format!("{}/{}", member.provider, member.row.upstream);
            if !own.has(&key) {
                own.put_some(&key, member.row.price.clone());
            }
        }
        own.some()
    }

    /// `rules`: the fields that requests to a row get that have none.
    pub(super) fn rules(&self, span: Span) -> Option<Node> {
        let mut rules = Vec::new();
        for member in self.0.iter().flat_map(|group| &group.members) {
            let Some(fields) = &member.row.fields else { continue };
            let at = member.row.span;
            let only = |text: &str| list(at, vec![literal(at, text)]);
            let mut when = Table::at(at);
            when.put("models", only(&member.row.upstream));
            when.put("to", only(FIELDS_DIALECT));
            when.put("providers", only(&member.provider));
            let mut rule = Table::at(at);
            rule.put("when", when.node());
            rule.put("set", fields.clone());
            rules.push(rule.node());
        }
        let mut own = Table::at(span);
        own.put_some("default", some_list(span, rules));
        own.some()
    }
}

impl Group<'_, '_> {
    /// The chances of its members: by what the first of them has, as in the original.
    fn weigh(&mut self) {
        let first = self.members.first().map(|member| member.row);
        let measure: fn(&Deployment<'_>) -> Option<i64> = match first {
            Some(row) if row.weight.is_some() => |row| row.weight.map(|(weight, _)| weight),
            Some(row) if row.rpm.is_some() => |row| row.rpm,
            Some(row) if row.tpm.is_some() => |row| row.tpm,
            _ => return,
        };
        let weights: Vec<i64> =
            self.members.iter().map(|member| measure(member.row).unwrap_or(1).max(1)).collect();
        let divisor = weights.iter().copied().reduce(greatest_common_divisor).unwrap_or(1).max(1);
        let most = weights.iter().max().map_or(1, |most| most / divisor);
        for (member, weight) in self.members.iter_mut().zip(weights) {
            let weight = weight / divisor;
            member.weight = if most > HEAVIEST {
                i64::try_from(i128::from(weight) * i128::from(HEAVIEST) / i128::from(most))
                    .unwrap_or(1)
                    .max(1)
            } else {
                weight
            };
        }
    }
}

fn greatest_common_divisor(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

fn some_list(span: Span, items: Vec<Node>) -> Option<Node> {
    if items.is_empty() { None } else { Some(list(span, items)) }
}
