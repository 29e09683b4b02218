//! A client's socket that waits only so long for its answers to be read. The kernel
//! has no such limit: its own begins anew with every byte that the client takes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

/// A connection's bytes.
pub struct Socket {
    stream: TcpStream,
    patience: Duration,
    /// Runs from the first write that had to wait until all is written.
    overdue: Option<Pin<Box<Sleep>>>,
}

impl Socket {
    /// Gives what is to be written `patience` until the kernel has all of it.
    pub fn new(stream: TcpStream, patience: Duration) -> Self {
        Self { stream, patience, overdue: None }
    }

    /// The error of a write that waits too long; until then it wakes the writer in time.
    fn poll_overdue(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        let patience = self.patience;
        let overdue = self.overdue.get_or_insert_with(|| Box::pin(sleep(patience)));
        ready!(overdue.as_mut().poll(context));
        // Otherwise the kernel would keep offering what is left to the client.
        let given_up = set_socket_linger(&self.stream, Some(Duration::ZERO));
        Poll::Ready(given_up.err().map_or(io::ErrorKind::TimedOut.into(), io::Error::from))
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write(context, bytes) {
            Poll::Pending => self.poll_overdue(context).map(Err),
            written => written,
        }
    }

    /// Called when nothing is left to write.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.overdue = None;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
