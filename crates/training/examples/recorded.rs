//! Writes training files of all recorded conversations into a folder, in every form: what the suite `training` loads.
//!
//! `cargo run -p lockgate-training --example recorded -- FOLDER`
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "it runs in tests only, and one that cannot go on fails"
)]

#[path = "../tests/it/corpus.rs"]
mod corpus;

use std::{error::Error, fs, path::Path};

use corpus::Exchange;
use lockgate_protocol::dialects::DIALECTS;
use lockgate_training::{Form, Reasoning, Settings, assemble, line};

/// The folders that are written: their names, and what their files are like.
const FOLDERS: &[(&str, Form, Reasoning)] = &[
    ("messages", Form::Messages, Reasoning::Think),
    ("messages-field", Form::Messages, Reasoning::Field),
    ("sharegpt", Form::ShareGpt, Reasoning::Think),
    ("openai", Form::OpenAi, Reasoning::Think),
];

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("name the folder to write to")?;
    let mut exchanges: Vec<Exchange> = DIALECTS.iter().map(|dialect| corpus::talk(*dialect)).collect();
    exchanges.extend(corpus::own());
    exchanges.extend(corpus::recorded().unwrap_or_default());
    for (name, form, reasoning) in FOLDERS {
        let settings = Settings { form: *form, reasoning: *reasoning, ..Settings::default() };
        write(&Path::new(&folder).join(name), &exchanges, &settings)?;
    }
    Ok(())
}

/// Two hours: in the first one nobody called a tool, sent a picture or set a parameter, so that most columns have nothing
/// that tells their type.
fn write(folder: &Path, exchanges: &[Exchange], settings: &Settings) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    let (mut plain, mut rich) = (String::new(), String::new());
    for exchange in exchanges {
        let call = exchange.call();
        let Some(answer) = assemble(&call, &exchange.request, &exchange.answer) else { continue };
        let Ok(line) = line(&call, &exchange.request, &answer, settings) else { continue };
        let is_plain = ["tool", "image", "temperature", "max_tokens"]
            .iter()
            .all(|word| !String::from_utf8_lossy(&exchange.request).contains(word));
        let hour = if is_plain { &mut plain } else { &mut rich };
        hour.push_str(&line.text);
        hour.push('\n');
    }
    fs::write(folder.join("20270115_08.jsonl"), plain)?;
    fs::write(folder.join("20270115_09.jsonl"), rich)?;
    if let Some(card) = settings.form.card(settings.reasoning) {
        fs::write(folder.join("README.md"), card)?;
    }
    Ok(())
}
