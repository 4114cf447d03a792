//! What does not make sense about who may call.

use std::collections::HashMap;

use super::{Validator, field, item};
use crate::text;
use crate::tree::Node;
use crate::{ClientKey, Config};

/// Fewest characters of the key to the admin API: who has it can steer everything.
const SHORTEST_ADMIN_KEY: usize = 16;
/// Fewest characters of a pepper.
const SHORTEST_PEPPER: usize = 32;
/// Most tags of a key: each call's record has all of them.
const MOST_TAGS: usize = 16;

impl Validator<'_> {
    pub(super) fn access(&mut self, config: &Config) {
        let access = self.root.get("access");
        let keys = access.and_then(|access| access.get("keys"));
        // Who may create keys will, and until then nobody is let in.
        let may_create = config.access.created_keys.unwrap_or(config.access.admin_key.is_some());
        let has_keys = keys.is_some_and(|keys| !keys.is_empty()) || may_create;
        let exposed = config.server.listen.iter().position(|listener| listener.address.is_exposed());
        if let Some(index) = exposed.filter(|_| !has_keys && !config.access.open) {
            let (node, path) = self.listener_place(index);
            self.report(
                node,
                &path,
                &format!("`{path}` is an address that others can reach, and `access.keys` is empty"),
                Some(
                    "add a key under `access.keys`, or an `access.admin_key` to create some with; listen on 127.0.0.1; or \
                     write `access.open: true`"
                        .to_owned(),
                ),
            );
        }
        let mut owners: HashMap<&str, String> = HashMap::new();
        if let Some(key) = &config.access.admin_key {
            let node = access.and_then(|access| access.get("admin_key"));
            let path = "access.admin_key";
            self.secret(key, node, path);
            if (1..SHORTEST_ADMIN_KEY).contains(&key.expose().chars().count()) {
                let message = format!("`{path}` is shorter than {SHORTEST_ADMIN_KEY} characters");
                let hint = "make one with `openssl rand -hex 24`".to_owned();
                self.report(node, path, &message, Some(hint));
            }
            owners.insert(key.expose(), path.to_owned());
        }
        if let Some(pepper) = &config.access.pepper {
            let node = access.and_then(|access| access.get("pepper"));
            let path = "access.pepper";
            self.secret(pepper, node, path);
            if pepper.expose().chars().count() < SHORTEST_PEPPER {
                let message = format!("`{path}` is shorter than {SHORTEST_PEPPER} characters");
                let hint = "make one with `openssl rand -hex 32`".to_owned();
                self.report(node, path, &message, Some(hint));
            }
        }
        let mut names: HashMap<&str, String> = HashMap::new();
        for (index, key) in config.access.keys.iter().enumerate() {
            let node = item(keys, index);
            let path = format!("access.keys[{index}]");
            self.client_key(key, node, &path);
            let first = names.entry(&key.name).or_insert_with(|| path.clone());
            if *first != path && !key.name.is_empty() {
                let message = format!("`{path}.name` is the same name as `{first}.name`");
                let hint = "calls are counted and budgets are kept by it: give each key its own".to_owned();
                self.report(field(node, "name"), &format!("{path}.name"), &message, Some(hint));
            }
            self.secret(&key.key, field(node, "key"), &format!("{path}.key"));
            let first = owners.entry(key.key.expose()).or_insert_with(|| path.clone());
            if *first != path && !key.key.expose().is_empty() {
                let message = match first.as_str() {
                    "access.admin_key" => format!("`{path}.key` is the same key as `{first}`"),
                    _ => format!("`{path}.key` is the same key as `{first}.key`"),
                };
                self.report(field(node, "key"), &format!("{path}.key"), &message, None);
            }
        }
    }

    /// What holds for a key wherever it is written down.
    fn client_key(&mut self, key: &ClientKey, node: Option<&Node>, path: &str) {
        let mut texts = vec![("name", key.name.as_str())];
        texts.extend(key.owner.as_deref().map(|owner| ("owner", owner)));
        for (name, text) in texts {
            if let Some(fault) = text::label_fault(text) {
                let path = format!("{path}.{name}");
                self.report(field(node, name), &path, &format!("`{path}` {fault}"), None);
            }
        }
        let tags = field(node, "tags");
        for (name, value) in &key.tags {
            for (text, is_name) in [(name, true), (value, false)] {
                let fault = text::label_fault(text);
                let fault = fault.or((is_name && text.contains(':')).then_some("may not have `:`"));
                if let Some(fault) = fault {
                    let path = format!("{path}.tags");
                    let what = if is_name { "the name of a tag" } else { "the value of a tag" };
                    self.report(tags, &path, &format!("{what} in `{path}` {fault}"), None);
                }
            }
        }
        if key.tags.len() > MOST_TAGS {
            let path = format!("{path}.tags");
            self.report(tags, &path, &format!("`{path}` has more than {MOST_TAGS} tags"), None);
        }
        self.globs(&key.models, field(node, "models"), &format!("{path}.models"));
        self.globs(&key.providers, field(node, "providers"), &format!("{path}.providers"));
    }
}
