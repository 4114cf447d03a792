//! Has the linker make the binary so that an idle gateway takes little memory.
//!
//! What a start and calls run is put together (`layout.ld`, made by `cargo xtask layout`), and the places that the loader
//! fills in are listed the short way. Both only in release builds for the system that the list was made on, by the linker
//! that the toolchain takes by itself. Any other build is the same program without them.
#![allow(clippy::print_stdout, reason = "a build script tells cargo what to do by printing it")]

use std::env;
use std::process::Command;

/// The first glibc that knows the short list. What is built here asks for the glibc it was built with or a later one anyway.
const SHORT_LIST_SINCE: (u32, u32) = (2, 36);

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=layout.ld");
    let said = |name: &str| env::var(name).unwrap_or_default();
    let chosen = !said("RUSTC_LINKER").is_empty() || said("CARGO_ENCODED_RUSTFLAGS").contains("link");
    if said("TARGET") != "x86_64-unknown-linux-gnu" || said("PROFILE") != "release" || chosen {
        return;
    }
    println!("cargo::rustc-link-arg-bin=lockgate=-T{}/layout.ld", said("CARGO_MANIFEST_DIR"));
    if said("HOST") == said("TARGET") && glibc().is_some_and(|version| version >= SHORT_LIST_SINCE) {
        println!("cargo::rustc-link-arg-bin=lockgate=-Wl,-z,pack-relative-relocs");
    }
}

/// The version of this system's glibc.
fn glibc() -> Option<(u32, u32)> {
    let answer = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let text = String::from_utf8(answer.stdout).ok()?;
    let (major, minor) = text.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
