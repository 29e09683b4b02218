//! A client of the supervisor: finds it or starts it, sends a request, shows
//! the progress, and, after `up`, holds the lease.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use rustix::fs::{FlockOperation, flock};

use crate::progress::Progress;
use crate::protocol::{Envelope, Reply, Request, Status, Up, VERSION};
use crate::state::State;
use crate::supervisor::{LOCK, LOG, SOCKET};
use crate::{logs, place, program, socket};

/// A supervisor that follows another one waits until that has stopped its servers.
const START_DEADLINE: Duration = Duration::from_secs(90);

/// PostgreSQL may have to write a large checkpoint.
const STOP_DEADLINE: Duration = Duration::from_secs(90);

/// How often the progress line's time is brought up to date.
const TICK: Duration = Duration::from_millis(200);

/// An open connection that keeps a stack up.
#[derive(Debug)]
pub struct Lease {
    _connection: UnixStream,
}

/// What a request has led to.
enum Answer {
    Reply(Reply),
    /// The supervisor closed the connection without one: it is stopping.
    Gone,
}

/// Brings servers up under the supervisor of the stack in `dir`, which is started when there is none.
///
/// # Errors
/// With what the supervisor says, or the end of its log when it does not come up.
pub fn take(dir: &Path, up: &Up, progress: &mut Progress) -> Result<(Lease, Status)> {
    let deadline = Instant::now() + START_DEADLINE;
    loop {
        let connection = connect_or_start(dir, progress)?;
        match ask(&connection, &Request::Up(up.clone()), progress)? {
            Answer::Reply(Reply::Up(status)) => {
                return Ok((Lease { _connection: connection }, status));
            }
            Answer::Reply(Reply::Failed(why)) => return Err(anyhow!(why)),
            Answer::Reply(other) => bail!("unexpected answer of the supervisor: {other:?}"),
            Answer::Gone if Instant::now() < deadline => {
                progress.step("waiting for a stack that stops");
            }
            Answer::Gone => bail!("the supervisor ended; {}", logs::quote(&dir.join(LOG))),
        }
    }
}

/// What runs in the stack in `dir`; nothing when it has no supervisor.
///
/// # Errors
/// When the supervisor does not understand us.
pub fn status(dir: &Path) -> Result<Option<Status>> {
    match request(dir, &Request::Status, &mut Progress::silent())? {
        Some(Reply::Status(status)) => Ok(Some(status)),
        None => Ok(None),
        Some(other) => bail!("unexpected answer of the supervisor: {other:?}"),
    }
}

/// Has the supervisor carry out a request.
///
/// # Errors
/// When there is none, or with what it says.
pub fn command(dir: &Path, wanted: &Request, progress: &mut Progress) -> Result<()> {
    match request(dir, wanted, progress)? {
        Some(Reply::Done) => Ok(()),
        Some(Reply::Failed(why)) => Err(anyhow!(why)),
        Some(other) => bail!("unexpected answer of the supervisor: {other:?}"),
        None => bail!("no stack runs in {}; start it with `cargo stack up`", dir.display()),
    }
}

/// Stops the stack in `dir` and waits until it has stopped; says whether there was one.
///
/// # Errors
/// When the supervisor does not understand us or does not end.
pub fn down(dir: &Path, progress: &mut Progress) -> Result<bool> {
    let supervisor = Supervisor::of(dir);
    let was_up = match request(dir, &Request::Down, progress)? {
        Some(Reply::Failed(why)) => return Err(anyhow!(why)),
        reply => reply.is_some(),
    };
    progress.step("stopping");
    supervisor.wait_for_end(progress)?;
    Ok(was_up)
}

/// The supervisor that a folder has at one moment.
#[derive(Debug)]
pub struct Supervisor {
    lock: PathBuf,
    pid: String,
}

impl Supervisor {
    /// The one that this folder has now, if any.
    #[must_use]
    pub fn of(dir: &Path) -> Self {
        let lock = dir.join(LOCK);
        let pid = fs::read_to_string(&lock).unwrap_or_default();
        Self { lock, pid }
    }

    /// Waits until it has ended: the kernel frees its lock, or another one has written its pid there.
    ///
    /// # Errors
    /// When it does not end in time.
    pub fn wait_for_end(&self, progress: &Progress) -> Result<()> {
        let Ok(lock) = File::open(&self.lock) else { return Ok(()) };
        let deadline = Instant::now() + STOP_DEADLINE;
        while flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            if fs::read_to_string(&self.lock).is_ok_and(|pid| pid != self.pid) {
                return Ok(());
            }
            if Instant::now() > deadline {
                let waited = STOP_DEADLINE.as_secs();
                bail!("the supervisor (pid {}) did not end within {waited} s", self.pid);
            }
            progress.tick();
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

fn request(dir: &Path, request: &Request, progress: &mut Progress) -> Result<Option<Reply>> {
    let Ok(connection) = socket::connect(dir, SOCKET) else { return Ok(None) };
    match ask(&connection, request, progress)? {
        Answer::Reply(reply) => Ok(Some(reply)),
        Answer::Gone => Ok(None),
    }
}

fn connect_or_start(dir: &Path, progress: &mut Progress) -> Result<UnixStream> {
    if let Ok(connection) = socket::connect(dir, SOCKET) {
        return Ok(connection);
    }
    State::refuse_foreign(dir)?;
    place::make(&dir.join("logs"))?;
    // Of several callers that find no supervisor, one starts it and the others find it.
    let start = File::create(dir.join("start.lock"))?;
    flock(&start, FlockOperation::LockExclusive)?;
    if let Ok(connection) = socket::connect(dir, SOCKET) {
        return Ok(connection);
    }
    program::start_supervisor(dir, progress)?;
    let deadline = Instant::now() + START_DEADLINE;
    loop {
        match socket::connect(dir, SOCKET) {
            Ok(connection) => return Ok(connection),
            Err(_) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(5)),
            Err(error) => {
                let log = logs::quote(&dir.join(LOG));
                return Err(error)
                    .with_context(|| format!("the supervisor does not answer; {log}"));
            }
        }
    }
}

fn ask(connection: &UnixStream, request: &Request, progress: &mut Progress) -> Result<Answer> {
    let envelope = Envelope { version: VERSION, request: request.clone() };
    let mut line = serde_json::to_vec(&envelope)?;
    line.push(b'\n');
    let mut writer = connection;
    if writer.write_all(&line).is_err() {
        return Ok(Answer::Gone);
    }
    connection.set_read_timeout(Some(TICK))?;
    let mut reader = BufReader::new(connection);
    let mut line = String::new();
    loop {
        match reader.read_line(&mut line) {
            Ok(0) => return Ok(Answer::Gone),
            Ok(_) => match serde_json::from_str(&std::mem::take(&mut line))
                .context("the supervisor does not speak our language")?
            {
                Reply::Step(step) => progress.step(&step),
                Reply::Note(note) => progress.note(&note),
                answer => return Ok(Answer::Reply(answer)),
            },
            // What has been read of a line stays in `line`.
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                progress.tick();
            }
            Err(_) => return Ok(Answer::Gone),
        }
    }
}
