//! Every fuzz target by name; the files in `fuzz_targets` only name one. The workspace's tests include the modules below
//! and run the same functions over the saved corpus.

mod protocol;
mod provider;

/// Feeds `input` to the target of that name.
///
/// # Panics
/// When the target finds something wrong, or there is no such target.
pub fn run(target: &str, input: &[u8]) {
    if target == provider::TARGET {
        return provider::retry_hints(input);
    }
    let Some(found) = protocol::targets().into_iter().find(|known| known.name == target) else {
        panic!("no fuzz target `{target}`");
    };
    (found.run)(input);
}
