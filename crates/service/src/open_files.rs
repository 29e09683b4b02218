//! The limit of open files: sockets count, and a process may have thousands.

use anyhow::Context;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises this process's soft limit to its hard one. The usual soft limit, 1024, is
/// for programs that call `select`; it is below what connections and questions to a
/// provider may take, and at the limit not even the admin port can accept.
///
/// # Errors
/// The system refuses.
pub fn raise() -> anyhow::Result<()> {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
        .context("cannot raise the limit of open files")
}
