//! Changes to the bodies that go to providers.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::AnyJson;

/// Changes to the bodies that go to providers, made after translation, in the provider's dialect: first `default`, then
/// `override`, then `filter`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Rules {
    /// Values that are put where none is; of several rules the first has its say.
    pub default: Vec<SetRule>,
    /// Values that are put whatever is there; of several rules the last has its say.
    pub r#override: Vec<SetRule>,
    /// Values that are taken out.
    pub filter: Vec<FilterRule>,
}

/// One rule that puts values into bodies.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetRule {
    /// The requests it is for; without it all.
    #[serde(default)]
    pub when: Match,
    /// The values by their paths, such as `reasoning.effort` or `tools[0].strict`; a dot in a name is written `\\.`.
    pub set: IndexMap<String, AnyJson>,
}

/// One rule that takes values out of bodies.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FilterRule {
    /// The requests it is for; without it all.
    #[serde(default)]
    pub when: Match,
    /// The paths of the values, such as `generationConfig.thinkingConfig`.
    pub remove: Vec<String>,
}

/// Which requests a rule is for: those that fit each of the lists that are written.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Match {
    /// The model, as the client asks for it or as the provider knows it; `*` and `?` work.
    pub models: Vec<String>,
    /// The client's dialect.
    pub from: Vec<String>,
    /// The provider's dialect.
    pub to: Vec<String>,
    /// The provider's name.
    pub providers: Vec<String>,
    /// Headers that the client sends, with what they must be; `*` and `?` work, and case does not count.
    pub headers: IndexMap<String, String>,
}
