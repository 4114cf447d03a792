//! What does not make sense about where traces and metrics are sent.

use super::{Validator, field};
use crate::{Config, text};

impl Validator<'_> {
    pub(super) fn telemetry(&mut self, config: &Config) {
        let section = self.root.get("telemetry");
        let empty = config.telemetry.service_name.as_ref().is_some_and(|name| name.trim().is_empty());
        if empty {
            let path = "telemetry.service_name";
            self.report(field(section, "service_name"), path, &format!("`{path}` is empty"), None);
        }
        let Some(otlp) = &config.telemetry.otlp else { return };
        let node = field(section, "otlp");
        let (endpoint, path) = (field(node, "endpoint"), "telemetry.otlp.endpoint");
        let fault = match text::base_url_fault(&otlp.endpoint) {
            Some(_) if otlp.endpoint.contains('@') => {
                Some("may not hold a user name or password: a key goes into `headers`")
            }
            fault => fault,
        };
        if let Some(fault) = fault {
            if let Some(node) = endpoint.filter(|_| otlp.endpoint.contains(['@', '?'])) {
                self.findings.must_not_quote(node.span);
            }
            self.report(endpoint, path, &format!("`{path}` {fault}"), None);
        }
        self.headers(&otlp.headers, field(node, "headers"), "telemetry.otlp.headers");
    }
}
