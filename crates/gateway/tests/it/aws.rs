//! Requests to Bedrock that are signed, against a mock that checks every signature: keys, roles, and what is refused.

use std::time::Duration;

use futures_util::future::join_all;
use lockgate_mock::{AwsKey, Mock, Settings};

use crate::house::{CHAT, CHAT_PATH, House, STREAM, loopback};

const ID: &str = "AKIAMOCK";
const SECRET: &str = "mock-secret/+=";

/// A mock with one AWS key, and what it gives out counting that long.
async fn aws(lifetime: Duration) -> Mock {
    let key =
        AwsKey { id: ID.to_owned(), secret: SECRET.to_owned(), region: "eu-west-1".to_owned(), lifetime };
    let settings = Settings { aws: Some(key), keep_bodies: true, ..Settings::default() };
    lockgate_mock::start(loopback(), settings).await.unwrap()
}

/// A house in front of it, with what the operator wrote beside address and region.
async fn house(mock: &Mock, model: &str, rest: &str) -> House {
    House::new(&format!(
        "server: {{ listen: \"127.0.0.1:0\" }}\nretry: {{ attempts: 2 }}\nproviders:\n  aws:\n    kind: bedrock\n    \
         base_url: \"http://{}\"\n    region: eu-west-1\n    {rest}\nmodels: {{ fast: {{ targets: [\"aws/{model}\"] }} }}\n",
        mock.addr()
    ))
    .await
}

fn keys(secret: &str) -> String {
    format!("access_key_id: {ID}, secret_access_key: \"{secret}\"")
}

fn with_role(mock: &Mock) -> String {
    let sts = format!("http://{}/aws/sts", mock.addr());
    format!(
        "auth: {{ {}, role_arn: \"arn:aws:iam::123456789012:role/r\", endpoints: {{ sts: \"{sts}\" }} }}",
        keys(SECRET)
    )
}

/// How often the mock was asked for keys of a role.
fn roles(mock: &Mock) -> usize {
    mock.ledger().iter().filter(|entry| entry.path.starts_with("/aws/sts")).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn signed_requests_are_believed_whatever_the_model_is_called() {
    for model in [
        "mock-1",
        "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abcdefghijkl",
    ] {
        let mock = aws(Duration::from_secs(900)).await;
        let house = house(&mock, model, &format!("auth: {{ {} }}", keys(SECRET))).await;
        for body in [CHAT, STREAM] {
            let answer = house.post(CHAT_PATH, body).await;
            assert_eq!(answer.status, 200, "{model}: {}", answer.text);
        }
        for entry in mock.ledger() {
            let shown = entry.headers["authorization"].to_str().unwrap();
            assert!(shown.starts_with("AWS4-HMAC-SHA256 Credential=AKIAMOCK/"), "{shown}");
        }
        // A client of the provider's own dialect: its bytes pass untouched, with its own signature left behind.
        let body = r#"{"messages":[{"role":"user","content":[{"text":"hello"}]}]}"#;
        assert_eq!(house.post("/model/fast/converse", body).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_or_region_is_the_operators_trouble_and_shows_no_secret() {
    let mock = aws(Duration::from_secs(900)).await;
    for rest in [
        format!("auth: {{ {} }}", keys("wrong-secret")),
        format!("auth: {{ {}, session_token: stray }}", keys(SECRET)),
    ] {
        let house = house(&mock, "mock-1", &rest).await;
        let answer = house.post(CHAT_PATH, CHAT).await;
        assert_eq!(answer.status, 502, "{}", answer.text);
        let record = house.records(1).await.remove(0);
        let said = format!("{answer:?} {record:?}");
        assert!(
            said.contains("request signature we calculated") || said.contains("security token"),
            "{said}"
        );
        assert!(
            !said.contains("secret/") && !said.contains("wrong-secret") && !said.contains("stray"),
            "{said}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_requests_at_the_end_of_a_role_ask_for_it_once() {
    let lifetime = Duration::from_secs(4);
    let mock = aws(lifetime).await;
    let house = house(&mock, "mock-1", &with_role(&mock)).await;
    let hundred = || join_all((0..100).map(|_| house.post(CHAT_PATH, CHAT)));
    for round in 1..=2 {
        for answer in hundred().await {
            assert_eq!(answer.status, 200, "{}", answer.text);
        }
        assert_eq!(roles(&mock), round, "once for all who wait");
        tokio::time::sleep(lifetime).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_is_refused_goes_to_the_next_credential() {
    let mock = aws(Duration::from_secs(900)).await;
    let role = with_role(&mock).replace("role/r\"", "role/r/denied\"").replace("auth: ", "");
    let rest = format!("credentials: [{{ auth: {role} }}, {{ auth: {{ {} }} }}]", keys(SECRET));
    let house = house(&mock, "mock-1", &rest).await;
    for _ in 0..2 {
        let answer = house.post(CHAT_PATH, CHAT).await;
        assert_eq!((answer.status.as_u16(), answer.header("x-lockgate-deployment")), (200, "aws/mock-1#2"));
    }
    assert_eq!(roles(&mock), 1, "not asked again at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operators_own_header_is_no_reason_to_look_for_keys() {
    let mock = aws(Duration::from_secs(900)).await;
    let house = house(&mock, "mock-1", "headers: { authorization: Bearer mine }").await;
    assert_eq!(house.post(CHAT_PATH, CHAT).await.status, 200);
    assert_eq!(mock.ledger()[0].headers["authorization"], "Bearer mine");
}
