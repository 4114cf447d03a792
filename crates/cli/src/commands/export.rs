//! `lockgate export`: lines for training out of the journal, for any period.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufWriter, ErrorKind, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Args, ValueEnum};
use lockgate_gateway::{admin::moment, training::line};
use lockgate_store::{CallRecord, Ended, Most, Position, Reader};
use lockgate_training::{Form, Reasoning, Settings};

use super::{
    USAGE,
    config::{self},
    failed,
};

/// The journal's folder in the data folder.
const JOURNAL: &str = "journal";
/// How much of the journal is held at once.
const MOST: Most = Most { records: 256, bytes: 16 * 1024 * 1024 };

/// Which calls, and how they are written. Only calls whose bodies are on record make lines: see `log.bodies`.
#[derive(Args)]
pub(crate) struct Options {
    /// The config file whose `data_dir` counts; without it the config that `lockgate run` would take.
    #[arg(long, env = "LOCKGATE_CONFIG")]
    config: Option<PathBuf>,
    /// The data folder, whatever a config says.
    #[arg(long, conflicts_with = "config")]
    data_dir: Option<PathBuf>,
    /// The form of the lines.
    #[arg(long, value_enum, default_value = "messages")]
    format: Format,
    /// Where reasoning goes.
    #[arg(long, value_enum, default_value = "think")]
    reasoning: Where,
    /// Calls that ended from then on: a day, a time (RFC 3339), or how long ago, such as `24h`.
    #[arg(long, value_parser = time)]
    from: Option<u64>,
    /// Calls that ended before then.
    #[arg(long, value_parser = time)]
    to: Option<u64>,
    /// Calls for these models; `*` and `?` work. Can be repeated.
    #[arg(long)]
    model: Vec<String>,
    /// Calls with the keys of these names; `*` and `?` work. Can be repeated.
    #[arg(long)]
    key: Vec<String>,
    /// The file to write; without it the lines go to standard output.
    #[arg(short, long)]
    out: Option<PathBuf>,
    /// Write over a file that is there.
    #[arg(long, requires = "out")]
    force: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// The call as one object: its parameters, and its messages with the answer as the last.
    Messages,
    /// Turns of texts, as LLaMA-Factory and axolotl read them.
    Sharegpt,
    /// As OpenAI's fine-tuning takes it.
    Openai,
}

#[derive(Clone, Copy, ValueEnum)]
enum Where {
    /// Before the text, as `<think>...</think>`.
    Think,
    /// Beside the text; only `messages` has a place for it.
    Field,
}

/// What came of it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    lines: u64,
    /// Answered calls of which there is no line, by why.
    left_out: BTreeMap<&'static str, u64>,
}

fn time(text: &str) -> Result<u64, String> {
    let how = "a moment is `2026-11-21T20:15:00Z`, `2026-11-21`, or how long ago it was, as `15m` or `24h`";
    moment(text).ok_or_else(|| how.to_owned())
}

pub(crate) fn run(options: &Options) -> ExitCode {
    let folder = match &options.data_dir {
        Some(folder) => folder.clone(),
        None => match config::find(options.config.as_deref()) {
            Ok(found) => found.config().data_dir.0.clone(),
            Err(unfit) => {
                eprintln!("{unfit}");
                return ExitCode::from(USAGE);
            }
        },
    };
    let journal = folder.join(JOURNAL);
    if !journal.is_dir() {
        let shown = journal.display();
        return failed(format!("there is no journal in `{shown}`: name the folder of one with `--data-dir`"));
    }
    let reader = Reader::open(&journal, Position::default());
    let written = match &options.out {
        None => export(options, reader, io::stdout().lock()),
        Some(path) => {
            let mut open = File::options();
            open.write(true).truncate(options.force).create(options.force).create_new(!options.force);
            match open.open(path) {
                Ok(file) => export(options, reader, file),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    let shown = path.display();
                    return failed(format!(
                        "`{shown}` is there already: name another file, or write over it with `--force`"
                    ));
                }
                Err(error) => Err(io::Error::new(error.kind(), format!("`{}`: {error}", path.display()))),
            }
        }
    };
    match written {
        Ok(tally) => {
            eprintln!("{}", said(&tally));
            ExitCode::SUCCESS
        }
        // Whoever reads has read enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => failed(error),
    }
}

fn export(options: &Options, mut reader: Reader, to: impl Write) -> io::Result<Tally> {
    let settings = settings(options);
    let mut out = BufWriter::new(to);
    let mut tally = Tally::default();
    loop {
        let before = reader.position();
        let batch = reader.batch(MOST)?;
        for entry in batch.entries {
            let record = &entry.record;
            if !is_wanted(options, &settings, record) {
                continue;
            }
            match line(record, &settings) {
                Ok(line) => {
                    tally.lines += 1;
                    out.write_all(line.text.as_bytes())?;
                    out.write_all(b"\n")?;
                }
                Err(_) if record.bodies.is_none() => *tally.left_out.entry("not kept").or_default() += 1,
                Err(why) => *tally.left_out.entry(why.name()).or_default() += 1,
            }
        }
        if batch.end == before {
            break;
        }
    }
    out.flush()?;
    Ok(tally)
}

