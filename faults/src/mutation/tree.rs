//! A copy of the source with one mistake in it, and the program built from it.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

use super::table::Mutation;

/// The copy, in a folder of its own; what it has built stays for the next time.
pub(super) struct Tree {
    source: PathBuf,
    root: PathBuf,
    files: Vec<PathBuf>,
}

impl Tree {
    /// A copy of the files that git does not ignore.
    ///
    /// # Errors
    /// This is no checkout, or it cannot be copied.
    pub(super) async fn new() -> Result<Self> {
        let source = stack::place::workspace();
        let listed = Command::new("git")
            .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"])
            .current_dir(&source)
            .output()
            .await
            .context("cannot run git")?;
        ensure!(listed.status.success(), "{} is no checkout", source.display());
        let names = String::from_utf8(listed.stdout)?;
        let files = names.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from).collect();
        Ok(Self { source, root: stack::place::folder("mutations"), files })
    }

    /// Makes the copy equal to the source but for the mistake, and builds the
    /// program that has it.
    ///
    /// # Errors
    /// The mistake does not fit the source, or does not build.
    pub(super) async fn build(&self, mutation: &Mutation) -> Result<PathBuf> {
        for file in &self.files {
            // A file that was deleted and not committed is no part of the source.
            let Ok(right) = std::fs::read(self.source.join(file)) else { continue };
            self.write(file, &mutated(file, right, mutation)?)?;
        }
        let target = self.root.join("target");
        let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(["build", "--quiet", "--package", mutation.program, "--target-dir"])
            .arg(&target)
            .current_dir(self.copy())
            .env("RUSTFLAGS", "-Awarnings")
            .stdin(Stdio::null())
            .status()
            .await
            .context("cannot run cargo")?;
        ensure!(status.success(), "{} does not build", mutation.name);
        Ok(target.join("debug"))
    }

    fn copy(&self) -> PathBuf {
        self.root.join("source")
    }

    /// Leaves a file alone that is as it should be: cargo goes by times.
    fn write(&self, file: &Path, content: &[u8]) -> Result<()> {
        let path = self.copy().join(file);
        if std::fs::read(&path).is_ok_and(|known| known == content) {
            return Ok(());
        }
        let folder = path.parent().context("a file lies in a folder")?;
        std::fs::create_dir_all(folder)?;
        std::fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))
    }
}

fn mutated(file: &Path, right: Vec<u8>, mutation: &Mutation) -> Result<Vec<u8>> {
    let mut edits = mutation.edits.iter().filter(|edit| Path::new(edit.file) == file).peekable();
    if edits.peek().is_none() {
        return Ok(right);
    }
    let mut text = String::from_utf8(right)?;
    for edit in edits {
        ensure!(
            text.matches(edit.right).count() == 1,
            "{} does not fit {}",
            mutation.name,
            edit.file
        );
        text = text.replacen(edit.right, edit.wrong, 1);
    }
    Ok(text.into_bytes())
}
