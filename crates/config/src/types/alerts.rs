//! When operators are told that something is the matter, and how.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::receivers::{Mailboxes, Receivers};
use crate::units;

/// When operators are told that something is the matter and that it is over: by a line in the log, and by whatever of the
/// others is written. Each of them is one or a list.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Alerts {
    /// How long a deployment, or what else was told of, is not told of again.
    #[serde(deserialize_with = "units::duration")]
    #[schemars(with = "units::Time", extend("default" = "300s"))]
    pub cooldown: Duration,
    /// When so many calls fail that somebody should look.
    pub error_rate: ErrorRate,
    /// Programs, which are sent JSON.
    pub webhook: Receivers,
    /// Channels of Slack, by their incoming webhooks, or of what takes the same.
    pub slack: Receivers,
    /// Groups of WeCom, by their robots.
    pub wecom: Receivers,
    /// Groups of Feishu or Lark, by their custom bots.
    pub feishu: Receivers,
    /// Groups of DingTalk, by their custom robots.
    pub dingtalk: Receivers,
    /// People, by mail.
    pub email: Mailboxes,
}

/// When so many calls fail that somebody should look: of all together, and of each model by itself. Calls that fail by their
/// client's own fault do not count.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ErrorRate {
    /// Which part of the calls, from 0 to 1. It is over when less than half of this part fails.
    #[serde(deserialize_with = "units::share")]
    #[schemars(with = "units::Share", extend("default" = "0.5"))]
    pub share: f64,
    /// Over which time before now.
    #[serde(deserialize_with = "units::duration")]
    #[schemars(with = "units::Time", extend("default" = "60s"))]
    pub window: Duration,
    /// The fewest calls in that time from which anything is concluded.
    #[schemars(range(min = 1), extend("default" = 20))]
    pub least: u32,
}

// === impl Alerts ===

impl Default for Alerts {
    fn default() -> Self {
        Self {
            cooldown: Duration::from_secs(300),
            error_rate: ErrorRate::default(),
            webhook: Receivers::default(),
            slack: Receivers::default(),
            wecom: Receivers::default(),
            feishu: Receivers::default(),
            dingtalk: Receivers::default(),
            email: Mailboxes::default(),
        }
    }
}

impl Alerts {
    /// Those by HTTP, each kind with its form.
    pub fn receivers(&self) -> [(lockgate_alerts::Form, &Receivers); 5] {
        use lockgate_alerts::Form;
        [
            (Form::Webhook, &self.webhook),
            (Form::Slack, &self.slack),
            (Form::Wecom, &self.wecom),
            (Form::Feishu, &self.feishu),
            (Form::Dingtalk, &self.dingtalk),
        ]
    }

    /// The files that it names.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        let by_http = self.receivers().into_iter().flat_map(|(_, receivers)| receivers.iter());
        let by_http = by_http.filter_map(|receiver| receiver.ca_file.as_deref());
        by_http.chain(self.email.iter().filter_map(|mailbox| mailbox.ca_file.as_deref()))
    }
}

impl Default for ErrorRate {
    fn default() -> Self {
        Self { share: 0.5, window: Duration::from_secs(60), least: 20 }
    }
}
