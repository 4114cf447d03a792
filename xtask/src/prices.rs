//! `cargo xtask prices`: makes the table of prices out of a public list, and says what it left out and why.
//!
//! Nothing is downloaded: the list is a file, and its source and date are given by whoever fetched it. Figures that cannot
//! be are left out and named; what was looked up at the provider's own is in `corrections.toml` and counts for more.

mod correct;
mod decimal;
mod entry;
mod list;
mod own;
mod sane;
mod sources;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

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
    /// The day of all the files, as YYYY-MM-DD.
    #[arg(long)]
    date: String,
    /// A kind whose own list counts instead: its answer to `GET /models` with prices in it, and where that is from. May
    /// be given for several kinds.
    #[arg(long, num_args = 3, value_names = ["KIND", "FILE", "URL"])]
    own: Vec<String>,
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
    let list: List = list::parse(&read(&arguments.file)?)?;
    let mut left_out = Vec::new();
    let mut entries = entries(&list, &mut left_out);
    let mut sources = vec![arguments.source.as_str()];
    // Clap has seen to it that there are three of each.
    for own in arguments.own.chunks_exact(3) {
        let [kind, file, url] = own else { continue };
        entries.retain(|(other, _), _| other != kind);
        let own = own::read(kind, &read(Path::new(file))?)?;
        entries.extend(own.into_iter().map(|entry| ((kind.clone(), entry.model.clone()), entry)));
        sources.push(url);
    }
    for correction in correct::corrections()? {
        correction.apply(&mut entries)?;
        println!("corrected: {} {} by {}", correction.kind, correction.models.join(", "), correction.source);
    }
    let rows: Vec<Row<'_>> = entries.values().filter_map(|entry| row(entry, &mut left_out)).collect();
    let table = Table::new(sources, &arguments.date, rows);
    let path = workspace::root().join("crates/prices/prices.csv");
    fs::write(&path, table.to_string())
        .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    report(&table, &mut left_out);
    Ok(())
}

fn read(file: &Path) -> Result<String, Failure> {
    Ok(fs::read_to_string(file).map_err(|error| format!("cannot read {}: {error}", file.display()))?)
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
    // A comma would be a cell's end.
    let can_be_written = !entry.model.is_empty() && !entry.model.contains([',', '\n', '\r']);
    let price = match sane::price(entry, &mut name) {
        Ok(_) if !can_be_written => Err("its name cannot be written into the table".to_owned()),
        price => price,
    };
    price.map_err(name).ok().map(|price| Row { kind: &entry.kind, model: &entry.model, price })
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
