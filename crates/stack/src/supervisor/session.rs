//! One client's connection: its request, the answers, and, after `up`, the
//! lease that lasts as long as the connection.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Mutex, mpsc};

use super::Teller;
use super::census::Census;
use super::fleet::Fleet;
use crate::protocol::{Envelope, Reply, Request, Up, VERSION};
use crate::usage;

/// Progress that a slow client may fall behind by.
const REPLIES: usize = 64;

/// How often it is looked whether the process that brings users still runs.
const LOOK_AT_COMPANION: Duration = Duration::from_secs(1);

/// No request is longer; what is longer is none of ours.
const REQUEST_BYTES: u64 = 64 * 1024;

/// Serves one connection to its end.
pub async fn serve(connection: UnixStream, fleet: Arc<Mutex<Fleet>>, census: Arc<Census>) {
    let (reader, mut writer) = connection.into_split();
    let (replies, outbox) = mpsc::channel(REPLIES);
    tokio::join!(answer(reader, replies, &fleet, &census), write(outbox, &mut writer));
}

async fn answer(
    reader: OwnedReadHalf,
    replies: mpsc::Sender<Reply>,
    fleet: &Mutex<Fleet>,
    census: &Census,
) {
    let mut reader = BufReader::new(reader.take(REQUEST_BYTES));
    let mut line = String::new();
    if reader.read_line(&mut line).await.unwrap_or(0) == 0 {
        return;
    }
    let teller = Teller { replies: replies.clone() };
    let reply = match parse(&line) {
        Err(why) => Reply::Failed(why),
        Ok(Request::Up(up)) => {
            return hold(up, (reader.into_inner().into_inner(), replies), fleet, census).await;
        }
        Ok(Request::Pin) => {
            census.pin();
            Reply::Done
        }
        Ok(Request::Status) => Reply::Status(fleet.lock().await.status(census.count())),
        Ok(Request::Down) => {
            census.down();
            Reply::Done
        }
        Ok(Request::Signal(server, signal)) => {
            done(fleet.lock().await.signal(server, signal).await)
        }
        Ok(Request::Standby(step)) => done(fleet.lock().await.standby(step, &teller).await),
        Ok(Request::Start(server)) => done(fleet.lock().await.start_again(server, &teller).await),
    };
    // A client that has left needs no answer.
    drop(replies.send(reply).await);
}

/// Brings the servers up and keeps the lease until the client closes its end.
async fn hold(
    up: Up,
    (mut reader, replies): (OwnedReadHalf, mpsc::Sender<Reply>),
    fleet: &Mutex<Fleet>,
    census: &Census,
) {
    let lease = census.lease();
    let teller = Teller { replies: replies.clone() };
    let mut fleet = fleet.lock().await;
    let reply = match fleet.up(&up, &teller).await {
        Ok(()) => {
            census.linger(Duration::from_millis(up.linger_ms));
            Reply::Up(fleet.status(census.count()))
        }
        Err(error) => {
            // What has started beside the failed server is of no use to anybody.
            census.linger(Duration::ZERO);
            Reply::Failed(format!("{error:#}"))
        }
    };
    drop(fleet);
    let failed = matches!(reply, Reply::Failed(_));
    let companion = up.companion.filter(|_| !failed).and_then(|pid| census.accompany(pid));
    drop(replies.send(reply).await);
    drop((replies, teller));
    // Nothing more is expected; only the end counts.
    let mut ignored = [0; 64];
    while !failed && reader.read(&mut ignored).await.is_ok_and(|bytes| bytes > 0) {}
    drop((reader, lease));
    if let (Some(pid), Some(_)) = (up.companion, &companion) {
        ended(pid).await;
    }
}

/// Waits until a process has ended. It is no child of ours, so we have to look.
async fn ended(pid: u32) {
    let began = usage::started(pid);
    // Another process may have its id later, but not its start.
    while began.is_some() && usage::started(pid) == began {
        tokio::time::sleep(LOOK_AT_COMPANION).await;
    }
}

fn parse(line: &str) -> Result<Request, String> {
    let envelope: Result<Envelope, _> = serde_json::from_str(line);
    match envelope {
        Ok(Envelope { version: VERSION, request }) => Ok(request),
        _ => Err(format!(
            "this stack was started by another version of the program; stop it with \
             `kill {}`, which stops its servers too",
            std::process::id()
        )),
    }
}

fn done(result: anyhow::Result<()>) -> Reply {
    match result {
        Ok(()) => Reply::Done,
        Err(error) => Reply::Failed(format!("{error:#}")),
    }
}

/// The half stays open afterwards: its end would tell the client that the stack has gone.
async fn write(mut outbox: mpsc::Receiver<Reply>, writer: &mut OwnedWriteHalf) {
    while let Some(reply) = outbox.recv().await {
        let Ok(mut line) = serde_json::to_vec(&reply) else { return };
        line.push(b'\n');
        if writer.write_all(&line).await.is_err() {
            return;
        }
    }
}
