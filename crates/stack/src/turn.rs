//! One command at a time in a stack's folder: a second one would remove the results of
//! the first and write into its logs.

use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::place;

/// Beside the stack's own files.
const FILE: &str = "command.lock";

/// The folder is this command's while this lives; the kernel ends it with the process.
#[derive(Debug)]
pub struct Turn {
    _lock: File,
}

impl Turn {
    /// Takes the folder for a command, which is named as a person types it.
    ///
    /// # Errors
    /// Another one has it, or the folder cannot be written.
    pub fn take(dir: &Path, command: &str) -> Result<Self> {
        place::make(dir)?;
        let file = dir.join(FILE);
        let open = File::options().create(true).append(true).open(&file);
        let mut lock = open.with_context(|| format!("cannot write {}", file.display()))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!(
                "{} runs in {}; wait until it has ended, or set ORDERMILL_HOME to another folder",
                fs::read_to_string(&file).unwrap_or_default(),
                dir.display()
            ),
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {}", file.display()));
            }
        }
        lock.set_len(0)?;
        write!(lock, "{command} (pid {})", std::process::id())?;
        Ok(Self { _lock: lock })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_command_is_told_what_runs_and_has_its_turn_afterwards() {
        let top = tempfile::tempdir().unwrap();
        let dir = top.path().join("demo");
        let first = Turn::take(&dir, "cargo demo").unwrap();
        let refused = Turn::take(&dir, "cargo demo").unwrap_err().to_string();
        let runs = format!("cargo demo (pid {}) runs in {}; ", std::process::id(), dir.display());
        assert!(refused.starts_with(&runs), "{refused}");
        drop(first);
        Turn::take(&dir, "cargo demo").unwrap();
    }
}
