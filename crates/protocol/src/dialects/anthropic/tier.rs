//! Classes of service in requests: this dialect's words and those that mean the same to all others.

use crate::ir::Text;

/// This dialect's word for no more than the standard capacity, which others call their default.
const STANDARD_ONLY: &str = "standard_only";
/// The word for it between dialects.
const DEFAULT: &str = "default";

/// The word between dialects.
pub(super) fn read(word: Text<'_>) -> Text<'_> {
    if word == STANDARD_ONLY { DEFAULT.into() } else { word }
}

/// This dialect's word; `None` if it has none. Words that a client of this dialect made up are the provider's to refuse.
pub(super) fn write(tier: &str, home: bool) -> Option<&str> {
    match tier {
        DEFAULT | STANDARD_ONLY => Some(STANDARD_ONLY),
        "auto" => Some("auto"),
        other if home => Some(other),
        "standard" => Some(STANDARD_ONLY),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_tier_has_a_word_everywhere() {
        assert_eq!(read("standard_only".into()), "default");
        assert_eq!(write(&read("standard_only".into()), true), Some("standard_only"));
        assert_eq!(write("default", false), Some("standard_only"));
        assert_eq!(
            (write("auto", false), write("flex", false), write("flex", true)),
            (Some("auto"), None, Some("flex"))
        );
    }
}
