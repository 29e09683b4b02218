//! Our own programs: built by cargo when cargo runs the demo, and found beside
//! it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

/// What the demo runs, beside itself.
const PROGRAMS: [&str; 6] = ["ingest", "processor", "notifier", "loadgen", "audit", "stack"];

/// The folder with all programs, built and up to date when cargo is there to
/// build them.
pub(crate) fn ready() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("cannot tell where this program is")?;
    let folder = own.parent().context("this program is in no folder")?.to_owned();
    if let Some(cargo) = std::env::var_os("CARGO") {
        eprintln!("building the programs (the first time takes minutes)");
        let mut build = Command::new(cargo);
        build.current_dir(stack::place::workspace()).args(["build", "--bins"]);
        // The profile that this program was built with.
        if folder.ends_with("release") {
            build.arg("--release");
        }
        build.args(PROGRAMS.iter().flat_map(|name| ["--package", name]));
        // Cargo sets variables for the programs it runs that would make it
        // build again what it has just built.
        for (name, _) in std::env::vars_os().filter(|(name, _)| is_cargos(name)) {
            build.env_remove(name);
        }
        let built = build.stdin(Stdio::null()).status().context("cannot run cargo")?;
        ensure!(built.success(), "the programs do not build; see the messages above");
    }
    let missing: Vec<_> = PROGRAMS.iter().filter(|name| !folder.join(name).is_file()).collect();
    ensure!(
        missing.is_empty(),
        "{missing:?} not found in {}; run through cargo demo",
        folder.display()
    );
    Ok(folder)
}

fn is_cargos(name: &std::ffi::OsStr) -> bool {
    name.to_str()
        .is_some_and(|name| name.starts_with("CARGO_PKG") || name.starts_with("CARGO_MANIFEST"))
}

/// A program of ours.
pub(crate) fn program(folder: &Path, name: &str) -> PathBuf {
    folder.join(name)
}
