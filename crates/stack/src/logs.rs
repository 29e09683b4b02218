//! The servers' own logs: their last lines for an error, or all of them for a person.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::options::Server;

/// Lines of a server's log that an error message quotes.
const QUOTED_LINES: usize = 15;

/// Bytes read from the end of a log to find those lines.
const TAIL_BYTES: u64 = 16 * 1024;

/// How often a followed log is looked at.
const FOLLOW_EVERY: Duration = Duration::from_millis(200);

/// Where a server of the stack in `dir` writes.
#[must_use]
pub fn path(dir: &Path, server: Server) -> PathBuf {
    dir.join("logs").join(format!("{}.log", server.name()))
}

/// The log's name and its last lines, for the end of an error message.
#[must_use]
pub fn quote(log: &Path) -> String {
    let lines = last_lines(log, QUOTED_LINES);
    if lines.is_empty() {
        return format!("its log {} is empty", log.display());
    }
    format!("the last lines of {}:\n  {}", log.display(), lines.join("\n  "))
}

/// The last `count` lines of a file; none when it cannot be read.
#[must_use]
pub fn last_lines(log: &Path, count: usize) -> Vec<String> {
    let Ok(text) = tail(log, TAIL_BYTES) else { return Vec::new() };
    let text = String::from_utf8_lossy(&text).into_owned();
    let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(count)..].iter().map(|&line| line.to_owned()).collect()
}

/// Copies logs to `out`, each line with its server's name when there are two,
/// and goes on with what is added when asked to follow (until the process ends).
///
/// # Errors
/// When `out` cannot be written.
pub fn show(dir: &Path, servers: &[Server], follow: bool, out: &mut impl Write) -> io::Result<()> {
    let mut read = vec![0; servers.len()];
    loop {
        for (server, read) in servers.iter().zip(&mut read) {
            let prefix = if servers.len() > 1 { server.name() } else { "" };
            *read = show_from(&path(dir, *server), *read, prefix, out)?;
        }
        out.flush()?;
        if !follow {
            return Ok(());
        }
        std::thread::sleep(FOLLOW_EVERY);
    }
}

/// Writes the whole lines after byte `from`; gives the byte after the last one.
fn show_from(log: &Path, from: u64, prefix: &str, out: &mut impl Write) -> io::Result<u64> {
    let Ok(mut file) = File::open(log) else { return Ok(0) };
    // A shorter file than before is a new one: the server was started again.
    let from = if file.metadata()?.len() < from { 0 } else { from };
    file.seek(SeekFrom::Start(from))?;
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    let whole = text.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
    for line in text[..whole].split_inclusive(|&byte| byte == b'\n') {
        if !prefix.is_empty() {
            write!(out, "{prefix:<8} | ")?;
        }
        out.write_all(line)?;
    }
    Ok(from + whole as u64)
}

fn tail(log: &Path, bytes: u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(log)?;
    let from = file.metadata()?.len().saturating_sub(bytes);
    file.seek(SeekFrom::Start(from))?;
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_quote_has_the_last_fifteen_lines_that_say_something() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("kafka.log");
        let lines: Vec<_> = (0..40).map(|n| format!("line {n}\n\n")).collect();
        fs::write(&log, lines.concat()).unwrap();

        let quoted = last_lines(&log, QUOTED_LINES);
        assert_eq!(quoted.len(), 15);
        assert_eq!(quoted.first().map(String::as_str), Some("line 25"));
        assert_eq!(quoted.last().map(String::as_str), Some("line 39"));
    }

    #[test]
    fn two_logs_are_shown_with_the_name_of_their_server() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("logs")).unwrap();
        fs::write(path(dir.path(), Server::Kafka), "up\nhalf a li").unwrap();
        fs::write(path(dir.path(), Server::Postgres), "ready\n").unwrap();

        let mut shown = Vec::new();
        show(dir.path(), &Server::ALL, false, &mut shown).unwrap();
        assert_eq!(String::from_utf8(shown).unwrap(), "kafka    | up\npostgres | ready\n");
    }
}
