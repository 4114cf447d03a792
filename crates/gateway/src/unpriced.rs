//! What an operator should know of budgets of money: whom they keep from being asked.

use std::sync::Arc;

use lockgate_config::{Budget, Config};
use tokio_util::task::TaskTracker;

use crate::{
    access::{Caller, Identity},
    fleet::Fleet,
    purses::Owner,
};

/// Most deployments that are named for one owner.
const NAMED: usize = 5;

/// Says of each budget of money which deployments are not asked under it, because nobody knows what they cost. Nothing where
/// the config is not fit to run.
#[must_use]
pub fn unpriced(config: &Config) -> Vec<String> {
    let Ok(fleet) = Fleet::new(config, &TaskTracker::new(), &Arc::default(), None) else {
        return Vec::new();
    };
    let is_of_money = |budgets: &[Budget]| budgets.iter().any(|budget| budget.usd.is_some());
    let mut notes = Vec::new();
    if is_of_money(&config.access.budget) {
        notes.extend(note(&Owner::Everybody, &unknown(&fleet, |_| true)));
    }
    for (name, _) in config.models.iter().filter(|(_, model)| is_of_money(&model.budget)) {
        notes.extend(note(&Owner::Model(name.as_str().into()), &unknown(&fleet, |other| other == name)));
    }
    for key in config.access.keys.iter().filter(|key| is_of_money(&key.budget)) {
        let caller = Caller::new(key, &Identity::written(&key.name));
        let names = unknown(&fleet, |name| caller.may_use(name));
        let names = names.into_iter().filter(|name| caller.may_reach(name.split('/').next().unwrap_or(name)));
        notes.extend(note(caller.allowance.owner(), &names.collect::<Vec<_>>()));
    }
    notes
}

/// The deployments without a price of the models that `fits`.
fn unknown(fleet: &Fleet, fits: impl Fn(&str) -> bool) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (_, model) in fleet.configured().filter(|(name, _)| fits(name)) {
        for deployment in model.deployments.iter().filter(|deployment| deployment.price.is_none()) {
            let target = format!("{}/{}", deployment.provider.name, deployment.model);
            if !names.contains(&target) {
                names.push(target);
            }
        }
    }
    names
}

fn note(owner: &Owner, names: &[String]) -> Option<String> {
    let more = names.len().saturating_sub(NAMED);
    let named: Vec<_> = names.iter().take(NAMED).map(|name| format!("`{name}`")).collect();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!names.is_empty()).then(|| {
        format!(
            "{owner} has a budget of money, under which {}{more} will not be asked, because what they cost is not known: \
             write it to `prices`",
            named.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rest: &str, expect: &[&str]) {
        let text = format!(
            "providers:\n  o: {{ kind: openai, api_key: key-0123456789 }}\n  v: {{ kind: vllm, base_url: \"http://127.0.0.1:1\" }}\n\
             models:\n  fast: {{ targets: [o/gpt-4o-mini], fallback: [v/qwen3] }}\n  own: {{ targets: [v/qwen3, v/other] }}\n{rest}"
        );
        let config =
            lockgate_config::parse("test.yaml", &text, &|_| None).unwrap_or_else(|errors| panic!("{errors}"));
        let notes = unpriced(&config);
        assert_eq!(notes.len(), expect.len(), "{notes:?}");
        for (note, expect) in notes.iter().zip(expect) {
            assert!(note.starts_with(expect), "{note}");
        }
    }

    #[test]
    fn who_is_not_asked_is_named() {
        let key = |rest: &str| format!("access: {{ keys: [{{ name: a, key: sk-0123456789ab, {rest} }}] }}\n");
        let money = "budget: { usd: 1, per: day }";
        let all = "the key `a` has a budget of money, under which `v/qwen3`, `v/other` will not be asked";
        check(&key(money), &[all]);
        check(&key("budget: { tokens: 1, per: day }"), &[]);
        check(
            &key(&format!("{money}, models: [fast]")),
            &["the key `a` has a budget of money, under which `v/qwen3` will"],
        );
        check(&key(&format!("{money}, providers: [o]")), &[]);
        let prices = "prices: { v/*: { input: 0, output: 0 } }\n";
        check(&format!("{prices}{}", key(money)), &[]);
        check(
            &format!("access: {{ {money} }}"),
            &["this gateway has a budget of money, under which `v/qwen3`"],
        );
    }
}
