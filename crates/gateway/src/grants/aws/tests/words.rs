//! What the operator's words mean, and which of them cannot be meant.

use super::*;

#[track_caller]
fn check(words: Value, region: Option<&str>, expected: &str) {
    let auth: Auth = serde_json::from_value(words).expect("words");
    let wish = Wish { kind: "bedrock", auth: Some(&auth), region, project: None, base_url: None };
    match make(&wish).expect("meant") {
        Err(why) => assert!(why.contains(expected), "{why}"),
        Ok(grant) => {
            let shown = format!("{grant:?}");
            assert!(shown.contains(expected), "{shown}");
            assert!(!shown.contains("hidden"), "{shown}");
        }
    }
}

#[test]
fn words_and_what_they_mean() {
    let region = Some("us-east-1");
    let keys = json!({ "access_key_id": "a", "secret_access_key": "hidden", "session_token": "hidden" });
    check(json!({}), region, "source: Usual, role: None");
    check(keys, region, "source: Written(SigningKeys(<redacted>)), role: None");
    check(json!({ "profile": "p", "role_arn": "r" }), region, "source: Profile(\"p\"), role: Some(\"r\")");
    check(
        json!({ "web_identity_token_file": "f", "role_arn": "r" }),
        region,
        "source: Identity(Identity { role: \"r\", file: \"f\", session: None }), role: None",
    );

    check(json!({}), None, "`region` is missing");
    check(json!({ "access_key_id": "a" }), region, "`auth.secret_access_key` is missing");
    check(json!({ "secret_access_key": "hidden" }), region, "`auth.access_key_id` is missing");
    check(json!({ "session_token": "hidden" }), region, "`auth.access_key_id` is missing");
    check(json!({ "web_identity_token_file": "f" }), region, "`auth.role_arn` is missing");
    let both = json!({ "access_key_id": "a", "secret_access_key": "hidden", "profile": "p" });
    check(both, region, "more than one of `access_key_id`, `profile`");
    check(
        json!({ "profile": "p", "web_identity_token_file": "f", "role_arn": "r" }),
        region,
        "more than one of",
    );
    check(json!({ "tenant_id": "t" }), region, "`auth.tenant_id` means nothing to AWS");
    check(
        json!({ "endpoints": { "token": "http://t" } }),
        region,
        "`auth.endpoints.token` is not known; AWS has sts, imds, sso, oidc",
    );
}

#[tokio::test]
async fn a_region_is_looked_for_in_the_machines_settings() {
    let world =
        World::new().await.config("[default]\nregion = eu-north-1\n[profile p]\nregion = eu-south-1\n");
    let region = |world: &World, profile: Option<&str>| {
        let auth = profile.map(|name| Auth { profile: Some(name.to_owned()), ..Auth::default() });
        crate::grants::usual_region("bedrock", auth.as_ref(), &world.host()).unwrap_or_default()
    };
    assert_eq!(region(&world, None), "eu-north-1");
    assert_eq!(region(&world, Some("p")), "eu-south-1");
    assert_eq!(region(&world, Some("q")), "");
    let world = world.with("AWS_PROFILE", "p");
    assert_eq!(region(&world, None), "eu-south-1");
    let world = world.with("AWS_DEFAULT_REGION", "us-west-1");
    assert_eq!(region(&world, None), "us-west-1");
    let world = world.with("AWS_REGION", "us-west-2");
    assert_eq!(region(&world, Some("p")), "us-west-2");
    assert_eq!(crate::grants::usual_region("openai", None, &world.host()), None);
}

#[test]
fn moments_as_files_and_services_write_them() {
    let seconds =
        |text: &str| moment(text).map(humantime::format_rfc3339_seconds).map(|date| date.to_string());
    for text in ["2026-11-21T14:00:00Z", "2026-11-21T14:00:00UTC", "2026-11-21T14:00:00+00:00"] {
        assert_eq!(seconds(text).as_deref(), Some("2026-11-21T14:00:00Z"), "{text}");
    }
    assert_eq!(seconds("2026-11-21T14:00:00.250Z").as_deref(), Some("2026-11-21T14:00:00Z"));
    assert_eq!(seconds("tomorrow"), None);
}
