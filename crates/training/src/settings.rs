//! What the operator wants written: the form, where reasoning goes, and of which calls.

use wildmatch::WildMatch;

use crate::Form;

/// Where the reasoning of a model goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reasoning {
    /// Before the text, as `<think>...</think>` and a line end.
    #[default]
    Think,
    /// Beside the text, as `reasoning_content`; only the messages form has a place for it.
    Field,
}

impl Reasoning {
    /// Every choice, with its name in configs.
    pub const TABLE: &[(&str, Self)] = &[("think", Self::Think), ("field", Self::Field)];

    /// The choice of that name.
    pub fn find(name: &str) -> Option<Self> {
        Self::TABLE.iter().find(|row| row.0 == name).map(|row| row.1)
    }
}

/// What training files are made of and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// The form of the lines.
    pub form: Form,
    /// Where reasoning goes.
    pub reasoning: Reasoning,
    /// Of calls for models whose names match one of these globs (`*` and `?`); of all if there are none.
    pub models: Vec<String>,
    /// Of calls with keys whose names match one of these globs; of all, those without a key among them, if there are none.
    pub keys: Vec<String>,
}

impl Settings {
    /// Whether a call for `model` with the key of that name makes a line.
    pub fn wants(&self, model: &str, key: Option<&str>) -> bool {
        let is_listed =
            |globs: &[String], name: &str| globs.iter().any(|glob| WildMatch::new(glob).matches(name));
        (self.models.is_empty() || is_listed(&self.models, model))
            && (self.keys.is_empty() || key.is_some_and(|key| is_listed(&self.keys, key)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(models: &[&str], keys: &[&str], model: &str, key: Option<&str>, expect: bool) {
        let owned = |globs: &[&str]| globs.iter().map(|glob| (*glob).to_owned()).collect();
        let settings = Settings { models: owned(models), keys: owned(keys), ..Settings::default() };
        assert_eq!(settings.wants(model, key), expect);
    }

    #[test]
    fn globs_choose_models_and_keys() {
        check(&[], &[], "fast", None, true);
        check(&["fast", "claude-*"], &[], "claude-x", None, true);
        check(&["fast", "claude-*"], &[], "fastest", None, false);
        check(&[], &["team-?"], "fast", Some("team-a"), true);
        check(&[], &["team-?"], "fast", Some("team-ab"), false);
        check(&[], &["*"], "fast", None, false);
        check(&["x"], &["team-a"], "fast", Some("team-a"), false);
    }

    #[test]
    fn choices_are_found_by_name() {
        assert_eq!(Reasoning::find("field"), Some(Reasoning::Field));
        assert_eq!(Reasoning::find("drop"), None);
    }
}
