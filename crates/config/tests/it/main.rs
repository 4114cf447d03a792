//! Every kind of config file, right and wrong: a new case is a new file in `fixtures`.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "clippy takes the helpers of tests for production code"
)]

mod beside;
mod document;
mod files;
mod foreign;
mod published;
mod robust;
mod start;

/// The environment of every fixture.
fn env(name: &str) -> Option<String> {
    let value = match name {
        "OPENAI_API_KEY" => "sk-very-secret-from-env",
        "OPENAI_API_KEY_2" => "sk-second-very-secret-from-env",
        "ANTHROPIC_API_KEY" => "sk-ant-very-secret-from-env",
        "LOCKGATE_ADMIN_KEY" => "admin-very-secret-from-env",
        "ALICE_KEY" => "alice-very-secret-from-env",
        "CLIENT_KEY" => "client-very-secret-from-env",
        "SECRET_TEXT" => "very-secret-text",
        "PORT" => "8443",
        "WEIGHT" => "7",
        "YES" => "true",
        "EMPTY" => "",
        _ => return None,
    };
    Some(value.to_owned())
}
