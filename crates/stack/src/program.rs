//! Finds the `stack` program and starts it as a supervisor of its own, apart
//! from the terminal and from the caller's life.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::progress::Progress;
use crate::protocol::VERSION;
use crate::{build, env, logs};

/// Names the `stack` program to use, for callers that do not stand beside it.
pub const VARIABLE: &str = "ORDERMILL_STACK";

/// Starts a supervisor for the stack in `dir` and returns as soon as it is on its own.
///
/// # Errors
/// When the program cannot be found, built or run.
pub fn start_supervisor(dir: &Path, progress: &mut Progress) -> Result<()> {
    if let Some(program) = env::set(VARIABLE) {
        return run(Path::new(&program), dir);
    }
    let myself = std::env::current_exe().context("cannot find our own program")?;
    let folder = target_folder(&myself);
    let program = folder.join("stack");
    if program.is_file() && run(&program, dir).is_ok() {
        return Ok(());
    }
    // A test program is built without the binaries of other packages: there
    // is none yet, or it is of an earlier version.
    build(&folder, progress)?;
    run(&program, dir)
}

fn run(program: &Path, dir: &Path) -> Result<()> {
    let log = File::create(dir.join(crate::supervisor::LOG))?;
    let status = Command::new(program)
        .args(["supervise", "--protocol", &VERSION.to_string(), "--dir"])
        .arg(dir)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .current_dir("/")
        .status()
        .with_context(|| format!("cannot run {}", program.display()))?;
    ensure!(
        status.success(),
        "{} supervise ended with {status}; {}",
        program.display(),
        logs::quote(&dir.join(crate::supervisor::LOG))
    );
    Ok(())
}

/// Starts the process that stays, and leaves it to init: it must not be a
/// child of the caller, who would have to reap it.
///
/// # Errors
/// When this program cannot be run again.
pub fn detach(dir: &Path) -> Result<()> {
    let myself = std::env::current_exe().context("cannot find our own program")?;
    Command::new(myself)
        .args(["supervise", "--stay", "--protocol", &VERSION.to_string(), "--dir"])
        .arg(dir)
        .spawn()
        .context("cannot start the supervisor")?;
    Ok(())
}

/// The folder of a build: that of the program, or the one above `deps` and `examples`.
pub(crate) fn target_folder(program: &Path) -> PathBuf {
    let folder = program.parent().unwrap_or(Path::new("."));
    let inner = folder.file_name().is_some_and(|name| name == "deps" || name == "examples");
    if inner { folder.parent().unwrap_or(folder) } else { folder }.to_path_buf()
}

fn build(folder: &Path, progress: &mut Progress) -> Result<()> {
    progress.step("building the stack program");
    let cargo = env::set("CARGO").unwrap_or_else(|| "cargo".to_owned());
    let output = build::command(&cargo, folder, &["stack"])
        .arg("--quiet")
        .output()
        .context("cannot run cargo to build the stack program")?;
    let said = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "\n  ");
    ensure!(output.status.success(), "the stack program could not be built; cargo said:\n  {said}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_programs_and_examples_stand_one_folder_below_the_others() {
        for program in ["/t/debug/demo", "/t/debug/deps/apply-1f", "/t/debug/examples/x"] {
            assert_eq!(target_folder(Path::new(program)), Path::new("/t/debug"), "{program}");
        }
    }
}
