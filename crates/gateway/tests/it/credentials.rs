//! What operators say of single credentials: who is asked first, for which models, by which names, how often, and how.

use crate::house::{Answer, CHAT, CHAT_PATH, House, STREAM, mock};

/// A gateway with one provider `p` whose section is `fields` and whose credentials are `rows`.
async fn house(base_url: &str, fields: &str, rows: &[&str], rest: &str) -> House {
    let rows: Vec<String> = rows.iter().map(|row| format!("      - {{ {row} }}\n")).collect();
    House::new(&format!(
        "server: {{ listen: \"127.0.0.1:0\" }}\nproviders:\n  p:\n    kind: openai\n    base_url: \"{base_url}\"\n    {fields}\n    credentials:\n{}{rest}",
        rows.concat()
    ))
    .await
}

async fn ask(house: &House, model: &str) -> Answer {
    house.post(CHAT_PATH, CHAT.replace("fast", model)).await
}

/// What a request for `model` comes to: the deployment that answers, or the status.
#[track_caller]
fn check(answer: &Answer, expected: &str) {
    let deployment = answer.header("x-lockgate-deployment");
    let came = if deployment.is_empty() { answer.status.as_str().to_owned() } else { deployment.to_owned() };
    assert_eq!(came, expected, "{}", answer.text);
}

const MODELS: &str = "models:\n  fast: { targets: [p/gpt-4o-mini] }\n";

#[tokio::test]
async fn names_lead_to_the_credentials_that_are_asked_for_them() {
    let mock = mock().await;
    let rows = [
        "name: one, api_key: k1, models: [\"gpt-4o*\", { name: gpt-4.1, alias: smart }]",
        "name: two, api_key: k2, models: [{ name: gpt-4o-mini, alias: small }], prefix: team",
        "name: three, api_key: k3, models: [gpt-5], prefix: lab, force_prefix: true, exclude: [\"*-5\"]",
        "name: four, api_key: k4, models: [gpt-4.1-mini], prefix: shop, force_prefix: true",
    ];
    let house = house(&mock.base_url(), "exclude: [GPT-4O-Audio*]", &rows, MODELS).await;
    for (asked, expected) in [
        ("fast", "p/gpt-4o-mini#one"),
        ("gpt-4o", "p/gpt-4o#one"),
        ("smart", "p/gpt-4.1#one"),
        ("small", "p/gpt-4o-mini#two"),
        ("team/small", "p/gpt-4o-mini#two"),
        ("p/small", "p/gpt-4o-mini#two"),
        ("p/gpt-4o", "p/gpt-4o#one"),
        ("gpt-4o-audio-preview", "404"),
        ("gpt-5", "404"),
        ("lab/gpt-5", "404"),
        ("gpt-4.1-mini", "404"),
        ("shop/gpt-4.1-mini", "p/gpt-4.1-mini#four"),
        ("gpt-4.1", "404"),
        ("nobody/small", "404"),
    ] {
        check(&ask(&house, asked).await, expected);
    }
    let list = house.get("/v1/models").await.json();
    let names: Vec<&str> =
        list["data"].as_array().unwrap().iter().filter_map(|row| row["id"].as_str()).collect();
    assert_eq!(names, ["fast", "smart", "small", "team/small", "shop/gpt-4.1-mini"]);
}

#[tokio::test]
async fn the_same_alias_at_several_places_is_a_pool() {
    let mock = mock().await;
    let row = |key: u8| format!("api_key: k{key}, models: [{{ name: gpt-4o-mini, alias: mine }}]");
    let rows = [row(1), row(2), row(3)];
    let house = house(&mock.base_url(), "", &rows.each_ref().map(String::as_str), MODELS).await;
    let mut asked = Vec::new();
    for _ in 0..6 {
        asked.push(ask(&house, "mine").await.header("x-lockgate-deployment").to_owned());
    }
    assert_eq!(asked[..3], asked[3..]);
    asked.sort();
    asked.dedup();
    assert_eq!(asked.len(), 3);
}

#[tokio::test]
async fn a_higher_priority_goes_first_and_a_lower_one_catches() {
    let mock = mock().await;
    let rows = [
        "name: low, api_key: k1, priority: -1",
        "name: high, api_key: k2, priority: 5",
        "name: mid, api_key: k3",
    ];
    for model in ["fast", "gpt-4o", "p/gpt-4o"] {
        let house = house(&mock.base_url(), "models: [gpt-4o]", &rows, MODELS).await;
        for _ in 0..3 {
            assert!(ask(&house, model).await.header("x-lockgate-deployment").ends_with("#high"));
        }
        mock.script(["401", "401"].map(|fault| fault.parse().unwrap()));
        assert!(ask(&house, model).await.header("x-lockgate-deployment").ends_with("#low"));
    }
}

