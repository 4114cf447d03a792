//! What a model's name may have on it that does not make it another model.
//!
//! Nothing here guesses: a name is looked up as it is, then without a date, without a beginning that the provider's table
//! row names, without both. A name that merely begins like another is another model.

use std::sync::LazyLock;

use serde::Deserialize;

/// What names of a kind of provider may have on them: a row of `names.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Habits {
    /// The kind, as the config has it.
    #[serde(default)]
    kind: String,
    /// The kind in whose rows its prices are, where it is another way to the same place.
    #[serde(default)]
    prices_of: Option<String>,
    /// What stands before the name in a resource's own name.
    #[serde(default)]
    behind: Vec<String>,
    /// What a name may begin with.
    #[serde(default)]
    begins: Vec<String>,
    /// What a name begins with that goes on, behind another colon, with whose model it is.
    #[serde(default)]
    tuned: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Names {
    names: Vec<Habits>,
}

// One that does not parse is empty here and fails `the_names_are_whole`: it is part of the binary, so nothing an operator
// does can break it.
static HABITS: LazyLock<Vec<Habits>> =
    LazyLock::new(|| parse(include_str!("../names.toml")).unwrap_or_default());

fn parse(text: &str) -> Result<Vec<Habits>, toml::de::Error> {
    toml::from_str::<Names>(text).map(|names| names.names)
}

/// The first that `look_up` finds of the names that a model may have among a kind's prices.
pub(crate) fn found<T>(
    kind: &str,
    model: &str,
    mut look_up: impl FnMut(&str, &str) -> Option<T>,
) -> Option<T> {
    let habits = habits(kind);
    let kind = habits.map_or(kind, |habits| habits.prices_of(kind));
    candidates(habits, model).find_map(|name| look_up(kind, name))
}

/// The row of a kind; without one, names have nothing on them but a date.
fn habits(kind: &str) -> Option<&'static Habits> {
    HABITS.iter().find(|habits| habits.kind == kind)
}

impl Habits {
    /// The kind in whose rows its prices are.
    fn prices_of<'a>(&'a self, kind: &'a str) -> &'a str {
        self.prices_of.as_deref().unwrap_or(kind)
    }
}

/// The names to look a model up by, the most exact first. Allocates nothing.
fn candidates<'a>(habits: Option<&'a Habits>, model: &'a str) -> impl Iterator<Item = &'a str> {
    let bare = habits.map_or(model, |habits| habits.resource(model));
    let begins = habits.map_or(&[][..], |habits| &habits.begins);
    let base = habits.and_then(|habits| habits.base(bare));
    let short = begins.iter().filter_map(move |start| bare.strip_prefix(start.as_str()));
    std::iter::once(bare)
        .chain(short)
        .flat_map(|name| [Some(name), undated(name)])
        .chain([base])
        .flatten()
        .filter(|name| !name.is_empty())
}

impl Habits {
    /// What stands behind a resource's path.
    fn resource<'a>(&self, model: &'a str) -> &'a str {
        self.behind.iter().find_map(|mark| Some(model.split_once(mark.as_str())?.1)).unwrap_or(model)
    }

    /// The model that a tuned one was made of, as the table has it: with the sign of being tuned.
    fn base<'a>(&self, model: &'a str) -> Option<&'a str> {
        let start = self.tuned.as_deref()?;
        let end = model.strip_prefix(start)?.find(':')?;
        model.get(..start.len() + end)
    }
}

/// What a name says of which of its versions it is: a date, or the latest. `None` where it says nothing.
fn undated(name: &str) -> Option<&str> {
    let without = |digits: &str, sign: char| {
        let (head, tail) = name.split_at_checked(name.len().checked_sub(digits.len() + 1)?)?;
        let fits = tail.strip_prefix(sign)?.bytes().zip(digits.bytes()).all(|(byte, form)| match form {
            b'0' => byte.is_ascii_digit(),
            other => byte == other,
        });
        fits.then_some(head)
    };
    const FORMS: &[(&str, char)] = &[
        ("0000-00-00", '-'),
        ("00000000", '-'),
        ("00000000", '@'),
        ("latest", '-'),
        ("latest", '@'),
        ("default", '@'),
    ];
    FORMS.iter().find_map(|(form, sign)| without(form, *sign))
}

#[cfg(test)]
mod tests;
