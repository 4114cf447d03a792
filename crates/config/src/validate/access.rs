//! What does not make sense about who may call.

use std::collections::HashMap;

use super::{Validator, field, item};
use crate::Config;

/// Fewest characters of the key to the admin API: who has it can steer everything.
const SHORTEST_ADMIN_KEY: usize = 16;

impl Validator<'_> {
    pub(super) fn access(&mut self, config: &Config) {
        let access = self.root.get("access");
        let keys = access.and_then(|access| access.get("keys"));
        let has_keys = keys.is_some_and(|keys| !keys.is_empty());
        let exposed = config.server.listen.iter().position(|listener| listener.address.is_exposed());
        if let Some(index) = exposed.filter(|_| !has_keys && !config.access.open) {
            let (node, path) = self.listener_place(index);
            self.report(
                node,
                &path,
                &format!("`{path}` is an address that others can reach, and `access.keys` is empty"),
                Some(
                    "add a key under `access.keys`, listen on 127.0.0.1, or write `access.open: true`"
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
        for (index, key) in config.access.keys.iter().enumerate() {
            let node = item(keys, index);
            let path = format!("access.keys[{index}]");
            if key.name.is_empty() {
                self.report(
                    field(node, "name"),
                    &format!("{path}.name"),
                    &format!("`{path}.name` is empty"),
                    None,
                );
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
            self.globs(&key.models, field(node, "models"), &format!("{path}.models"));
            self.globs(&key.providers, field(node, "providers"), &format!("{path}.providers"));
        }
    }
}
