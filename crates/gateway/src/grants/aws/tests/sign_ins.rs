//! Sign-ins of `aws sso login`: their file, its renewal, and their end.

use super::*;

const CONFIG: &str = "[profile p]\nsso_session = my-sso\nsso_account_id = 123456789012\nsso_role_name = Models\n\
                      [sso-session my-sso]\nsso_region = us-west-2\nsso_start_url = https://start.example\n\
                      [profile old]\nsso_start_url = https://old.example\nsso_region = us-west-2\n\
                      sso_account_id = 123456789012\nsso_role_name = Models\n\
                      [profile lost]\nsso_session = none\nsso_account_id = 1\nsso_role_name = r\n";
/// SHA-1 of `my-sso`, and of `https://old.example`.
const FILE: &str = ".aws/sso/cache/0ad374308c5a4e22f723adf10145eafad7c4031c.json";
const OLD_FILE: &str = ".aws/sso/cache/5498d4a87eede6727bfad0c1c8b4a09a823738cc.json";
const KEYS: &str = "/aws/federation/credentials?role_name=Models&account_id=123456789012";

fn profile(name: &str) -> Value {
    json!({ "profile": name })
}

fn sign_in(ends: &str, refresh: &str) -> String {
    json!({
        "startUrl": "https://start.example",
        "accessToken": "sso-token-0",
        "expiresAt": ends,
        "clientId": "c",
        "clientSecret": "s",
        "refreshToken": refresh,
        "registrationExpiresAt": "2999-01-01T00:00:00Z",
        "of others": [1],
    })
    .to_string()
}

fn kept(world: &World) -> Value {
    serde_json::from_slice(&std::fs::read(world.home.path().join(FILE)).expect("there")).expect("json")
}

#[tokio::test]
async fn a_token_that_counts_is_used_as_it_is() {
    let world =
        World::new().await.config(CONFIG).file(FILE, &sign_in("2999-01-01T00:00:00Z", "sso-refresh-0"));
    world.check(profile("p"), "ASIAMOCK", &[KEYS]).await;
    let world = world.file(OLD_FILE, &sign_in("2999-01-01T00:00:00UTC", ""));
    world.check(profile("old"), "ASIAMOCK", &[KEYS]).await;
}

#[tokio::test]
async fn a_token_at_its_end_is_renewed_and_kept() {
    let world =
        World::new().await.config(CONFIG).file(FILE, &sign_in("2020-01-01T00:00:00Z", "sso-refresh-0"));
    world.check(profile("p"), "ASIAMOCK", &["/aws/token", KEYS]).await;
    let file = kept(&world);
    assert!(file["accessToken"].as_str().is_some_and(|token| token != "sso-token-0"), "{file}");
    assert!(file["refreshToken"].as_str().is_some_and(|token| token != "sso-refresh-0"), "{file}");
    assert!(moment(file["expiresAt"].as_str().expect("a date")).expect("a date") > crate::clock::wall());
    assert_eq!((&file["of others"], &file["clientId"]), (&json!([1]), &json!("c")), "what is not ours stays");
    world.check(profile("p"), "ASIAMOCK", &[KEYS]).await;
}

#[tokio::test]
async fn a_token_that_cannot_be_renewed_counts_to_its_end() {
    let soon = crate::clock::wall() + Duration::from_secs(60);
    let soon = humantime::format_rfc3339_seconds(soon).to_string();
    let world = World::new().await.config(CONFIG).file(FILE, &sign_in(&soon, "revoked"));
    let found = world.grant(profile("p")).obtain(&world.host(), false).await.expect("keys");
    assert!(matches!(found.proof, Proof::Keys(_)));
    assert_eq!(kept(&world)["refreshToken"], "revoked", "and its file is left alone");
}

#[tokio::test]
async fn a_sign_in_that_has_ended_says_what_to_run() {
    let ended = "profile `p`: the sign-in has ended; run `aws sso login --profile p`";
    let world = World::new().await.config(CONFIG);
    world.refused(profile("p"), true, "there is no sign-in yet; run `aws sso login --profile p`").await;
    let world = world.file(FILE, &sign_in("2020-01-01T00:00:00Z", "revoked"));
    world.refused(profile("p"), true, ended).await;
    let world = world.file(FILE, r#"{"accessToken":"sso-token-1","expiresAt":"2020-01-01T00:00:00Z"}"#);
    world.refused(profile("p"), true, ended).await;
    let world = world.file(FILE, r#"{"accessToken":"other","expiresAt":"2999-01-01T00:00:00Z"}"#);
    world.refused(profile("p"), true, ended).await;
    let world = world.file(FILE, "not json");
    world.refused(profile("p"), true, "holds no sign-in").await;
    world.refused(profile("lost"), true, "`[sso-session none]` is missing").await;
    let world = world.file(FILE, &sign_in("2020-01-01T00:00:00Z", "sso-refresh-0"));
    world.mock.script(["503".parse().expect("a fault")]);
    world.refused(profile("p"), false, "answered 503 to a renewal").await;
}
