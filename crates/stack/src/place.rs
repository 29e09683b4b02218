//! Where a stack lives. One folder holds its state, data and logs, so that
//! `down --purge` has one thing to remove.
//!
//! PostgreSQL refuses to run as root, so root's stacks must be in a folder
//! that other users can reach; a checkout under /root (mode 700) is not.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::env;

/// The folder of the stack with this name.
#[must_use]
pub fn folder(name: &str) -> PathBuf {
    home().join(name)
}

/// The folder that holds all stacks: `ORDERMILL_HOME`, else `.ordermill` in the
/// workspace, else (when PostgreSQL's user could not reach that) one under the
/// system's folder for temporary files.
#[must_use]
pub fn home() -> PathBuf {
    if let Some(home) = env::set("ORDERMILL_HOME") {
        return PathBuf::from(home);
    }
    let workspace = workspace();
    if !rustix::process::getuid().is_root() || others_can_reach(&workspace) {
        return workspace.join(".ordermill");
    }
    std::env::temp_dir().join(format!("ordermill-{:016x}", hash(workspace.as_os_str())))
}

/// Makes a stack's folder, and those above it that are missing. PostgreSQL does not run
/// as root: its user has to walk through what root makes, whatever the umask is.
///
/// # Errors
/// It cannot be made.
pub fn make(dir: &Path) -> Result<()> {
    let missing: Vec<_> = dir.ancestors().take_while(|folder| !folder.exists()).collect();
    let made = fs::create_dir_all(dir).and_then(|()| match rustix::process::getuid().is_root() {
        true => missing.iter().try_for_each(open),
        false => Ok(()),
    });
    made.with_context(|| format!("cannot make the folder {}", dir.display()))
}

fn open(folder: &&Path) -> std::io::Result<()> {
    fs::set_permissions(folder, Permissions::from_mode(0o755))
}

/// Why `home` is not in the workspace, when it is not.
#[must_use]
pub fn why_elsewhere() -> Option<String> {
    let home = home();
    (env::set("ORDERMILL_HOME").is_none() && !home.starts_with(workspace())).then(|| {
        format!(
            "PostgreSQL does not run as root and other users cannot reach {}: using {}",
            workspace().display(),
            home.display()
        )
    })
}

/// The checkout this program was built from, or the current folder when that is gone.
#[must_use]
pub fn workspace() -> PathBuf {
    let built_from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    built_from
        .canonicalize()
        .or_else(|_| std::env::current_dir())
        .unwrap_or_else(|_| PathBuf::from("."))
}

/// The folder for what is fetched once per user: Kafka's jars.
#[must_use]
pub fn cache() -> PathBuf {
    let under = |name: &str| env::set(name).map(PathBuf::from);
    under("ORDERMILL_CACHE")
        .or_else(|| under("XDG_CACHE_HOME").map(|cache| cache.join("ordermill")))
        .or_else(|| under("HOME").map(|home| home.join(".cache/ordermill")))
        .unwrap_or_else(|| std::env::temp_dir().join("ordermill-cache"))
}

/// Whether users other than the owner may walk through every folder up to here.
#[must_use]
pub fn others_can_reach(folder: &Path) -> bool {
    const OTHERS_MAY_ENTER: u32 = 0o001;
    folder
        .ancestors()
        .filter_map(|ancestor| ancestor.metadata().ok())
        .all(|ancestor| ancestor.mode() & OTHERS_MAY_ENTER != 0)
}

/// Tells paths apart in names that may not be long.
pub(crate) fn hash(text: &OsStr) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use rustix::fs::Mode;

    use super::*;

    #[test]
    fn a_closed_folder_anywhere_above_makes_a_place_unreachable() {
        let top = tempfile::tempdir().unwrap();
        let inner = top.path().join("inner");
        fs::create_dir(&inner).unwrap();
        fs::set_permissions(&inner, fs::Permissions::from_mode(0o755)).unwrap();

        fs::set_permissions(top.path(), fs::Permissions::from_mode(0o700)).unwrap();
        assert!(!others_can_reach(&inner));
        fs::set_permissions(top.path(), fs::Permissions::from_mode(0o711)).unwrap();
        assert!(others_can_reach(&inner));
    }
    #[test]
    fn what_root_makes_lets_others_through_and_what_was_there_stays_as_it_is() {
        if !rustix::process::getuid().is_root() {
            return;
        }
        let top = tempfile::tempdir().unwrap();
        fs::set_permissions(top.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let dir = top.path().join(".ordermill/demo");
        let usual = rustix::process::umask(Mode::RWXG | Mode::RWXO);
        let made = make(&dir);
        rustix::process::umask(usual);
        made.unwrap();
        let mode = |folder: &Path| folder.metadata().unwrap().mode() & 0o777;
        assert_eq!(mode(&dir), 0o755);
        assert_eq!(mode(dir.parent().unwrap()), 0o755);
        assert_eq!(mode(top.path()), 0o700);
    }
}
