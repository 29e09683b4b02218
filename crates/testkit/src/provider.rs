//! A payment provider over HTTP that answers as a test tells it to.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

/// Questions kept for a test that wants to see them.
const QUESTIONS_MAX: usize = 16;

/// A provider; it ends with this.
pub struct PaymentProvider {
    url: String,
    asked: mpsc::Receiver<String>,
    serving: AbortHandle,
}

impl PaymentProvider {
    /// A provider that answers each question, a whole HTTP request, with the status and
    /// the body that `answer` has for it.
    pub async fn start(
        answer: impl Fn(&str) -> (&'static str, &'static str) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("no port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let (hand_on, asked) = mpsc::channel(QUESTIONS_MAX);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(question) = serve(stream, &answer).await else { continue };
                // A test that looks at answers alone does not listen.
                let _unheard = hand_on.try_send(question);
            }
        });
        Self { url: format!("http://{address}"), asked, serving: serving.abort_handle() }
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The next question that it answered.
    pub async fn question(&mut self) -> String {
        self.asked.recv().await.expect("the provider ended")
    }
}

impl Drop for PaymentProvider {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(
    mut stream: TcpStream,
    answer: &impl Fn(&str) -> (&'static str, &'static str),
) -> std::io::Result<String> {
    let mut question = Vec::new();
    while !question.ends_with(b"}") {
        if stream.read_buf(&mut question).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    let question = String::from_utf8_lossy(&question).into_owned();
    let (status, body) = answer(&question);
    let length = body.len();
    let words =
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    stream.write_all(words.as_bytes()).await?;
    Ok(question)
}
