//! Carries one connection: reads, cuts into messages, waits as the weather
//! wants, writes.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::frame::{Frames, Side, advertise};
use super::moment::{Gate, Release, Statements};
use super::proxy::Route;
use super::{Forecast, Speech, Weather};

/// Reads under way in one direction; more stay in the sockets.
const CHUNKS: usize = 256;
const CHUNK: usize = 16 << 10;
/// Bytes that come one at a time: the head of any message of these protocols.
const CRUMBS: usize = 48;

/// What both directions of a connection share.
pub(super) struct Shared {
    pub(super) route: Route,
    /// The proxy's own port.
    pub(super) port: u16,
    pub(super) gate: Arc<Gate>,
    pub(super) forecast: Forecast,
    /// Set when the answer that comes next is to be held.
    pub(super) hold_answer: AtomicBool,
}

/// Carries both directions until one side has gone or the link is cut.
pub(super) async fn carry(client: TcpStream, server: TcpStream, shared: &Shared) -> io::Result<()> {
    let mut forecast = shared.forecast.clone();
    let (client_in, client_out) = client.into_split();
    let (server_in, server_out) = server.into_split();
    let (gone, _) = watch::channel(false);
    let work = async {
        tokio::try_join!(
            direction(Side::Client, client_in, server_out, shared, &gone),
            direction(Side::Server, server_in, client_out, shared, &gone),
        )
    };
    tokio::select! {
        done = work => done.map(|_| ()),
        // Dropped with linger zero: both sides see a reset.
        _ = forecast.wait_for(|weather| *weather == Weather::Cut) => Ok(()),
    }
}

async fn direction(
    side: Side,
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    shared: &Shared,
    gone: &watch::Sender<bool>,
) -> io::Result<()> {
    let (sender, chunks) = mpsc::channel(CHUNKS);
    let voice = Voice {
        side,
        frames: Frames::new(shared.route.speech, side),
        statements: Statements::default(),
        to,
        shared,
        gone: gone.subscribe(),
    };
    tokio::try_join!(listen(from, sender, gone), voice.pass_on(chunks))?;
    Ok(())
}

async fn listen(
    mut from: OwnedReadHalf,
    sender: mpsc::Sender<(Instant, Vec<u8>)>,
    gone: &watch::Sender<bool>,
) -> io::Result<()> {
    loop {
        let mut chunk = Vec::with_capacity(CHUNK);
        if from.read_buf(&mut chunk).await? == 0 {
            gone.send_replace(true);
            return Ok(());
        }
        if sender.send((Instant::now(), chunk)).await.is_err() {
            return Ok(());
        }
    }
}

/// What one side says, on its way to the other.
struct Voice<'a> {
    side: Side,
    frames: Frames,
    statements: Statements,
    to: OwnedWriteHalf,
    shared: &'a Shared,
    gone: watch::Receiver<bool>,
}

impl Voice<'_> {
    async fn pass_on(mut self, mut chunks: mpsc::Receiver<(Instant, Vec<u8>)>) -> io::Result<()> {
        while let Some((heard, chunk)) = chunks.recv().await {
            for mut message in self.frames.feed(&chunk) {
                self.weather(heard).await?;
                self.moment(&mut message).await?;
                self.say(&message).await?;
            }
        }
        self.to.shutdown().await
    }

    /// Waits for better weather; what is stopped is lost when one side has gone.
    async fn weather(&mut self, heard: Instant) -> io::Result<()> {
        let side = self.side;
        let mut forecast = self.shared.forecast.clone();
        let weather = tokio::select! {
            biased;
            weather = forecast.wait_for(|weather| !stops(*weather, side)) => weather.map(|w| *w),
            _ = self.gone.wait_for(|gone| *gone) => {
                return Err(io::ErrorKind::ConnectionReset.into());
            }
        };
        // The forecast goes on as long as the proxy lives.
        if let Ok(Weather::Slow(ms)) = weather {
            sleep_until(heard + Duration::from_millis(ms.into())).await;
        }
        Ok(())
    }

    /// Holds the message if its moment has come; it arrives when it is let go.
    async fn moment(&mut self, message: &mut [u8]) -> io::Result<()> {
        let Shared { route, port, gate, hold_answer, .. } = self.shared;
        match (route.speech, self.side) {
            (Speech::Kafka, Side::Server) => advertise(message, route.server, *port),
            (Speech::Postgres, Side::Client) => {
                let statement = self.statements.run_by(message);
                match statement.and_then(|statement| gate.takes(&statement)) {
                    Some(moment) if moment.is_answer() => {
                        hold_answer.store(true, Ordering::Release);
                    }
                    Some(_) => return self.hold().await,
                    None => {}
                }
            }
            (Speech::Postgres, Side::Server) if hold_answer.swap(false, Ordering::AcqRel) => {
                return self.hold().await;
            }
            _ => {}
        }
        Ok(())
    }

    async fn hold(&mut self) -> io::Result<()> {
        let release = tokio::select! {
            release = self.shared.gate.hold() => release,
            _ = self.gone.wait_for(|gone| *gone) => Release::Break,
        };
        match release {
            Release::Pass => Ok(()),
            Release::Break => Err(io::ErrorKind::ConnectionReset.into()),
        }
    }

    async fn say(&mut self, message: &[u8]) -> io::Result<()> {
        let crumbs = *self.shared.forecast.borrow() == Weather::Crumbs;
        let head = if crumbs { message.len().min(CRUMBS) } else { 0 };
        for byte in message[..head].chunks(1) {
            self.to.write_all(byte).await?;
        }
        self.to.write_all(&message[head..]).await
    }
}

fn stops(weather: Weather, side: Side) -> bool {
    match weather {
        Weather::Clogged => true,
        Weather::Mute => side == Side::Client,
        Weather::Deaf => side == Side::Server,
        Weather::Clear | Weather::Cut | Weather::Slow(_) | Weather::Crumbs => false,
    }
}
