//! The fuzz targets' own functions over their saved corpus, and over random changes to it.

use std::{
    collections::BTreeSet,
    fs,
    panic::{self, AssertUnwindSafe},
};

use lockgate_testkit::corpus::{self, Corpus};

#[path = "../../../../fuzz/src/protocol/mod.rs"]
mod targets;

/// Each part of the targets is a test of its own, so that they run side by side.
#[track_caller]
fn check(ending: &str) {
    let found: Vec<_> =
        targets::targets().into_iter().filter(|target| target.name.ends_with(ending)).collect();
    assert!(!found.is_empty());
    // One target's finding does not hide the next one's.
    let check = |target: targets::Target| {
        panic::catch_unwind(AssertUnwindSafe(|| Corpus::of(&target.name).check(target.run))).is_err()
    };
    assert!(!found.into_iter().map(check).fold(false, |failed, fails| failed | fails), "see above");
}

#[test]
fn requests() {
    check("_request");
}

#[test]
fn responses() {
    check("_response");
}

#[test]
fn streams() {
    check("_stream");
}

#[test]
fn errors() {
    check("_error");
}

#[test]
fn framings() {
    ["sse", "ndjson"].into_iter().for_each(check);
}

#[test]
fn bodies() {
    ["json", "multipart", "envelope"].into_iter().for_each(check);
}

/// What lists the targets cannot fall apart: the functions, the binaries, their entries in the manifest, the folders.
#[test]
fn every_target_is_complete() {
    let fuzz = corpus::folder().join("..");
    let stems = |folder: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(fuzz.join(folder)).unwrap().map(|entry| entry.unwrap().path());
        entries.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect()
    };
    // That of the provider crate is not to be had here.
    let functions = targets::targets().into_iter().map(|target| target.name).chain(["retry_hints".into()]);
    let functions: BTreeSet<String> = functions.collect();
    assert_eq!(stems("fuzz_targets"), functions, "fuzz/fuzz_targets");
    assert_eq!(stems("corpus"), functions, "fuzz/corpus");
    let manifest = fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
    for name in functions {
        let file = fs::read_to_string(fuzz.join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(
            file.contains(&format!("run(\"{name}\", input)")),
            "fuzz/fuzz_targets/{name}.rs runs another"
        );
        let entry = format!("[[bin]]\nname = \"{name}\"\npath = \"fuzz_targets/{name}.rs\"\n");
        assert!(manifest.contains(&entry), "fuzz/Cargo.toml has no entry for {name}");
    }
}
