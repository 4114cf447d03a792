//! What `lockgate top` draws: lines that fit, out of figures.

use lockgate_gateway::admin::{DeploymentStats, Minute, Second, Spread, Stats};

use super::super::{
    admin::{span, state},
    screen::{Look, count, cut, fitted, money, painted, tame, time},
};

/// In fewer columns a deployment's reason has a line of its own.
const NARROW: usize = 110;
/// Seconds that the rates of now are of.
const NOW: usize = 5;
/// Lines that errors have at least, where there are so many.
const ERRORS: usize = 4;
/// Steps of a bar.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// What is known.
pub(super) struct Standing<'a> {
    pub(super) base: &'a str,
    /// The last figures there were.
    pub(super) stats: Option<&'a Stats>,
    /// Why there are none now.
    pub(super) away: Option<&'a str>,
}

/// A line: pieces of text, each with its look.
type Line = Vec<(String, Look)>;

/// The picture in `width` columns and `height` lines at most.
pub(super) fn picture(
    standing: &Standing<'_>,
    width: usize,
    height: usize,
    has_colours: bool,
) -> Vec<String> {
    let mut lines: Vec<Line> = vec![title(standing, width)];
    if let Some(stats) = standing.stats {
        lines.push(Vec::new());
        lines.extend(figures(stats));
        lines.push(bars(&stats.each, width));
        lines.push(Vec::new());
        let left = height.saturating_sub(lines.len());
        // What went wrong is not pushed out by a long list, nor the list by it.
        let errors = if stats.errors.is_empty() { 0 } else { stats.errors.len().min(ERRORS) + 2 };
        let most = left.saturating_sub(errors).max(3).min(left);
        let shown = deployments(&stats.deployments, width, most);
        lines.extend(shown);
        let left = height.saturating_sub(lines.len());
        if errors > 0 && left > 2 {
            lines.push(Vec::new());
            lines.extend(failures(stats, left - 1));
        }
    }
    lines.truncate(height);
    lines.iter().map(|line| written(line, width, has_colours)).collect()
}

fn title(standing: &Standing<'_>, width: usize) -> Line {
    let mut left: Line = match standing.stats {
        Some(stats) => vec![
            (format!("lockgate {}", tame(&stats.version)), Look::Bold),
            (format!("  up {}", span(stats.uptime_ms)), Look::Plain),
        ],
        None => vec![("lockgate".to_owned(), Look::Bold)],
    };
    left.push(match standing.away {
        Some(why) => (format!("  {}: waiting for it", tame(why)), Look::Bad),
        None => (format!("  {}", standing.base), Look::Dim),
    });
    let clock = standing.stats.and_then(|stats| stats.at.get(11..19));
    let right = clock.map_or_else(String::new, |clock| format!("{clock} UTC"));
    let taken: usize = left.iter().map(|(text, _)| text.chars().count()).sum();
    if let Some(gap) = width.checked_sub(taken + right.len()).filter(|gap| *gap > 1) {
        left.push((" ".repeat(gap) + &right, Look::Dim));
    }
    left
}

/// The rates of the last seconds that are whole: the one that runs would show too little.
fn now(each: &[Second]) -> (f64, f64, f64) {
    let whole = each.len().saturating_sub(1).max(1).min(each.len());
    let last = &each[whole.saturating_sub(NOW)..whole];
    let mean =
        |pick: fn(&Second) -> u64| last.iter().map(pick).sum::<u64>() as f64 / last.len().max(1) as f64;
    (mean(|second| second.requests), mean(|second| second.input), mean(|second| second.output))
}

fn figures(stats: &Stats) -> Vec<Line> {
    let all = &stats.all;
    let (requests, input, output) = now(&stats.each);
    let share = share(all);
    let label = |text: &str| (fitted(text, 11, false), Look::Dim);
    let value = |text: String, width: usize| (fitted(&text, width, false), Look::Plain);
    let spread = |spread: Option<Spread>| {
        spread.map_or("-".to_owned(), |spread| format!("p50 {}  p99 {}", time(spread.p50), time(spread.p99)))
    };
    let look = if share >= 0.05 {
        Look::Bad
    } else if share > 0.0 {
        Look::Warning
    } else {
        Look::Plain
    };
    let per_hour = all.cost_micro_usd as f64 * 3600.0 / stats.seconds.max(1) as f64;
    vec![
        vec![
            label("requests"),
            value(format!("{}/s", count(requests)), 12),
            label("tokens in"),
            value(format!("{}/s", count(input)), 12),
            label("took"),
            value(spread(all.took_ms), 22),
        ],
        vec![
            label("in flight"),
            value(stats.calls.to_string(), 12),
            label("tokens out"),
            value(format!("{}/s", count(output)), 12),
            label("1st token"),
            value(spread(all.first_token_ms), 22),
        ],
        vec![
            label("errors"),
            (fitted(&percent(share), 12, false), look),
            label("cost"),
            value(format!("{}/h", money(per_hour as u64)), 12),
            label("own part"),
            value(spread(all.overhead_ms), 22),
        ],
    ]
}

