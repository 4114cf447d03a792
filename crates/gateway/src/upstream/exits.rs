//! The ways out that the config names: each is made once, and whoever names the same shares its connections.

use std::{collections::HashMap, fs::File, io::Read, sync::Arc, time::Duration};

use lockgate_config::{self as config, Route, Secret};
use sha2::{Digest, Sha256};

use super::{
    Upstream,
    route::{Environment, Routes},
    tls::Tls,
};
use crate::files;

/// Largest file with certificates that is looked at for changes: a larger one counts as changed each time.
const MAX_FILE: u64 = 16 << 20;

/// A way out, as the operator wrote it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Exit {
    /// Absent where nothing is written, so that the environment counts.
    route: Option<Route>,
    tls: config::Tls,
}

/// All ways out so far.
#[derive(Debug, Default)]
pub(crate) struct Exits {
    environment: Option<Arc<Environment>>,
    tls: HashMap<config::Tls, Tls>,
    made: HashMap<(Duration, Exit), Made>,
    /// Those of an older config, whose connections count on where nothing of the way has changed.
    older: HashMap<(Duration, Exit), Made>,
}

/// A way out with its connections.
#[derive(Debug, Clone)]
struct Made {
    upstream: Upstream,
    /// What its files held.
    files: Option<[u8; 32]>,
}

impl Exit {
    /// `proxies` are the settings that may hold for it, the nearest first: the first that is written counts.
    ///
    /// # Errors
    /// A setting that is no proxy, without its value.
    pub(crate) fn new(proxies: &[Option<&Secret>], tls: Option<&config::Tls>) -> Result<Self, String> {
        let route = proxies.iter().flatten().next().map(|proxy| Route::parse(proxy.expose()));
        let route = route.transpose().map_err(|why| format!("`proxy` {why}"))?;
        Ok(Self { route, tls: tls.cloned().unwrap_or_default() })
    }

    /// Straight, whatever is written: to the machine's own surroundings.
    pub(crate) fn straight() -> Self {
        Self { route: Some(Route::Direct), tls: config::Tls::default() }
    }

    /// The same way to other hosts than the provider's, such as those that give out its tokens: the gateway shows them no
    /// certificate, and they have names of their own.
    pub(crate) fn elsewhere(&self) -> Self {
        Self { route: self.route.clone(), tls: self.tls.elsewhere() }
    }
}

impl Exits {
    /// None yet, but with those of an older config to go on with.
    pub(crate) fn after(older: Option<&Self>) -> Self {
        match older {
            Some(older) => {
                Self { environment: older.environment.clone(), older: older.made.clone(), ..Self::default() }
            }
            None => Self::default(),
        }
    }

    /// Those that are named now: the others are given up, once nobody uses them.
    pub(crate) fn settled(self) -> Self {
        Self { older: HashMap::new(), tls: HashMap::new(), ..self }
    }

    /// The connections on this way out, each of which may take `connect` to open.
    ///
    /// # Errors
    /// A file that cannot be used, or a proxy of the environment; the texts hold no secret.
    pub(crate) fn get(&mut self, connect: Duration, exit: &Exit) -> Result<Upstream, String> {
        let key = (connect, exit.clone());
        if let Some(made) = self.made.get(&key) {
            return Ok(made.upstream.clone());
        }
        let files = contents(&exit.tls);
        if let Some(made) = self.older.get(&key).filter(|made| files.is_some() && made.files == files) {
            let made = made.clone();
            self.made.insert(key, made.clone());
            return Ok(made.upstream);
        }
        let routes = match &exit.route {
            Some(route) => Routes::Written(route.clone()),
            None => Routes::Environment(self.environment()?),
        };
        let tls = self.tls(&exit.tls)?;
        // A proxy is believed like a provider, but has its own name and does not want the provider's certificate.
        let to_proxy = self.tls(&exit.tls.elsewhere())?;
        let upstream = Upstream::new(connect, routes, tls, &to_proxy);
        self.made.insert(key, Made { upstream: upstream.clone(), files });
        Ok(upstream)
    }

    fn tls(&mut self, written: &config::Tls) -> Result<Tls, String> {
        if let Some(tls) = self.tls.get(written) {
            return Ok(tls.clone());
        }
        let tls = Tls::new(written)?;
        self.tls.insert(written.clone(), tls.clone());
        Ok(tls)
    }

    fn environment(&mut self) -> Result<Arc<Environment>, String> {
        match &self.environment {
            Some(environment) => Ok(Arc::clone(environment)),
            None => {
                let read = Arc::new(Environment::read(|name| std::env::var(name).ok())?);
                Ok(Arc::clone(self.environment.insert(read)))
            }
        }
    }
}

/// What the files hold that `tls` names, as a SHA-256; `None` if one cannot be read, or has no end.
fn contents(tls: &config::Tls) -> Option<[u8; 32]> {
    let mut digest = Sha256::new();
    for file in [&tls.ca_file, &tls.cert_file, &tls.key_file].into_iter().flatten() {
        let mut bytes = Vec::new();
        let file = File::open(files::written(file)).ok()?;
        file.take(MAX_FILE + 1).read_to_end(&mut bytes).ok().filter(|read| *read as u64 <= MAX_FILE)?;
        digest.update((bytes.len() as u64).to_be_bytes());
        digest.update(&bytes);
    }
    Some(digest.finalize().into())
}
