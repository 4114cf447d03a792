//! What does not make sense about models: their names, and what answers them.

use std::collections::HashMap;

use super::{Validator, field, is_interpolated, item, shown};
use crate::tree::{Node, quotable};
use crate::{Config, Target, text};

impl Validator<'_> {
    pub(super) fn models(&mut self, config: &Config) {
        // Whoever is first has the name; models come before aliases, because they are looked up first.
        let mut owners: HashMap<&str, String> =
            config.models.keys().map(|name| (name.as_str(), "the name of a model".to_owned())).collect();
        for (name, model) in &config.models {
            let Some(entry) = self.models.get(name.as_str()).copied() else { continue };
            let node = &entry.value;
            let path = format!("models.{}", quotable(name));
            if let Some(fault) = text::model_name_fault(name) {
                let message = format!("model name `{}` {fault}", quotable(name));
                self.findings.report(entry.key_span, &path, message, None);
            }
            let targets = node.get("targets");
            // A list that is there and did not come through has its own report.
            if model.targets.is_empty() && targets.is_none_or(Node::is_empty) {
                let message = format!("model `{}` has no `targets`", quotable(name));
                let hint = "name at least one `provider/upstream-model`".to_owned();
                self.findings.report(
                    targets.map_or(entry.key_span, |node| node.span),
                    &path,
                    message,
                    Some(hint),
                );
            }
            let lists = [
                (&model.targets, "targets"),
                (&model.fallback, "fallback"),
                (&model.on_context_length, "on_context_length"),
                (&model.on_content_filter, "on_content_filter"),
            ];
            for (list, key) in lists {
                for (index, target) in list.iter().enumerate() {
                    self.target(target, item(node.get(key), index), &format!("{path}.{key}[{index}]"));
                }
            }
            for (index, alias) in model.aliases.iter().enumerate() {
                let at = item(node.get("aliases"), index);
                let path = format!("{path}.aliases[{index}]");
                if let Some(fault) = text::model_glob_fault(alias) {
                    self.report(at, &path, &format!("`{path}` {fault}"), None);
                }
                let owner = format!("an alias of model `{}`", quotable(name));
                match owners.get(alias.as_str()) {
                    Some(first) if !alias.is_empty() => {
                        let message = format!("alias {} is already {first}", shown(at, alias));
                        self.report(at, &path, &message, None);
                    }
                    _ => {
                        owners.insert(alias, owner);
                    }
                }
            }
        }
    }

    fn target(&mut self, target: &Target, node: Option<&Node>, path: &str) {
        let at = field(node, "target").or(node);
        if !self.providers.contains_key(target.provider.as_str()) {
            let providers = self.root.get("providers").map_or(&[][..], Node::entries);
            let names = || providers.iter().map(|entry| entry.key.as_str());
            let near = self.findings.nearest(&target.provider, names()).filter(|_| !is_interpolated(at));
            let hint = match near {
                Some(name) => format!("did you mean `{}/{}`?", quotable(name), quotable(&target.model)),
                None if providers.is_empty() => "there are no `providers` yet".to_owned(),
                None => format!(
                    "the providers are {}",
                    quotable(&names().take(20).collect::<Vec<_>>().join(", "))
                ),
            };
            let message = format!("unknown provider {} in a target", shown(at, &target.provider));
            self.report(at, path, &message, Some(hint));
        }
        if let Some(fault) = text::model_name_fault(&target.model) {
            self.report(at, path, &format!("upstream model {} {fault}", shown(at, &target.model)), None);
        }
    }
}