fn share(minute: &Minute) -> f64 {
    if minute.requests == 0 { 0.0 } else { minute.errors as f64 / minute.requests as f64 }
}

fn percent(share: f64) -> String {
    match share * 100.0 {
        0.0 => "0 %".to_owned(),
        percent if percent < 9.95 => format!("{percent:.1} %"),
        percent => format!("{percent:.0} %"),
    }
}

/// A bar for each second, the latest at the right.
fn bars(each: &[Second], width: usize) -> Line {
    let most = each.iter().map(|second| second.requests).max().unwrap_or(0);
    let shown = &each[each.len().saturating_sub(width.saturating_sub(24).min(60))..];
    let gap = 60_usize.min(width.saturating_sub(24)).saturating_sub(shown.len());
    let bar = |second: &Second| match (second.requests, most) {
        (0, _) | (_, 0) => ' ',
        (requests, most) => {
            let step = (requests * BARS.len() as u64).div_ceil(most).saturating_sub(1);
            BARS[usize::try_from(step).unwrap_or(0).min(BARS.len() - 1)]
        }
    };
    vec![
        (fitted("a minute", 11, false), Look::Dim),
        (" ".repeat(gap), Look::Plain),
        (shown.iter().map(bar).collect(), Look::Good),
        (format!("  most {}/s", count(most as f64)), Look::Dim),
    ]
}

fn deployments(all: &[DeploymentStats], width: usize, most: usize) -> Vec<Line> {
    let names = all.iter().map(|deployment| deployment.name.chars().count());
    let name = names.max().unwrap_or(0).clamp(10, (width / 3).max(10));
    let row = |cells: [String; 8], looks: [Look; 8]| -> Line {
        let widths = [name, 9, 4, 7, 6, 8, 8, 0];
        let mut line = Line::new();
        for (place, ((cell, look), width)) in cells.into_iter().zip(looks).zip(widths).enumerate() {
            let text = match place {
                7 => cell,
                _ => fitted(&cell, width, (2..7).contains(&place)),
            };
            line.push((text, look));
            line.push(("  ".to_owned(), Look::Plain));
        }
        line
    };
    let headings = ["deployment", "state", "now", "req/s", "errors", "p50", "p99", "why"].map(str::to_owned);
    let mut lines = vec![row(headings, [Look::Dim; 8])];
    let is_narrow = width < NARROW;
    // Without the last column and the gaps beside it.
    let short = |line: &mut Line| line.truncate(if is_narrow { 13 } else { line.len() });
    short(&mut lines[0]);
    for (place, deployment) in all.iter().enumerate() {
        let own = of_deployment(deployment);
        let mut new = vec![row(own.cells, own.looks)];
        short(&mut new[0]);
        if is_narrow && !own.why.is_empty() {
            new.push(vec![(format!("    {}", own.why), Look::Dim)]);
        }
        // One line is left for those that have no room.
        let is_last = place + 1 == all.len();
        if lines.len() + new.len() + usize::from(!is_last) > most {
            lines.push(vec![(format!("... and {} more", all.len() - place), Look::Dim)]);
            break;
        }
        lines.extend(new);
    }
    lines
}

/// A deployment's row.
struct Own {
    cells: [String; 8],
    looks: [Look; 8],
    why: String,
}

fn of_deployment(deployment: &DeploymentStats) -> Own {
    let (word, look, busy, why) = match &deployment.condition {
        None => ("gone".to_owned(), Look::Dim, "-".to_owned(), String::new()),
        Some(condition) => {
            let look = match condition.state.as_str() {
                "closed" => Look::Good,
                "drained" => Look::Dim,
                "half_open" => Look::Warning,
                _ => Look::Bad,
            };
            let word = condition.state.replace('_', " ");
            (word, look, condition.in_flight.to_string(), tame(&state(condition)))
        }
    };
    let minute = &deployment.minute;
    let share = share(minute);
    let errors = if share > 0.0 { Look::Warning } else { Look::Plain };
    let spread = |pick: fn(Spread) -> f64| minute.took_ms.map_or("-".to_owned(), |spread| time(pick(spread)));
    let cells = [
        tame(&deployment.name),
        word,
        busy,
        count(minute.requests_per_second),
        percent(share),
        spread(|spread| spread.p50),
        spread(|spread| spread.p99),
        why.clone(),
    ];
    let plain = Look::Plain;
    Own { cells, looks: [plain, look, plain, plain, errors, plain, plain, Look::Dim], why }
}

fn failures(stats: &Stats, most: usize) -> Vec<Line> {
    let mut lines = vec![vec![("latest errors".to_owned(), Look::Dim)]];
    let shown = || stats.errors.iter().take(most.saturating_sub(1));
    let models = shown().map(|call| call.model.as_deref().unwrap_or_default().chars().count());
    let column = models.max().unwrap_or(0).clamp(8, 24);
    for call in shown() {
        let clock = call.started.get(11..19).unwrap_or_default().to_owned();
        let status = if call.status == 0 { "-".to_owned() } else { call.status.to_string() };
        let model = call.model.as_deref().map_or("-".to_owned(), tame);
        let why = call.error.as_deref().map_or_else(|| call.ended.replace('_', " "), tame);
        lines.push(vec![
            (clock + "  ", Look::Dim),
            (status + "  ", Look::of_status(call.status)),
            (fitted(&model, column, false) + "  ", Look::Plain),
            (why, Look::Plain),
        ]);
    }
    lines
}

