//! A balancer over instances: weights, whatever name is asked for, and others while all of the first are down.

use http::Method;

use super::{answered, asked, both, chat, chats, exchanged, files, keys, start};
use crate::house::lenient;

#[tokio::test(flavor = "multi_thread")]
async fn instances_share_by_weight_and_others_step_in_while_all_are_down() {
    for (file, expected) in
        files("instances.json5", "2-simple.json5").iter().zip([[4, 2, 2, 0], [4, 4, 0, 0]])
    {
        for which in 0..2 {
            let (a, b, c, cloud) = (lenient().await, lenient().await, lenient().await, lenient().await);
            let text = exchanged(
                file,
                &[
                    ("http://10.82.1.1:8080/v1", a.base_url()),
                    ("http://10.82.1.2:8080/v1", b.base_url()),
                    ("http://10.82.1.3:8080/v1", c.base_url()),
                    ("https://cloud.infini-ai.com/maas/v1", cloud.base_url()),
                ],
            );
            let config = both("config.json5", &text, &keys)[which].clone();
            let house = start(config, 9999).await;
            answered(&house, "deepseek-r1", "", 4).await;
            // Any name is a name of the pool, and each instance is asked for the model it has.
            answered(&house, "gpt-4o/latest", "", 4).await;
            let all = [&a, &b, &c, &cloud];
            assert_eq!(chats(&all).iter().sum::<usize>(), 8);
            assert_eq!(chats(&all), expected, "{}", file.display());
            assert!(asked(&a).iter().all(|entry| entry.model.as_deref() == Some("deepseek-r1")));
            let other = Some("deepseek-ai/DeepSeek-R1");
            assert!(asked(&c).iter().all(|entry| entry.model.as_deref() == other), "{:?}", c.ledger());

            // Whatever path it is.
            let body = r#"{"model":"any","input":"hello"}"#;
            assert_eq!(house.post("/v1/embeddings", body).await.status, 200);
            let answer = house.ask(Method::POST, "/v1/rerank", "application/json", body).await;
            let asked = |path: &str| all.iter().flat_map(|mock| mock.ledger()).any(|it| it.path == path);
            assert!(asked("/v1/rerank"), "{}", answer.text);
            let models = house.get("/v1/models").await.json();
            assert_eq!(models["data"][0]["id"], "deepseek-r1", "{models}");

            for mock in [a, b, c] {
                mock.stop().await;
            }
            let before = chats(&[&cloud])[0];
            answered(&house, "deepseek-r1", "", 10).await;
            assert_eq!(chats(&[&cloud])[0] - before, 10);
            assert_eq!(chat(&house, "anything", "").await.status, 200);
        }
    }
}
