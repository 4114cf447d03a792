//! The table of prices: read from text, looked up by kind and model.

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use thiserror::Error;

use crate::{Class, Figures, Price, names};

/// The heads of the columns that are no class of tokens. `above` is empty in a model's first row; in those of its tiers it
/// is the tokens of input above which they count. `batch` is what a batch costs, in percent.
const KEYS: [&str; 3] = ["kind", "model", "above"];
pub(crate) const BATCH: &str = "batch";

pub(crate) const TEXT: &str = include_str!("../prices.csv");

// A table that does not parse is empty here and fails `the_shipped_table_is_whole`: it is part of the binary, so nothing
// an operator does can break it.
static SHIPPED: LazyLock<Table<'static>> = LazyLock::new(|| Table::parse(TEXT).unwrap_or_default());

/// What models cost, by kind of provider.
#[derive(Debug, Default)]
pub struct Table<'a> {
    /// Where the figures are from.
    sources: Vec<&'a str>,
    /// When they were so, as `YYYY-MM-DD`.
    date: &'a str,
    /// By kind, then model.
    rows: Vec<Row<'a>>,
}

/// One model of one kind of provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row<'a> {
    /// The kind of provider, as the config has it.
    pub kind: &'a str,
    /// The model, as the provider calls it.
    pub model: &'a str,
    /// What it costs.
    pub price: Price,
}

/// A line that is no part of a table.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("line {line} of the prices: {why}")]
pub struct Malformed {
    /// The line, the first being 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: &'static str,
}

impl Table<'static> {
    /// The table that is part of the binary. It is read by the first call, and never if there is none: who looks up a few
    /// models asks [`crate::listed`].
    pub fn shipped() -> &'static Self {
        &SHIPPED
    }
}

impl<'a> Table<'a> {
    /// A table of rows in any order. Of two rows for one model the first stays.
    pub fn new(sources: Vec<&'a str>, date: &'a str, mut rows: Vec<Row<'a>>) -> Self {
        rows.sort_by_key(|row| (row.kind, row.model));
        rows.dedup_by_key(|row| (row.kind, row.model));
        Self { sources, date, rows }
    }

    /// Reads a table: lines of `# source: ...` and `# date: ...`, the line of heads, and rows by kind and model with
    /// the rows of a model's tiers behind its own. Cells at the end of a row may be left out.
    ///
    /// # Errors
    /// Names the first line that is none of these, or that stands in the wrong place.
    pub fn parse(text: &'a str) -> Result<Self, Malformed> {
        let mut table = Self::default();
        let mut heads_seen = false;
        for (number, line) in text.lines().enumerate() {
            let malformed = |why| Malformed { line: number + 1, why };
            if let Some(remark) = line.strip_prefix('#') {
                table.remark(remark.trim());
            } else if heads_seen {
                table.row(line).map_err(malformed)?;
            } else if line.split(',').eq(heads()) {
                heads_seen = true;
            } else {
                return Err(malformed("it is not the line of heads"));
            }
        }
        Ok(table)
    }

    /// What a model costs at a kind of provider, or `None`, which means unknown and not nothing. The model is looked up
    /// by its name, then without what a name may have on it and be the same model (`names.toml`); never by a part of it.
    pub fn find(&self, kind: &str, model: &str) -> Option<&Price> {
        self.find_row(kind, model).map(|row| &row.price)
    }

