//! The operator's changes to bodies on their way out: values put where none is, put over others, taken out.

use bytes::Bytes;
use http::HeaderMap;
use lockgate_config::{self as config, AnyJson};
use lockgate_protocol::json::Path;
use wildmatch::WildMatch;

/// All rules, in the order in which they count.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    list: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    when: When,
    change: Change,
}

/// What a rule does. Values are JSON text.
#[derive(Debug)]
enum Change {
    Default(Vec<(Path, String)>),
    Override(Vec<(Path, String)>),
    Remove(Vec<Path>),
}

/// Which requests a rule is for; an empty list fits all.
#[derive(Debug)]
struct When {
    models: Vec<WildMatch>,
    from: Vec<String>,
    to: Vec<String>,
    providers: Vec<String>,
    headers: Vec<(String, WildMatch)>,
}

/// One request on its way out, as far as rules look at it.
pub(crate) struct Subject<'a> {
    /// The model as the client asked for it.
    pub(crate) asked: &'a str,
    /// The model as the provider knows it.
    pub(crate) model: &'a str,
    /// The client's dialect.
    pub(crate) from: &'a str,
    /// The provider's dialect.
    pub(crate) to: &'a str,
    pub(crate) provider: &'a str,
    /// The client's headers.
    pub(crate) headers: &'a HeaderMap,
}

impl Rules {
    /// The config was checked, so that its paths are paths; one that is none changes nothing.
    pub(crate) fn new(rules: &config::Rules) -> Self {
        let set = |rule: &config::SetRule| -> Vec<(Path, String)> {
            let pair = |(path, value): (&String, &AnyJson)| {
                Some((Path::parse(path).ok()?, value.as_str().to_owned()))
            };
            rule.set.iter().filter_map(pair).collect()
        };
        let default = rules.default.iter().map(|rule| (&rule.when, Change::Default(set(rule))));
        let over = rules.r#override.iter().map(|rule| (&rule.when, Change::Override(set(rule))));
        let filter = rules.filter.iter().map(|rule| {
            let paths = rule.remove.iter().filter_map(|path| Path::parse(path).ok());
            (&rule.when, Change::Remove(paths.collect()))
        });
        let all = default.chain(over).chain(filter);
        Self { list: all.map(|(when, change)| Rule { when: When::new(when), change }).collect() }
    }

    /// The body as it leaves. One that no rule is for, or that is no JSON object, leaves as it is.
    pub(crate) fn apply(&self, subject: &Subject<'_>, body: Vec<Bytes>) -> Vec<Bytes> {
        let mut fitting = self.list.iter().filter(|rule| rule.when.fits(subject)).peekable();
        if fitting.peek().is_none() {
            return body;
        }
        let Ok(mut text) = String::from_utf8(body.concat()) else { return body };
        if !text.trim_start().starts_with('{') {
            return body;
        }
        for rule in fitting {
            rule.change.make(&mut text);
        }
        vec![Bytes::from(text)]
    }
}

impl Change {
    fn make(&self, text: &mut String) {
        match self {
            Self::Default(values) => {
                for (path, value) in values {
                    if path.find(text).is_none() {
                        put(text, path.set(text, value));
                    }
                }
            }
            Self::Override(values) => {
                for (path, value) in values {
                    put(text, path.set(text, value));
                }
            }
            Self::Remove(paths) => {
                for path in paths {
                    put(text, path.remove(text));
                }
            }
        }
    }
}

/// What cannot be changed stays: a path may lead through a value that is no object in this very request.
fn put(text: &mut String, changed: Option<String>) {
    if let Some(changed) = changed {
        *text = changed;
    }
}

impl When {
    fn new(when: &config::Match) -> Self {
        Self {
            models: when.models.iter().map(|glob| WildMatch::new_case_insensitive(glob)).collect(),
            from: when.from.clone(),
            to: when.to.clone(),
            providers: when.providers.clone(),
            headers: when
                .headers
                .iter()
                .map(|(name, glob)| (name.clone(), WildMatch::new_case_insensitive(glob)))
                .collect(),
        }
    }

