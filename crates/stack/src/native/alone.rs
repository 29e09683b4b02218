//! One stack of a user at a time does what all stacks need once.

use std::fs::{self, File};

use anyhow::{Context, Result};
use rustix::fs::{FlockOperation, flock};

use crate::place;

/// Waits until no other process has the lock of this name, in the cache folder, and takes
/// it until the value is dropped; `wait` is called first if one has it.
///
/// # Errors
/// The lock cannot be made.
pub(super) async fn alone(name: &str, wait: impl FnOnce()) -> Result<File> {
    let cache = place::cache();
    fs::create_dir_all(&cache)
        .with_context(|| format!("cannot make the cache folder {}", cache.display()))?;
    let lock = File::create(cache.join(name))?;
    if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
        return Ok(lock);
    }
    wait();
    let take = move || flock(&lock, FlockOperation::LockExclusive).map(|()| lock);
    Ok(tokio::task::spawn_blocking(take).await??)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_second_one_waits_for_the_first() {
        let name = format!("test-{}.lock", std::process::id());
        let first = alone(&name, || unreachable!("nobody has it")).await.unwrap();
        let (say, waits) = tokio::sync::oneshot::channel();
        let own = name.clone();
        let second = tokio::spawn(async move { alone(&own, || say.send(()).unwrap()).await });
        waits.await.unwrap();
        assert!(!second.is_finished());
        drop(first);
        second.await.unwrap().unwrap();
        fs::remove_file(place::cache().join(name)).unwrap();
    }
}