    /// The row that [`Table::find`] finds: what the price was found by.
    pub fn find_row(&self, kind: &str, model: &str) -> Option<&Row<'a>> {
        names::found(kind, model, |kind, name| self.exactly(kind, name))
    }

    /// Every row, by kind and model.
    pub fn rows(&self) -> &[Row<'a>] {
        &self.rows
    }

    /// Where the figures are from, as URLs.
    pub fn sources(&self) -> &[&'a str] {
        &self.sources
    }

    /// The day on which the figures were so, as `YYYY-MM-DD`.
    pub fn date(&self) -> &'a str {
        self.date
    }

    fn exactly(&self, kind: &str, model: &str) -> Option<&Row<'a>> {
        let found = self.rows.binary_search_by(|row| (row.kind, row.model).cmp(&(kind, model))).ok()?;
        self.rows.get(found)
    }

    fn remark(&mut self, remark: &'a str) {
        match remark.split_once(": ") {
            Some(("source", url)) => self.sources.push(url),
            Some(("date", date)) => self.date = date,
            _ => {}
        }
    }

    /// Takes in the next line behind the heads.
    pub(crate) fn row(&mut self, line: &'a str) -> Result<(), &'static str> {
        let mut cells = line.split(',');
        let kind = cells.next().unwrap_or_default();
        let model = cells.next().unwrap_or_default();
        let above: Option<u64> = cell(cells.next())?;
        let mut figures = Figures::default();
        for class in Class::ALL {
            figures = figures.with(class, cell(cells.next())?);
        }
        let batch: Option<u8> = cell(cells.next())?;
        if cells.next().is_some() {
            return Err("it has more cells than there are heads");
        }
        match above {
            None => self.model(kind, model, figures, batch),
            Some(above) if batch.is_none() => self.tier(kind, model, above, figures),
            Some(_) => Err("a tier has no share of its own for batches"),
        }
    }

    fn model(
        &mut self,
        kind: &'a str,
        model: &'a str,
        figures: Figures,
        batch: Option<u8>,
    ) -> Result<(), &'static str> {
        if self.rows.last().is_some_and(|last| (last.kind, last.model) >= (kind, model)) {
            return Err("it does not come behind the row before it");
        }
        let price = Price::new(figures).ok_or("input or output is missing")?;
        let price = match batch {
            Some(percent) => price.batched_at(percent),
            None => price,
        };
        self.rows.push(Row { kind, model, price });
        Ok(())
    }

    fn tier(&mut self, kind: &str, model: &str, above: u64, figures: Figures) -> Result<(), &'static str> {
        let last = self.rows.pop_if(|last| (last.kind, last.model) == (kind, model));
        let mut row = last.ok_or("a tier comes behind its model")?;
        let tiers = row.price.tiers().len();
        row.price = row.price.tier(above, figures);
        if row.price.tiers().len() == tiers {
            return Err("a tier lies above the one before it");
        }
        self.rows.push(row);
        Ok(())
    }
}

/// As [`Table::parse`] reads it.
impl fmt::Display for Table<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for source in &self.sources {
            writeln!(formatter, "# source: {source}")?;
        }
        writeln!(formatter, "# date: {}", self.date)?;
        writeln!(formatter, "{}", heads().collect::<Vec<_>>().join(","))?;
        for row in &self.rows {
            let price = &row.price;
            line(formatter, &cells(row, None, |class| price.base().get(class), price.batch()))?;
            let mut below = price.base();
            for tier in price.tiers() {
                let changed =
                    |class| tier.figures.get(class).filter(|_| tier.figures.get(class) != below.get(class));
                line(formatter, &cells(row, Some(tier.above), changed, None))?;
                below = &tier.figures;
            }
        }
        Ok(())
    }
}

fn cells(
    row: &Row<'_>,
    above: Option<u64>,
    figure: impl Fn(Class) -> Option<u64>,
    batch: Option<u8>,
) -> Vec<String> {
    let text = |number: Option<u64>| number.map_or_else(String::new, |number| number.to_string());
    [row.kind.to_owned(), row.model.to_owned(), text(above)]
        .into_iter()
        .chain(Class::ALL.into_iter().map(|class| text(figure(class))))
        .chain([text(batch.map(u64::from))])
        .collect()
}

/// A line without the empty cells at its end.
fn line(formatter: &mut fmt::Formatter<'_>, cells: &[String]) -> fmt::Result {
    writeln!(formatter, "{}", cells.join(",").trim_end_matches(','))
}

/// The heads of all columns.
fn heads() -> impl Iterator<Item = &'static str> {
    KEYS.into_iter().chain(Class::ALL.into_iter().map(Class::name)).chain([BATCH])
}

fn cell<N: FromStr>(cell: Option<&str>) -> Result<Option<N>, &'static str> {
    match cell {
        None | Some("") => Ok(None),
        Some(text) => text.parse().map(Some).map_err(|_| "a figure is not a whole number"),
    }
}

#[cfg(test)]
mod tests;
