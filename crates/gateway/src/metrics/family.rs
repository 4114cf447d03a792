//! Every metric there is, once: what is gathered, what `/metrics` says of it, and docs/metrics.md.

/// What kind of metric one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Only grows.
    Counter,
    /// Comes and goes.
    Gauge,
    /// How values are spread.
    Histogram,
}

impl Kind {
    /// Its name in the text formats.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// What values are counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Things.
    Number,
    /// Seconds, kept in millionths.
    Seconds,
    /// Microseconds.
    Micros,
    /// Bytes.
    Bytes,
    /// Dollars, kept in millionths.
    Usd,
}

impl Unit {
    /// Its name at the end of a metric's name; empty for things.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Number => "",
            Self::Seconds => "seconds",
            Self::Micros => "microseconds",
            Self::Bytes => "bytes",
            Self::Usd => "usd",
        }
    }

    /// Its name by UCUM, as OpenTelemetry wants it.
    pub(crate) fn ucum(self) -> &'static str {
        match self {
            Self::Number => "1",
            Self::Seconds => "s",
            Self::Micros => "us",
            Self::Bytes => "By",
            Self::Usd => "{USD}",
        }
    }

    /// What is kept in a cell for one of it.
    pub(crate) fn scale(self) -> f64 {
        match self {
            Self::Number | Self::Micros | Self::Bytes => 1.0,
            Self::Seconds | Self::Usd => 1e6,
        }
    }
}

/// One metric.
#[derive(Debug)]
pub(crate) struct Family {
    /// Its name; a counter's has `_total` behind it where it is shown.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) unit: Unit,
    pub(crate) labels: &'static [&'static str],
    /// A sentence about it.
    pub(crate) help: &'static str,
}

impl Family {
    /// The name of its values.
    pub(crate) fn shown(&self) -> String {
        match self.kind {
            Kind::Counter => format!("{}_total", self.name),
            Kind::Gauge | Kind::Histogram => self.name.to_owned(),
        }
    }
}

macro_rules! families {
    ($($id:ident: $kind:ident $unit:ident $name:literal [$($label:literal),*] $help:literal)*) => {
        $(pub(crate) const $id: &Family = &Family {
            name: $name, kind: Kind::$kind, unit: Unit::$unit, labels: &[$($label),*], help: $help,
        };)*

        /// All of them, in the order in which they are shown.
        pub(crate) const FAMILIES: &[&Family] = &[$($id),*];
    };
}

