//! What does not make sense about what is accepted.

use super::{Validator, field};
use crate::Config;

impl Validator<'_> {
    pub(super) fn server(&mut self, config: &Config) {
        let (budget, body) = (config.server.body_budget, config.server.max_body);
        if budget.as_u64() / 2 >= body.as_u64() {
            return;
        }
        let server = self.root.get("server");
        let node = field(server, "body_budget").or_else(|| field(server, "max_body"));
        let message = format!(
            "`server.body_budget` ({budget}) is less than twice `server.max_body` ({body}), so that not every body \
             would ever get in"
        );
        let hint = "raise the one or lower the other".to_owned();
        self.report(node, "server.body_budget", &message, Some(hint));
    }
}
