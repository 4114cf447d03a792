//! The accounts of all pools as providers and credentials.

use super::{Named, set};
use crate::Env;
use crate::foreign::common::{Names, kind_at};
use crate::foreign::section::{Section, text};
use crate::foreign::table::{Table, list, literal, referring, written};
use crate::reading::Reading;
use crate::span::Span;
use crate::tree::{Entry, Kind, Node};

/// A kind of pool.
struct Row {
    /// What the original calls it.
    name: &'static str,
    /// The kind of its accounts; `None` where that is for their URL to say.
    kind: Option<&'static str>,
    /// What proves who asks.
    proof: Proof,
    /// The variable from which the original has an account where the pool has none.
    variable: Option<&'static str>,
}

#[derive(Clone, Copy, PartialEq)]
enum Proof {
    /// `oauth_creds_file_path`, and with a project `project_id` too.
    File,
    /// `api_key`.
    Key,
}

/// Where accounts are whose URL is not written.
const USUAL_URL: &str = "https://api.openai.com/v1";

/// The variable that names the project of an account.
const PROJECT: &str = "PROJECT_ID";

/// Every kind of pool.
const ROWS: &[Row] = &[
    Row {
        name: "gemini-oauth",
        kind: Some("gemini"),
        proof: Proof::File,
        variable: Some("GEMINI_OAUTH_CREDS_FILE_PATH"),
    },
    Row {
        name: "claude-custom",
        kind: Some("anthropic"),
        proof: Proof::Key,
        variable: Some("CLAUDE_API_KEY"),
    },
    Row { name: "openai-custom", kind: None, proof: Proof::Key, variable: Some("OPENAI_API_KEY") },
    Row { name: "qwen-oauth", kind: Some("qwen"), proof: Proof::File, variable: None },
    Row { name: "kiro-oauth", kind: Some("kiro"), proof: Proof::File, variable: None },
];

/// The pools that any model is asked of, one after the other.
pub(super) struct Order {
    names: Vec<String>,
    /// Where the default one is named.
    span: Span,
}

impl Order {
    /// The default pool and those of its chain.
    pub(super) fn of(default: &Named, pools: Option<&mut Section<'_>>, reading: &mut Reading<'_>) -> Self {
        let mut names = vec![default.text.clone()];
        let chains = pools.map(|pools| pools.part("fallback_chains", reading).named()).unwrap_or_default();
        for (path, entry) in chains {
            if entry.key != default.text {
                let why = "is the chain of a pool that is not the default one, and is not acted on";
                reading.note(entry.key_span, &path, why);
                continue;
            }
            for (path, item) in items(&entry.value, &path, reading) {
                let name = text(item, &path, reading).map(|name| name.text.to_owned());
                names.extend(name.filter(|name| !names.contains(name)));
            }
        }
        Self { names, span: default.span }
    }

    fn first(&self) -> &str {
        self.names.first().map_or("", String::as_str)
    }

    /// The priority of a pool; `None` if it is only asked by its name.
    fn priority(&self, pool: &str) -> Option<usize> {
        self.names.iter().position(|known| known == pool)
    }
}

/// The accounts of all pools.
pub(super) struct Accounts<'o> {
    order: &'o Order,
    is_checked: bool,
    pools: Vec<Pool>,
}

struct Pool {
    row: &'static Row,
    span: Span,
    accounts: Vec<Account>,
    names: Names,
}

struct Account {
    span: Span,
    /// Where it is, if that is written.
    url: Option<(String, Span)>,
    credential: Table,
}

/// The accounts of a pool that are at one address.
struct Place {
    url: Option<(String, Span)>,
    accounts: Vec<Account>,
}

impl<'o> Accounts<'o> {
    pub(super) fn new(order: &'o Order, is_checked: bool) -> Self {
        Self { order, is_checked, pools: Vec::new() }
    }

    /// Adds the accounts of a pool of the file.
    pub(super) fn read(&mut self, path: &str, entry: &Entry, reading: &mut Reading<'_>) {
        let Some(row) = ROWS.iter().find(|row| row.name == entry.key) else {
            let known: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
            let why =
                format!("is no pool that is known here, and is left out: known are {}", known.join(", "));
            reading.note(entry.key_span, path, why);
            return;
        };
        let mut pool = Pool { row, span: entry.key_span, accounts: Vec::new(), names: Names::default() };
        for (path, item) in items(&entry.value, path, reading) {
            let section = Section::of(item, &path, reading);
            pool.accounts.extend(pool.row.account(section, &mut pool.names, self.is_checked, reading));
        }
        self.pools.push(pool);
    }

    /// Adds the account that a variable names to each pool that has none.
    pub(super) fn of_variables(&mut self, span: Span, env: Env<'_>) {
        for row in ROWS {
            let has_some =
                self.pools.iter().any(|pool| pool.row.name == row.name && !pool.accounts.is_empty());
            let Some(variable) = row.variable.filter(|name| set(env, name).is_some() && !has_some) else {
                continue;
            };
            let mut credential = Table::at(span);
            let proof = referring(span, format!("${{{variable}}}"));
            match row.proof {
                Proof::Key => credential.put("api_key", proof),
                Proof::File => {
                    let mut auth = Table::at(span);
                    auth.put("file", proof);
                    if set(env, PROJECT).is_some() {
                        auth.put("project", referring(span, format!("${{{PROJECT}}}")));
                    }
                    credential.put("auth", auth.node());
                }
            }
            let account = Account { span, url: None, credential };
            self.pools.push(Pool { row, span, accounts: vec![account], names: Names::default() });
        }
    }