    fn fits(&self, subject: &Subject<'_>) -> bool {
        let named = |list: &[String], name: &str| list.is_empty() || list.iter().any(|known| known == name);
        let is_model = |glob: &WildMatch| glob.matches(subject.asked) || glob.matches(subject.model);
        let has_header = |(name, glob): &(String, WildMatch)| {
            subject
                .headers
                .get_all(name)
                .iter()
                .any(|value| value.to_str().is_ok_and(|value| glob.matches(value)))
        };
        (self.models.is_empty() || self.models.iter().any(is_model))
            && named(&self.from, subject.from)
            && named(&self.to, subject.to)
            && named(&self.providers, subject.provider)
            && self.headers.iter().all(has_header)
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    /// `rules` is the config's section as a person writes it.
    #[track_caller]
    fn check(rules: &str, body: &'static str, expected: &str) {
        let text = format!(
            "providers: {{ p: {{ kind: openai, api_key: k }} }}\nmodels: {{ m: {{ targets: [p/m] }} }}\nrules: {rules}"
        );
        let config = lockgate_config::parse("test.yaml", &text, &|_| None).expect("a config");
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static("x-tier"), HeaderValue::from_static("tenant-1"));
        let subject = Subject {
            asked: "fast",
            model: "gpt-5",
            from: "openai-chat",
            to: "openai-responses",
            provider: "p",
            headers: &headers,
        };
        let body = vec![Bytes::from_static(body.as_bytes())];
        let changed = Rules::new(&config.rules).apply(&subject, body);
        assert_eq!(String::from_utf8(changed.concat()).expect("text"), expected);
    }

    #[test]
    fn the_first_default_and_the_last_override_count() {
        check(
            "{ default: [{ set: { a: 1, b: 1 } }, { set: { b: 2, c.d: x } }] }",
            r#"{"a": 0.50}"#,
            r#"{"a": 0.50,"b":1,"c":{"d":"x"}}"#,
        );
        check(
            "{ default: [{ set: { a: 9 } }], override: [{ set: { a: 1 } }, { set: { a: [2, { z: 1, y: 2 }] } }] }",
            r#"{"n":1e3}"#,
            r#"{"n":1e3,"a":[2,{"z":1,"y":2}]}"#,
        );
        check(
            "{ override: [{ set: { a: 1 } }], filter: [{ remove: [a, gone, 'm[0].x'] }] }",
            r#"{"m":[{"x":1,"y":2}]}"#,
            r#"{"m":[{"y":2}]}"#,
        );
    }

    #[test]
    fn rules_are_for_whom_they_name() {
        for (when, fits) in [
            ("{}", true),
            ("{ models: [GPT-*] }", true),
            ("{ models: [fast] }", true),
            ("{ models: [slow, claude-*] }", false),
            ("{ from: [openai-chat] }", true),
            ("{ from: [anthropic] }", false),
            ("{ to: [gemini, openai-responses] }", true),
            ("{ to: [openai-chat] }", false),
            ("{ providers: [p] }", true),
            ("{ headers: { X-Tier: 'tenant-*' } }", true),
            ("{ headers: { X-Tier: 'tenant-*', x-other: '*' } }", false),
            ("{ models: [gpt-*], to: [gemini] }", false),
        ] {
            let expected = if fits { r#"{"a":1}"# } else { "{}" };
            check(&format!("{{ override: [{{ when: {when}, set: {{ a: 1 }} }}] }}"), "{}", expected);
        }
    }

    #[test]
    fn what_is_no_object_leaves_as_it_is() {
        let rules = "{ override: [{ set: { a: 1, b.c: 2 } }] }";
        check(rules, "--boundary\r\n", "--boundary\r\n");
        check(rules, r#"{"b":"text"}"#, r#"{"b":"text","a":1}"#);
    }
}
