//! `lockgate import`: what goes where, and what is never written over.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Output};

use crate::lockgate;

const POOL: &str = "server: { workers: 4 }\nmodels:\n  fast:\n    providers:\n      - { name: a, api_base: \"http://10.0.0.1/v1\", api_key: \"${A_KEY}\" }\n";

fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = lockgate(arguments, &[("A_KEY", "k")]).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn the_result_goes_to_standard_output_and_the_notes_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.yaml");
    fs::write(&file, POOL).unwrap();
    let (code, result, notes) = run(&["import", path(&file)]);
    assert_eq!(code, Some(0), "{notes}");
    assert!(result.starts_with("# From ") && result.contains("\nproviders:\n  a:\n"), "{result}");
    assert!(result.contains("api_key: \"${A_KEY}\""), "{result}");
    for text in [&result, &notes] {
        assert!(text.contains("config.yaml:1: `server.workers` is not known here"), "{text}");
    }
    let own = folder.path().join("lockgate.yaml");
    fs::write(&own, &result).unwrap();
    let (code, said, errors) = run(&["check", path(&own)]);
    assert_eq!(code, Some(0), "{errors}");
    assert!(said.contains("0.0.0.0:8080"), "{said}");
    let (code, result, errors) = run(&["import", path(&own)]);
    assert_eq!((code, result.as_str()), (Some(2), ""), "{errors}");
    assert!(errors.contains("in Lockgate's own form already"), "{errors}");
}

#[test]
fn a_file_that_is_there_is_only_written_over_by_force() {
    let folder = tempfile::tempdir().unwrap();
    let (file, output) = (folder.path().join("config.yaml"), folder.path().join("lockgate.yaml"));
    fs::write(&file, POOL).unwrap();
    let arguments = ["import", path(&file), "--output", path(&output), "--force"];
    let (code, result, errors) = run(&arguments[..4]);
    assert_eq!((code, result.as_str()), (Some(0), ""), "{errors}");
    assert_eq!(fs::metadata(&output).unwrap().permissions().mode() & 0o777, 0o600, "it may hold keys");
    let written = fs::read_to_string(&output).unwrap();

    fs::write(&output, "something else").unwrap();
    let (code, _, errors) = run(&arguments[..4]);
    assert_eq!(code, Some(2));
    assert!(errors.contains("is there already") && errors.contains("--force"), "{errors}");
    assert_eq!(fs::read_to_string(&output).unwrap(), "something else");
    assert_eq!(run(&arguments).0, Some(0));
    assert_eq!(fs::read_to_string(&output).unwrap(), written);
}

#[test]
fn what_cannot_be_imported_says_why_and_what_cannot_run_yet_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.yaml");
    fs::write(&file, POOL.replace("api_base", "api_bose")).unwrap();
    let (code, result, errors) = run(&["import", path(&file)]);
    assert_eq!((code, result.as_str()), (Some(2), ""));
    assert!(errors.contains("config.yaml:5:9: `models.fast.providers[0]` has no `api_base`"), "{errors}");

    fs::write(&file, POOL.replace("A_KEY", "NOT_SET")).unwrap();
    let (code, result, errors) = run(&["import", path(&file)]);
    assert_eq!(code, Some(0), "{errors}");
    assert!(result.contains("${NOT_SET}"), "{result}");
    assert!(errors.contains("not fit to run yet") && errors.contains("`NOT_SET` is not set"), "{errors}");
}
