//! The receipts file: every order, cancellation and shipment as it is acknowledged,
//! so that what was promised outlives this process and can be held against the log.
//!
//! Lines go through a bounded queue to a thread that writes at least every
//! 100 ms and syncs at the end. A `kill -9` of the load generator therefore
//! loses the last moment (at most about 100 ms) and never leaves half a line.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// First line of the file.
pub const HEADER: &str = "order_id,partition,offset,body_hash,status";
const FLUSH_INTERVAL: Duration = Duration::from_millis(100);
/// Three seconds at the highest rate; when the disk is slower than that, the
/// load waits, which the report shows as schedule lag.
const QUEUE_MAX: usize = 65_536;

/// One acknowledged order, or a request to cancel or ship it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Receipt {
    /// Which order.
    pub order_id: Uuid,
    /// Partition of its record.
    pub partition: i32,
    /// Offset of its record.
    pub offset: i64,
    /// See [`body_hash`].
    pub body_hash: [u8; 16],
}

/// The first 16 bytes of SHA-256 of a request body.
pub fn body_hash(body: &[u8]) -> [u8; 16] {
    let mut hash = [0; 16];
    hash.copy_from_slice(&Sha256::digest(body)[..16]);
    hash
}

/// Where load threads put receipts; waits when the disk is behind.
#[derive(Clone, Debug)]
pub struct ReceiptSink(Sender<Receipt>);

impl ReceiptSink {
    /// Queues one receipt.
    pub fn write(&self, receipt: Receipt) {
        // Fails only after the writer failed; whoever watches the load ends it then.
        let _watched = self.0.send(receipt);
    }
}

/// The open file and its writing thread.
#[derive(Debug)]
pub struct ReceiptFile {
    writer: JoinHandle<std::io::Result<u64>>,
    failed: Arc<AtomicBool>,
    name: String,
}

impl ReceiptFile {
    /// Creates or replaces the file.
    ///
    /// # Errors
    /// It cannot be created.
    pub fn create(path: &Path) -> anyhow::Result<(ReceiptSink, Self)> {
        let name = path.display().to_string();
        let file = File::create(path).with_context(|| format!("cannot create {name}"))?;
        let (sink, queue) = crossbeam_channel::bounded(QUEUE_MAX);
        let failed = Arc::<AtomicBool>::default();
        let told = failed.clone();
        let writer = std::thread::Builder::new()
            .name("receipts".to_owned())
            .spawn(move || {
                write_all(file, &queue).inspect_err(|_| told.store(true, Ordering::Release))
            })
            .context("cannot start the receipts thread")?;
        Ok((ReceiptSink(sink), Self { writer, failed, name }))
    }

    /// Whether a receipt could not be written: [`Self::finish`] says why.
    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// Waits until all receipts are on disk; every sink must be gone. Says how
    /// many there are.
    ///
    /// # Errors
    /// Some could not be written.
    pub fn finish(self) -> anyhow::Result<u64> {
        let written = self.writer.join().map_err(|_| anyhow::anyhow!("receipts thread died"))?;
        written.with_context(|| format!("cannot write {}; receipts are incomplete", self.name))
    }
}

fn write_all(file: File, queue: &Receiver<Receipt>) -> std::io::Result<u64> {
    // A full buffer is written before a line that does not fit, so the file
    // always ends with a whole line.
    let mut out = BufWriter::with_capacity(64 * 1024, file);
    writeln!(out, "{HEADER}")?;
    let (mut count, mut line, mut flushed) = (0, Vec::with_capacity(128), Instant::now());
    loop {
        match queue.recv_timeout(FLUSH_INTERVAL) {
            Ok(receipt) => {
                line.clear();
                format_line(&receipt, &mut line)?;
                out.write_all(&line)?;
                count += 1;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if flushed.elapsed() >= FLUSH_INTERVAL {
            out.flush()?;
            flushed = Instant::now();
        }
    }
    out.flush()?;
    out.get_ref().sync_all()?;
    Ok(count)
}

fn format_line(receipt: &Receipt, line: &mut Vec<u8>) -> std::io::Result<()> {
    let Receipt { order_id, partition, offset, body_hash } = receipt;
    let hash = u128::from_be_bytes(*body_hash);
    writeln!(line, "{},{partition},{offset},{hash:032x},202", order_id.hyphenated())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_is_one_line_with_id_place_and_hash() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("receipts.csv");
        let (sink, file) = ReceiptFile::create(&path).unwrap();
        let order_id = Uuid::try_parse("01990000-0000-7000-8000-000000000001").unwrap();
        sink.write(Receipt { order_id, partition: 3, offset: 1234, body_hash: body_hash(b"abc") });
        drop(sink);
        assert_eq!(file.finish().unwrap(), 1);
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "order_id,partition,offset,body_hash,status\n\
             01990000-0000-7000-8000-000000000001,3,1234,ba7816bf8f01cfea414140de5dae2223,202\n"
        );
    }

    #[test]
    fn receipts_reach_the_file_while_the_load_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("receipts.csv");
        let (sink, file) = ReceiptFile::create(&path).unwrap();
        let receipt =
            Receipt { order_id: Uuid::nil(), partition: 0, offset: 0, body_hash: [0; 16] };
        sink.write(receipt);
        let deadline = Instant::now() + Duration::from_secs(5);
        while std::fs::read_to_string(&path).unwrap().lines().count() < 2 {
            assert!(Instant::now() < deadline, "nothing was written");
            std::thread::yield_now();
        }
        drop(sink);
        assert_eq!(file.finish().unwrap(), 1);
    }
}
