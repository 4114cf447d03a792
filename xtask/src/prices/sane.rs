//! Whether figures can be: what cannot is left out and named, so that the table has gaps and no nonsense.

use lockgate_prices::{Class, Figures, Price};

use super::entry::{Answers, Entry};

/// 1,000 dollars for a million tokens: more than any model costs.
const MOST: u64 = 1_000_000_000;
/// 10 dollars: more than any model costs that answers nothing but numbers.
const MOST_WITHOUT_ANSWER: u64 = 10_000_000;

/// The price of a model, each figure that cannot be left out with a word to `left_out`.
///
/// # Errors
/// Says why the model has no price: its input or output has none that can be, or the figures are at odds.
pub(crate) fn price(entry: &Entry, left_out: &mut impl FnMut(String)) -> Result<Price, String> {
    let comes_out_free = entry.answers == Answers::Nothing;
    let mut base = possible(&entry.base, comes_out_free, "", left_out);
    let figure = |class: Class| base.get(class).ok_or(format!("no figure for {}", class.name()));
    let (input, output) = (figure(Class::Input)?, figure(Class::Output)?);
    if let Answers::In(class) = entry.answers {
        figure(class)?;
    }
    if !comes_out_free && base.get(Class::CacheRead).is_some_and(|read| output < read) {
        return Err("output is cheaper than cache_read".to_owned());
    }
    base = consistent(base, input, "", left_out);
    let mut price = Price::new(plain(base)).ok_or("no figures for input and output")?;
    let mut below = base;
    for (above, changes) in &entry.tiers {
        let place = format!(" above {above} tokens");
        let changes = possible(changes, comes_out_free, &place, left_out);
        let changes = rising(changes, &below, &place, left_out);
        let input = changes.get(Class::Input).or(below.get(Class::Input)).unwrap_or(input);
        let mut changes = consistent(changes, input, &place, left_out);
        // A part must not be left behind below its whole.
        let now = |class| changes.get(class).or(below.get(class));
        if let (Some(write), Some(hour)) = (now(Class::CacheWrite), now(Class::CacheWrite1h))
            && hour < write
        {
            left_out(format!(
                "cache_write_1h{place} is not said and was {hour} below: taken as cache_write, {write}"
            ));
            changes = changes.with(Class::CacheWrite1h, write);
        }
        below = changes.said().fold(below, |below, (class, figure)| below.with(class, figure));
        if changes.said().next().is_some() {
            price = price.tier(*above, changes);
        }
    }
    Ok(match batch(entry, input, output, left_out) {
        Some(percent) => price.batched_at(percent),
        None => price,
    })
}

/// Without figures that are nothing or too much.
fn possible(figures: &Figures, free_output: bool, place: &str, left_out: &mut impl FnMut(String)) -> Figures {
    let most = if free_output { MOST_WITHOUT_ANSWER } else { MOST };
    let is_possible = |class, figure| match figure {
        0 => free_output && class == Class::Output,
        figure => figure <= most,
    };
    keep(figures, is_possible, |class, figure| left_out(format!("{}{place} is {figure}", class.name())))
}

/// Without what contradicts other figures: caches that cost more to read than to do without, that are paid for being
/// written to, or that cost less, or more than twice as much, for the longer time.
fn consistent(figures: Figures, input: u64, place: &str, left_out: &mut impl FnMut(String)) -> Figures {
    let write = figures.get(Class::CacheWrite).unwrap_or(input).max(input);
    let fits = |class, figure| match class {
        Class::CacheRead => figure <= input,
        Class::CacheWrite => figure >= input,
        Class::CacheWrite1h => (write..=2 * write).contains(&figure),
        _ => true,
    };
    keep(&figures, fits, |class, figure| {
        left_out(format!(
            "{}{place} is {figure}, which does not go with input {input}, cache_write {write}",
            class.name()
        ));
    })
}

/// Without what is cheaper for larger calls.
fn rising(changes: Figures, below: &Figures, place: &str, left_out: &mut impl FnMut(String)) -> Figures {
    let rises = |class, figure| figure >= below.of(class);
    keep(&changes, rises, |class, figure| {
        left_out(format!("{}{place} is {figure}, less than below", class.name()))
    })
}

/// Without what goes without saying.
fn plain(figures: Figures) -> Figures {
    let says_more =
        |class: Class, figure| class.otherwise().is_none_or(|other| figures.get(other) != Some(figure));
    keep(&figures, says_more, |_, _| {})
}

fn keep(
    figures: &Figures,
    is_kept: impl Fn(Class, u64) -> bool,
    mut left_out: impl FnMut(Class, u64),
) -> Figures {
    let mut kept = *figures;
    for (class, figure) in figures.said() {
        if !is_kept(class, figure) {
            kept = kept.without(class);
            left_out(class, figure);
        }
    }
    kept
}

/// The share of the price, in percent, that a batch costs: a whole number, the same for input and output.
fn batch(entry: &Entry, input: u64, output: u64, left_out: &mut impl FnMut(String)) -> Option<u8> {
    let share = |batch: u64, whole: u64| {
        (whole > 0 && (batch * 100).is_multiple_of(whole)).then_some(batch * 100 / whole)
    };
    let (batch_input, batch_output) = entry.batch;
    let batch_input = batch_input?;
    let of_input = share(batch_input, input);
    let of_output = if output == 0 { of_input } else { share(batch_output?, output) };
    let percent = of_input.filter(|percent| of_output == Some(*percent) && (1..100).contains(percent));
    if percent.is_none() {
        left_out(format!(
            "a batch is no whole share: {batch_input} of input {input}, {batch_output:?} of output {output}"
        ));
    }
    u8::try_from(percent?).ok()
}

#[cfg(test)]
mod tests;
