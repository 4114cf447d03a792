//! Names of functions, out of what callgrind wrote.

use std::collections::BTreeSet;
use std::path::Path;

/// The functions of `binary` in a file of callgrind's that has names as they are, uncompressed.
pub(super) fn of(written: &str, binary: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut is_ours = false;
    for line in written.lines() {
        if let Some(object) = line.strip_prefix("ob=") {
            is_ours = Path::new(object).file_name() == binary.file_name();
        } else if let Some(function) = line.strip_prefix("fn=")
            && is_ours
        {
            // A function that is called while it runs has a number behind its name.
            names.insert(function.split_once('\'').map_or(function, |(name, _)| name).to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_of_the_binary_are_listed_once() {
        let written = "events: Ir\n\
            ob=/usr/lib/libc.so.6\nfn=malloc\n12 3\n\
            ob=/somewhere/release/lockgate\n\
            fn=_ZN8lockgate4main17h476c0ef83f6b4438E\n1 2\n\
            fn=sqlite3VdbeExec'2\n1 2\ncfn=yy_reduce.constprop.0\ncalls=1 1\n\
            fn=sqlite3VdbeExec\n1 2\n";
        let expected = ["_ZN8lockgate4main17h476c0ef83f6b4438E", "sqlite3VdbeExec"];
        assert_eq!(of(written, Path::new("/elsewhere/lockgate")), expected.map(str::to_owned).into());
    }
}
