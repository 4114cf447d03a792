//! Log lines go to standard error, as text or as JSON.

use std::io::{IsTerminal, stderr};

use lockgate_config::{Log, LogFormat, LogLevel};
use tracing::Level;
use tracing_subscriber::{filter::Targets, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// Starts logging. What libraries say counts only from `warn` on.
pub(crate) fn start(log: &Log) {
    let level = match log.level {
        LogLevel::Error => Level::ERROR,
        LogLevel::Warn => Level::WARN,
        LogLevel::Info => Level::INFO,
        LogLevel::Debug => Level::DEBUG,
        LogLevel::Trace => Level::TRACE,
    };
    let ours = ["lockgate", "lockgate_gateway"].map(|target| (target, level));
    let filter = Targets::new().with_default(level.min(Level::WARN)).with_targets(ours);
    let registry = tracing_subscriber::registry().with(filter);
    let layer = fmt::layer().with_writer(stderr).with_target(false);
    // A second start, which only tests could cause, keeps the first.
    let _ = match log.format {
        LogFormat::Text => registry.with(layer.with_ansi(stderr().is_terminal())).try_init(),
        LogFormat::Json => registry.with(layer.json().flatten_event(true)).try_init(),
    };
}
