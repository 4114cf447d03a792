//! An upstream that answers every request with the same bytes, whatever they are, and then closes.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket},
    task::JoinHandle,
};

/// Closes its port when dropped.
pub(crate) struct Raw {
    pub(crate) address: SocketAddr,
    /// What was asked, in order.
    requests: Arc<Mutex<Vec<String>>>,
    answer: Arc<Mutex<Vec<Vec<u8>>>>,
    task: JoinHandle<()>,
}

impl Raw {
    /// Answers with `answer`, head and all.
    pub(crate) async fn start(answer: impl Into<Vec<u8>>) -> Self {
        Self::paced(vec![answer.into()]).await
    }

    /// Answers with these pieces, a tenth of a second apart.
    pub(crate) async fn paced(pieces: Vec<Vec<u8>>) -> Self {
        let answer = Arc::new(Mutex::new(pieces));
        let answers = Arc::clone(&answer);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let seen = Arc::clone(&requests);
        #[allow(clippy::disallowed_methods, reason = "aborted on drop")]
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (answer, seen) = (answers.lock().unwrap().clone(), Arc::clone(&seen));
                #[allow(clippy::disallowed_methods, reason = "ends with its connection")]
                tokio::spawn(async move {
                    // All requests here are small: what one read gives is enough to answer.
                    let mut buffer = vec![0; 64 * 1024];
                    if let Ok(count @ 1..) = stream.read(&mut buffer).await {
                        seen.lock().unwrap().push(String::from_utf8_lossy(&buffer[..count]).into_owned());
                        for (place, piece) in answer.iter().enumerate() {
                            if place > 0 {
                                tokio::time::sleep(Duration::from_millis(100)).await;
                            }
                            let _ = stream.write_all(piece).await;
                        }
                        let _ = stream.shutdown().await;
                    }
                });
            }
        });
        Self { address, requests, answer, task }
    }

    /// What it was asked so far, head first.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// From now on answers with this, head and all.
    pub(crate) fn set(&self, answer: Vec<u8>) {
        *self.answer.lock().unwrap() = vec![answer];
    }

    pub(crate) fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// A 200 of that content type; without a length its end is the end of the connection.
    pub(crate) fn ok(content_type: &str, length: Option<usize>, body: &[u8]) -> Vec<u8> {
        let length = length.map_or_else(String::new, |length| format!("content-length: {length}\r\n"));
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\n{length}connection: close\r\n\r\n");
        [head.as_bytes(), body].concat()
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A port that is taken, so that nobody else gets it, and refuses connections.
pub(crate) struct Refusing(TcpSocket);

impl Refusing {
    pub(crate) fn new() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        Self(socket)
    }

    pub(crate) fn base_url(&self) -> String {
        format!("http://{}/v1", self.0.local_addr().unwrap())
    }
}
