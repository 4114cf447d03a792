//! Which config counts where nobody has to name one.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use lockgate_config::{Config, Errors, FromEnv, Loaded, Note};

use super::{env, names};

/// Where the config is looked for when nobody says. Two of them are one too many.
const DEFAULT_FILES: [&str; 5] =
    ["lockgate.yaml", "lockgate.yml", "lockgate.json5", "lockgate.json", "lockgate.toml"];
/// The variable by which another gateway was told its file.
const OTHER_VARIABLE: &str = "AI_PROXY_CONFIG";

/// The config that counts, and where it comes from.
pub(crate) enum Found {
    /// A file.
    File(PathBuf, Box<Loaded>),
    /// The variables of another gateway.
    OtherVariables(Box<Loaded>),
    /// The usual variables.
    Variables(Box<FromEnv>),
}

/// Why there is none.
pub(crate) enum Unfit {
    /// What is written is wrong.
    Wrong(Errors),
    /// Nothing is written, or too much. With its hints, a line each.
    None(String, Vec<String>),
}

impl Found {
    pub(crate) fn config(&self) -> &Config {
        match self {
            Self::File(_, loaded) | Self::OtherVariables(loaded) => &loaded.config,
            Self::Variables(found) => &found.config,
        }
    }

    /// What to call the place it comes from.
    pub(crate) fn source(&self) -> String {
        match self {
            Self::File(file, _) => file.display().to_string(),
            Self::OtherVariables(_) => "environment".to_owned(),
            Self::Variables(found) if found.variables.is_empty() => "environment".to_owned(),
            Self::Variables(found) => format!("environment ({})", found.variables.join(", ")),
        }
    }

    /// The variables that put a value in the place of what is written there.
    pub(crate) fn overrides(&self) -> &[String] {
        match self {
            Self::File(_, loaded) | Self::OtherVariables(loaded) => &loaded.overrides,
            Self::Variables(found) => &found.overrides,
        }
    }

    /// What there is to know about it.
    pub(crate) fn notes(&self) -> &[Note] {
        match self {
            Self::File(_, loaded) | Self::OtherVariables(loaded) => &loaded.notes,
            Self::Variables(_) => &[],
        }
    }
}

/// The config of that file, else of a file in this folder, else of the variables of another gateway, else of the usual ones.
pub(crate) fn find(file: Option<&Path>) -> Result<Found, Unfit> {
    let file = match file {
        Some(file) => Some(file.to_path_buf()),
        None => in_folder(Path::new(""))?
            .or_else(|| env(OTHER_VARIABLE).filter(|it| !it.is_empty()).map(PathBuf::from)),
    };
    match file {
        Some(file) => match lockgate_config::load(&file, &env, &names) {
            Ok(loaded) => Ok(Found::File(file, Box::new(loaded))),
            Err(errors) => Err(Unfit::Wrong(errors)),
        },
        None => match lockgate_config::load_environment(Path::new(""), &env, &names) {
            Some(Ok(loaded)) => Ok(Found::OtherVariables(Box::new(loaded))),
            Some(Err(errors)) => Err(Unfit::Wrong(errors)),
            None => from_environment(),
        },
    }
}

/// The one default file of a folder.
fn in_folder(folder: &Path) -> Result<Option<PathBuf>, Unfit> {
    let mut there = DEFAULT_FILES.iter().map(|name| folder.join(name)).filter(|file| file.exists());
    match (there.next(), there.next()) {
        (Some(one), Some(other)) => Err(Unfit::None(
            format!("there are two config files: ./{} and ./{}", one.display(), other.display()),
            vec!["keep one, or name the one that counts: lockgate run FILE".to_owned()],
        )),
        (found, _) => Ok(found),
    }
}

/// Without a file the usual variables are the config.
fn from_environment() -> Result<Found, Unfit> {
    let rows = lockgate_provider::environment();
    let found = lockgate_config::from_env(&rows, Path::new(""), &env, &names).map_err(Unfit::Wrong)?;
    for skipped in &found.skipped {
        eprintln!("warning: {skipped}");
    }
    if found.config.providers.is_empty() {
        let variables: Vec<_> = rows.iter().map(|row| row.api_key).take(4).collect();
        return Err(Unfit::None(
            "there is no config file and no API key in the environment".to_owned(),
            vec![
                format!("write ./{}, or name a file: lockgate run FILE", DEFAULT_FILES[0]),
                format!("or set one of {}, ...", variables.join(", ")),
                "or try it without any key: lockgate demo".to_owned(),
            ],
        ));
    }
    Ok(Found::Variables(Box::new(found)))
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wrong(errors) => errors.fmt(f),
            Self::None(message, hints) => {
                write!(f, "error: {message}")?;
                hints.iter().try_for_each(|hint| write!(f, "\nhint: {hint}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_default_file_counts_and_two_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(in_folder(folder.path()), Ok(None)));
        for name in DEFAULT_FILES {
            std::fs::write(folder.path().join(name), "").unwrap();
            assert!(matches!(in_folder(folder.path()), Ok(Some(file)) if file.ends_with(name)));
            std::fs::remove_file(folder.path().join(name)).unwrap();
        }
        for name in ["lockgate.toml", "lockgate.yml"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let refused = in_folder(folder.path()).map(drop).unwrap_err().to_string();
        let refused = refused.replace(&folder.path().display().to_string(), "DIR");
        assert_eq!(
            refused,
            "error: there are two config files: ./DIR/lockgate.yml and ./DIR/lockgate.toml\n\
             hint: keep one, or name the one that counts: lockgate run FILE"
        );
    }
}
