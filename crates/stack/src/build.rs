//! Our own programs for a demo or a benchmark: built by cargo when cargo runs
//! it, and found beside it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::{env, place, program};

/// The folder with these programs, built and up to date when cargo is there to
/// build them.
///
/// # Errors
/// When they do not build, or are missing without cargo.
pub fn programs(names: &[&str]) -> Result<PathBuf> {
    let own = std::env::current_exe().context("cannot tell where this program is")?;
    let folder = program::target_folder(&own);
    if let Some(cargo) = env::set("CARGO") {
        eprintln!("building the programs (the first time takes minutes)");
        let built = command(&cargo, &folder, names).status().context("cannot run cargo")?;
        ensure!(built.success(), "the programs do not build; see the messages above");
    }
    let missing: Vec<_> = names.iter().filter(|name| !folder.join(name).is_file()).collect();
    ensure!(
        missing.is_empty(),
        "{missing:?} not found in {}; run this through cargo",
        folder.display()
    );
    Ok(folder)
}

/// Builds programs into `folder`, with the profile that it is named after.
pub(crate) fn command(cargo: &str, folder: &Path, names: &[&str]) -> Command {
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(profile) => profile,
    };
    let mut build = Command::new(cargo);
    build.args(["build", "--bins", "--profile", profile, "--target-dir"]);
    build.arg(folder.parent().unwrap_or(folder));
    build.args(names.iter().flat_map(|name| ["--package", name]));
    build.current_dir(place::workspace()).stdin(Stdio::null());
    // Cargo sets variables for the programs it runs that would make it
    // build again what it has just built.
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_cargos(name)) {
        build.env_remove(name);
    }
    build
}

fn is_cargos(name: &std::ffi::OsStr) -> bool {
    name.to_str()
        .is_some_and(|name| name.starts_with("CARGO_PKG") || name.starts_with("CARGO_MANIFEST"))
}