fn settings(options: &Options) -> Settings {
    Settings {
        form: match options.format {
            Format::Messages => Form::Messages,
            Format::Sharegpt => Form::ShareGpt,
            Format::Openai => Form::OpenAi,
        },
        reasoning: match options.reasoning {
            Where::Think => Reasoning::Think,
            Where::Field => Reasoning::Field,
        },
        models: options.model.clone(),
        keys: options.key.clone(),
    }
}

fn is_wanted(options: &Options, settings: &Settings, record: &CallRecord) -> bool {
    let ended = record.ended_ms();
    record.ended == Ended::Answered
        && record.status < 300
        && options.from.is_none_or(|from| ended >= from)
        && options.to.is_none_or(|to| ended < to)
        && settings.wants(record.model.as_deref().unwrap_or_default(), record.key.as_deref())
}

/// What came of it in words.
fn said(tally: &Tally) -> String {
    let lines = format!("{} line{}", tally.lines, if tally.lines == 1 { "" } else { "s" });
    let left_out: Vec<String> = tally.left_out.iter().map(|(why, count)| format!("{count} {why}")).collect();
    match left_out.as_slice() {
        [] => lines,
        left_out => format!("{lines}; calls left out: {}", left_out.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use lockgate_store::{Bodies, Body, Journal, Segments};

    use super::*;

    const ANSWER: &[u8] = br#"{"id":"a","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Well."},"finish_reason":"stop"}]}"#;

    fn record(id: &str, minute: u64, model: &str, is_kept: bool) -> CallRecord {
        CallRecord {
            id: id.into(),
            started_ms: minute * 60_000,
            dialect: "openai-chat".into(),
            path: "/v1/chat/completions".into(),
            operation: "generate".into(),
            model: Some(model.into()),
            status: 200,
            ended: Ended::Answered,
            bodies: is_kept.then(|| Bodies {
                request: Some(Body::of(
                    br#"{"model":"m","messages":[{"role":"user","content":"How are you?"}]}"#,
                )),
                answer: Some(Body::of(ANSWER)),
                truncated: false,
            }),
            ..CallRecord::default()
        }
    }

    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        options: Options,
    }

    /// The ids of the lines, or what comes of the question of the `sharegpt` form, and what is said of it.
    #[track_caller]
    fn check(arguments: &[&str], expect: &[&str], words: &str) {
        let folder = tempfile::tempdir().unwrap();
        let segments =
            Segments::open(&folder.path().join(JOURNAL), lockgate_store::Settings::default()).unwrap();
        for record in [
            record("one", 1, "m", true),
            record("two", 2, "other", true),
            record("three", 3, "m", false),
            CallRecord { ended: Ended::Broken, ..record("four", 4, "m", true) },
            CallRecord { operation: "embed".into(), ..record("five", 5, "m", true) },
        ] {
            segments.append(record);
        }
        let all = ["export", "--data-dir", "unused"].iter().chain(arguments);
        let Cli { options } = <Cli as clap::Parser>::try_parse_from(all).unwrap();
        let reader = Reader::open(&folder.path().join(JOURNAL), Position::default());
        let mut out = Vec::new();
        let tally = export(&options, reader, &mut out).unwrap();
        let lines: Vec<serde_json::Value> = out
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect();
        let found: Vec<&str> = lines
            .iter()
            .map(|line| line["_id"].as_str().or(line["conversations"][1]["value"].as_str()).unwrap_or("none"))
            .collect();
        assert_eq!((found.as_slice(), said(&tally).as_str()), (expect, words));
    }

    #[test]
    fn calls_of_a_period_a_model_and_a_key_become_lines() {
        let rest = "calls left out: 1 not kept, 1 operation";
        check(&[], &["one", "two"], &format!("2 lines; {rest}"));
        check(&["--model", "o*"], &["two"], "1 line");
        check(&["--key", "*"], &[], "0 lines");
        check(&["--from", "1970-01-01T00:02:00Z"], &["two"], &format!("1 line; {rest}"));
        check(&["--to", "1970-01-01T00:02:00Z"], &["one"], "1 line");
        check(&["--from", "1h"], &[], "0 lines");
        check(&["--format", "sharegpt", "--model", "other"], &["Well."], "1 line");
    }

    #[test]
    fn a_moment_that_is_none_is_told() {
        assert!(time("yesterday").unwrap_err().contains("2026-11-21"));
    }
}