families! {
    REQUESTS: Counter Number "lockgate_requests" ["model", "deployment", "operation", "dialect", "status", "ended"]
        "Calls that have ended, by the deployment asked last, the class of the status that the client got, and how they ended."
    DURATION: Histogram Seconds "lockgate_request_duration_seconds" ["model", "deployment", "operation"]
        "From a request's head to the end of its answer."
    FIRST_TOKEN: Histogram Seconds "lockgate_time_to_first_token_seconds" ["model", "deployment", "operation"]
        "From a request's head to the first meaningful piece of its answer."
    OUTPUT_TOKEN: Histogram Seconds "lockgate_time_per_output_token_seconds" ["model", "deployment", "operation"]
        "Time per token of streamed answers, behind the first."
    TOKENS: Counter Number "lockgate_tokens" ["model", "deployment", "operation", "class"]
        "Tokens used; the classes of the input do not overlap, nor do those of the output."
    COST: Counter Usd "lockgate_cost_usd" ["model", "deployment", "operation"]
        "What calls cost whose price is known."
    UNPRICED: Counter Number "lockgate_unpriced_requests" ["model", "deployment", "operation"]
        "Calls that used tokens at a price nobody knows: they are missing in the cost."
    LOSSY: Counter Number "lockgate_lossy_requests" ["model", "deployment", "operation"]
        "Calls of which something could not be said in the other side's dialect."
    ATTEMPTS: Counter Number "lockgate_attempts" ["deployment", "fault"]
        "Tries at deployments by what became of them until an answer began; `none` where one did."
    ATTEMPT_DURATION: Histogram Seconds "lockgate_attempt_duration_seconds" ["deployment"]
        "How long tries took until an answer began or a fault was known."
    BROKEN: Counter Number "lockgate_broken_answers" ["deployment", "fault"]
        "Answers that broke off after they had begun."
    SECOND_TRIES: Counter Number "lockgate_second_tries" ["model", "kind"]
        "What was done to save calls: the same deployment again (retry), another one (failover), another one beside a slow one (hedge), another one behind the beginning of an answer (resume)."
    REFUSALS: Counter Number "lockgate_refusals" ["fault"]
        "Requests that were answered with an error, by its kind."
    REJECTIONS: Counter Number "lockgate_limit_rejections" ["limit"]
        "Requests that were refused because of a limit or a budget, by its kind; `max_requests` is `server.max_requests`."
    KEY_REQUESTS: Counter Number "lockgate_key_requests" ["key", "status"]
        "Calls by the client's key."
    KEY_TOKENS: Counter Number "lockgate_key_tokens" ["key", "class"]
        "Tokens by the client's key."
    KEY_COST: Counter Usd "lockgate_key_cost_usd" ["key"]
        "What calls cost whose price is known, by the client's key."
    OVERHEAD: Histogram Micros "lockgate_overhead_microseconds" []
        "The gateway's own part of the time of calls: all but waiting for providers and clients."
    PHASES: Histogram Micros "lockgate_phase_microseconds" ["phase"]
        "Where the time of calls goes. `receive`, `plan`, `translate` and `relay` are the gateway's own; `upstream` is waiting for the provider, `client` for the client."
    IN_FLIGHT: Gauge Number "lockgate_requests_in_flight" []
        "Requests of clients under way."
    STREAMS: Gauge Number "lockgate_streams_open" []
        "Answers that are passing in pieces."
    CONNECTIONS: Gauge Number "lockgate_connections_open" []
        "Connections of clients."
    TASKS: Gauge Number "lockgate_tasks" []
        "Tasks of the gateway's own that are running."
    STATES: Gauge Number "lockgate_deployment_state" ["deployment", "state"]
        "1 for the state that a deployment is in."
    DEPLOYMENT_IN_FLIGHT: Gauge Number "lockgate_deployment_requests_in_flight" ["deployment"]
        "Requests under way at a deployment."
    BODIES: Gauge Bytes "lockgate_request_body_bytes" []
        "What the bodies of requests take up."
    BODY_BUDGET: Gauge Bytes "lockgate_request_body_budget_bytes" []
        "What they may take up together."
    RELOADS: Counter Number "lockgate_config_reloads" ["result"]
        "Times the config was read anew."
    CONFIG_SINCE: Gauge Seconds "lockgate_config_since_timestamp_seconds" []
        "When the config was taken that counts now."
    JOURNAL_RECORDS: Counter Number "lockgate_journal_records" []
        "Calls that were put on record."
    JOURNAL_WAITING: Gauge Number "lockgate_journal_waiting_records" []
        "Records in memory that the disk has not taken."
    JOURNAL_STUCK: Gauge Seconds "lockgate_journal_stuck_seconds" []
        "For how long the disk has taken none."
    JOURNAL_LOST: Counter Number "lockgate_journal_lost_records" []
        "Records that did not fit into memory while the disk took none."
    JOURNAL_FAILED_SYNCS: Counter Number "lockgate_journal_failed_syncs" []
        "Times the disk could not be made to keep what it had taken."
    JOURNAL_BYTES: Gauge Bytes "lockgate_journal_bytes" []
        "What the journal takes up on disk."
    BEHIND: Gauge Number "lockgate_projection_behind_lines" ["projection"]
        "Lines of the journal that what is made of it has not read."
    BEHIND_FOR: Gauge Seconds "lockgate_projection_behind_seconds" ["projection"]
        "For how long it has not been at the journal's end."
    PROJECTION_FAILURES: Counter Number "lockgate_projection_failures" ["projection"]
        "Times it could not go on."
    ALERTS: Counter Number "lockgate_alerts" ["kind", "status"]
        "Alerts that were told: raised, or resolved."
    ALERT_DELIVERIES: Counter Number "lockgate_alert_deliveries" ["sink", "result"]
        "What became of alerts at each receiver: told, failed because it did not take them, or dropped because too many waited."
    ALERTS_WAITING: Gauge Number "lockgate_alerts_waiting" ["sink"]
        "Alerts that wait for a receiver."
    SPANS: Counter Number "lockgate_telemetry_spans" ["result"]
        "Spans for the OpenTelemetry collector: sent, dropped because the queue was full, or failed because it did not take them."
    RESIDENT: Gauge Bytes "process_resident_memory_bytes" []
        "Resident memory."
    VIRTUAL: Gauge Bytes "process_virtual_memory_bytes" []
        "Virtual memory."
    CPU: Counter Seconds "process_cpu_seconds" []
        "Processor time spent."
    OPEN_FILES: Gauge Number "process_open_fds" []
        "Open files and sockets."
    MOST_FILES: Gauge Number "process_max_fds" []
        "The most open files and sockets that the system allows."
    STARTED: Gauge Seconds "process_start_time_seconds" []
        "When the process was started."
    BUILD: Gauge Number "lockgate_build_info" ["version"]
        "1, with what is running."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_their_unit_and_stand_once() {
        for (place, family) in FAMILIES.iter().enumerate() {
            let Family { name, unit, labels, help, .. } = family;
            assert!(name.ends_with(unit.name()), "{name}");
            assert!(help.ends_with('.') && !help.contains(['\n', '\\']), "{name}: {help}");
            assert!(!name.ends_with("_total"), "{name}");
            let plain = |word: &str| word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            assert!(plain(name) && labels.iter().all(|label| plain(label)), "{name}");
            assert!(!FAMILIES[..place].iter().any(|other| other.name == *name), "{name}");
        }
    }

    /// Where the page has the table, from there to its next headline.
    const TABLE: &str = "## Every metric\n\n";

    fn table() -> String {
        let row = |family: &&Family| {
            let labels: Vec<_> = family.labels.iter().map(|label| format!("`{label}`")).collect();
            let (shown, kind) = (family.shown(), family.kind.name());
            format!("| `{shown}` | {kind} | {} | {} |\n", labels.join(", "), family.help)
        };
        let rows: String = FAMILIES.iter().map(row).collect();
        format!("| metric | kind | labels | what it is |\n|---|---|---|---|\n{rows}")
    }

    #[test]
    fn the_page_has_every_metric() {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/metrics.md");
        let page = std::fs::read_to_string(&file).unwrap();
        let (front, rest) = page.split_once(TABLE).unwrap();
        let back = rest.find("\n## ").map_or("", |at| &rest[at..]);
        let fresh = format!("{front}{TABLE}{}{back}", table());
        if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
            std::fs::write(&file, fresh).unwrap();
            return;
        }
        assert!(
            page == fresh,
            "docs/metrics.md is stale, renew it with `INSTA_UPDATE=always` set for this test"
        );
    }
}
