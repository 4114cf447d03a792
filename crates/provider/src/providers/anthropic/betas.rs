//! Names of betas: the ones that clouds which host the models take. They refuse a request with any other.

use http::{HeaderMap, HeaderName, HeaderValue};
use lockgate_protocol::ir::Losses;

/// The header that names them, comma-separated.
const HEADER: HeaderName = HeaderName::from_static("anthropic-beta");
/// Longer names are not repeated in a loss.
const MAX_SHOWN: usize = 64;

/// An API that takes the messages of this dialect and refuses betas that it does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// Bedrock's InvokeModel.
    InvokeModel,
    /// Vertex's rawPredict.
    RawPredict,
}

/// One beta at the hosts that take it.
struct Row {
    /// The name that clients send.
    name: &'static str,
    /// The names it goes by; empty where it is refused.
    invoke_model: &'static str,
    raw_predict: &'static str,
}

const fn row(name: &'static str, invoke_model: &'static str, raw_predict: &'static str) -> Row {
    Row { name, invoke_model, raw_predict }
}

const fn both(name: &'static str) -> Row {
    row(name, name, name)
}

/// Tool search has another name at the clouds: Claude Code's own table of betas says so as well.
const TOOL_SEARCH: &str = "tool-search-tool-2025-10-19";

/// What is taken, from LiteLLM's `anthropic_beta_headers_config.json` (`bedrock`, `vertex_ai`), which its users keep up to
/// date with refusals they see. A beta that is not here is taken by neither.
const ROWS: &[Row] = &[
    row("advanced-tool-use-2025-11-20", TOOL_SEARCH, TOOL_SEARCH),
    both("compact-2026-01-12"),
    row("compact-2026-09-04", "", "compact-2026-09-04"),
    both("computer-use-2025-01-24"),
    both("computer-use-2025-11-24"),
    both("context-1m-2025-08-07"),
    both("context-management-2025-06-27"),
    both("dangerous-tool-use-2026-09-03"),
    row("effort-2025-11-24", "effort-2025-11-24", ""),
    row("fine-grained-tool-streaming-2025-05-14", "fine-grained-tool-streaming-2025-05-14", ""),
    row("interleaved-thinking-2025-05-14", "", "interleaved-thinking-2025-05-14"),
    row("mid-conversation-output-config-2026-07-01", "mid-conversation-output-config-2026-07-01", ""),
    row("mid-conversation-tool-changes-2026-07-01", "mid-conversation-tool-changes-2026-07-01", ""),
    row("per-turn-control-2026-07-01", "", "per-turn-control-2026-07-01"),
    both("thinking-binding-controls-2026-08-01"),
    both("thinking-display-updates-2026-08-18"),
    both(TOOL_SEARCH),
    row("web-search-2025-03-05", "", "web-search-2025-03-05"),
];

impl Host {
    /// The name a beta goes by here, if it is taken.
    fn name_of(self, beta: &str) -> Option<&'static str> {
        let row = ROWS.iter().find(|row| row.name == beta)?;
        let name = match self {
            Self::InvokeModel => row.invoke_model,
            Self::RawPredict => row.raw_predict,
        };
        (!name.is_empty()).then_some(name)
    }
}

/// Leaves the betas that `host` takes, under its names for them, and names the others.
pub fn screen(host: Host, headers: &mut HeaderMap, losses: &mut Losses) {
    let mut kept: Vec<&'static str> = Vec::new();
    let mut place = 0;
    for value in headers.get_all(HEADER) {
        // What is no text is no name either.
        for beta in value.to_str().unwrap_or("?").split(',').map(str::trim).filter(|beta| !beta.is_empty()) {
            match host.name_of(beta) {
                Some(name) if kept.contains(&name) => {}
                Some(name) => kept.push(name),
                None => losses.add(path(beta, place), "a beta that the model's host refuses"),
            }
            place += 1;
        }
    }
    headers.remove(HEADER);
    if let Some(value) = kept.into_iter().map(str::to_owned).reduce(|all, name| format!("{all},{name}"))
        && let Ok(value) = HeaderValue::from_str(&value)
    {
        headers.insert(HEADER, value);
    }
}

/// What a client wrote is repeated only if it looks like the name of a beta.
fn path(beta: &str, place: usize) -> String {
    let is_name = beta.len() <= MAX_SHOWN && beta.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if is_name { format!("headers.{HEADER}.{beta}") } else { format!("headers.{HEADER}[{place}]") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(host: Host, sent: &[&'static str], arrives: Option<&str>, lost: &str) {
        let mut headers: HeaderMap =
            sent.iter().map(|value| (HEADER, HeaderValue::from_static(value))).collect();
        let mut losses = Losses::default();
        screen(host, &mut headers, &mut losses);
        let all: Vec<_> = headers.get_all(HEADER).iter().map(|value| value.to_str().unwrap()).collect();
        assert_eq!(all, arrives.into_iter().collect::<Vec<_>>());
        let named: Vec<_> = losses.iter().map(|loss| loss.path.trim_start_matches("headers.")).collect();
        assert_eq!(named.join(" "), lost);
    }

    #[test]
    fn a_host_gets_the_betas_it_takes_under_its_names() {
        let claude_code = "claude-code-20250219,interleaved-thinking-2025-05-14,effort-2025-11-24, \
                           advanced-tool-use-2025-11-20";
        check(
            Host::InvokeModel,
            &[claude_code],
            Some("effort-2025-11-24,tool-search-tool-2025-10-19"),
            "anthropic-beta.claude-code-20250219 anthropic-beta.interleaved-thinking-2025-05-14",
        );
        check(
            Host::RawPredict,
            &[claude_code],
            Some("interleaved-thinking-2025-05-14,tool-search-tool-2025-10-19"),
            "anthropic-beta.claude-code-20250219 anthropic-beta.effort-2025-11-24",
        );
    }

    #[test]
    fn two_headers_are_one_list_and_odd_names_are_not_repeated() {
        check(
            Host::RawPredict,
            &["context-1m-2025-08-07", "context-1m-2025-08-07,,my secret"],
            Some("context-1m-2025-08-07"),
            "anthropic-beta[2]",
        );
        check(Host::RawPredict, &[], None, "");
        check(Host::RawPredict, &[" , "], None, "");
    }
}
