//! Kiro: both of its sign-ins, and its API behind clients of every dialect.

use std::path::PathBuf;

use serde_json::Value;

use super::{Folder, asked, house, hundred, read, sign_in};
use crate::house::{CHAT, CHAT_PATH, STREAM, mock};

const CLAUDE: &str = "claude-sonnet-4.5";
const MESSAGES: &str = "/v1/messages";
const TOOLS: &str = r#"[{"name":"get_weather","description":"tells it","input_schema":{"type":"object","required":["city"],"properties":{"city":{"type":"string"}}}}]"#;

/// What Kiro's IDE keeps of a sign-in with Google that has ended, or not for a long time.
fn social(folder: &Folder, name: &str, refresh: &str, expires: &str) -> PathBuf {
    let text = format!(
        r#"{{"accessToken":"aoa-social-old","refreshToken":"{refresh}","profileArn":"arn:aws:codewhisperer:us-east-1:1:profile/OLD","expiresAt":"{expires}","authMethod":"social","provider":"Google"}}"#
    );
    folder.file(name, &text)
}

const ENDED: &str = "2025-01-01T00:00:00.000Z";
const LASTS: &str = "2099-01-01T00:00:00.000Z";

#[tokio::test(flavor = "multi_thread")]
async fn kiro_answers_clients_of_every_dialect_whole_and_streamed() {
    let (mock, folder) = (mock().await, Folder::new());
    let file = social(&folder, "token.json", "mock-0", LASTS);
    let house = house(&mock, "kiro", CLAUDE, &sign_in(&mock, &file, "/refreshToken")).await;
    let gemini = r#"{"contents":[{"role":"user","parts":[{"text":"hello"}]}]}"#;
    let messages = r#"{"model":"fast","max_tokens":9,"messages":[{"role":"user","content":"hello"}]}"#;
    let streamed = messages.replace("\"max_tokens\":9", "\"max_tokens\":9,\"stream\":true");
    let responses = r#"{"model":"fast","input":"hello"}"#;
    for (path, body, end) in [
        (CHAT_PATH, CHAT, "chat.completion"),
        (CHAT_PATH, STREAM, "data: [DONE]"),
        (MESSAGES, messages, "end_turn"),
        (MESSAGES, &streamed, "message_stop"),
        ("/v1/responses", responses, "completed"),
        ("/v1beta/models/fast:generateContent", gemini, "STOP"),
        ("/v1beta/models/fast:streamGenerateContent?alt=sse", gemini, "STOP"),
        ("/api/chat", r#"{"model":"fast","messages":[{"role":"user","content":"hello"}]}"#, "\"done\":true"),
        (
            "/model/fast/converse",
            r#"{"messages":[{"role":"user","content":[{"text":"hello"}]}]}"#,
            "end_turn",
        ),
        (
            "/model/fast/converse-stream",
            r#"{"messages":[{"role":"user","content":[{"text":"hello"}]}]}"#,
            "messageStop",
        ),
    ] {
        let answer = house.post(path, body.to_owned()).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        assert!(answer.text.contains(end), "{path}: {}", answer.text);
        let said = answer.text.contains("hello") && answer.text.contains("You");
        assert!(said, "{path}: {}", answer.text);
    }
    let call = mock.ledger().last().unwrap().clone();
    assert_eq!(call.path, "/generateAssistantResponse");
    assert_eq!(call.headers["authorization"], "Bearer aoa-social-old");
    assert_eq!(call.headers["x-amzn-codewhisperer-optout"], "true");
    let body: Value = serde_json::from_slice(&call.body).unwrap();
    assert_eq!(body["profileArn"], "arn:aws:codewhisperer:us-east-1:1:profile/OLD");
    assert_eq!(asked(&mock, "/refreshToken"), 0, "the token in the file counts");
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_is_estimated_and_said_to_be() {
    let (mock, folder) = (mock().await, Folder::new());
    let file = social(&folder, "token.json", "mock-0", LASTS);
    let house = house(&mock, "kiro", CLAUDE, &sign_in(&mock, &file, "/refreshToken")).await;
    let whole = house.post(CHAT_PATH, CHAT).await;
    assert!(whole.header("x-lockgate-loss").contains("usage (estimated"), "{:?}", whole.headers);
    let usage = &whole.json()["usage"];
    assert!(
        usage["prompt_tokens"].as_u64() > Some(0) && usage["completion_tokens"].as_u64() > Some(5),
        "{usage}"
    );
    let asks =
        STREAM.replace("\"stream\":true", "\"stream\":true,\"stream_options\":{\"include_usage\":true}");
    let stream = house.post(CHAT_PATH, asks).await;
    let count = format!("\"completion_tokens\":{}", usage["completion_tokens"]);
    assert!(stream.text.contains(&count), "{count} is not in {}", stream.text);
    for record in house.records(2).await {
        assert!(record.usage.is_some());
        assert!(record.losses.iter().any(|loss| loss.starts_with("usage: estimated")), "{:?}", record.losses);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kiro_calls_tools_and_takes_their_results() {
    let (mock, folder) = (mock().await, Folder::new());
    let file = social(&folder, "token.json", "mock-0", LASTS);
    let house = house(&mock, "kiro", CLAUDE, &sign_in(&mock, &file, "/refreshToken")).await;
    let asks = |stream: bool, messages: &str| {
        format!(
            r#"{{"model":"fast","max_tokens":99,"stream":{stream},"system":"be brief","tools":{TOOLS},"messages":{messages}}}"#
        )
    };
    let first = house.post(MESSAGES, asks(false, r#"[{"role":"user","content":"the weather?"}]"#)).await;
    assert_eq!(first.json()["stop_reason"], "tool_use", "{}", first.text);
    let call = first.json()["content"][0].clone();
    assert_eq!((&call["type"], &call["name"]), (&"tool_use".into(), &"get_weather".into()));
    let streamed = house.post(MESSAGES, asks(true, r#"[{"role":"user","content":"the weather?"}]"#)).await;
    for part in ["\"type\":\"tool_use\"", "input_json_delta", "\"stop_reason\":\"tool_use\"", "message_stop"]
    {
        assert!(streamed.text.contains(part), "{part} is not in {}", streamed.text);
    }
    let turns = format!(
        r#"[{{"role":"user","content":"the weather?"}},{{"role":"assistant","content":[{call}]}},
            {{"role":"user","content":[{{"type":"tool_result","tool_use_id":{},"content":"17 degrees"}}]}}]"#,
        call["id"]
    );
    for stream in [false, true] {
        let second = house.post(MESSAGES, asks(stream, &turns)).await;
        assert_eq!(second.status, 200, "{}", second.text);
        assert!(second.text.contains("degrees") && second.text.contains("end_turn"), "{}", second.text);
        assert!(
            second.header("x-lockgate-loss").contains("system (Kiro has no system prompt"),
            "{:?}",
            second.headers
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kiros_token_is_renewed_once_by_either_sign_in_and_written_back() {
    let (mock, folder) = (mock().await, Folder::new());
    let file = social(&folder, "social.json", "mock-0", ENDED);
    let house = house(&mock, "kiro", CLAUDE, &sign_in(&mock, &file, "/refreshToken")).await;
    hundred(&house).await;
    assert_eq!(asked(&mock, "/refreshToken"), 1);
    let kept = read(&file);
    assert!(kept["accessToken"].as_str().unwrap().starts_with("aoa-social-mock-0-"), "{kept}");
    assert_eq!((&kept["authMethod"], &kept["provider"]), (&"social".into(), &"Google".into()));
    assert!(kept["expiresAt"].as_str() > Some(ENDED) && kept["refreshToken"] != "mock-0", "{kept}");
    assert!(kept["profileArn"].as_str().unwrap().ends_with("/MOCK"), "{kept}");

    folder.file("ab12.json", r#"{"clientId":"c-1","clientSecret":"s-1","expiresAt":"2099-01-01T00:00:00Z"}"#);
    let text = format!(
        r#"{{"accessToken":"old","refreshToken":"mock-7","expiresAt":"{ENDED}","authMethod":"IdC","provider":"BuilderId","clientIdHash":"ab12","region":"eu-central-1"}}"#
    );
    let file = folder.file("builder.json", &text);
    let house = super::house(&mock, "kiro", CLAUDE, &sign_in(&mock, &file, "/oidc/token")).await;
    hundred(&house).await;
    assert_eq!(asked(&mock, "/oidc/token"), 1);
    let entry = mock.ledger().into_iter().find(|entry| entry.path == "/oidc/token").unwrap();
    let asked: Value = serde_json::from_slice(&entry.body).unwrap();
    let expected =
        r#"{"clientId":"c-1","clientSecret":"s-1","grantType":"refresh_token","refreshToken":"mock-7"}"#;
    assert_eq!(asked, serde_json::from_str::<Value>(expected).unwrap());
    let kept = read(&file);
    assert!(kept["accessToken"].as_str().unwrap().starts_with("aoa-builder-mock-7-"), "{kept}");
    assert_eq!((&kept["clientIdHash"], kept.get("profileArn")), (&"ab12".into(), None));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_kiro_refuses_goes_to_the_next_and_a_cut_answer_is_not_whole() {
    let (mock, folder) = (mock().await, Folder::new());
    let revoked = social(&folder, "revoked.json", "gone", ENDED);
    let good = social(&folder, "good.json", "mock-0", LASTS);
    let credentials = [&revoked, &good].map(|file| sign_in(&mock, file, "/refreshToken")).join(", ");
    let house = house(&mock, "kiro", CLAUDE, &credentials).await;
    let answer = house.post(CHAT_PATH, CHAT).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("x-lockgate-deployment")),
        (200, "a/claude-sonnet-4.5#2")
    );

    let credential = sign_in(&mock, &good, "/refreshToken");
    let alone = || super::house(&mock, "kiro", CLAUDE, &credential);
    for (fault, status, attempts) in [
        ("quota", 429, "1"),
        ("context-length", 400, "1"),
        ("429", 200, "2"),
        ("500", 200, "2"),
        ("error-in-200", 200, "2"),
    ] {
        for body in [CHAT, STREAM] {
            mock.script([fault.parse::<lockgate_mock::Fault>().unwrap()]);
            // An account with nothing left is not asked again for a while.
            let answer = alone().await.post(CHAT_PATH, body).await;
            let found = (answer.status.as_u16(), answer.header("x-lockgate-attempts"));
            assert_eq!(found, (status, attempts), "{fault}: {}", answer.text);
        }
    }
    let alone = alone().await;
    for (fault, body) in [("cut:4", STREAM), ("error:4", STREAM)] {
        mock.script([fault.parse::<lockgate_mock::Fault>().unwrap()]);
        let cut = alone.post(CHAT_PATH, body).await;
        assert!(
            cut.text.contains("\"error\"") && !cut.text.contains("\"finish_reason\":\"stop\""),
            "{}",
            cut.text
        );
    }
    mock.script(["cut:4".parse::<lockgate_mock::Fault>().unwrap()]);
    let retried = alone.post(CHAT_PATH, CHAT).await;
    assert_eq!(
        (retried.status.as_u16(), retried.header("x-lockgate-attempts")),
        (200, "2"),
        "{}",
        retried.text
    );
}
