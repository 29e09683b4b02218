//! A client that sends exactly the bytes it is given.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Nothing in these tests takes longer unless it is broken.
const DEADLINE: Duration = Duration::from_secs(20);

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    head: String,
    pub body: String,
}

impl Answer {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// The last word of the problem's type.
    pub fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let document = self.json();
        assert_eq!(document["status"], self.status);
        assert!(document["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{self:?}");
        document["type"].as_str().unwrap().rsplit(':').next().unwrap().to_owned()
    }

    /// The pointers of the violations.
    pub fn pointers(&self) -> Vec<String> {
        let document = self.json();
        let errors = document["errors"].as_array().cloned().unwrap_or_default();
        errors.iter().map(|error| error["pointer"].as_str().unwrap().to_owned()).collect()
    }
}

/// One connection.
pub struct Connection(TcpStream);

impl Connection {
    pub async fn open(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    /// Sends bytes; a peer that has hung up is no failure of the test.
    pub async fn send(&mut self, bytes: &[u8]) -> bool {
        timeout(DEADLINE, self.0.write_all(bytes)).await.unwrap().is_ok()
    }

    /// Says that nothing more will be sent.
    pub async fn finish_sending(&mut self) {
        self.0.shutdown().await.unwrap();
    }

    /// Reads one answer; `None` when the peer closed without one.
    pub async fn answer(&mut self) -> Option<Answer> {
        timeout(DEADLINE, self.read_answer()).await.expect("no answer and no close")
    }

    async fn read_answer(&mut self) -> Option<Answer> {
        let mut bytes = Vec::new();
        let head_end = loop {
            if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            self.read_some(&mut bytes).await?;
        };
        let head = String::from_utf8(bytes[..head_end].to_vec()).unwrap();
        let status = head[9..12].parse().unwrap();
        let mut answer = Answer { status, head, body: String::new() };
        let length: usize = answer.header("content-length").map_or(0, |text| text.parse().unwrap());
        while bytes.len() < head_end + length {
            self.read_some(&mut bytes).await?;
        }
        answer.body = String::from_utf8(bytes[head_end..head_end + length].to_vec()).unwrap();
        Some(answer)
    }

    async fn read_some(&mut self, bytes: &mut Vec<u8>) -> Option<()> {
        match self.0.read_buf(bytes).await {
            Ok(1..) => Some(()),
            Ok(0) | Err(_) => None,
        }
    }

    /// Whether the peer has closed and sent nothing more.
    pub async fn closed(&mut self) -> bool {
        let read = timeout(DEADLINE, self.0.read(&mut [0])).await.expect("still open");
        matches!(read, Ok(0) | Err(_))
    }
}

/// One request on a connection of its own.
pub async fn request(address: SocketAddr, method: &str, path: &str, body: &str) -> Answer {
    request_with(address, method, path, "", body).await
}

/// The same with more header lines, each ended by `\r\n`.
pub async fn request_with(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> Answer {
    let mut connection = Connection::open(address).await;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\n{headers}content-length: {}\r\n\r\n",
        body.len()
    );
    connection.send(head.as_bytes()).await;
    connection.send(body.as_bytes()).await;
    connection.answer().await.expect("closed without an answer")
}
