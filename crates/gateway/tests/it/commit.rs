//! `commit`: what of a streamed answer may go wrong without its client seeing anything.

use std::fmt::Write as _;

use bytes::Bytes;
use lockgate_protocol::{
    dialects,
    fold::{Folded, fold},
    ir::Content,
};
use lockgate_store::Ended;

use crate::{
    house::{Answer, House, mock},
    matrix::{CLIENTS, Client},
    raw::Raw,
};

/// Streams that think, then fail: by an error, by their end.
const THINKERS: &[(&str, &str)] = &[
    (
        "openai-chat",
        "data: {\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\n\
         data: {\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{\"reasoning_content\":\"ponder\"},\"finish_reason\":null}]}\n\n",
    ),
    (
        "anthropic",
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[],\"stop_reason\":null,\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}}\n\n\
         event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}}\n\n\
         event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"ponder\"}}\n\n",
    ),
];
const ERRORS: &[&str] = &[
    "",
    "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"too much\"}}\n\n",
];

/// Asks one who says these pieces, a tenth of a second apart, then a mock; the answer, how the call ended, and how many were asked.
async fn asked(client: &Client, dialect: &str, pieces: &[&str], commit: &str) -> (Answer, Ended, usize) {
    let head = Raw::ok("text/event-stream", None, b"");
    let pieces = [head].into_iter().chain(pieces.iter().map(|piece| piece.as_bytes().to_vec()));
    let (thinker, mock) = (Raw::paced(pieces.collect()).await, mock().await);
    let kind = if dialect == "anthropic" { "anthropic" } else { "openai" };
    let mut yaml = "server: { listen: \"127.0.0.1:0\" }\nproviders:\n".to_owned();
    for (name, address) in [("a", thinker.address), ("b", mock.addr())] {
        writeln!(
            yaml,
            "  {name}: {{ kind: {kind}, base_url: \"http://{address}\", api_key: key, speaks: [{dialect}] }}"
        )
        .unwrap();
    }
    let model =
        format!("models:\n  fast: {{ targets: [a/mock-1], fallback: [b/mock-1], commit: {commit} }}\n");
    let house = House::new(&(yaml + &model)).await;
    let body = client.stream_body.replace("{model}", "fast");
    let answer = house.post(&client.stream_path.replace("{model}", "fast"), body).await;
    let record = house.records(1).await.remove(0);
    (answer, record.ended, record.attempts.len())
}

fn read(client: &Client, answer: &Answer) -> Folded {
    let codec = dialects::find(client.dialect).unwrap().codec();
    fold(client.dialect, codec, &Bytes::copy_from_slice(answer.text.as_bytes()), None)
}

/// Clients that can see thinking, of the thinker's dialect and of others.
fn each() -> impl Iterator<Item = (&'static Client, &'static str, [&'static str; 2])> {
    let clients = CLIENTS.iter().filter(|client| ["openai-chat", "anthropic"].contains(&client.dialect));
    clients.flat_map(|client| {
        THINKERS.iter().flat_map(move |(dialect, thinking)| {
            ERRORS.iter().map(move |error| (client, *dialect, [*thinking, *error]))
        })
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn after_thinking_another_deployment_answers_in_place_of_one_that_only_thought() {
    for commit in ["after_thinking", "whole"] {
        for (client, dialect, pieces) in each() {
            let what = format!("{} on {dialect}, {commit}", client.dialect);
            let (answer, ended, attempts) = asked(client, dialect, &pieces, commit).await;
            let Folded::Whole(response) = read(client, &answer) else { panic!("{what}: {}", answer.text) };
            assert!(
                !answer.text.contains("ponder") && answer.text.contains("ahoi"),
                "{what}: {}",
                answer.text
            );
            let is_text =
                |block: &lockgate_protocol::ir::Block<'_>| matches!(block.content, Content::Text { .. });
            assert!(response.choices[0].blocks.iter().all(is_text), "{what}: {}", answer.text);
            assert_eq!((ended, attempts), (Ended::Answered, 2), "{what}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_first_output_thinking_is_committed_and_its_failure_told() {
    for (client, dialect, pieces) in each() {
        let what = format!("{} on {dialect}", client.dialect);
        let (answer, ended, attempts) = asked(client, dialect, &pieces, "first_output").await;
        assert_eq!(answer.status, 200, "{what}");
        assert!(matches!(read(client, &answer), Folded::Failed(_)), "{what}: {}", answer.text);
        assert!(answer.text.contains("ponder"), "{what}: {}", answer.text);
        assert_eq!((ended, attempts), (Ended::Broken, 1), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_thinks_and_speaks_is_one_answer_whatever_the_commit() {
    let thinking = THINKERS[0].1;
    let rest = "data: {\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"ahoi\"},\"finish_reason\":null}]}\n\n\
        data: {\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    for commit in ["first_output", "after_thinking", "whole"] {
        let (answer, ended, attempts) = asked(&CLIENTS[0], "openai-chat", &[thinking, rest], commit).await;
        assert_eq!(answer.text, format!("{thinking}{rest}"), "{commit}");
        assert_eq!((ended, attempts), (Ended::Answered, 1), "{commit}");
    }
}
