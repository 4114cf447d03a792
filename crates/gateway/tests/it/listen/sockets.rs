//! Sockets in the file system.

use std::os::unix::fs::PermissionsExt;

use super::client::{Connection, listening, unix};
use crate::house::{CHAT, House, STREAM, mock};

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_is_listened_at_until_the_end() {
    let mock = mock().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gate.sock");
    let listen = format!("{{ address: \"unix:{}\", mode: \"0660\" }}", path.display());
    let yaml = listening(&mock.base_url(), &listen, "");
    let house = House::new(&yaml).await;
    assert_eq!(house.serving.places()[0].to_string(), format!("unix:{}", path.display()));
    assert_eq!(house.serving.address.to_string(), "0.0.0.0:0");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);

    let mut client = Connection::http1(unix(&path).await).await;
    assert_eq!(client.asked(CHAT).await.status, 200);
    assert!(client.asked(STREAM).await.text.ends_with("data: [DONE]\n\n"));
    assert_eq!(&*house.records(2).await[0].peer, "unix");

    let second = lockgate_config::parse("test.yaml", &yaml, &|_| None).unwrap();
    let second = lockgate_gateway::start(&second, house.journal.clone()).await;
    let Err(error) = second else { panic!("two listen at one socket") };
    let expect = format!("cannot listen on unix:{}: another program listens on this socket", path.display());
    assert_eq!(error.to_string(), expect);
    // Who can open it at all: the mode changes as the gateway runs.
    let narrower = lockgate_config::parse("test.yaml", &yaml.replace("0660", "0600"), &|_| None).unwrap();
    house.serving.apply(&narrower).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(client.asked(CHAT).await.status, 200);

    drop(client);
    assert!(house.serving.stop().await);
    assert!(!path.exists(), "its file is left behind");
}
