//! The environment variables that tell of a kind of provider.

/// The variables that tell of one kind; named as the provider's own SDK names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Environment {
    /// The kind they tell of.
    pub kind: &'static str,
    /// Holds the API key; the kind is found when it is set.
    pub api_key: &'static str,
    /// Holds another base URL than the usual one, or the only one where there is no usual one.
    pub base_url: Option<&'static str>,
    /// Holds the version of the API, where the provider has one.
    pub api_version: Option<&'static str>,
    /// Hold the cloud's region, the first that is set; empty where the kind has none.
    pub region: &'static [&'static str],
}
