//! Lines on standard output or in a file: one write a chunk. Nothing is synced;
//! lines survive a crash of the process, not one of the machine.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::Report;
use crate::notification::Notification;

/// How an event becomes a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// A sink of lines.
pub struct Lines {
    file: File,
    /// The name of a file, which may come to mean another one.
    path: Option<PathBuf>,
    format: Format,
    buffer: Vec<u8>,
    /// Where each event's line ends in the buffer.
    ends: Vec<usize>,
}

impl Lines {
    /// Text on standard output.
    ///
    /// # Errors
    /// Standard output is closed.
    pub fn standard_output() -> anyhow::Result<Self> {
        // Past the standard library's own buffer: a chunk is one write.
        let descriptor = io::stdout().as_fd().try_clone_to_owned();
        let file = File::from(descriptor.context("standard output is closed")?);
        Ok(Self::new(file, None, Format::Text))
    }

    /// JSON appended to a file that no other process appends to.
    ///
    /// # Errors
    /// The file cannot be opened, or another notifier has it.
    pub fn file(path: &Path) -> anyhow::Result<Self> {
        Ok(Self::new(open_alone(path)?, Some(path.to_owned()), Format::Json))
    }

    fn new(file: File, path: Option<PathBuf>, format: Format) -> Self {
        Self { file, path, format, buffer: Vec::new(), ends: Vec::new() }
    }

    /// Opens the file anew when it was moved or removed: lines that nobody can find
    /// would count as told.
    fn follow(&mut self) -> anyhow::Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        let open = self.file.metadata().context("cannot ask for the open file")?;
        let named = fs::metadata(path);
        if !named.is_ok_and(|named| (named.dev(), named.ino()) == (open.dev(), open.ino())) {
            self.file = open_alone(path)?;
            tracing::info!(path = %path.display(), "the file was moved or removed, opened anew");
        }
        Ok(())
    }

    /// Writes a chunk. When not all of it fits, the lines that do are told and
    /// a torn one is taken back, where the file allows that.
    pub(super) fn tell(&mut self, mut chunk: Vec<Notification>) -> anyhow::Result<Report> {
        if let Err(error) = self.follow() {
            let problem = Some(format!("{error:#}"));
            return Ok(Report { left: chunk, told: Vec::new(), problem });
        }
        self.render(&chunk)?;
        let (written, failure) = write_counting(&mut self.file, &self.buffer);
        let Some(failure) = failure else {
            return Ok(Report::default());
        };
        let told = self.ends.partition_point(|end| *end <= written);
        let whole = told.checked_sub(1).map_or(0, |last| self.ends[last]);
        if let Err(error) = take_back(&self.file, written - whole) {
            tracing::warn!(%error, "half a line stays in the file");
        }
        let left = chunk.split_off(told);
        let told = chunk.iter().map(|told| (told.partition, told.offset)).collect();
        Ok(Report { left, told, problem: Some(failure.to_string()) })
    }

    fn render(&mut self, chunk: &[Notification]) -> anyhow::Result<()> {
        self.buffer.clear();
        self.ends.clear();
        for notification in chunk {
            match self.format {
                Format::Text => write!(self.buffer, "{notification}")?,
                Format::Json => notification.write_json(&mut self.buffer)?,
            }
            self.buffer.push(b'\n');
            self.ends.push(self.buffer.len());
        }
        Ok(())
    }
}

fn open_alone(path: &Path) -> anyhow::Result<File> {
    let mut file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .open(path)
        .with_context(|| format!("cannot append to {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            bail!("another process writes to {}; give each notifier its own", path.display())
        }
        Err(TryLockError::Error(error)) => return Err(error).context("cannot lock the file"),
    }
    end_torn_line(&mut file).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(file)
}

/// A crash may have left half a line; what follows it must be whole.
fn end_torn_line(file: &mut File) -> io::Result<()> {
    let length = file.seek(SeekFrom::End(0))?;
    if length == 0 {
        return Ok(());
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    if last == *b"\n" { Ok(()) } else { file.write_all(b"\n") }
}

fn take_back(file: &File, bytes: usize) -> io::Result<()> {
    if bytes == 0 {
        return Ok(());
    }
    file.set_len(file.metadata()?.len().saturating_sub(bytes as u64))
}

/// Like `write_all`, and says how much went out before an error.
fn write_counting(file: &mut impl Write, bytes: &[u8]) -> (usize, Option<io::Error>) {
    let mut written = 0;
    while written < bytes.len() {
        match file.write(&bytes[written..]) {
            Ok(0) => return (written, Some(ErrorKind::WriteZero.into())),
            Ok(count) => written += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return (written, Some(error)),
        }
    }
    (written, None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notification::tests::paid;

    fn expected(notification: &Notification) -> String {
        let mut line = Vec::new();
        notification.write_json(&mut line).unwrap();
        String::from_utf8(line).unwrap() + "\n"
    }

    #[test]
    fn a_file_has_one_line_an_event_and_a_torn_one_spoils_only_itself() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("told.jsonl");
        std::fs::write(&path, "{\"torn").unwrap();
        let (first, second) = (paid(0, 1), paid(0, 2));
        let mut lines = Lines::file(&path).unwrap();
        let report = lines.tell(vec![first.clone(), second.clone()]).unwrap();
        assert!(report.left.is_empty() && report.problem.is_none());
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, format!("{{\"torn\n{}{}", expected(&first), expected(&second)));
    }

    #[test]
    fn a_file_has_one_writer() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("told.jsonl");
        let _first = Lines::file(&path).unwrap();
        let error = Lines::file(&path).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("give each notifier its own"), "{error}");
    }

    #[test]
    fn a_file_that_was_moved_or_removed_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (path, aside) = (folder.path().join("told.jsonl"), folder.path().join("told.1"));
        let mut lines = Lines::file(&path).unwrap();
        let told = [paid(0, 1), paid(0, 2), paid(0, 3)];
        lines.tell(vec![told[0].clone()]).unwrap();
        std::fs::rename(&path, &aside).unwrap();
        lines.tell(vec![told[1].clone()]).unwrap();
        assert_eq!(std::fs::read_to_string(&aside).unwrap(), expected(&told[0]));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), expected(&told[1]));
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        let report = lines.tell(vec![told[2].clone()]).unwrap();
        assert_eq!((report.left.len(), report.told.len()), (1, 0));
        assert!(report.problem.unwrap().starts_with("cannot append to"));
        std::fs::remove_dir(&path).unwrap();
        lines.tell(vec![told[2].clone()]).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), expected(&told[2]));
    }

    #[test]
    fn a_full_disk_leaves_what_was_not_written() {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let report = Lines::new(full, None, Format::Text).tell(vec![paid(0, 1)]).unwrap();
        assert_eq!((report.left.len(), report.told.len()), (1, 0));
        assert!(report.problem.unwrap().contains("space"));
    }

    #[test]
    fn bytes_that_went_out_before_an_error_are_counted() {
        let mut small = [0; 5];
        let (written, failure) = write_counting(&mut small.as_mut_slice(), b"1234567");
        assert_eq!((written, failure.unwrap().kind()), (5, ErrorKind::WriteZero));
    }
}
