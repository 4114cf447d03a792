//! Profiles of AWS's shared files: keys, roles and sign-ins under a name (docs.aws.amazon.com, SDKs and tools reference,
//! "Assume role credential provider" and the pages beside it).

use std::{collections::BTreeMap, path::PathBuf};

use lockgate_provider::SigningKeys;

use super::{
    Coming, Ground, Host, Identity, Keys, Refusal, chain, ini,
    ini::Section,
    metadata,
    sso::{self, SignIn},
    sts::{self, Role},
};

/// Roles that are taken on by way of one another, at most.
const DEEPEST: usize = 5;

/// What both shared files say together. Some of it is secret, so it has no `Debug`.
pub(super) struct Profiles {
    profiles: BTreeMap<String, Section>,
    sessions: BTreeMap<String, Section>,
}

/// The profile that counts where nobody names one.
pub(super) fn usual_name(host: &Host) -> String {
    host.variable("AWS_PROFILE").unwrap_or_else(|| "default".to_owned())
}

/// The keys of the profile that counts where nobody names one; none if it is not there or says nothing of keys.
pub(super) async fn usual_keys(host: &Host, ground: &Ground) -> Result<Option<Keys>, Refusal> {
    let profiles = Profiles::read(host).await?;
    let name = usual_name(host);
    let is_named = host.variable("AWS_PROFILE").is_some();
    match profiles.profiles.get(&name) {
        Some(section) if is_named || says_of_keys(section) => {
            Walk { host, ground, profiles: &profiles }.keys(&name, 0).await.map(Some)
        }
        None if is_named => Err(missing(&name)),
        _ => Ok(None),
    }
}

/// The keys of the profile of that name.
pub(super) async fn keys(host: &Host, ground: &Ground, name: &str) -> Result<Keys, Refusal> {
    let profiles = Profiles::read(host).await?;
    Walk { host, ground, profiles: &profiles }.keys(name, 0).await
}

/// Whether a profile says anything of where keys come from, and is not only there for its region.
fn says_of_keys(section: &Section) -> bool {
    const WORDS: &[&str] = &[
        "aws_access_key_id",
        "aws_secret_access_key",
        "role_arn",
        "sso_session",
        "sso_start_url",
        "credential_process",
        "login_session",
    ];
    WORDS.iter().any(|word| section.contains_key(*word))
}

fn missing(name: &str) -> Refusal {
    Refusal::lasting(format!("the shared files have no profile `{name}`"))
}

/// The shared files: settings, then keys.
fn files(host: &Host) -> [PathBuf; 2] {
    let file =
        |variable: &str, usual: &str| host.path(&host.variable(variable).unwrap_or_else(|| usual.to_owned()));
    [file("AWS_CONFIG_FILE", "~/.aws/config"), file("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials")]
}

// === impl Profiles ===

impl Profiles {
    /// Reads both files; one that is not there says nothing.
    async fn read(host: &Host) -> Result<Self, Refusal> {
        let [config, credentials] = files(host);
        let config = host.read_if_there(&config).await?;
        Ok(Self::of(config, host.read_if_there(&credentials).await?))
    }

    /// The same at the start.
    pub(super) fn read_at_start(host: &Host) -> Result<Self, Refusal> {
        let [config, credentials] = files(host);
        Ok(Self::of(host.read_at_start(&config)?, host.read_at_start(&credentials)?))
    }

    fn of(config: Option<Vec<u8>>, credentials: Option<Vec<u8>>) -> Self {
        let sections =
            |bytes: Option<Vec<u8>>| ini::sections(&String::from_utf8_lossy(&bytes.unwrap_or_default()));
        let mut read = Self { profiles: BTreeMap::new(), sessions: BTreeMap::new() };
        // The word `profile` is for all but the default one, and where both spellings are there, the longer counts.
        for (name, section) in sections(config) {
            match name.split_once(' ') {
                Some(("profile", name)) => _ = read.profiles.insert(name.to_owned(), section),
                Some(("sso-session", name)) => _ = read.sessions.insert(name.to_owned(), section),
                None if name == "default" => _ = read.profiles.entry(name).or_insert(section),
                _ => {}
            }
        }
        // Keys are looked for in their own file first.
        for (name, section) in sections(credentials) {
            read.profiles.entry(name).or_default().extend(section);
        }
        read
    }

    /// The region that a profile names.
    pub(super) fn region(&self, name: &str) -> Option<String> {
        self.profiles.get(name)?.get("region").cloned()
    }
}

/// The way from a profile to keys.
struct Walk<'a> {
    host: &'a Host,
    ground: &'a Ground,
    profiles: &'a Profiles,
}

