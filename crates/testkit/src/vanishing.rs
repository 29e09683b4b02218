//! A way to PostgreSQL that vanishes without a word: what is on it stays on it for ever,
//! and nobody is told. New connections find it again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// What a client says that only wants a sign of life.
const SYNC: &[u8] = b"S\0\0\0\x04";

/// A proxy in front of PostgreSQL.
pub struct Way {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Connections with a lower number are lost.
    lost_below: AtomicUsize,
    opened: AtomicUsize,
    /// How many of the next requests for a sign of life lose their connection.
    trapped: AtomicUsize,
}

impl Way {
    /// Opens a way to the server of this URL.
    pub async fn open(database_url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("no port is free");
        let port = listener.local_addr().expect("a listener has an address").port();
        let (server, shared) = (port_of(database_url), Arc::<Shared>::default());
        let accepting = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(("127.0.0.1", server));
                carry(client, server.await.expect("the server is away"), Arc::clone(&accepting));
            }
        });
        Self { port, shared }
    }

    /// The same URL by this way.
    #[must_use]
    pub fn url(&self, database_url: &str) -> String {
        let port = |port: u16| format!(":{port}/");
        database_url.replace(&port(port_of(database_url)), &port(self.port))
    }

    /// Loses every connection that is open now.
    pub fn vanish(&self) {
        self.shared.lost_below.store(self.shared.opened.load(Ordering::SeqCst), Ordering::SeqCst);
    }

    /// The same, and every one that will be opened.
    pub fn vanish_for_good(&self) {
        self.shared.lost_below.store(usize::MAX, Ordering::SeqCst);
    }

    /// Loses the connection that is next asked for a sign of life.
    pub fn vanish_at_sign_of_life(&self) {
        self.shared.trapped.store(1, Ordering::SeqCst);
    }
}

fn port_of(database_url: &str) -> u16 {
    let port = database_url.rsplit_once(':').and_then(|(_, rest)| rest.split('/').next());
    port.and_then(|port| port.parse().ok()).expect("a URL of a stack names its port")
}

fn carry(client: TcpStream, server: TcpStream, shared: Arc<Shared>) {
    let number = shared.opened.fetch_add(1, Ordering::SeqCst);
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::spawn(direction(from_client, to_server, number, Arc::clone(&shared)));
    tokio::spawn(direction(from_server, to_client, number, shared));
}

async fn direction(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    number: usize,
    shared: Arc<Shared>,
) {
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        let trapped = &bytes[..read] == SYNC && shared.trapped.swap(0, Ordering::SeqCst) > 0;
        if trapped || number < shared.lost_below.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        if to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}
