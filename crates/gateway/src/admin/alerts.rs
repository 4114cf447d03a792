//! What operators were told, by whom it is brought to them, and whether it arrives.

use std::time::SystemTime;

use http::{Method, StatusCode};
use lockgate_config::Config;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    AdminError, Refusal, millis,
    table::{Answering, Ask, Row, Said},
};
use crate::{StartError, alerts};

pub(super) const ROWS: &[Row] = &[
    Row::new::<AlertsStatus>(
        Method::GET,
        "/admin/v1/alerts",
        "The last alerts, the newest first, and how the receivers are.",
        show,
    ),
    Row::new::<AlertsTested>(
        Method::POST,
        "/admin/v1/alerts/test",
        "Sends a message to one receiver or to all, and says whether it was taken.",
        test,
    )
    .takes::<Test>(),
];

/// `GET /admin/v1/alerts`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AlertsStatus {
    /// The last ones since the start, the newest first; 200 at most.
    pub alerts: Vec<AlertText>,
    /// The receivers beside the log, in the order of the config.
    pub sinks: Vec<SinkStatus>,
}

/// One alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AlertText {
    /// What tells it from all others, in messages too.
    pub id: String,
    /// When it was raised (RFC 3339, UTC).
    pub at: String,
    /// What it is about, as `kinds` in the config has it.
    pub kind: String,
    /// `raised`, or `resolved` where it is over.
    pub status: String,
    /// What is the matter, in two or three words.
    pub title: String,
    /// Whom it concerns.
    pub subject: String,
    /// What is the matter.
    pub text: String,
}

/// One receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SinkStatus {
    /// What it is called.
    pub name: String,
    /// The word that it stands under in the config.
    pub form: String,
    /// Alerts that wait for it.
    pub waiting: usize,
    /// Messages that it took.
    pub sent: u64,
    /// Messages that were given up.
    pub failed: u64,
    /// Alerts that found no room.
    pub left_out: u64,
    /// When it last took a message.
    pub last_sent: Option<String>,
    /// When it last did not, if it took none since.
    pub last_failed: Option<String>,
    /// Why not.
    pub last_error: Option<String>,
}

/// What to test.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Test {
    /// The receiver; without it all of them.
    sink: Option<String>,
}

/// `POST /admin/v1/alerts/test`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AlertsTested {
    /// Whether there is a receiver and all took it.
    pub ok: bool,
    /// What came of each.
    pub sinks: Vec<SinkTested>,
}

/// What came of a test at one receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SinkTested {
    /// What it is called.
    pub name: String,
    /// The word that it stands under in the config.
    pub form: String,
    /// Whether it took the message.
    pub ok: bool,
    /// Why not.
    pub error: Option<String>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// Sends a message to the receiver of that name in `config`, or to all, without a gateway that runs.
///
/// # Errors
/// A receiver that cannot be set up; and as a second one, a name that nobody has.
pub async fn test_alerts(
    config: &Config,
    sink: Option<&str>,
) -> Result<Result<AlertsTested, AdminError>, StartError> {
    let wish = alerts::Wish::new(config)?;
    let tried = wish.test(sink).await;
    Ok(tried.map(tested).ok_or_else(|| *unknown(&wish, sink).error))
}

fn show(ask: Ask) -> Answering {
    Box::pin(async move {
        let alerts = &ask.setup.gateway.alerts;
        let row = |notice: &lockgate_alerts::Notice| AlertText {
            id: notice.id.clone(),
            at: moment(notice.at),
            kind: notice.kind.name().to_owned(),
            status: notice.status.name().to_owned(),
            title: notice.kind.title(notice.status).to_owned(),
            subject: notice.subject.clone(),
            text: notice.text.clone(),
        };
        let last = alerts.last().iter().map(|notice| row(notice)).collect();
        let sinks = alerts.sinks().into_iter().map(status).collect();
        Ok(Said::json(&AlertsStatus { alerts: last, sinks }))
    })
}

fn status(sink: alerts::SinkState) -> SinkStatus {
    let (last_failed, last_error) = sink.last_failed.unzip();
    SinkStatus {
        name: sink.name,
        form: sink.form.to_owned(),
        waiting: sink.waiting,
        sent: sink.sent,
        failed: sink.failed,
        left_out: sink.left_out,
        last_sent: sink.last_sent.map(moment),
        last_failed: last_failed.map(moment),
        last_error,
    }
}

fn test(ask: Ask) -> Answering {
    Box::pin(async move {
        let wish = ask.setup.gateway.alerts.wish();
        let Test { sink } = ask.json().await?;
        let tried = wish.test(sink.as_deref()).await;
        let tried = tried.ok_or_else(|| unknown(&wish, sink.as_deref()))?;
        Ok(Said::json(&tested(tried)))
    })
}

fn tested(tried: Vec<alerts::Tried>) -> AlertsTested {
    let row = |tried: alerts::Tried| SinkTested {
        name: tried.sink,
        form: tried.form.to_owned(),
        ok: tried.error.is_none(),
        error: tried.error,
        took_ms: millis(tried.took),
    };
    let sinks: Vec<_> = tried.into_iter().map(row).collect();
    AlertsTested { ok: !sinks.is_empty() && sinks.iter().all(|sink| sink.ok), sinks }
}

fn unknown(wish: &alerts::Wish, sink: Option<&str>) -> Refusal {
    let names: Vec<_> = wish.names().map(|name| format!("`{name}`")).collect();
    let there = match &names[..] {
        [] => "the config names none under `alerts`".to_owned(),
        names => format!("there is {}", names.join(", ")),
    };
    let message = format!("no receiver of alerts is called `{}`: {there}", sink.unwrap_or_default());
    Refusal::new(StatusCode::NOT_FOUND, "unknown_sink", message)
}

fn moment(at: SystemTime) -> String {
    humantime::format_rfc3339_millis(at).to_string()
}
