//! Accounts and sign-ins: tokens are come by once for all, written back, and a refused one costs no answer.

mod entra;

use futures_util::future::join_all;
use lockgate_mock::Mock;

use crate::house::{CHAT, CHAT_PATH, House};

/// A gateway whose model `fast` is `target`, with these credentials at a provider of this kind at the mock.
async fn house(mock: &Mock, kind: &str, target: &str, credentials: &str) -> House {
    let base_url = format!("base_url: \"http://{}\"", mock.addr());
    house_at(&base_url, kind, target, credentials).await
}

async fn house_at(place: &str, kind: &str, target: &str, credentials: &str) -> House {
    House::new(&format!(
        "server: {{ listen: \"127.0.0.1:0\" }}\nproviders:\n  a: {{ kind: {kind}, {place}, credentials: [{credentials}] }}\n\
         models: {{ fast: {{ targets: [\"a/{target}\"] }} }}\n"
    ))
    .await
}

/// How often the mock was asked at a path that ends so.
fn asked(mock: &Mock, end: &str) -> usize {
    mock.ledger().iter().filter(|entry| entry.path.ends_with(end)).count()
}

/// Sends a hundred requests at once, all of which are answered.
async fn hundred(house: &House) {
    for answer in join_all((0..100).map(|_| house.post(CHAT_PATH, CHAT))).await {
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
}
