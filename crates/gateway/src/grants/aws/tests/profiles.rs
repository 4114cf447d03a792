//! Profiles of the shared files: keys, roles by way of other profiles, and what cannot be had from them.

use super::*;

fn profile(name: &str) -> Value {
    json!({ "profile": name })
}

#[tokio::test]
async fn keys_are_in_either_file_and_their_own_comes_first() {
    let world =
        World::new().await.config("[profile a]\naws_access_key_id = AKIACONFIG\naws_secret_access_key = x\n");
    world.check(profile("a"), "AKIACONFIG", &[]).await;
    let world = world.credentials("[a]\naws_access_key_id = AKIAOWN\naws_secret_access_key = y\n");
    world.check(profile("a"), "AKIAOWN", &[]).await;
    let world = world.with("AWS_PROFILE", "a");
    world.check(json!({}), "AKIAOWN", &[]).await;

    let elsewhere = world.home.path().join("elsewhere").display().to_string();
    let world = world.file("elsewhere", "[a]\naws_access_key_id = AKIAELSE\naws_secret_access_key = z\n");
    let world = world.with("AWS_SHARED_CREDENTIALS_FILE", &elsewhere);
    world.check(profile("a"), "AKIAELSE", &[]).await;
    let world =
        world.without("AWS_SHARED_CREDENTIALS_FILE").credentials("").with("AWS_CONFIG_FILE", &elsewhere);
    world.refused(profile("a"), true, "no profile `a`").await;
}

#[tokio::test]
async fn roles_are_taken_on_with_the_keys_of_other_profiles() {
    let config = format!(
        "[profile one]\nrole_arn = {ROLE}\nsource_profile = keys\nexternal_id = agreed/on\nrole_session_name = me\n\
         duration_seconds = 1800\n[profile two]\nrole_arn = {ROLE}2\nsource_profile = one\n\
         [profile self]\nrole_arn = {ROLE}\nsource_profile = self\n\
         [profile env]\nrole_arn = {ROLE}\ncredential_source = Environment\n\
         [profile machine]\nrole_arn = {ROLE}\ncredential_source = Ec2InstanceMetadata\n\
         [profile pod]\nrole_arn = {ROLE}\nweb_identity_token_file = ~/token\n"
    );
    let world = World::new().await.config(&config).file("token", "mock-identity-3");
    let world = world.credentials(&format!("{}{}", written_keys("keys"), written_keys("self")));
    world.check(profile("one"), "ASIAMOCK", &["AssumeRole"]).await;
    let body = world.body();
    for field in ["ExternalId=agreed%2Fon", "RoleSessionName=me", "DurationSeconds=1800"] {
        assert!(body.contains(field), "{body}");
    }
    world.check(profile("two"), "ASIAMOCK", &["AssumeRole", "AssumeRole"]).await;
    world.check(profile("self"), "ASIAMOCK", &["AssumeRole"]).await;
    world.check(profile("pod"), "ASIAMOCK", &["AssumeRoleWithWebIdentity"]).await;
    world.refused(profile("env"), true, "`credential_source` has no credentials").await;
    let world = world.with("AWS_ACCESS_KEY_ID", ID).with("AWS_SECRET_ACCESS_KEY", SECRET);
    world.check(profile("env"), "ASIAMOCK", &["AssumeRole"]).await;
    let world = world.without("AWS_EC2_METADATA_DISABLED");
    let found = world.obtain(profile("machine")).await.expect("keys");
    assert_eq!(found.calls.last().map(String::as_str), Some("AssumeRole"));
    assert_eq!(found.calls.len(), 4, "three to the machine: {:?}", found.calls);
}

#[tokio::test]
async fn what_cannot_be_had_is_said() {
    let world = World::new().await.config(&format!(
        "[profile empty]\nregion = eu-west-1\n[profile program]\ncredential_process = /bin/keys\n\
         [profile login]\nlogin_session = arn\n[profile person]\nrole_arn = {ROLE}\nmfa_serial = m\nsource_profile = x\n\
         [profile alone]\nrole_arn = {ROLE}\n[profile half]\naws_access_key_id = a\n\
         [profile a]\nrole_arn = {ROLE}\nsource_profile = b\n[profile b]\nrole_arn = {ROLE}\nsource_profile = a\n"
    ));
    for (name, why) in [
        ("absent", "no profile `absent`"),
        ("empty", "profile `empty`: it has no keys, no role and no sign-in"),
        ("half", "profile `half`: it has no keys"),
        ("program", "`credential_process`"),
        ("login", "`aws login`"),
        ("person", "`mfa_serial`"),
        ("alone", "`role_arn` wants one `source_profile`"),
        ("a", "too many roles behind one another"),
    ] {
        world.refused(profile(name), true, why).await;
    }
    assert!(world.mock.ledger().is_empty(), "nobody is asked");
}
