//! Which models go on with a turn of their own that a conversation ends with.

/// What follows `gemini-` in the names of models that do; the first row that fits counts. All others refuse it: "Requests
/// ending with a model turn are not supported unless the last part is a function response."
const MODELS: &[(&str, bool)] = &[
    ("1.5-", true),
    ("2.", true),
    ("3-", true),
    ("3.1-", true),
    ("3.5-flash-lite", false),
    ("3.5-flash", true),
    ("", false),
];

/// Whether `model` does. Names without a number are those of the newest.
pub(super) fn is_taken(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model);
    let Some(rest) = name.strip_prefix("gemini-") else { return false };
    MODELS.iter().find(|(front, _)| rest.starts_with(front)).is_some_and(|row| row.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_models_refuse_it() {
        for model in
            ["gemini-2.5-flash", "models/gemini-2.0-flash", "gemini-3-pro-preview", "gemini-3.5-flash"]
        {
            assert!(is_taken(model), "{model}");
        }
        for model in ["gemini-3.5-flash-lite", "gemini-3.6-flash", "gemini-flash-latest", "gemma-3-27b-it"] {
            assert!(!is_taken(model), "{model}");
        }
    }
}
