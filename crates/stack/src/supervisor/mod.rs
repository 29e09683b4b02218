//! The one process that owns a stack's servers.
//!
//! Servers are its children and die with it. It serves a Unix socket in the
//! stack's folder; open connections are leases. When the last lease has gone
//! and nobody pinned the stack, it stops the servers and exits, so a caller
//! that crashes or is killed leaves nothing running.

mod census;
mod fleet;
mod ports;
mod session;

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::fs::{FlockOperation, flock};
use tokio::net::UnixListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use crate::protocol::Reply;
use census::Census;
use fleet::Fleet;

/// The socket in a stack's folder.
pub const SOCKET: &str = "socket";

/// Locked by a supervisor for its whole life.
pub const LOCK: &str = "supervisor.lock";

/// Where a supervisor writes what nobody is there to read.
pub const LOG: &str = "logs/supervisor.log";

/// A supervisor that nobody connects to after its start has been started in vain.
const FIRST_CLIENT: Duration = Duration::from_secs(10);

/// Tells a client what its request is waiting for.
#[derive(Debug, Clone)]
pub struct Teller {
    replies: mpsc::Sender<Reply>,
}

impl Teller {
    /// Says what is being done from now on.
    pub fn step(&self, text: &str) {
        self.tell(Reply::Step(text.to_owned()));
    }

    /// Says something a person should know.
    pub fn note(&self, text: &str) {
        self.tell(Reply::Note(text.to_owned()));
    }

    /// Progress is dropped rather than waited for when the client does not read.
    fn tell(&self, reply: Reply) {
        drop(self.replies.try_send(reply));
    }
}

/// Runs the supervisor of the stack in `dir` until nobody needs it.
///
/// Servers ask the kernel to be signalled when the *thread* that started them
/// ends, so everything here runs on the one thread that called this.
///
/// # Errors
/// When the folder cannot be used; failures of servers go to the clients.
pub fn run(dir: &Path) -> Result<()> {
    fs::create_dir_all(dir.join("logs"))
        .with_context(|| format!("cannot make the folder {}", dir.join("logs").display()))?;
    // PostgreSQL's user has to walk through, whatever the umask is.
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755))?;
    // The former supervisor may still be stopping its servers.
    let mut lock = File::options().create(true).append(true).open(dir.join(LOCK))?;
    flock(&lock, FlockOperation::LockExclusive)?;
    lock.set_len(0)?;
    write!(lock, "{}", std::process::id())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(supervise(dir))
}

async fn supervise(dir: &Path) -> Result<()> {
    let socket = dir.join(SOCKET);
    drop(fs::remove_file(&socket));
    let listener = crate::socket::listen(dir, SOCKET)?;
    let fleet = Arc::new(Mutex::new(Fleet::new(dir)));
    let census = Arc::new(Census::new(FIRST_CLIENT));
    let reason = serve(&listener, &fleet, &census).await?;
    // From here on a new client finds no socket, starts a new supervisor, and that waits for us.
    drop(listener);
    drop(fs::remove_file(&socket));
    eprintln!("stopping: {reason}");
    fleet.lock().await.stop().await;
    Ok(())
}

async fn serve(
    listener: &UnixListener,
    fleet: &Arc<Mutex<Fleet>>,
    census: &Arc<Census>,
) -> Result<&'static str> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut sessions = JoinSet::new();
    let abandoned = census.abandoned();
    tokio::pin!(abandoned);
    let reason = loop {
        tokio::select! {
            connection = listener.accept() => {
                let (connection, _) = connection?;
                sessions.spawn(session::serve(connection, Arc::clone(fleet), Arc::clone(census)));
            }
            Some(_) = sessions.join_next() => {}
            reason = &mut abandoned => break reason,
            _ = terminate.recv() => break "asked by a signal",
            _ = interrupt.recv() => break "asked by a signal",
        }
    };
    // Sessions end with `sessions`. A server whose start is cut short that way
    // is not in the fleet yet; it dies with this process.
    Ok(reason)
}