#[tokio::test]
async fn a_credential_is_asked_as_often_as_it_may_be() {
    let mock = mock().await;
    let rows = ["name: few, api_key: k1, rpm: 2, priority: 1", "name: more, api_key: k2, rpm: 3"];
    let house = house(&mock.base_url(), "", &rows, MODELS).await;
    for expected in ["few", "few", "more", "more", "more"] {
        check(&ask(&house, "fast").await, &format!("p/gpt-4o-mini#{expected}"));
    }
    let refused = ask(&house, "fast").await;
    check(&refused, "429");
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=120).contains(&wait), "{wait}");
    assert!(refused.text.contains("limits they are given here"), "{}", refused.text);
    assert_eq!(mock.counts().requests, 5, "nothing more reached the provider");

    let rows = ["name: one, api_key: k1, tpm: 100"];
    let counted = self::house(&mock.base_url(), "", &rows, MODELS).await;
    let mut answered = 0;
    while ask(&counted, "fast").await.status == 200 {
        answered += 1;
        assert!(answered < 100, "tokens are not counted");
    }
    assert!(answered > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_is_asked_for_as_much_at_once_as_it_may_be() {
    let mock = mock().await;
    let mut behaviour = lockgate_mock::Settings::default().behaviour;
    behaviour.latency = std::time::Duration::from_millis(300);
    mock.set_behaviour(behaviour);
    let rows = ["name: one, api_key: k1, max_concurrent: 2, priority: 1", "name: rest, api_key: k2"];
    let house = house(&mock.base_url(), "", &rows, MODELS).await;
    for body in [CHAT, STREAM] {
        let answers = futures_util::future::join_all((0..6).map(|_| house.post(CHAT_PATH, body))).await;
        let first = answers.iter().filter(|answer| answer.header("x-lockgate-deployment").ends_with("#one"));
        assert!(answers.iter().all(|answer| answer.status == 200));
        assert_eq!(first.count(), 2, "the others went elsewhere, and the places were given back");
    }
}

#[tokio::test]
async fn the_wire_api_of_a_credential_decides_what_it_is_asked_in() {
    let mock = mock().await;
    let rows =
        ["name: chat, api_key: k1, wire-api: chat", "name: responses, api_key: k2, wire_api: responses"];
    let house = house(&mock.base_url(), "", &rows, MODELS).await;
    let responses = r#"{"model":"fast","input":"hello"}"#;
    for (path, body) in [(CHAT_PATH, CHAT), ("/v1/responses", responses)] {
        for _ in 0..2 {
            let answer = house.post(path, body).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            let object = answer.json()["object"].as_str().unwrap().to_owned();
            assert_eq!(object, if path == CHAT_PATH { "chat.completion" } else { "response" });
            let asked = mock.ledger().last().unwrap().path.clone();
            let own = answer.header("x-lockgate-deployment").rsplit('#').next().unwrap().to_owned();
            assert!(
                asked.ends_with(if own == "chat" { "/chat/completions" } else { "/responses" }),
                "{own}: {asked}"
            );
        }
    }
}

#[tokio::test]
async fn rules_change_what_leaves() {
    let mock = mock().await;
    let rules = "rules:\n  default: [{ when: { models: [gpt-4o-mini] }, set: { temperature: 0.50, \"metadata.team\": a } }]\n  override: [{ when: { from: [openai-responses] }, set: { temperature: 1 } }]\n  filter: [{ remove: [user, stream_options.include_obfuscation] }]\n";
    let house = house(&mock.base_url(), "", &["api_key: k"], &format!("{MODELS}{rules}")).await;
    let body = r#"{"model":"fast","user":"u","messages":[{"role":"user","content":"hello"}]}"#;
    let answer = house.post(CHAT_PATH, body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let sent = mock.ledger().last().unwrap().body.clone();
    assert_eq!(
        String::from_utf8_lossy(&sent),
        r#"{"model":"gpt-4o-mini","messages":[{"role":"user","content":"hello"}],"temperature":0.50,"metadata":{"team":"a"}}"#
    );
}
