//! A pool of APIs: each model's providers take turns, and one that fails is somebody else's turn.

use lockgate_mock::Rule;

use super::{answered, both, chat, chats, exchanged, files, keys, start};
use crate::house::lenient;

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_of_apis_shares_and_fails_over_as_it_did() {
    for (file, expected) in files("api-pool.yaml", "1-api-pool.yaml").iter().zip([[6, 6, 0], [4, 4, 4]]) {
        for which in 0..2 {
            let (a, b, c) = (lenient().await, lenient().await, lenient().await);
            let text = exchanged(
                file,
                &[
                    ("https://openrouter.ai/api/v1", a.base_url()),
                    ("https://api.deepseek.com/v1", b.base_url()),
                    ("https://api.openai.com/v1", a.base_url()),
                    // Without a path, as Azure's users write it.
                    ("https://your-resource.openai.azure.com", format!("http://{}", c.addr())),
                ],
            );
            let config = both("config.yaml", &text, &keys)[which].clone();
            let house = start(config, 8080).await;
            answered(&house, "deepseek-r1", "", 12).await;
            assert_eq!(chats(&[&a, &b, &c]), expected, "{}", file.display());
            answered(&house, "gpt-4o", "any key at all", 6).await;
            let more = [expected[0] + 3, expected[1], expected[2] + 3];
            assert_eq!(chats(&[&a, &b, &c]), more, "{}", file.display());

            // Each model on its own: what fails of one is no matter of the other.
            a.rules(vec![Rule::new("500".parse().unwrap())]);
            answered(&house, "deepseek-r1", "", 12).await;
            answered(&house, "gpt-4o", "", 12).await;
            a.rules(vec![Rule::new("quota".parse().unwrap())]);
            answered(&house, "gpt-4o", "", 12).await;
            assert_eq!(chat(&house, "gpt-5", "").await.status, 404);
        }
    }
}
