//! The gateway as it is measured: with everything on that users have on.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::asks::CLIENT_KEY;

/// What the gateway does beside forwarding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Features {
    /// Whether calls are put on record.
    pub(crate) journal: bool,
    /// Whether what was said is put on record too.
    pub(crate) bodies: bool,
}

/// Key check, limits, a budget, prices, metrics and the journal: what the figures are measured with.
pub(crate) const EVERYTHING: Features = Features { journal: true, bodies: false };

/// A model of the gateway, the provider that answers it and what that one calls it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Upstream {
    /// What a client asks for at the gateway.
    pub(crate) model: &'static str,
    /// The dialect that the provider speaks.
    pub(crate) dialect: &'static str,
    kind: &'static str,
    /// What follows the mock's address in the provider's URL.
    path: &'static str,
    /// What the provider calls it.
    pub(crate) name: &'static str,
}

/// A model that is asked in OpenAI's dialect.
pub(crate) static OPENAI: Upstream = Upstream {
    model: "fast",
    dialect: "openai-chat",
    kind: "openai-compatible",
    path: "/v1",
    name: "gpt-4o-mini",
};
/// A model that is asked in Anthropic's dialect.
pub(crate) static CLAUDE: Upstream =
    Upstream { model: "wise", dialect: "anthropic", kind: "anthropic", path: "", name: "claude-sonnet-4-5" };
/// A model that is asked in Gemini's dialect.
pub(crate) static GEMINI: Upstream =
    Upstream { model: "keen", dialect: "gemini", kind: "gemini", path: "", name: "gemini-2.5-flash" };

/// The folder for what a run needs: configs, journals, profiles.
///
/// # Errors
/// When it cannot be made.
pub(crate) fn folder() -> io::Result<PathBuf> {
    let folder = crate::workspace::target().join("bench");
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Writes a config and returns its file. Each address has a file of its own: a gateway goes on with whatever its file
/// says later.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn write_config(listen: SocketAddr, mock: SocketAddr, features: Features) -> io::Result<PathBuf> {
    let file = folder()?.join(format!("lockgate-{}.yaml", listen.port()));
    let data = file.with_extension("data");
    // Of an earlier run at this port, which would be read first.
    if data.exists() {
        fs::remove_dir_all(&data)?;
    }
    fs::write(&file, config(listen, mock, features, &data))?;
    Ok(file)
}

/// Limits that no run comes near: they are kept count of all the same.
fn config(listen: SocketAddr, mock: SocketAddr, features: Features, data: &Path) -> String {
    let Features { journal, bodies } = features;
    let mut providers = String::new();
    let mut models = String::new();
    for Upstream { model, kind, path, name, .. } in [&OPENAI, &CLAUDE, &GEMINI] {
        providers += &format!(
            "  at-{model}: {{ kind: {kind}, base_url: \"http://{mock}{path}\", api_key: upstream-key }}\n"
        );
        models += &format!(
            "  {model}: {{ targets: [at-{model}/{name}], price: {{ input: 0.15, output: 0.6 }} }}\n"
        );
    }
    format!(
        "server: {{ listen: \"{listen}\" }}\n\
         access:\n  keys:\n    - {{ name: bench, key: {CLIENT_KEY}, rpm: 1000000000, tpm: 4000000000, \
         max_concurrent: 1000000, budget: {{ usd: 1000000, per: day }} }}\n\
         providers:\n{providers}models:\n{models}\
         log: {{ level: warn, journal: {journal}, bodies: {bodies} }}\ndata_dir: \"{}\"\n",
        data.display()
    )
}
