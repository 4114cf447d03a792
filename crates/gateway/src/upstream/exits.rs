//! The ways out that the config names: each is made once, and whoever names the same shares its connections.

use std::{collections::HashMap, sync::Arc, time::Duration};

use lockgate_config::{self as config, Route, Secret};

use super::{
    Upstream,
    route::{Environment, Routes},
    tls::Tls,
};

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
    made: HashMap<(Duration, Exit), Upstream>,
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
    /// The connections on this way out, each of which may take `connect` to open.
    ///
    /// # Errors
    /// A file that cannot be used, or a proxy of the environment; the texts hold no secret.
    pub(crate) fn get(&mut self, connect: Duration, exit: &Exit) -> Result<Upstream, String> {
        let key = (connect, exit.clone());
        if let Some(upstream) = self.made.get(&key) {
            return Ok(upstream.clone());
        }
        let routes = match &exit.route {
            Some(route) => Routes::Written(route.clone()),
            None => Routes::Environment(self.environment()?),
        };
        let tls = self.tls(&exit.tls)?;
        // A proxy is believed like a provider, but has its own name and does not want the provider's certificate.
        let to_proxy = self.tls(&exit.tls.elsewhere())?;
        let upstream = Upstream::new(connect, routes, tls, &to_proxy);
        self.made.insert(key, upstream.clone());
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
