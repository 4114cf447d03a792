//! Every dialect on the client's side before every dialect on the provider's, over real connections.

use std::{fmt::Write as _, net::SocketAddr};

use http::Method;
use lockgate_store::Ended;

use crate::house::{Answer, House, mock};

/// How a client of one dialect asks the model it knows as `{model}`.
pub(crate) struct Client {
    pub(crate) dialect: &'static str,
    pub(crate) path: &'static str,
    pub(crate) stream_path: &'static str,
    pub(crate) body: &'static str,
    pub(crate) stream_body: &'static str,
    /// What only a whole stream of the dialect has.
    pub(crate) end: &'static str,
}

pub(crate) const CLIENTS: &[Client] = &[
    Client {
        dialect: "openai-chat",
        path: "/v1/chat/completions",
        stream_path: "/v1/chat/completions",
        body: r#"{"model":"{model}","messages":[{"role":"user","content":"ahoi"}]}"#,
        stream_body: r#"{"model":"{model}","stream":true,"messages":[{"role":"user","content":"ahoi"}]}"#,
        end: "data: [DONE]",
    },
    Client {
        dialect: "openai-responses",
        path: "/v1/responses",
        stream_path: "/v1/responses",
        body: r#"{"model":"{model}","input":"ahoi"}"#,
        stream_body: r#"{"model":"{model}","stream":true,"input":"ahoi"}"#,
        end: "response.completed",
    },
    Client {
        dialect: "anthropic",
        path: "/v1/messages",
        stream_path: "/v1/messages?beta=true",
        body: r#"{"model":"{model}","max_tokens":400,"messages":[{"role":"user","content":"ahoi"}]}"#,
        stream_body: r#"{"model":"{model}","max_tokens":400,"stream":true,"messages":[{"role":"user","content":"ahoi"}]}"#,
        end: "message_stop",
    },
    Client {
        dialect: "gemini",
        path: "/v1beta/models/{model}:generateContent",
        stream_path: "/v1beta/models/{model}:streamGenerateContent?alt=sse",
        body: r#"{"contents":[{"role":"user","parts":[{"text":"ahoi"}]}]}"#,
        stream_body: r#"{"contents":[{"role":"user","parts":[{"text":"ahoi"}]}]}"#,
        end: "finishReason",
    },
    Client {
        dialect: "ollama",
        path: "/api/chat",
        stream_path: "/ollama/api/chat",
        body: r#"{"model":"{model}","stream":false,"messages":[{"role":"user","content":"ahoi"}]}"#,
        stream_body: r#"{"model":"{model}","messages":[{"role":"user","content":"ahoi"}]}"#,
        end: "\"done\":true",
    },
    Client {
        dialect: "bedrock",
        path: "/model/{model}/converse",
        stream_path: "/model/{model}/converse-stream",
        body: r#"{"messages":[{"role":"user","content":[{"text":"ahoi"}]}]}"#,
        stream_body: r#"{"messages":[{"role":"user","content":[{"text":"ahoi"}]}]}"#,
        end: "messageStop",
    },
];

/// Provider kind, dialect it is spoken to in, and the name of a model that the mock knows there.
pub(crate) const UPSTREAMS: &[(&str, &str)] = &[
    ("openai", "openai-chat"),
    ("openai", "openai-responses"),
    ("anthropic", "anthropic"),
    ("gemini", "gemini"),
    ("ollama", "ollama"),
    ("bedrock", "bedrock"),
];

/// One gateway with one model for each upstream dialect, `on-{dialect}`, all at this server.
pub(crate) async fn house(server: SocketAddr) -> House {
    let host = format!("http://{server}");
    let mut yaml =
        "server: { listen: \"127.0.0.1:0\" }\nretry: { attempts: 1, stall: 2s }\nhealth: { error_threshold: 1000 }\nproviders:\n"
            .to_owned();
    let mut models = "models:\n".to_owned();
    for (kind, dialect) in UPSTREAMS {
        writeln!(
            yaml,
            "  {dialect}: {{ kind: {kind}, base_url: \"{host}\", api_key: key, speaks: [{dialect}] }}"
        )
        .unwrap();
        writeln!(models, "  on-{dialect}: {{ targets: [{dialect}/mock-1] }}").unwrap();
    }
    House::new(&(yaml + &models)).await
}

async fn ask(house: &House, client: &Client, upstream: &str, stream: bool) -> Answer {
    let (path, body) =
        if stream { (client.stream_path, client.stream_body) } else { (client.path, client.body) };
    let model = format!("on-{upstream}");
    let (path, body) = (path.replace("{model}", &model), body.replace("{model}", &model));
    house.ask(Method::POST, &path, "application/json", body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_pair_answers_whole_and_streamed() {
    let mock = mock().await;
    let house = house(mock.addr()).await;
    let mut holes = Vec::new();
    for client in CLIENTS {
        for (_, upstream) in UPSTREAMS {
            for stream in [false, true] {
                let answer = ask(&house, client, upstream, stream).await;
                let whole = answer.status == 200
                    && answer.text.contains("ahoi")
                    && (!stream || answer.text.contains(client.end));
                if !whole {
                    holes.push(format!(
                        "{} -> {upstream}, stream {stream}: {} {:.300}",
                        client.dialect, answer.status, answer.text
                    ));
                }
            }
        }
    }
    assert!(holes.is_empty(), "{} of 72 cells:\n{}", holes.len(), holes.join("\n"));
    for record in house.records(72).await {
        assert_eq!(record.ended, Ended::Answered, "{record:?}");
        assert!(record.usage.is_some_and(|usage| usage.output > 0), "{record:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_stream_never_ends_as_a_whole_one_in_any_pair() {
    let mock = mock().await;
    let house = house(mock.addr()).await;
    let mut holes = Vec::new();
    for client in CLIENTS {
        for (_, upstream) in UPSTREAMS {
            mock.script(["cut:3".parse::<lockgate_mock::Fault>().unwrap()]);
            let answer = ask(&house, client, upstream, true).await;
            if answer.status == 200 && answer.text.contains(client.end) {
                holes.push(format!("{} -> {upstream}: {:.600}", client.dialect, answer.text));
            }
        }
    }
    assert!(holes.is_empty(), "{} of 36 cells:\n{}", holes.len(), holes.join("\n"));
}
