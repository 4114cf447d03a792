//! Writes OpenAI's published vocabularies down as lists of tokens: 2.4 MiB in the binary instead of the 5.1 of their text, and
//! nothing to decode when they are loaded.
#![allow(clippy::print_stdout, reason = "a build script tells cargo what to do by printing it")]

use std::error::Error;
use std::path::Path;
use std::{env, fs};

use tiktoken_rs::CoreBPE;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let folder = env::var("OUT_DIR")?;
    for (name, vocabulary) in [("cl100k", tiktoken_rs::cl100k_base()?), ("o200k", tiktoken_rs::o200k_base()?)]
    {
        fs::write(Path::new(&folder).join(format!("{name}.tokens")), listed(&vocabulary)?)?;
    }
    Ok(())
}

/// All tokens by rank, each behind a byte that says how long it is. Special tokens come behind a gap, and are left out.
fn listed(vocabulary: &CoreBPE) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut list = Vec::new();
    for token in (0..).map_while(|rank| vocabulary.decode_bytes(&[rank]).ok()) {
        list.push(u8::try_from(token.len())?);
        list.extend(token);
    }
    Ok(list)
}