    /// Puts the accounts among the providers, those that are asked first before the others.
    pub(super) fn put(self, out: &mut Table, reading: &mut Reading<'_>) {
        let Self { order, mut pools, .. } = self;
        pools.retain(|pool| !pool.accounts.is_empty());
        if !pools.iter().any(|pool| order.priority(pool.row.name).is_some()) {
            let message =
                format!("the pool `{}` has no account, and none that comes after it", order.first());
            let hint = "add one to the pools file, or name a pool that has one".to_owned();
            reading.findings.report(order.span, "default_provider", message, Some(hint));
            return;
        }
        pools.sort_by_key(|pool| order.priority(pool.row.name).unwrap_or(usize::MAX));
        let mut providers = Table::at(order.span);
        for pool in pools {
            let priority = order.priority(pool.row.name);
            pool.put(priority, &mut providers);
        }
        out.put("providers", providers.node());
    }
}

impl Row {
    /// `None` if it is not to be asked, which is said.
    fn account(
        &self,
        mut section: Section<'_>,
        names: &mut Names,
        is_checked: bool,
        reading: &mut Reading<'_>,
    ) -> Option<Account> {
        let (span, path) = (section.span, section.path.clone());
        let (uuid, name) = (section.text("uuid", reading), section.text("name", reading));
        let is_enabled = section.truth("enabled", reading).unwrap_or(true);
        let wants_check = section.truth("check_health", reading).unwrap_or(false);
        let check_model = section.text("check_model", reading);
        let mut credential = Table::at(span);
        if let Some(name) = name.or(uuid).filter(|name| !name.text.is_empty()) {
            credential.put("name", literal(name.span, &names.once(name.text)));
        }
        let mut url = None;
        match self.proof {
            Proof::File => {
                let file = section.text("oauth_creds_file_path", reading);
                let mut auth = Table::at(span);
                auth.put_some("file", file.map(|file| literal(file.span, file.text)));
                let project = section.text("project_id", reading).filter(|it| !it.text.is_empty());
                auth.put_some("project", project.map(|project| literal(project.span, project.text)));
                credential.put_some("auth", auth.some());
            }
            Proof::Key => {
                let key = section.text("api_key", reading).filter(|key| !key.text.is_empty());
                credential.put_some("api_key", key.map(|key| literal(key.span, key.text)));
                let written = section.text("base_url", reading).filter(|url| !url.text.is_empty());
                url = written.map(|url| (url.text.to_owned(), url.span));
            }
        }
        section.close(reading);
        if !is_enabled {
            reading.note(span, &path, "is not enabled, and is left out");
            return None;
        }
        match check_model.filter(|model| !model.text.is_empty()) {
            Some(model) if is_checked && wants_check => {
                credential.put("check_model", literal(model.span, model.text));
            }
            None if is_checked && wants_check => {
                reading.note(span, &path, "has no `check_model`, and is not checked");
            }
            _ => {}
        }
        Some(Account { span, url, credential })
    }
}

impl Pool {
    /// Puts it as one provider for each address that its accounts are at.
    fn put(self, priority: Option<usize>, providers: &mut Table) {
        let mut places: Vec<Place> = Vec::new();
        for account in self.accounts {
            let url = account.url.as_ref().map(|(url, _)| url);
            match places.iter_mut().find(|place| place.url.as_ref().map(|(url, _)| url) == url) {
                Some(place) => place.accounts.push(account),
                None => places.push(Place { url: account.url.clone(), accounts: vec![account] }),
            }
        }
        let (name, span) = (self.row.name, self.span);
        let is_split = places.len() > 1;
        for (index, Place { url, accounts }) in places.into_iter().enumerate() {
            let mut table = Table::at(span);
            let at = url.as_ref().map_or(USUAL_URL, |(url, _)| url);
            let kind = self.row.kind.unwrap_or_else(|| kind_at(at));
            table.put("kind", literal(span, kind));
            table.put_some("base_url", url.map(|(url, span)| literal(span, &url)));
            let credential = |account: Account| {
                let mut credential = account.credential;
                if let Some(place @ 1..) = priority {
                    credential.put("priority", written(account.span, format!("-{place}")));
                }
                credential.node()
            };
            table.put("credentials", list(span, accounts.into_iter().map(credential).collect()));
            if priority.is_some() {
                let comment =
                    "Any model is asked of the default pool, then of those of its chain, as before.";
                let any = list(span, vec![literal(span, "*")]);
                match priority {
                    Some(0) if index == 0 => table.put_chosen("models", any, comment),
                    _ => table.put("models", any),
                }
            }
            if is_split {
                table.put("prefix", literal(span, name));
                providers.put(&format!("{name}-{}", index + 1), table.node());
            } else {
                providers.put(name, table.node());
            }
        }
    }
}

/// The items of a node that must be a list, each with its path.
fn items<'n>(node: &'n Node, path: &str, reading: &mut Reading<'_>) -> Vec<(String, &'n Node)> {
    if !matches!(node.kind, Kind::Sequence(_) | Kind::Broken) && !node.is_null() {
        reading.findings.report(node.span, path, format!("`{path}` must be a list"), None);
    }
    node.items().iter().enumerate().map(|(index, item)| (format!("{path}[{index}]"), item)).collect()
}
