//! Each receiver checks what its vendor checks.

use base64::{Engine, prelude::BASE64_STANDARD};
use http::Method;
use percent_encoding::percent_decode_str;
use ring::hmac;
use serde_json::{Value, json};

use super::{
    post_office::{Cover, PostOffice, tls},
    receiver::Receiver,
};
use crate::{
    house::{House, config, mock, secret},
    tls::Authority,
};

const OK: &str = r#"{"errcode":0,"errmsg":"ok","code":0,"msg":"success"}"#;

/// Sends a test; the status and what was said.
async fn test(house: &House, body: &Value) -> (u16, Value) {
    let answer = house.ask(Method::POST, "/admin/v1/alerts/test", "application/json", body.to_string()).await;
    (answer.status.as_u16(), answer.json())
}

fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text).as_ref().to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_receiver_is_told_in_its_own_form() {
    let (receiver, mock) = (Receiver::saying(OK).await, mock().await);
    let tokens: Vec<String> = ["webhook", "slack", "wecom", "feishu", "dingtalk"].map(secret).to_vec();
    let signing = secret("signing");
    let url = |place: usize, front: &str| receiver.url(&format!("{front}{}", tokens[place]));
    let rest = format!(
        "alerts:\n  webhook: {{ url: \"{}\", secret: {signing}, headers: {{ x-team: {signing} }} }}\n  slack: \"{}\"\n  \
         wecom: [\"{}\"]\n  feishu: {{ url: \"{}\", secret: {signing}, name: birds }}\n  dingtalk: {{ url: \"{}\", secret: {signing} }}\n",
        url(0, "/hook?key="),
        url(1, "/services/T/B/"),
        url(2, "/cgi-bin/webhook/send?key="),
        url(3, "/open-apis/bot/v2/hook/"),
        url(4, "/robot/send?access_token="),
    );
    let house = House::new(&config(&[&mock.base_url()], &rest)).await;
    let (status, said) = test(&house, &json!({})).await;
    assert_eq!((status, &said["ok"]), (200, &json!(true)), "{said}");
    let names: Vec<_> = said["sinks"].as_array().unwrap().iter().map(|sink| sink["name"].clone()).collect();
    assert_eq!(names, ["webhook", "slack", "wecom", "birds", "dingtalk"]);

    let sent = receiver.messages(5).await;
    let to = |place: usize| sent.iter().find(|sent| sent.target.contains(&tokens[place])).unwrap();
    let webhook = to(0);
    let signature = &webhook.headers["x-lockgate-signature"];
    let (time, shown) = signature.strip_prefix("t=").unwrap().split_once(",v1=").unwrap();
    let signed = [time.as_bytes(), b".", &webhook.body].concat();
    let expected: String =
        mac(signing.as_bytes(), &signed).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(shown, expected);
    let now = || std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    assert!(now().abs_diff(time.parse().unwrap()) < 300, "{time}");
    let body = webhook.json();
    assert_eq!((&body["version"], &body["alerts"][0]["kind"]), (&json!(1), &json!("test")));
    assert_eq!(body["id"].as_str().unwrap(), webhook.headers["x-lockgate-alert-id"]);
    assert_eq!(webhook.headers["x-team"], signing);
    assert!(webhook.headers["content-type"].starts_with("application/json"));

    assert!(to(1).json()["text"].as_str().unwrap().starts_with("Lockgate: test\n"));
    assert_eq!(to(2).json()["msgtype"], "text");
    let feishu = to(3).json();
    let time = feishu["timestamp"].as_str().unwrap();
    let expected = BASE64_STANDARD.encode(mac(format!("{time}\n{signing}").as_bytes(), b""));
    assert_eq!(feishu["sign"], expected);
    assert!(now().abs_diff(time.parse().unwrap()) < 3600, "{time}");
    let query = to(4).target.split_once('?').unwrap().1.to_owned();
    let of = |name: &str| {
        let found =
            query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")).map(str::to_owned));
        percent_decode_str(&found.unwrap()).decode_utf8().unwrap().into_owned()
    };
    let expected =
        BASE64_STANDARD.encode(mac(signing.as_bytes(), format!("{}\n{signing}", of("timestamp")).as_bytes()));
    assert_eq!(of("sign"), expected);
    house.serving.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_vendor_says_inside_a_200_counts() {
    let (receiver, mock) = (Receiver::saying(OK).await, mock().await);
    let token = secret("wecom");
    let rest = format!(
        "alerts: {{ wecom: \"{}\", slack: \"{}\" }}\n",
        receiver.url(&format!("/send?key={token}")),
        receiver.url("/s")
    );
    let house = House::new(&config(&[&mock.base_url()], &rest)).await;
    receiver
        .answers(&[(200, &format!(r#"{{"errcode":93000,"errmsg":"invalid webhook url, key {token}"}}"#))]);
    let (status, said) = test(&house, &json!({ "sink": "wecom" })).await;
    let why = "it answered 200 with code 93000: invalid webhook url, key <hidden>";
    assert_eq!((status, &said["ok"], &said["sinks"][0]["error"]), (200, &json!(false), &json!(why)));
    assert_eq!(receiver.sent().len(), 1, "nobody else was asked");
    receiver.answers(&[(302, "")]);
    let (_, said) = test(&house, &json!({ "sink": "slack" })).await;
    let why = said["sinks"][0]["error"].as_str().unwrap();
    assert!(why.contains("redirects are not followed"), "{why}");
    let (status, said) = test(&house, &json!({ "sink": "pigeon" })).await;
    let told = "no receiver of alerts is called `pigeon`: there is `slack`, `wecom`";
    assert_eq!((status, &said["error"]["message"]), (404, &json!(told)));
    house.serving.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_is_signed_in_for_and_encrypted() {
    let (authority, mock) = (Authority::new(), mock().await);
    let identity = authority.signed(&["localhost"], |_| ());
    let password = secret("mail password");
    let user = Some(format!("bot:{password}"));
    for (cover, setting) in [
        (Cover::Asked(tls(&identity)), "starttls"),
        (Cover::Always(tls(&identity)), "always"),
        (Cover::Never, "none"),
    ] {
        let office = PostOffice::new(cover, user.clone()).await;
        let mailbox = |password: &str| {
            format!(
                "alerts: {{ email: {{ smtp: \"localhost:{}\", tls: {setting}, user: bot, password: {password}, from: \"Gate <gate@example.com>\", \
                 to: [ops@example.com, more@example.com], ca_file: \"{}\" }} }}\n",
                office.address.port(),
                authority.file()
            )
        };
        let house = House::new(&config(&[&mock.base_url()], &mailbox(&password))).await;
        let (_, said) = test(&house, &json!({ "sink": "email" })).await;
        assert_eq!(said["ok"], true, "{setting}: {said}");
        let letter = crate::house::eventually(|| office.letters().pop()).await;
        assert_eq!((letter.is_encrypted, letter.user.as_ref()), (setting != "none", user.as_ref()));
        assert_eq!((letter.hello.as_str(), letter.to.len()), ("example.com", 2));
        assert!(letter.from.contains("gate@example.com"), "{letter:?}");
        for part in [
            "Subject: Lockgate: test\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "Message-ID: <alert_",
            "nothing is the matter",
        ] {
            assert!(letter.text.contains(part), "{part}: {}", letter.text);
        }

        let wrong = secret("another password");
        house.apply(&config(&[&mock.base_url()], &mailbox(&wrong)));
        let (_, said) = test(&house, &json!({})).await;
        let why = said["sinks"][0]["error"].as_str().unwrap();
        assert!(why.contains("535") && why.contains("<hidden>") && !why.contains(&wrong), "{setting}: {why}");
        house.serving.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_mail_goes_unencrypted_that_was_to_be() {
    let (office, mock) = (PostOffice::new(Cover::Never, None).await, mock().await);
    let rest = format!(
        "alerts: {{ email: {{ smtp: \"localhost:{}\", from: gate@example.com, to: [ops@example.com] }} }}\n",
        office.address.port()
    );
    let house = House::new(&config(&[&mock.base_url()], &rest)).await;
    let (_, said) = test(&house, &json!({})).await;
    assert_eq!(said["ok"], false, "{said}");
    assert!(office.letters().is_empty());
    house.serving.stop().await;
}
