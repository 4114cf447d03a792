//! The usual places, in their order, and roles and identities that the operator names.

use super::*;

const CONTAINER: &[&str] = &["/aws/container"];
const MACHINE: &[&str] = &[
    "/aws/latest/api/token",
    "/aws/latest/meta-data/iam/security-credentials/",
    "/aws/latest/meta-data/iam/security-credentials/mock+role_1",
];
const IDENTITY: &[&str] = &["AssumeRoleWithWebIdentity"];

/// A machine on which every usual place has keys.
async fn full() -> World {
    let world = World::new().await;
    let container = format!("{}/container", world.aws());
    let token_file = world.home.path().join("token").display().to_string();
    world
        .with("AWS_ACCESS_KEY_ID", "AKIAENV")
        .with("AWS_SECRET_ACCESS_KEY", "x")
        .credentials("[default]\naws_access_key_id = AKIAFILE\naws_secret_access_key = x\n")
        .file("token", "mock-identity-1\n")
        .with("AWS_WEB_IDENTITY_TOKEN_FILE", &token_file)
        .with("AWS_ROLE_ARN", ROLE)
        .with("AWS_CONTAINER_CREDENTIALS_FULL_URI", &container)
        .with("AWS_CONTAINER_AUTHORIZATION_TOKEN", "container-token")
        .without("AWS_EC2_METADATA_DISABLED")
}

#[tokio::test]
async fn the_usual_places_are_looked_at_in_order() {
    let world = full().await.with("AWS_BEARER_TOKEN_BEDROCK", "bearer-key");
    let granted = world.grant(json!({})).obtain(&world.host(), false).await.expect("a proof");
    assert!(matches!(granted.proof, Proof::Key(key) if key == "bearer-key"));
    // A role is taken on with keys, which a bearer key is not.
    let world = world.without("AWS_BEARER_TOKEN_BEDROCK");

    world.check(json!({}), "AKIAENV", &[]).await;
    let world = world.without("AWS_ACCESS_KEY_ID");
    world.check(json!({}), "AKIAFILE", &[]).await;
    let world = world.credentials("[other]\n").config("[default]\nregion = eu-west-1\n");
    world.check(json!({}), "ASIAMOCK", IDENTITY).await;
    let world = world.without("AWS_WEB_IDENTITY_TOKEN_FILE");
    world.check(json!({}), "ASIAMOCK", CONTAINER).await;
    let world = world.without("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    world.check(json!({}), "ASIAMOCK", MACHINE).await;
    let world = world.with("AWS_EC2_METADATA_DISABLED", "TRUE");
    world
        .refused(json!({}), true, "there are no AWS credentials: looked at AWS_ACCESS_KEY_ID, the shared")
        .await;
}

#[tokio::test]
async fn a_place_that_is_told_of_and_fails_ends_the_search() {
    let world = full().await.without("AWS_ACCESS_KEY_ID").with("AWS_PROFILE", "missing");
    world.refused(json!({}), true, "no profile `missing`").await;
    let world = world.without("AWS_PROFILE").credentials("").file("token", "forged");
    world.refused(json!({}), true, "400 InvalidIdentityToken").await;
    let world = world.without("AWS_ROLE_ARN");
    world.refused(json!({}), true, "AWS_ROLE_ARN is not").await;
    let world = world.without("AWS_WEB_IDENTITY_TOKEN_FILE").with("AWS_CONTAINER_AUTHORIZATION_TOKEN", "x");
    world.refused(json!({}), true, "the container's endpoint gave no credentials").await;
    let world = world.with("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://keys.example/x");
    world.refused(json!({}), true, "keys are not asked for at `keys.example` without TLS").await;
}

#[tokio::test]
async fn a_machine_without_an_endpoint_is_known_at_once() {
    let world = World::new().await.without("AWS_EC2_METADATA_DISABLED");
    let grant = world.grant(json!({}));
    let host = world.host();
    world.mock.stop().await;
    let begun = crate::clock::now();
    let refusal = grant.obtain(&host, false).await.expect_err("nobody is there");
    assert!(!refusal.is_final && refusal.why.contains("the machine's role ("), "{refusal}");
    assert!(begun.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn a_containers_token_is_read_from_its_file() {
    let world =
        full().await.without("AWS_ACCESS_KEY_ID").credentials("").without("AWS_WEB_IDENTITY_TOKEN_FILE");
    let file = world.home.path().join("pod").display().to_string();
    let world = world.file("pod", "container-token\n").with("AWS_CONTAINER_AUTHORIZATION_TOKEN", "wrong");
    let world = world.with("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &file);
    world.check(json!({}), "ASIAMOCK", CONTAINER).await;
}

#[tokio::test]
async fn a_role_is_taken_on_with_written_keys_or_an_identity() {
    let world = World::new().await.file("token", "mock-identity-2");
    let keys = json!({ "access_key_id": ID, "secret_access_key": SECRET, "role_arn": ROLE });
    world.check(keys, "ASIAMOCK", &["AssumeRole"]).await;
    assert!(world.body().contains("&RoleSessionName=lockgate"), "{}", world.body());
    world.check(json!({ "access_key_id": ID, "secret_access_key": SECRET }), ID, &[]).await;
    let identity = json!({ "web_identity_token_file": "~/token", "role_arn": ROLE });
    world.check(identity, "ASIAMOCK", IDENTITY).await;

    let wrong = json!({ "access_key_id": ID, "secret_access_key": "wrong", "role_arn": ROLE });
    world.refused(wrong, true, "403 InvalidSignature").await;
    let denied = format!("{ROLE}/denied");
    let denied = json!({ "access_key_id": ID, "secret_access_key": SECRET, "role_arn": denied });
    world.refused(denied.clone(), true, "403 AccessDenied User is not authorized").await;
    world.mock.script(["503".parse().expect("a fault")]);
    world.refused(denied.clone(), false, "was refused: 503").await;
    world.mock.script(["quota".parse().expect("a fault")]);
    world.refused(denied, false, "400 Throttling").await;
    let file = json!({ "web_identity_token_file": "~/absent", "role_arn": ROLE });
    world.refused(file, true, "absent` is not there").await;
}
