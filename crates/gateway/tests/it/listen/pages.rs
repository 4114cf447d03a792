//! Web pages that call the gateway from a browser (CORS).

use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::Full;

use super::client::listening;
use crate::house::{Answer, CHAT, CHAT_PATH, House, STREAM, mock, read, secret};

const PAGE: &str = "https://app.example";
const LISTED: &str = ", cors: { origins: [https://app.example, \"http://localhost:3000\"], max_age: 1h }";

async fn ask(
    house: &House,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: &'static str,
) -> Answer {
    let mut request =
        Request::builder().method(method).uri(house.url(path)).header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    read(house.send(request.body(Full::from(body)).unwrap()).await).await
}

/// A browser's question whether a page of that origin may ask.
async fn preflight(house: &House, origin: &str, path: &str) -> Answer {
    let headers = [
        ("origin", origin),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization,content-type,x-stainless-lang"),
    ];
    ask(house, Method::OPTIONS, path, &headers, "").await
}

fn says_nothing(headers: &HeaderMap) -> bool {
    !headers.keys().any(|name| name.as_str().starts_with("access-control-"))
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_word_of_it_no_page_may_call() {
    let mock = mock().await;
    let house = House::new(&listening(&mock.base_url(), "127.0.0.1:0", "")).await;
    let asked = preflight(&house, PAGE, CHAT_PATH).await;
    assert!(asked.status.is_client_error() && says_nothing(&asked.headers), "{asked:?}");
    let answer = ask(&house, Method::POST, CHAT_PATH, &[("origin", PAGE)], CHAT).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(says_nothing(&answer.headers) && answer.header("vary").is_empty(), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn listed_pages_may_call_and_read_what_is_for_them() {
    let mock = mock().await;
    let house = House::new(&listening(&mock.base_url(), "127.0.0.1:0", LISTED)).await;
    for origin in [PAGE, "http://localhost:3000"] {
        let asked = preflight(&house, origin, CHAT_PATH).await;
        assert_eq!(asked.status, StatusCode::NO_CONTENT, "{asked:?}");
        assert_eq!(asked.header("access-control-allow-origin"), origin);
        assert!(asked.header("access-control-allow-methods").contains("POST"));
        assert_eq!(
            asked.header("access-control-allow-headers"),
            "authorization,content-type,x-stainless-lang"
        );
        assert_eq!(asked.header("access-control-max-age"), "3600");
        assert!(asked.header("access-control-allow-credentials").is_empty());
        assert!(asked.header("vary").starts_with("origin"));
        for (body, path, status) in
            [(CHAT, CHAT_PATH, 200), (STREAM, CHAT_PATH, 200), ("{", CHAT_PATH, 400), (CHAT, "/nowhere", 404)]
        {
            let answer = ask(&house, Method::POST, path, &[("origin", origin)], body).await;
            assert_eq!(answer.status, status, "{answer:?}");
            assert_eq!(answer.header("access-control-allow-origin"), origin);
            assert_eq!(answer.header("vary"), "origin");
            let exposed = answer.header("access-control-expose-headers");
            assert!(exposed.contains("x-request-id") && exposed.contains("x-lockgate-attempts"), "{exposed}");
            assert!(!exposed.contains("content-type"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_pages_may_not_and_programs_may_as_ever() {
    let mock = mock().await;
    let house = House::new(&listening(&mock.base_url(), "127.0.0.1:0", LISTED)).await;
    for origin in [
        "https://evil.example",
        "http://app.example",
        "https://app.example.evil.test",
        "https://app.example:8443",
        "null",
        "",
    ] {
        let asked = preflight(&house, origin, CHAT_PATH).await;
        assert!(asked.status.is_client_error() && says_nothing(&asked.headers), "{origin}: {asked:?}");
        let answer = ask(&house, Method::POST, CHAT_PATH, &[("origin", origin)], CHAT).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{origin}");
        assert!(says_nothing(&answer.headers), "{origin}: {answer:?}");
        assert_eq!(answer.header("vary"), "origin");
    }
    let answer = ask(&house, Method::POST, CHAT_PATH, &[], CHAT).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(says_nothing(&answer.headers));
    assert_eq!(answer.header("vary"), "origin", "a cache must know that it depends on who asks");
    // A name that was rebound is none the better for a page that is listed.
    let rebound = [("origin", PAGE), ("host", "evil.test")];
    assert_eq!(ask(&house, Method::POST, CHAT_PATH, &rebound, CHAT).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_asked_for_from_pages_too_and_the_admin_api_is_for_none() {
    let mock = mock().await;
    let (key, admin) = (secret("page's key"), secret("pages' admin key"));
    let cors = ", cors: { origins: [\"*\"], headers: [authorization, x-mine] }";
    let access = format!("access: {{ admin_key: {admin}, keys: [{{ name: page, key: {key} }}] }}\n");
    let house = House::new(&format!("{}{access}", listening(&mock.base_url(), "127.0.0.1:0", cors))).await;
    let asked = preflight(&house, "https://anybody.example", CHAT_PATH).await;
    assert_eq!((asked.status, asked.header("access-control-allow-origin")), (StatusCode::NO_CONTENT, "*"));
    assert_eq!(asked.header("access-control-allow-headers"), "authorization, x-mine");
    let origin = ("origin", "https://anybody.example");
    let answer = ask(&house, Method::POST, CHAT_PATH, &[origin], CHAT).await;
    assert_eq!(
        (answer.status, answer.header("access-control-allow-origin")),
        (StatusCode::UNAUTHORIZED, "*")
    );
    let bearer = format!("Bearer {key}");
    let answer = ask(&house, Method::POST, CHAT_PATH, &[origin, ("authorization", &bearer)], CHAT).await;
    assert_eq!(answer.status, StatusCode::OK);

    for path in ["/admin", "/admin/v1/deployments"] {
        let asked = preflight(&house, origin.1, path).await;
        assert!(asked.status.is_client_error() && says_nothing(&asked.headers), "{asked:?}");
        let answer = ask(&house, Method::GET, path, &[origin, ("x-admin-key", &admin)], "").await;
        assert!(says_nothing(&answer.headers), "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_only_for_origins_by_name() {
    let mock = mock().await;
    let cors = ", cors: { origins: [https://app.example], credentials: true }";
    let house = House::new(&listening(&mock.base_url(), "127.0.0.1:0", cors)).await;
    let asked = preflight(&house, PAGE, CHAT_PATH).await;
    let answer = ask(&house, Method::POST, CHAT_PATH, &[("origin", PAGE)], CHAT).await;
    for said in [asked, answer] {
        assert_eq!(said.header("access-control-allow-origin"), PAGE);
        assert_eq!(said.header("access-control-allow-credentials"), "true");
    }
}
