//! A proxy in front of one server.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::carry::{Shared, carry};
use super::moment::Gate;
use super::{Forecast, Speech, Weather};

/// Where a link leads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Route {
    pub(super) speech: Speech,
    /// The server's port on 127.0.0.1.
    pub(super) server: u16,
}

/// A listening proxy; ends with this value.
pub(super) struct Proxy {
    pub(super) port: u16,
    pub(super) weather: watch::Sender<Weather>,
    pub(super) gate: Arc<Gate>,
    _accepting: JoinSet<()>,
}

impl Proxy {
    pub(super) async fn start(route: Route) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("no free port")?;
        let port = listener.local_addr()?.port();
        let (weather, forecast) = watch::channel(Weather::default());
        let gate = Arc::new(Gate::new());
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, route, forecast, Arc::clone(&gate)));
        Ok(Self { port, weather, gate, _accepting: accepting })
    }
}

async fn accept(listener: TcpListener, route: Route, forecast: Forecast, gate: Arc<Gate>) {
    let mut connections = JoinSet::new();
    let port = listener.local_addr().map(|address| address.port()).unwrap_or_default();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((client, _)) = accepted else {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    continue;
                };
                let shared = Shared {
                    route,
                    port,
                    gate: Arc::clone(&gate),
                    forecast: forecast.clone(),
                    hold_answer: AtomicBool::new(false),
                };
                connections.spawn(async move {
                    // How a connection ends is what both sides see.
                    let _end = connect(client, &shared).await;
                    if shared.hold_answer.into_inner() {
                        shared.gate.takes_another();
                    }
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connect(client: TcpStream, shared: &Shared) -> io::Result<()> {
    // A connection that is dropped is reset, as by a server that died.
    client.set_zero_linger()?;
    client.set_nodelay(true)?;
    if *shared.forecast.borrow() == Weather::Cut {
        return Ok(());
    }
    let server = TcpStream::connect(("127.0.0.1", shared.route.server)).await?;
    server.set_zero_linger()?;
    server.set_nodelay(true)?;
    carry(client, server, shared).await
}
