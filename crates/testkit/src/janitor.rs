//! Removes beds that tests have finished with, beside the tests that still
//! run. Best effort: what a process leaves behind when it ends is removed
//! when the test stack starts next, which it does empty.

use std::sync::OnceLock;
use std::sync::mpsc::{SyncSender, sync_channel};

use rdkafka::admin::AdminOptions;

use crate::database;
use crate::servers::{REQUEST, Servers};

/// Beds that wait for removal; more are left to the next start.
const WAITING: usize = 256;

/// What a bed leaves behind.
#[derive(Debug)]
pub struct Leftover {
    /// Its database.
    pub database: String,
    /// Its topics.
    pub topics: Vec<String>,
}

static JANITOR: OnceLock<Option<SyncSender<Leftover>>> = OnceLock::new();

/// Hands over what a bed leaves behind; does not wait.
pub fn remove(servers: &'static Servers, leftover: Leftover) {
    if let Some(janitor) = JANITOR.get_or_init(|| start(servers)) {
        drop(janitor.try_send(leftover));
    }
}

/// One thread with its own runtime: a bed is dropped inside or outside of one.
fn start(servers: &'static Servers) -> Option<SyncSender<Leftover>> {
    let (sender, leftovers) = sync_channel::<Leftover>(WAITING);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    let work = move || {
        for leftover in leftovers {
            runtime.block_on(clean(servers, &leftover));
        }
    };
    std::thread::Builder::new().name("janitor".to_owned()).spawn(work).ok()?;
    Some(sender)
}

async fn clean(servers: &Servers, leftover: &Leftover) {
    let topics: Vec<_> = leftover.topics.iter().map(String::as_str).collect();
    let options = AdminOptions::new().request_timeout(Some(REQUEST));
    drop(servers.admin.delete_topics(&topics, &options).await);
    drop(database::remove(servers.stack.database_url(), &leftover.database).await);
}
