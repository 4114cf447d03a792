//! Where functions come from, by the linker's map, and how a linker script says so for every build to come.
//!
//! Each function is a section of its own, in an object that has the name of its crate. Hashes in both change with the
//! compiler, its options and the folder, so they are left open. A generic function has one name for all its types: that it
//! counts in the crates alone where it was seen keeps most of the others out.

use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The letters before the hash at the end of a Rust function's name, and how many it has.
const HASH: &str = "17h";
const HASH_DIGITS: usize = 16;

/// Patterns of sections, by the pattern of objects that they count in.
pub(super) type Patterns = BTreeMap<String, BTreeSet<String>>;

/// The objects that each section of code is in.
pub(super) struct Places<'a>(HashMap<&'a str, Vec<&'a str>>);

impl<'a> Places<'a> {
    /// Reads a map as `lld` writes it, with lines of `<where> <where> <size> <alignment> <object>:(<section>)`.
    pub(super) fn read(map: &'a str) -> Self {
        let mut places: HashMap<&str, Vec<&str>> = HashMap::new();
        for line in map.lines() {
            let input = line.split_whitespace().nth(4).and_then(|input| input.strip_suffix(')'));
            if let Some((object, section)) = input.and_then(|input| input.rsplit_once(":("))
                && section.starts_with(".text.")
            {
                places.entry(section).or_default().push(object);
            }
        }
        Self(places)
    }

    /// Patterns of where `functions` are, without those that have no section of their own.
    pub(super) fn of(&self, functions: &BTreeSet<String>) -> Patterns {
        let mut patterns = Patterns::new();
        for function in functions {
            for section in [format!(".text.{function}"), format!(".text.unlikely.{function}")] {
                for object in self.0.get(section.as_str()).into_iter().flatten() {
                    patterns.entry(objects(object)).or_default().insert(sections(&section));
                }
            }
        }
        patterns
    }
}

/// All objects like this one: of the same crate, whatever it was built for. Rust's are called
/// `<binary>-<hash>.<crate>-<hash>.<...>-cgu.<...>`, but for those of the binary itself and the libraries in C.
fn objects(object: &str) -> String {
    let name = object.rsplit_once('/').map_or(object, |(_, name)| name);
    let of_crate = name.split_once('.').filter(|_| name.contains("-cgu."));
    match of_crate.and_then(|(_, rest)| rest.split_once('.')?.0.rsplit_once('-')) {
        Some((name, _)) => format!("*.{name}-*-cgu.*"),
        None => "*".to_owned(),
    }
}

/// The section without what another build has otherwise: the hash at its end, and what a function is called that left its
/// unit.
fn sections(section: &str) -> String {
    let (name, moved) = section.split_once(".llvm.").map_or((section, ""), |(name, _)| (name, "*"));
    let hash = name.strip_suffix('E').and_then(|name| {
        let (before, digits) = name.split_at_checked(name.len().checked_sub(HASH_DIGITS)?)?;
        (before.ends_with(HASH) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(before)
    });
    hash.map_or_else(|| format!("{name}{moved}"), |before| format!("{before}*"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: &str = "\
             VMA              LMA     Size Align Out     In      Symbol
          9e8000           9e8000  129d442    64 .text
          9e8000           9e8000       40    16         out/deps/lockgate-a433be26b8974eaa.tokio-92e6405b74bc4c5d.tokio.9092faf2dfac1573-cgu.0.rcgu.o.rcgu.o:(.text._ZN5tokio4poll17h0123456789abcdefE)
          9e8000           9e8000       40     1                 _ZN5tokio4poll17h0123456789abcdefE
          9e8040           9e8040       40    16         out/deps/lockgate-a433be26b8974eaa.h2-92e6405b74bc4c5d.h2.9092faf2dfac1573-cgu.0.rcgu.o.rcgu.o:(.text._ZN5tokio4poll17h0123456789abcdefE)
          9e8080           9e8080       40    16         out/deps/lockgate-a433be26b8974eaa.lockgate.76a2ee3f899d1ac3-cgu.0.rcgu.o:(.text.main)
          9e80c0           9e80c0       40    16         out/deps/liblibsqlite3_sys-793767b42f3c68b5.rlib(8017ddc1302f104c-sqlite3.o):(.text.unlikely.sqlite3Oom)
          9e8100           9e8100       40    16         out/deps/lockgate-a433be26b8974eaa.std-92e6405b74bc4c5d.std.9092faf2dfac1573-cgu.0.rcgu.o.rcgu.o:(.text._RNvCs_3std4exit.llvm.364393)
";

    #[track_caller]
    fn check(function: &str, expect: &[(&str, &str)]) {
        let found = Places::read(MAP).of(&BTreeSet::from([function.to_owned()]));
        let found: Vec<_> = found
            .iter()
            .flat_map(|(objects, sections)| sections.iter().map(move |section| (&**objects, &**section)))
            .collect();
        assert_eq!(found, expect, "{function}");
    }

    #[test]
    fn patterns_say_the_crate_and_the_name_and_leave_hashes_open() {
        let poll = ".text._ZN5tokio4poll17h*";
        check("_ZN5tokio4poll17h0123456789abcdefE", &[("*.h2-*-cgu.*", poll), ("*.tokio-*-cgu.*", poll)]);
        check("main", &[("*", ".text.main")]);
        check("sqlite3Oom", &[("*", ".text.unlikely.sqlite3Oom")]);
        check("_RNvCs_3std4exit.llvm.364393", &[("*.std-*-cgu.*", ".text._RNvCs_3std4exit*")]);
        check("(below main)", &[]);
    }
}
