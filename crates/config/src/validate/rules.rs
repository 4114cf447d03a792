//! What is wrong with a rule: its paths, and the names it matches on.

use lockgate_protocol::json::Path;

use super::{Validator, field, item};
use crate::tree::Node;
use crate::{Match, Rules, SetRule};

/// Members that are the gateway's: it has read them, and the answer would not be the one it waits for.
const OURS: &[&str] = &["stream"];

/// Reports what cannot be meant.
pub(super) fn validate(validator: &mut Validator<'_>, rules: &Rules) {
    let root = validator.root.get("rules");
    let mut each = |list: &str, index: usize, when: &Match, paths: &mut dyn Iterator<Item = &String>| {
        let node = item(field(root, list), index);
        let at = format!("rules.{list}[{index}]");
        check_match(validator, when, field(node, "when"), &format!("{at}.when"));
        for path in paths {
            check_path(validator, path, node, &at);
        }
    };
    let mut set = |list: &str, rules: &[SetRule]| {
        for (index, rule) in rules.iter().enumerate() {
            each(list, index, &rule.when, &mut rule.set.keys());
        }
    };
    set("default", &rules.default);
    set("override", &rules.r#override);
    for (index, rule) in rules.filter.iter().enumerate() {
        each("filter", index, &rule.when, &mut rule.remove.iter());
    }
}

fn check_path(validator: &mut Validator<'_>, path: &str, node: Option<&Node>, at: &str) {
    if let Err(why) = Path::parse(path) {
        let message = format!("`{at}` has the path `{path}`, which is none: {why}");
        let hint = Some("write it as in `reasoning.effort` or `tools[0].strict`".to_owned());
        validator.report(node, at, &message, hint);
    } else if OURS.contains(&path) {
        let message = format!("`{at}` changes `{path}`, which the gateway needs as the client sent it");
        validator.report(node, at, &message, None);
    }
}

fn check_match(validator: &mut Validator<'_>, when: &Match, node: Option<&Node>, at: &str) {
    validator.globs(&when.models, field(node, "models"), &format!("{at}.models"));
    for (key, names) in [("from", &when.from), ("to", &when.to)] {
        validator.dialects(names, field(node, key), &format!("{at}.{key}"));
    }
    for (index, name) in when.providers.iter().enumerate() {
        if !validator.providers.contains_key(name.as_str()) {
            let at = format!("{at}.providers[{index}]");
            let message = format!("`{at}` names the provider `{name}`, which is not in `providers`");
            let node = item(field(node, "providers"), index);
            validator.report(node, &at, &message, None);
        }
    }
}
