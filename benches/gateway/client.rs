//! The load: kept-alive connections, each with one request under way, in a
//! process of its own. It says `begin` and `end` around what counts, so that
//! whoever started it can read the servers' clocks, and then one line of JSON.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use benches::goods::SEED;
use clap::Args;
use loadgen::latency::Latency;
use loadgen::order_mix::Mix;
use loadgen::orders::Generator;
use loadgen::receipts::{Receipt, ReceiptFile, ReceiptSink, body_hash};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;
use uuid::Uuid;

const ANSWER_BYTES_MAX: usize = 4096;

/// What to do.
#[derive(Args, Clone, Debug)]
pub(crate) struct Job {
    /// Whom to ask
    pub(crate) target: SocketAddr,
    /// How many connections
    pub(crate) connections: usize,
    /// Seconds before anything counts
    pub(crate) warm_up: u64,
    /// Seconds that count
    pub(crate) seconds: u64,
    /// File for receipts, when the target gives any
    pub(crate) receipts: Option<PathBuf>,
}

/// What came of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Done {
    /// Requests acknowledged while it counted.
    pub(crate) acknowledged: u64,
    /// Requests answered otherwise, at any time.
    pub(crate) refused: u64,
    /// Seconds that counted.
    pub(crate) seconds: f64,
    /// Median latency in milliseconds.
    pub(crate) p50_ms: Option<f64>,
    /// Latency that 99 of 100 did not exceed.
    pub(crate) p99_ms: Option<f64>,
}

struct Load {
    job: Job,
    generator: Generator,
    receipts: Option<ReceiptSink>,
    counted_from: Instant,
    end: Instant,
    next: RefCell<u64>,
    latency: RefCell<Latency>,
    refused: RefCell<u64>,
}

/// Runs the load.
pub(crate) fn run(job: &Job) -> anyhow::Result<()> {
    let (sink, file) = match &job.receipts {
        Some(path) => ReceiptFile::create(path).map(|(sink, file)| (Some(sink), Some(file)))?,
        None => (None, None),
    };
    let counted_from = Instant::now() + Duration::from_secs(job.warm_up);
    let load = Load {
        generator: Generator::new(SEED, Mix::default()),
        receipts: sink,
        counted_from,
        end: counted_from + Duration::from_secs(job.seconds),
        next: RefCell::new(0),
        latency: RefCell::default(),
        refused: RefCell::new(0),
        job: job.clone(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done = LocalSet::new().block_on(&runtime, drive(Rc::new(load)))?;
    file.map(ReceiptFile::finish).transpose()?;
    println!("{}", serde_json::to_string(&done)?);
    Ok(())
}

async fn drive(load: Rc<Load>) -> anyhow::Result<Done> {
    let connections: Vec<_> = (0..load.job.connections)
        .map(|_| tokio::task::spawn_local(connection(load.clone())))
        .collect();
    tokio::time::sleep_until(load.counted_from.into()).await;
    println!("begin");
    let begun = Instant::now();
    tokio::time::sleep_until(load.end.into()).await;
    println!("end");
    let seconds = begun.elapsed().as_secs_f64();
    for connection in connections {
        connection.await.context("a connection panicked")??;
    }
    let (latency, refused) = (load.latency.borrow(), *load.refused.borrow());
    Ok(Done {
        acknowledged: latency.count(),
        refused,
        seconds,
        p50_ms: latency.quantile_ms(0.5),
        p99_ms: latency.quantile_ms(0.99),
    })
}

async fn connection(load: Rc<Load>) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect(load.job.target).await.context("cannot connect")?;
    stream.set_nodelay(true)?;
    let (mut body, mut request) = (Vec::new(), Vec::new());
    let mut answer = vec![0; ANSWER_BYTES_MAX];
    while Instant::now() < load.end {
        body.clear();
        load.generator.write_order(load.next.replace_with(|n| *n + 1), &mut body);
        write_request(&body, &mut request);
        let sent = Instant::now();
        stream.write_all(&request).await.context("cannot send")?;
        let head = read_answer(&mut stream, &mut answer).await?;
        let answered = Instant::now();
        if !head.starts_with("HTTP/1.1 202") {
            load.refused.replace_with(|count| *count + 1);
            continue;
        }
        if (load.counted_from..load.end).contains(&answered) {
            load.latency.borrow_mut().record_ns(u64::try_from((answered - sent).as_nanos())?);
        }
        if let Some(receipts) = &load.receipts {
            receipts.write(receipt(head, &body)?);
        }
    }
    Ok(())
}

fn write_request(body: &[u8], request: &mut Vec<u8>) {
    request.clear();
    request.extend_from_slice(
        b"POST /orders HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ",
    );
    request.extend_from_slice(body.len().to_string().as_bytes());
    request.extend_from_slice(b"\r\n\r\n");
    request.extend_from_slice(body);
}

/// Reads one whole answer; gives its head.
async fn read_answer<'a>(stream: &mut TcpStream, buffer: &'a mut [u8]) -> anyhow::Result<&'a str> {
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).await.context("cannot read")?;
        ensure!(read > 0, "the server closed a connection, or its answer is too long");
        filled += read;
        let Some(end) = buffer[..filled].windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        let head = std::str::from_utf8(&buffer[..end]).context("the answer is not text")?;
        let body: usize = header(head, "content-length").context("no content-length")?.parse()?;
        if filled >= end + 4 + body {
            return Ok(std::str::from_utf8(&buffer[..end])?);
        }
    }
}

fn receipt(head: &str, body: &[u8]) -> anyhow::Result<Receipt> {
    let location = header(head, "location").context("no location")?;
    let Some(order_id) = location.strip_prefix("/orders/") else { bail!("location {location}") };
    Ok(Receipt {
        order_id: Uuid::try_parse(order_id)?,
        partition: header(head, "x-order-partition").context("no partition")?.parse()?,
        offset: header(head, "x-order-offset").context("no offset")?.parse()?,
        body_hash: body_hash(body),
    })
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = head.split("\r\n");
    lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}
