//! `cargo xtask prices`: makes the table of prices out of a public list, and says what it left out and why.
//!
//! Nothing is downloaded: the list is a file, and its source and date are given by whoever fetched it. Figures that cannot
//! be are left out and named; what was looked up at the provider's own is in `corrections.toml` and counts for more.

mod correct;
mod decimal;
mod entry;
mod list;
mod sane;
mod sources;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use lockgate_prices::{Class, Row, Table};

use crate::workspace::{self, Failure};
use entry::Entry;
use list::List;

/// The list to read.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// LiteLLM's `model_prices_and_context_window.json`.
    file: PathBuf,
    /// Where the file is from.
    #[arg(long, value_name = "URL")]
    source: String,
    /// The day of the file, as YYYY-MM-DD.
    #[arg(long)]
    date: String,
}

/// What was left out, and why.
pub(crate) struct LeftOut {
    /// The kind and model.
    name: String,
    why: String,
}

/// Reads the list, writes the table and prints what is not in it.
///
/// # Errors
/// When a file cannot be read or written, or the list or the corrections are not what they should be.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let text = fs::read_to_string(&arguments.file)
        .map_err(|error| format!("cannot read {}: {error}", arguments.file.display()))?;
    let list: List = list::parse(&text)?;
    let mut left_out = Vec::new();
    let mut entries = entries(&list, &mut left_out);
    for correction in correct::corrections()? {
        correction.apply(&mut entries)?;
        println!("corrected: {} {} by {}", correction.kind, correction.models.join(", "), correction.source);
    }
    let rows: Vec<Row<'_>> = entries.values().filter_map(|entry| row(entry, &mut left_out)).collect();
    let table = Table::new(&arguments.source, &arguments.date, rows);
    let path = workspace::root().join("crates/prices/prices.csv");
    fs::write(&path, table.to_string())
        .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    report(&table, &mut left_out);
    Ok(())
}

/// Every model of a kind we know, as the list has it.
fn entries(list: &List, left_out: &mut Vec<LeftOut>) -> BTreeMap<(String, String), Entry> {
    let mut entries: BTreeMap<(String, String), Entry> = BTreeMap::new();
    for found in sources::assign(list) {
        let (kind, model) = (found.kind, found.model);
        let name = format!("{kind} {model}");
        match entry::read(kind, model, found.members) {
            Err(why) => left_out.push(LeftOut { name, why }),
            Ok(entry) => {
                let first =
                    entries.entry((kind.to_owned(), model.to_owned())).or_insert_with(|| entry.clone());
                if *first != entry {
                    let why = format!("`{}` says otherwise than an entry that counts for more", found.key);
                    left_out.push(LeftOut { name, why });
                }
            }
        }
    }
    entries
}

fn row<'a>(entry: &'a Entry, left_out: &mut Vec<LeftOut>) -> Option<Row<'a>> {
    let mut name =
        |why: String| left_out.push(LeftOut { name: format!("{} {}", entry.kind, entry.model), why });
    match sane::price(entry, &mut name) {
        Ok(price) => Some(Row { kind: &entry.kind, model: &entry.model, price }),
        Err(why) => {
            name(why);
            None
        }
    }
}

fn report(table: &Table<'_>, left_out: &mut [LeftOut]) {
    left_out.sort_by(|one, other| (&one.why, &one.name).cmp(&(&other.why, &other.name)));
    println!("left out:");
    for LeftOut { name, why } in left_out.iter() {
        println!("  {name}: {why}");
    }
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for row in table.rows() {
        *kinds.entry(row.kind).or_default() += 1;
    }
    println!("models:");
    for (kind, models) in &kinds {
        println!("  {kind}: {models}");
    }
    let with = |class| table.rows().iter().filter(|row| row.price.base().get(class).is_some()).count();
    println!("figures:");
    for class in Class::ALL {
        println!("  {}: {}", class.name(), with(class));
    }
    println!("{} models, {} things left out", table.rows().len(), left_out.len());
}
