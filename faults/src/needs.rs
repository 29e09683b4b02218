//! What a scenario needs of the machine beside the stack. A machine without it
//! skips the scenario, with the reason in the table.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use stack::Server;

/// Enough for a fresh server and some minutes of load.
const SMALL_DISK: &str = "size=1g";

/// Something that not every machine has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Needs {
    Nothing,
    /// A file system of its own for this server's data, which can be filled.
    SmallDisk(Server),
    /// A second PostgreSQL beside the first.
    Standby,
}

impl Needs {
    /// Why this machine cannot do it.
    pub(crate) fn missing(self) -> Option<String> {
        match self {
            Self::Nothing | Self::Standby => None,
            Self::SmallDisk(_) if !rustix::process::geteuid().is_root() => {
                Some("only root may mount the small disk it needs".to_owned())
            }
            Self::SmallDisk(_) => no_disk(&stack::place::folder("faults-probe")),
        }
    }
}

/// Why no small disk can be mounted, tried in a folder that goes again.
fn no_disk(probe: &Path) -> Option<String> {
    let refused = SmallDisk::mount(probe).err();
    let _busy = std::fs::remove_dir(probe);
    refused.map(|error| format!("no small disk: {error:#}"))
}

/// A mounted file system in memory; ends with this value.
#[derive(Debug)]
pub(crate) struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    /// Mounts one on this folder.
    ///
    /// # Errors
    /// It cannot be mounted.
    pub(crate) fn mount(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let mount = ["-t", "tmpfs", "-o", SMALL_DISK, "ordermill-faults"];
        let output = Command::new("mount").args(mount).arg(folder).output();
        let output = output.context("cannot run mount")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{}", said.trim());
        Ok(Self(folder.to_owned()))
    }

    /// Leaves no byte free.
    ///
    /// # Errors
    /// Something else than the space is missing.
    pub(crate) fn fill(&self) -> Result<()> {
        let mut file = std::fs::File::create(self.filler())?;
        let block = vec![0_u8; 1 << 16];
        for size in [block.len(), 512, 1] {
            while std::io::Write::write_all(&mut file, &block[..size]).is_ok() {}
        }
        Ok(())
    }

    /// Gives the space back.
    ///
    /// # Errors
    /// It is not full.
    pub(crate) fn free(&self) -> Result<()> {
        std::fs::remove_file(self.filler()).context("the disk is not full")
    }

    /// Unmounts what may be mounted there, also by a run that was killed. A server that
    /// has just ended may still hold a file: the disk goes when it can.
    pub(crate) fn let_go(folder: &Path) {
        let _at_the_latest_with_the_machine =
            Command::new("umount").arg("--lazy").arg(folder).output();
    }

    fn filler(&self) -> std::path::PathBuf {
        self.0.join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        Self::let_go(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_leaves_nothing_behind() {
        let probe = std::env::temp_dir().join(format!("ordermill-probe-{}", std::process::id()));
        // Whether this machine can do it is another matter.
        let _why_not = no_disk(&probe);
        assert!(!probe.exists());
    }
}