/// The line as it goes to the terminal, cut where the terminal ends.
fn written(line: &Line, width: usize, has_colours: bool) -> String {
    let last = line.iter().rposition(|(text, _)| !text.trim().is_empty()).map_or(0, |place| place + 1);
    let (mut text, mut left) = (String::new(), width);
    for (place, (piece, look)) in line[..last].iter().enumerate() {
        let piece = if place + 1 == last { piece.trim_end() } else { piece };
        let piece = cut(piece, left);
        left -= piece.chars().count();
        text.push_str(&painted(&piece, *look, has_colours));
        if left == 0 {
            break;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use lockgate_gateway::admin::{CallLine, Condition};

    use super::*;

    fn deployment(name: &str, state: &str, errors: u64) -> DeploymentStats {
        let condition = serde_json::json!({
            "state": state, "reason": (state == "open").then_some("open"), "until_ms": null, "until": null,
            "requests": 12, "answered": 9, "faults": {}, "in_flight": 3, "consecutive": errors,
            "first_token_ms": null, "headroom": null, "opened": 0, "probes": 0,
        });
        let condition: Condition = serde_json::from_value(condition).unwrap();
        let minute = Minute {
            requests: 120,
            errors,
            requests_per_second: 2.0,
            took_ms: Some(Spread { p50: 812.0, p99: 4_210.0 }),
            ..Minute::default()
        };
        DeploymentStats { name: name.to_owned(), condition: Some(condition), minute }
    }

    fn stats(deployments: usize, errors: usize) -> Stats {
        let names = ["openai/gpt-4o-mini#1", "claude/claude-haiku-4-5#main", "vllm-1/deepseek-r1#1"];
        let deployments = (0..deployments).map(|place| {
            let state = ["closed", "open", "drained"][place % 3];
            deployment(names[place % 3], state, (place % 3 * 7) as u64)
        });
        let error = CallLine {
            started: "2026-11-22T00:51:03.123Z".to_owned(),
            status: 429,
            model: Some("fast".to_owned()),
            error: Some("\u{1b}[2Jthe provider\nasked for a pause".to_owned()),
            ..CallLine::default()
        };
        Stats {
            at: "2026-11-22T00:51:04.000Z".to_owned(),
            version: "0.1.0".to_owned(),
            uptime_ms: 11_100_000,
            seconds: 60,
            calls: 4,
            connections: 9,
            all: Minute {
                requests: 720,
                errors: 6,
                requests_per_second: 12.0,
                cost_micro_usd: 20_600,
                took_ms: Some(Spread { p50: 1_240.0, p99: 8_800.0 }),
                first_token_ms: Some(Spread { p50: 310.0, p99: 2_000.0 }),
                overhead_ms: Some(Spread { p50: 0.06, p99: 0.21 }),
                ..Minute::default()
            },
            each: (0..60)
                .map(|at| Second { requests: at % 13, errors: 0, input: 900, output: 250 })
                .collect(),
            deployments: deployments.collect(),
            errors: vec![error; errors],
        }
    }

    fn drawn(stats: Option<&Stats>, away: Option<&str>, width: usize, height: usize) -> String {
        let standing = Standing { base: "http://127.0.0.1:8317", stats, away };
        let lines = picture(&standing, width, height, false);
        assert!(lines.len() <= height, "{lines:#?}");
        for line in &lines {
            assert!(line.chars().count() <= width && !line.chars().any(char::is_control), "{line:?}");
        }
        lines.join("\n")
    }

    #[test]
    fn it_looks_like_this() {
        insta::assert_snapshot!("80x24", drawn(Some(&stats(3, 2)), None, 80, 24));
        insta::assert_snapshot!("200x50", drawn(Some(&stats(30, 16)), None, 200, 50));
        insta::assert_snapshot!("away", drawn(Some(&stats(1, 0)), Some("no gateway listens on it"), 110, 10));
    }

    #[test]
    fn it_fits_whatever_there_is() {
        let empty = Stats::default();
        for stats in [&stats(0, 0), &stats(3, 0), &stats(300, 16), &empty] {
            for (width, height) in [(80, 24), (200, 50), (40, 12), (20, 5), (1, 1), (0, 0), (80, usize::MAX)]
            {
                drawn(Some(stats), None, width, height);
                drawn(None, Some("gone"), width, height);
            }
        }
        // Neither a long list nor many errors push the other out.
        let both = drawn(Some(&stats(300, 16)), None, 80, 24);
        assert!(
            both.contains("... and 29")
                && both.contains("latest errors")
                && both.contains("asked for a pause")
        );
    }
}
