//! Which models one credential is asked for, and under which names.

use std::borrow::Cow;

use lockgate_config as config;
use wildmatch::WildMatch;

/// What the operator said of a credential's models.
#[derive(Debug)]
pub(super) struct Offer {
    served: Vec<Served>,
    /// The list is the credential's own, so that it is asked for nothing else; a provider's only says what bare names mean.
    is_only: bool,
    exclude: Vec<WildMatch>,
    prefix: Option<String>,
    is_forced: bool,
}

#[derive(Debug)]
enum Served {
    /// The provider's own names.
    Glob(WildMatch, String),
    /// A name of the operator's.
    Alias { alias: String, name: String },
}

impl Offer {
    pub(super) fn new(provider: &config::Provider, row: &config::Credential) -> Self {
        let is_only = !row.models.is_empty();
        let served = if is_only { &row.models } else { &provider.models };
        let served = served.iter().map(|served| match &served.alias {
            Some(alias) => Served::Alias { alias: alias.clone(), name: served.name.clone() },
            None => Served::Glob(WildMatch::new(&served.name), served.name.clone()),
        });
        let exclude = provider.exclude.iter().chain(&row.exclude);
        Self {
            served: served.collect(),
            is_only,
            exclude: exclude.map(|glob| WildMatch::new_case_insensitive(glob)).collect(),
            prefix: row.prefix.clone().or_else(|| provider.prefix.clone()),
            is_forced: row.force_prefix || provider.force_prefix,
        }
    }

    /// The provider's name for what a client asks of this very provider; `None` if this credential is not asked for it.
    pub(super) fn direct<'n>(&'n self, asked: &'n str) -> Option<&'n str> {
        match self.named(asked) {
            Some(name) => Some(name),
            None if self.is_only => None,
            None => Some(asked).filter(|asked| !self.excludes(asked)),
        }
    }

    /// The provider's name for what a client asks by a bare name, or by one with this credential's prefix.
    pub(super) fn bare<'n>(&'n self, asked: &'n str) -> Option<&'n str> {
        match self.behind_prefix(asked) {
            Some(rest) => self.direct(rest),
            None if self.is_forced => None,
            None => self.named(asked),
        }
    }

    /// The provider's name for what a client asks by a name with this credential's prefix, which names it as the name of a
    /// provider does.
    pub(super) fn prefixed<'n>(&'n self, asked: &'n str) -> Option<&'n str> {
        self.direct(self.behind_prefix(asked)?)
    }

    fn behind_prefix<'n>(&self, asked: &'n str) -> Option<&'n str> {
        let rest = asked.strip_prefix(self.prefix.as_deref()?)?.strip_prefix('/')?;
        Some(rest).filter(|rest| !rest.is_empty())
    }

    /// The names to show of what it serves: those that are no patterns, under all the names that they are called by, each
    /// with the provider's. Several of the provider's models with one alias come one after the other.
    pub(super) fn names(&self) -> impl Iterator<Item = (Cow<'_, str>, &str)> {
        let names = self.served.iter().filter_map(|served| match served {
            Served::Glob(_, name) => {
                Some((name.as_str(), name)).filter(|(name, _)| !name.contains(['*', '?']))
            }
            Served::Alias { alias, name } => Some((alias.as_str(), name)),
        });
        let asked = names.filter(|(alias, name)| !self.excludes(name) && !self.excludes(alias));
        asked.flat_map(|(alias, name)| self.called(alias).map(move |called| (called, name.as_str())))
    }

    /// What a model is called here: bare, with the prefix, or both.
    pub(super) fn called<'n>(&self, name: &'n str) -> impl Iterator<Item = Cow<'n, str>> + use<'n> {
        let bare = (!self.is_forced).then_some(Cow::Borrowed(name));
        let prefixed = self.prefix.as_deref().map(|prefix| Cow::Owned(format!("{prefix}/{name}")));
        bare.into_iter().chain(prefixed)
    }

    /// True if the operator says what it serves. Who takes any name has not said which there are.
    pub(super) fn is_written(&self) -> bool {
        self.served.iter().any(|served| !matches!(served, Served::Glob(_, name) if name == "*"))
    }

    pub(super) fn excludes(&self, name: &str) -> bool {
        self.exclude.iter().any(|glob| glob.matches(name))
    }

    fn named<'n>(&'n self, asked: &'n str) -> Option<&'n str> {
        let name = self.served.iter().find_map(|served| match served {
            Served::Alias { alias, name } => (alias == asked).then_some(name.as_str()),
            Served::Glob(glob, _) => glob.matches(asked).then_some(asked),
        })?;
        (!self.excludes(name) && !self.excludes(asked)).then_some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(provider: &str, credential: &str) -> Offer {
        let text = format!(
            "providers: {{ p: {{ kind: vllm, {provider} credentials: [{{ api_key: k, {credential} }}] }} }}\nmodels: {{ m: {{ targets: [p/m] }} }}"
        );
        let config =
            lockgate_config::parse("test.yaml", &text, &|_| None).unwrap_or_else(|errors| panic!("{errors}"));
        let provider = &config.providers["p"];
        Offer::new(provider, &provider.credentials[0])
    }

    #[track_caller]
    fn check(offer: &Offer, asked: &str, direct: Option<&str>, bare: Option<&str>) {
        assert_eq!((offer.direct(asked), offer.bare(asked)), (direct, bare), "{asked}");
    }

    fn named(offer: &Offer) -> Vec<String> {
        offer.names().map(|(called, name)| format!("{called}={name}")).collect()
    }

    #[test]
    fn models_of_one_alias_are_all_shown() {
        let offer = offer(
            "",
            "exclude: [c], models: [{ name: a, alias: x }, b, { name: b, alias: x }, { name: c, alias: x }]",
        );
        assert_eq!(named(&offer), ["x=a", "b=b", "x=b"]);
    }

    #[test]
    fn a_provider_is_asked_for_anything_by_its_name_and_for_what_it_lists_by_theirs() {
        let offer =
            offer("models: [\"gpt-*\", { name: qwen3-32b, alias: smart }],", "exclude: [\"*-PREVIEW\"]");
        check(&offer, "gpt-4o", Some("gpt-4o"), Some("gpt-4o"));
        check(&offer, "smart", Some("qwen3-32b"), Some("qwen3-32b"));
        check(&offer, "other", Some("other"), None);
        check(&offer, "gpt-5-preview", None, None);
        assert_eq!(named(&offer), ["smart=qwen3-32b"]);
    }

    #[test]
    fn a_credential_with_a_list_is_asked_for_nothing_else() {
        let offer = offer("models: [a],", "models: [b, { name: c, alias: d }]");
        check(&offer, "a", None, None);
        check(&offer, "b", Some("b"), Some("b"));
        check(&offer, "c", None, None);
        check(&offer, "d", Some("c"), Some("c"));
    }

    #[test]
    fn a_prefix_names_the_credential() {
        let free = offer("", "prefix: team, models: [{ name: c, alias: d }]");
        check(&free, "team/d", None, Some("c"));
        assert_eq!(
            [free.prefixed("team/d"), free.prefixed("d"), free.prefixed("team/")],
            [Some("c"), None, None]
        );
        check(&free, "d", Some("c"), Some("c"));
        assert_eq!(named(&free), ["d=c", "team/d=c"]);
        let forced = offer("prefix: team, force_prefix: true, models: [\"x*\"],", "weight: 1");
        check(&forced, "team/xy", Some("team/xy"), Some("xy"));
        check(&forced, "team/anything", Some("team/anything"), Some("anything"));
        check(&forced, "xy", Some("xy"), None);
    }
}
