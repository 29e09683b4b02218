//! Installs Debian packages, when it may.

use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::process::Command;
use tokio::time::sleep;

use super::install::{last_words, on_path};
use crate::supervisor::Teller;

/// How long somebody else may hold a lock of apt: a new machine updates itself first.
const LOCK_PATIENCE: Duration = Duration::from_secs(120);
const LOCK_PAUSE: Duration = Duration::from_secs(2);
/// What our own run is told beside the command that people see; apt waits for dpkg's lock
/// by itself.
const OPTIONS: &str = "-y --no-install-recommends -o DPkg::Lock::Timeout=120";

/// Fails with the command to run where nobody but a person may install packages.
///
/// # Errors
/// We are not root, or this is no Debian.
pub(super) fn refuse_others(packages: &[&str]) -> Result<()> {
    if rustix::process::getuid().is_root() && on_path("apt-get").is_some() {
        return Ok(());
    }
    let command = command(packages);
    bail!("{} must be installed first; run: sudo sh -c '{command}'", packages.join(" "))
}

/// Installs packages, as root.
///
/// # Errors
/// With what apt-get said last.
pub(super) async fn install(packages: &[&str], teller: &Teller) -> Result<()> {
    let (command, packages) = (command(packages), packages.join(" "));
    teller.note(&format!("not found: {packages}; running: {command}"));
    teller.step(&format!("installing {packages}"));
    let begin = Instant::now();
    loop {
        let output = run(&command.replace("-y", OPTIONS)).await?;
        let said = [output.stdout, output.stderr].concat();
        if output.status.success() {
            return Ok(());
        }
        if !is_locked_out(&said) || begin.elapsed() > LOCK_PATIENCE {
            bail!("`{command}` failed; it said:\n  {}", last_words(&said));
        }
        teller.step("waiting for another apt-get");
        sleep(LOCK_PAUSE).await;
    }
}

async fn run(command: &str) -> Result<Output> {
    Command::new("sh")
        .args(["-c", command])
        .env("DEBIAN_FRONTEND", "noninteractive")
        // Its words are read.
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .await
        .context("cannot run apt-get")
}

/// Whether another one holds a lock that apt does not wait for: that of the lists.
fn is_locked_out(said: &[u8]) -> bool {
    String::from_utf8_lossy(said).contains("Could not get lock")
}

/// What installs packages. The one of PostgreSQL makes a cluster and runs it, unless it is
/// told before that nobody wants one.
fn command(packages: &[&str]) -> String {
    const NO_CLUSTER: &str = "apt-get install -y postgresql-common && \
         pg_conftool /etc/postgresql-common/createcluster.conf set create_main_cluster false && ";
    let before = if packages.contains(&"postgresql") { NO_CLUSTER } else { "" };
    format!("apt-get update && {before}apt-get install -y {}", packages.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn postgresql_is_installed_without_a_cluster_of_the_systems_own() {
        assert_eq!(command(&["maven"]), "apt-get update && apt-get install -y maven");
        assert_eq!(
            command(&["postgresql", "maven"]),
            "apt-get update && apt-get install -y postgresql-common && \
             pg_conftool /etc/postgresql-common/createcluster.conf set create_main_cluster false && \
             apt-get install -y postgresql maven"
        );
    }

    #[test]
    fn a_lock_that_another_one_holds_is_no_failure_yet() {
        let lists =
            b"E: Could not get lock /var/lib/apt/lists/lock. It is held by process 7 (apt-get)\n\
            E: Unable to lock directory /var/lib/apt/lists/";
        assert!(is_locked_out(lists));
        assert!(!is_locked_out(b"E: Unable to locate package openjdk-17-jre-headless"));
    }
}
