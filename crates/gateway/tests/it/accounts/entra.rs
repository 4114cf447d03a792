//! Entra: clients and their secrets, at either version of its endpoint.

use super::{asked, house, hundred};
use crate::house::{CHAT, CHAT_PATH, mock};
use lockgate_mock::Mock;

fn client(mock: &Mock, secret: &str, path: &str) -> String {
    format!(
        "{{ auth: {{ tenant_id: t-1, client_id: c-1, client_secret: {secret}, endpoints: {{ token: \"http://{}{path}\" }} }} }}",
        mock.addr()
    )
}

const V2: &str = "/t-1/oauth2/v2.0/token";

#[tokio::test(flavor = "multi_thread")]
async fn entra_is_asked_once_for_a_hundred_and_its_token_is_all_that_is_shown() {
    let mock = mock().await;
    let house = house(&mock, "azure", "gpt-4o-mini", &client(&mock, "short-1", V2)).await;
    hundred(&house).await;
    assert_eq!(asked(&mock, V2), 1);
    // The token counts for three seconds.
    tokio::time::sleep(std::time::Duration::from_millis(3100)).await;
    hundred(&house).await;
    assert_eq!(asked(&mock, V2), 2, "once more at its end");
    for entry in mock.ledger().iter().filter(|entry| entry.path.contains("/chat/")) {
        let shown = entry.headers["authorization"].to_str().unwrap();
        assert!(shown.starts_with("Bearer eyJ.c-1-"), "{shown}");
        assert!(!entry.headers.contains_key("api-key"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_entra_refuses_leaves_the_answer_to_the_next() {
    let mock = mock().await;
    let credentials = [client(&mock, "wrong", V2), client(&mock, "right", V2)].join(", ");
    let house = house(&mock, "azure", "gpt-4o-mini", &credentials).await;
    for _ in 0..4 {
        let answer = house.post(CHAT_PATH, CHAT).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("x-lockgate-deployment")),
            (200, "a/gpt-4o-mini#2")
        );
    }
    let alone = super::house(&mock, "azure", "gpt-4o-mini", &client(&mock, "wrong", V2)).await;
    let answer = alone.post(CHAT_PATH, CHAT).await;
    assert_eq!(answer.status, 502, "{}", answer.text);
    assert!(!answer.text.contains("AADSTS"), "the words of the endpoint are the operator's: {}", answer.text);
    let record = alone.records(1).await.remove(0);
    let fault = record.attempts[0].fault.as_deref().unwrap_or_default();
    assert!(fault.contains("invalid_client: AADSTS7000215"), "{fault}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_older_endpoint_of_sovereign_clouds_is_told_of_a_resource() {
    let mock = mock().await;
    let house = house(&mock, "azure", "gpt-4o-mini", &client(&mock, "s", "/t-1/oauth2/token")).await;
    assert_eq!(house.post(CHAT_PATH, CHAT).await.status, 200);
    let ledger = mock.ledger();
    let entry = ledger.iter().find(|entry| entry.path == "/t-1/oauth2/token").unwrap();
    let form = String::from_utf8_lossy(&entry.body);
    assert!(form.ends_with("&resource=https%3A%2F%2Fcognitiveservices.azure.com"), "{form}");
}
