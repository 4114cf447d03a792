//! The rules of the repository that no compiler checks, so that a slip is a failed test and not a review remark.
//!
//! Each message names the file and what to do.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may stop at what it cannot read")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A file longer than this has more than one idea.
const MOST_LINES: usize = 900;
/// Direct external dependencies of the whole workspace; more is a decision, not an accident.
const MOST_DEPENDENCIES: usize = 60;
/// Crates whose dependency list is a promise: no runtime, no sockets, no TLS, no dice.
const PURE_CRATES: &[&str] = &["alerts", "prices", "protocol", "provider", "routing", "training"];
/// What a pure crate may not depend on.
const IMPURE: &[&str] = &["tokio", "hyper", "axum", "rustls", "rand", "reqwest"];

fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().unwrap()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All files below `folder` with that ending, build output left out.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            found.extend(files(&path, ending));
        } else if path.extension().is_some_and(|extension| extension == ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn sources() -> Vec<PathBuf> {
    let sources = [files(&root().join("crates"), "rs"), files(&root().join("xtask"), "rs")].concat();
    assert!(sources.len() > 10, "the sources were not found below {}", root().display());
    sources
}

/// The manifest of every member, with its folder's name.
fn manifests() -> Vec<(String, PathBuf)> {
    let mut folders: Vec<PathBuf> =
        fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.push(root().join("xtask"));
    folders.sort();
    let name = |folder: &Path| folder.file_name().unwrap().to_string_lossy().into_owned();
    folders.iter().map(|folder| (name(folder), folder.join("Cargo.toml"))).collect()
}

/// The names under the sections of a manifest that `section` accepts. Enough TOML for manifests written one dependency
/// per line, which is what [`dependencies_are_one_per_line`] holds them to.
fn names_under(manifest: &str, section: impl Fn(&str) -> bool) -> BTreeSet<String> {
    let mut inside = false;
    let mut names = BTreeSet::new();
    for line in manifest.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[') {
            inside = section(header.trim_end_matches(']'));
        } else if inside
            && let Some((name, _)) = line.split_once(['=', '.']).filter(|_| !line.starts_with('#'))
        {
            names.insert(name.trim().to_owned());
        }
    }
    names
}

#[track_caller]
fn assert_none(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn every_source_file_says_what_it_is() {
    let silent = sources().into_iter().filter(|path| !read(path).starts_with("//! "));
    let problems: Vec<String> = silent
        .map(|path| format!("{}: open it with one `//!` sentence that says what it is", path.display()))
        .collect();
    assert_none(&problems);
}

#[test]
fn nothing_is_left_unfinished() {
    // Put together here, so that this file does not contain what it looks for.
    let marks = [["TO", "DO"].concat(), ["FIX", "ME"].concat(), ["dbg", "!("].concat()];
    let mut problems = Vec::new();
    for path in sources() {
        for (number, line) in read(&path).lines().enumerate() {
            for mark in marks.iter().filter(|mark| line.contains(mark.as_str())) {
                problems.push(format!(
                    "{}:{}: `{mark}`: do it, or file it as an issue",
                    path.display(),
                    number + 1
                ));
            }
        }
    }
    assert_none(&problems);
}

#[test]
fn files_are_short_enough_to_hold_one_idea() {
    let problems: Vec<String> = sources()
        .into_iter()
        .map(|path| (read(&path).lines().count(), path))
        .filter(|(lines, _)| *lines > MOST_LINES)
        .map(|(lines, path)| {
            format!("{}: {lines} lines: split it by idea, {MOST_LINES} at most", path.display())
        })
        .collect();
    assert_none(&problems);
}

#[test]
fn the_pure_crates_stay_pure() {
    let mut problems = Vec::new();
    for name in PURE_CRATES {
        let path = root().join("crates").join(name).join("Cargo.toml");
        let dependencies = names_under(&read(&path), |section| section.ends_with("dependencies"));
        for impure in IMPURE.iter().filter(|impure| dependencies.contains(**impure)) {
            problems.push(format!(
                "{}: depends on {impure}: take time, ids, dice and bytes as arguments, and do i/o in the gateway crate",
                path.display()
            ));
        }
    }
    assert_none(&problems);
}

#[test]
fn every_crate_takes_the_workspace_lints() {
    let problems: Vec<String> = manifests()
        .into_iter()
        .filter(|(_, path)| !names_under(&read(path), |section| section == "lints").contains("workspace"))
        .map(|(_, path)| format!("{}: add `[lints]` with `workspace = true`", path.display()))
        .collect();
    assert_none(&problems);
}

#[test]
fn dependencies_are_one_per_line() {
    let problems: Vec<String> = manifests()
        .into_iter()
        .filter(|(_, path)| read(path).lines().any(|line| line.contains("dependencies.")))
        .map(|(_, path)| {
            format!(
                "{}: write `name = {{ ... }}` under `[dependencies]`, not a table per dependency",
                path.display()
            )
        })
        .collect();
    assert_none(&problems);
}

#[test]
fn nothing_comes_from_a_git_repository() {
    let lock = root().join("Cargo.lock");
    let problems: Vec<String> = read(&lock)
        .lines()
        .filter(|line| line.starts_with("source = \"git"))
        .map(|line| format!("{}: {line}: depend on a released version", lock.display()))
        .collect();
    assert_none(&problems);
}

#[test]
fn direct_dependencies_stay_few() {
    let mut all: BTreeSet<String> =
        names_under(&read(&root().join("Cargo.toml")), |section| section == "workspace.dependencies");
    for (_, path) in manifests() {
        all.extend(names_under(&read(&path), |section| section.ends_with("dependencies")));
    }
    all.retain(|name| !name.starts_with("lockgate-"));
    assert!(all.len() > 10, "the dependencies were not found: {all:?}");
    assert!(
        all.len() <= MOST_DEPENDENCIES,
        "{}: {} direct dependencies, {MOST_DEPENDENCIES} at most: do without one, or raise the bound and say why",
        root().join("Cargo.toml").display(),
        all.len()
    );
}

#[test]
fn names_are_read_from_dotted_and_inline_lines() {
    let manifest = "[package]\nname = \"x\"\n[dependencies]\n# why\na.workspace = true\nb = { version = \"1\" }\n\
                    [dev-dependencies]\nc = \"1\"\n";
    let names = names_under(manifest, |section| section.ends_with("dependencies"));
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["a", "b", "c"]);
}
