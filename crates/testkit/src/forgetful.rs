//! A broker that can forget that it is one: what a real one does for a moment after
//! a long pause, when the controller has fenced it.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use rdkafka::types::RDKafkaApiKey;

/// Answers what a client asks before its first record; one that sends or fetches is
/// cut off. The formats are those of <https://kafka.apache.org/protocol>.
pub struct ForgetfulBroker {
    port: u16,
    shared: Arc<Shared>,
}

/// What a broker says of its cluster.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Memory {
    /// It leads all partitions.
    Whole,
    /// It is there, and partitions have no leader.
    Leaderless,
    /// There are no brokers.
    Lost,
}

struct Shared {
    memory: Mutex<Memory>,
    /// How often it was asked about the cluster.
    asked: AtomicU64,
    gone: AtomicBool,
    connections: Mutex<Vec<TcpStream>>,
}

const PRODUCE: i16 = RDKafkaApiKey::Produce as i16;
const FETCH: i16 = RDKafkaApiKey::Fetch as i16;
const METADATA: i16 = RDKafkaApiKey::Metadata as i16;
const API_VERSIONS: i16 = RDKafkaApiKey::ApiVersion as i16;
const INIT_PRODUCER_ID: i16 = RDKafkaApiKey::InitProducerId as i16;

const UNSUPPORTED_VERSION: i16 = 35;
const LEADER_NOT_AVAILABLE: i16 = 5;

impl ForgetfulBroker {
    /// Begins to answer on a free port, with a partition of each topic.
    pub fn start(topics: &'static [&'static str], memory: Memory) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port for the broker");
        let port = listener.local_addr().expect("the broker's port").port();
        let shared = Arc::new(Shared {
            memory: Mutex::new(memory),
            asked: AtomicU64::new(0),
            gone: AtomicBool::new(false),
            connections: Mutex::default(),
        });
        let broker = Self { port, shared: shared.clone() };
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if shared.gone.load(Ordering::SeqCst) {
                    return;
                }
                let copy = stream.try_clone().expect("a second handle");
                shared.connections.lock().expect("the connections").push(copy);
                let shared = shared.clone();
                thread::spawn(move || serve(stream, port, topics, &shared));
            }
        });
        broker
    }

    /// Where clients find it.
    pub fn bootstrap_servers(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// How often it was asked about the cluster.
    pub fn asked(&self) -> u64 {
        self.shared.asked.load(Ordering::SeqCst)
    }

    /// What it says of the cluster from here on.
    pub fn say(&self, memory: Memory) {
        *self.shared.memory.lock().expect("the memory") = memory;
    }
}

impl Drop for ForgetfulBroker {
    fn drop(&mut self) {
        self.shared.gone.store(true, Ordering::SeqCst);
        for connection in self.shared.connections.lock().expect("the connections").drain(..) {
            // The client may have closed it already.
            let _closed = connection.shutdown(Shutdown::Both);
        }
        // Wakes the thread that accepts.
        let _woken = TcpStream::connect(("127.0.0.1", self.port));
    }
}

/// Answers until the client goes or asks for something else.
fn serve(mut stream: TcpStream, port: u16, topics: &[&str], shared: &Shared) {
    while let Some(request) = receive(&mut stream) {
        let key = i16::from_be_bytes([request[0], request[1]]);
        let version = i16::from_be_bytes([request[2], request[3]]);
        let body = match key {
            API_VERSIONS => api_versions(version),
            METADATA => {
                shared.asked.fetch_add(1, Ordering::SeqCst);
                metadata(port, topics, *shared.memory.lock().expect("the memory"))
            }
            INIT_PRODUCER_ID => producer_id(),
            _ => break,
        };
        let length = i32::try_from(body.len() + 4).expect("a short answer");
        let correlation = &request[4..8];
        if stream.write_all(&[&length.to_be_bytes(), correlation, &body].concat()).is_err() {
            break;
        }
    }
    // There is a second handle: dropping this one would leave the client waiting.
    let _closed = stream.shutdown(Shutdown::Both);
}

fn receive(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).ok()?;
    let mut request = vec![0; usize::try_from(i32::from_be_bytes(length)).ok()?];
    stream.read_exact(&mut request).ok()?;
    Some(request)
}

/// Version 0; a client that asks with another one asks again.
fn api_versions(asked: i16) -> Vec<u8> {
    let error = if asked == 0 { 0 } else { UNSUPPORTED_VERSION };
    // Produce and Fetch are needed for idempotence to be offered at all.
    let supported = [
        (API_VERSIONS, 0, 0),
        (METADATA, 1, 1),
        (INIT_PRODUCER_ID, 0, 0),
        (PRODUCE, 0, 3),
        (FETCH, 0, 4),
    ];
    let mut body = [&error.to_be_bytes()[..], &count(supported.len())].concat();
    for (key, lowest, highest) in supported {
        body.extend([key, lowest, highest].iter().flat_map(|n: &i16| n.to_be_bytes()));
    }
    body
}

/// Version 1.
fn metadata(port: u16, topics: &[&str], memory: Memory) -> Vec<u8> {
    const NODE: i32 = 1;
    let mut body = Vec::new();
    if memory == Memory::Lost {
        body.extend(count(0));
    } else {
        body.extend(count(1));
        body.extend(NODE.to_be_bytes());
        body.extend(string("127.0.0.1"));
        body.extend(i32::from(port).to_be_bytes());
        body.extend((-1_i16).to_be_bytes()); // no rack
    }
    body.extend(NODE.to_be_bytes()); // controller
    body.extend(count(topics.len()));
    let (error, leader) =
        if memory == Memory::Whole { (0, NODE) } else { (LEADER_NOT_AVAILABLE, -1) };
    for topic in topics {
        body.extend(0_i16.to_be_bytes());
        body.extend(string(topic));
        body.push(0); // not internal
        body.extend(count(1));
        body.extend(error.to_be_bytes());
        body.extend(0_i32.to_be_bytes()); // partition
        body.extend(leader.to_be_bytes());
        body.extend([count(1), NODE.to_be_bytes()].concat()); // replicas
        body.extend(count(0)); // in sync
    }
    body
}

/// Version 0.
fn producer_id() -> Vec<u8> {
    let (throttled, error, id, epoch) = (0_i32, 0_i16, 7_i64, 0_i16);
    let mut body = throttled.to_be_bytes().to_vec();
    body.extend(error.to_be_bytes());
    body.extend(id.to_be_bytes());
    body.extend(epoch.to_be_bytes());
    body
}

fn count(n: usize) -> [u8; 4] {
    i32::try_from(n).expect("a small count").to_be_bytes()
}

fn string(text: &str) -> Vec<u8> {
    let length = i16::try_from(text.len()).expect("a short string");
    [&length.to_be_bytes(), text.as_bytes()].concat()
}
