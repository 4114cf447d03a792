//! Names that nearly match.

/// The candidate that `name` was probably meant to be, if one is near enough.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = plain(name);
    // About one slip in three letters: `wieght` finds `weight`, `key` does not find `kind`.
    let allowed = (wanted.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&wanted, &plain(candidate)), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `baseUrl`, `base-url` and `BASE_URL` are all the same slip for `base_url`. Names are cut at a length
/// that no real one has, because the distance costs time in its square.
fn plain(name: &str) -> String {
    name.chars()
        .filter(|c| !matches!(c, '_' | '-' | '.' | ' '))
        .take(128)
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[track_caller]
    fn check(name: &str, candidates: &[&str], expected: Option<&str>) {
        assert_eq!(nearest(name, candidates.iter().copied()), expected);
    }

    #[test]
    fn slips_are_found_and_strangers_are_not() {
        check("wieght", &["name", "weight"], Some("weight"));
        check("baseUrl", &["api_key", "base_url"], Some("base_url"));
        check("key", &["kind", "headers"], None);
        check("", &["kind"], None);
    }
}
