//! Fixture in, snapshot out: a config for the good ones, the whole report for the bad ones.

use std::path::{Path, PathBuf};

use crate::env;

#[test]
fn good_files_load() {
    for file in configs("tests/fixtures/good") {
        let config = parse(&file).unwrap_or_else(|errors| panic!("{}:\n{errors}", file.display()));
        let shown = format!("{config:#?}");
        assert!(!shown.contains("very-secret"), "{} shows a secret", file.display());
        snapshot("fixtures/good", &file, &shown);
    }
}

#[test]
fn bad_files_say_why() {
    for file in configs("tests/fixtures/bad") {
        let Err(errors) = parse(&file) else { panic!("{} is taken for good", file.display()) };
        // The list of kinds grows with every provider, and is not what these fixtures are about.
        let report: Vec<String> = errors
            .to_string()
            .lines()
            .map(|line| {
                line.split_once("the kinds are")
                    .map_or(line.to_owned(), |(hint, _)| format!("{hint}the kinds are ..."))
            })
            .collect();
        let report = report.join("\n");
        let shows = ["-secret", "secret-", ": secret"].iter().any(|part| report.contains(part));
        assert!(!shows, "{} shows a secret:\n{report}", file.display());
        snapshot("fixtures/bad", &file, &report);
    }
}

#[test]
fn examples_load() {
    for file in configs("../../examples") {
        if let Err(errors) = lockgate_config::load(&file, &env, &Vec::new) {
            panic!("{}:\n{errors}", file.display());
        }
    }
}

fn parse(file: &Path) -> Result<lockgate_config::Config, lockgate_config::Errors> {
    let text = std::fs::read_to_string(file).expect("a fixture is readable");
    let ending = file.extension().expect("a fixture has an ending").to_string_lossy();
    lockgate_config::parse(&format!("lockgate.{ending}"), &text, &env)
}

pub(crate) fn snapshot(folder: &str, file: &Path, shown: &str) {
    let name = file.file_stem().expect("a fixture has a name").to_string_lossy();
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name.as_ref(), shown));
}

pub(crate) fn configs(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| {
            ["yaml", "json5", "toml"].iter().any(|ending| path.extension().is_some_and(|it| it == *ending))
        })
        .collect();
    assert!(!files.is_empty(), "{} has no files", folder.display());
    files.sort();
    files
}
