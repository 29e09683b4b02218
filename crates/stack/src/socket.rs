//! Unix sockets in folders whose names are too long for a socket address
//! (108 bytes): the folder is opened first and named by its descriptor.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;

/// Listens on the socket `name` in `folder`.
///
/// # Errors
/// When the folder cannot be opened or the socket exists.
pub fn listen(folder: &Path, name: &str) -> io::Result<UnixListener> {
    let folder = File::open(folder)?;
    UnixListener::bind(short(&folder, name))
}

/// Connects to the socket `name` in `folder`.
///
/// # Errors
/// When nobody listens there.
pub fn connect(folder: &Path, name: &str) -> io::Result<UnixStream> {
    let folder = File::open(folder)?;
    UnixStream::connect(short(&folder, name))
}

fn short(folder: &File, name: &str) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}/{name}", folder.as_raw_fd()))
}