impl<'a> Walk<'a> {
    /// The keys of one profile; `depth` says how many others led here.
    fn keys(&'a self, name: &'a str, depth: usize) -> Coming<'a> {
        Box::pin(async move {
            let section = self.profiles.profiles.get(name).ok_or_else(|| missing(name))?;
            if depth > DEEPEST {
                return Err(Refusal::lasting(format!("profile `{name}`: too many roles behind one another")));
            }
            // The keys of a profile that another one names as its source count before that profile's own role.
            let written = written(section);
            match (section.get("role_arn"), written) {
                (Some(_), Some(keys)) if depth > 0 => Ok(keys),
                (Some(role), _) => self.role(name, section, role, depth).await,
                (None, written) => match self.sign_in(name, section)? {
                    Some(sign_in) => sso::keys(self.host, self.ground, &sign_in).await,
                    None => written.ok_or_else(|| nothing(name, section)),
                },
            }
        })
    }

    /// The keys of a role that a profile names.
    async fn role(&self, name: &str, section: &Section, arn: &str, depth: usize) -> Result<Keys, Refusal> {
        let value = |word: &str| section.get(word).map(String::as_str);
        let refuse = |why: &str| Refusal::lasting(format!("profile `{name}`: {why}"));
        if section.contains_key("mfa_serial") {
            return Err(refuse(
                "its role asks for a code from a person (`mfa_serial`), which nobody can give here",
            ));
        }
        if let Some(file) = value("web_identity_token_file") {
            let session = value("role_session_name").map(str::to_owned);
            let identity = Identity { role: arn.to_owned(), file: file.to_owned(), session };
            return sts::with_identity(self.host, self.ground, &identity).await;
        }
        let none = || refuse("`credential_source` has no credentials");
        let with = match (value("source_profile"), value("credential_source")) {
            (Some(source), None) if source == name => {
                written(section).ok_or_else(|| refuse("its `source_profile` is itself, without keys"))?
            }
            (Some(source), None) => self.keys(source, depth + 1).await?,
            (None, Some("Environment")) => chain::variables(self.host).ok_or_else(none)?,
            (None, Some("EcsContainer")) => metadata::of_container(self.host).await?.ok_or_else(none)?,
            (None, Some("Ec2InstanceMetadata")) => {
                metadata::of_machine(self.host, self.ground).await?.ok_or_else(none)?
            }
            _ => {
                return Err(refuse(
                    "`role_arn` wants one `source_profile`, or one `credential_source` that AWS knows",
                ));
            }
        };
        let role = Role {
            arn,
            session: value("role_session_name"),
            external_id: value("external_id"),
            duration: value("duration_seconds"),
        };
        sts::assume(self.host, self.ground, &role, &with.signing).await
    }

    /// The sign-in that a profile is used with, in its newer form or the older one without a session of its own.
    fn sign_in(&self, name: &str, section: &'a Section) -> Result<Option<SignIn<'a>>, Refusal> {
        let missing = |what: &str| Refusal::lasting(format!("profile `{name}`: `{what}` is missing"));
        let get = |section: &'a Section, word: &str| {
            section.get(word).map(String::as_str).ok_or_else(|| missing(word))
        };
        let (start, session) = match section.get("sso_session") {
            Some(session) => {
                let found = self.profiles.sessions.get(session);
                (found.ok_or_else(|| missing(&format!("[sso-session {session}]")))?, Some(session.as_str()))
            }
            None if section.contains_key("sso_start_url") => (section, None),
            None => return Ok(None),
        };
        Ok(Some(SignIn {
            profile: name.to_owned(),
            name: session.map_or_else(|| get(start, "sso_start_url"), Ok)?,
            region: get(start, "sso_region")?,
            account: get(section, "sso_account_id")?,
            role: get(section, "sso_role_name")?,
        }))
    }
}

/// The keys that are written in a profile itself.
fn written(section: &Section) -> Option<Keys> {
    let value = |word: &str| section.get(word).cloned();
    let (id, secret) = (value("aws_access_key_id")?, value("aws_secret_access_key")?);
    let session = value("aws_session_token");
    Some(Keys { signing: SigningKeys { id, secret, session }, expires: None })
}

/// What a profile without keys lacks.
fn nothing(name: &str, section: &Section) -> Refusal {
    let why = if section.contains_key("credential_process") {
        "its keys come from a program (`credential_process`), and none is run here: write the keys, a role or a sign-in"
    } else if section.contains_key("login_session") {
        "a sign-in of `aws login` is not understood: use `aws sso login`, a role or keys"
    } else {
        "it has no keys, no role and no sign-in"
    };
    Refusal::lasting(format!("profile `{name}`: {why}"))
}
