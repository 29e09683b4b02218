//! What is said over the stack's socket: one JSON line per message.
//!
//! A client sends one request. After `Up` it keeps the connection open: that
//! is its lease, and the kernel closes it however the client ends.

use serde::{Deserialize, Serialize};

use crate::options::{Data, Ports, Server, Source};

/// Raised whenever a message changes, so that programs of two versions notice.
pub const VERSION: u32 = 4;

/// A request with the version of the program that sends it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Envelope {
    /// [`VERSION`] of the sender.
    pub version: u32,
    /// What it asks for.
    pub request: Request,
}

/// What a client asks of the supervisor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// Bring servers up, and hold them while the connection lasts.
    Up(Up),
    /// Keep what runs without users too.
    Pin,
    /// Say what runs.
    Status,
    /// Stop everything and exit; the end of the connection says that it is done.
    Down,
    /// Send a signal to a server.
    Signal(Server, Signal),
    /// Start a server again that has ended.
    Start(Server),
    /// Do something with PostgreSQL's standby.
    Standby(StandbyStep),
}

/// Which servers are wanted, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Up {
    /// Servers that the caller does not have an address for.
    pub servers: Vec<Server>,
    /// Who may provide them.
    pub source: Source,
    /// Ports asked for by number.
    pub ports: Ports,
    /// How long they stay after the last user, in milliseconds.
    pub linger_ms: u64,
    /// What they start with.
    pub data: Data,
    /// A process that counts as a user until it ends.
    pub companion: Option<u32>,
}

/// What becomes of PostgreSQL's standby.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StandbyStep {
    /// Copy the server that runs, and follow it.
    Follow,
    /// Stop following.
    Stop,
    /// Take the place, data and port, of the server, which has ended.
    TakePlace,
}

/// Signals a fault test sends to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[value(rename_all = "UPPER")]
pub enum Signal {
    /// Ask it to stop.
    Term,
    /// Interrupt it: PostgreSQL ends its sessions and stops cleanly.
    Int,
    /// Quit: PostgreSQL stops at once, without a checkpoint.
    Quit,
    /// End it at once.
    Kill,
    /// Freeze it.
    Stop,
    /// Let it go on.
    Cont,
}

/// What the supervisor answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Reply {
    /// Something is being waited for.
    Step(String),
    /// Something a person should know.
    Note(String),
    /// The servers asked for are up.
    Up(Status),
    /// What runs.
    Status(Status),
    /// The request is carried out.
    Done,
    /// The request failed; the text is for people.
    Failed(String),
}

/// What runs under a supervisor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Process id of the supervisor.
    pub supervisor_pid: u32,
    /// Whether the stack stays without leases.
    pub pinned: bool,
    /// Connections and companions that hold the stack.
    pub leases: usize,
    /// The servers it looks after.
    pub servers: Vec<ServerStatus>,
}

/// One server under a supervisor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerStatus {
    /// Which one.
    pub server: Server,
    /// Port on 127.0.0.1.
    pub port: u16,
    /// Process id; none for a container or a server that has ended.
    pub pid: Option<u32>,
    /// Start, in seconds since 1970.
    pub started_unix_s: u64,
    /// How it ended, when it has.
    pub ended: Option<String>,
    /// Who provides it.
    pub source: Source,
}
