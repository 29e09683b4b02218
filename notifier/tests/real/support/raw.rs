//! One record in Kafka's own bytes, for what no client library would send: a
//! header name that is not UTF-8. Produce request version 7, record batch
//! version 2 (<https://kafka.apache.org/protocol>).

use std::io::{Read, Write};
use std::net::TcpStream;

use testkit::Bed;

/// Appends a record without key to a partition of `order-events`.
pub fn produce(bed: &Bed, partition: i32, header: (&[u8], &[u8]), value: &[u8]) {
    let topic = bed.topics.order_events.as_bytes();
    let batch = batch(header, value);
    let mut request = Vec::new();
    for part in [&0_i16.to_be_bytes()[..], &7_i16.to_be_bytes(), &1_i32.to_be_bytes()] {
        request.extend(part);
    }
    request.extend((-1_i16).to_be_bytes()); // client id
    request.extend((-1_i16).to_be_bytes()); // transaction
    request.extend((-1_i16).to_be_bytes()); // acks=all
    request.extend(5_000_i32.to_be_bytes()); // timeout
    request.extend(1_i32.to_be_bytes());
    request.extend((topic.len() as i16).to_be_bytes());
    request.extend(topic);
    request.extend(1_i32.to_be_bytes());
    request.extend(partition.to_be_bytes());
    request.extend((batch.len() as i32).to_be_bytes());
    request.extend(batch);

    let mut broker = TcpStream::connect(&bed.brokers).unwrap();
    broker.write_all(&(request.len() as u32).to_be_bytes()).unwrap();
    broker.write_all(&request).unwrap();
    let mut length = [0; 4];
    broker.read_exact(&mut length).unwrap();
    let mut answer = vec![0; u32::from_be_bytes(length) as usize];
    broker.read_exact(&mut answer).unwrap();
    // Correlation, one topic with its name, one partition with its number.
    let error = 4 + 4 + 2 + topic.len() + 4 + 4;
    assert_eq!(answer[error..error + 2], [0, 0], "the broker refuses the record");
}

fn batch(header: (&[u8], &[u8]), value: &[u8]) -> Vec<u8> {
    let mut record = vec![0]; // attributes
    record.extend(varint(0)); // timestamp
    record.extend(varint(0)); // offset
    record.extend(varint(-1)); // key
    sized(&mut record, value);
    record.extend(varint(1));
    sized(&mut record, header.0);
    sized(&mut record, header.1);

    let mut body = Vec::new(); // what the checksum covers
    body.extend(0_i16.to_be_bytes()); // attributes
    body.extend(0_i32.to_be_bytes()); // last offset
    body.extend(1_700_000_000_000_i64.to_be_bytes());
    body.extend(1_700_000_000_000_i64.to_be_bytes());
    body.extend((-1_i64).to_be_bytes()); // producer
    body.extend((-1_i16).to_be_bytes());
    body.extend((-1_i32).to_be_bytes());
    body.extend(1_i32.to_be_bytes());
    sized(&mut body, &record);

    let mut batch = 0_i64.to_be_bytes().to_vec(); // first offset
    batch.extend((body.len() as i32 + 9).to_be_bytes());
    batch.extend((-1_i32).to_be_bytes()); // leader epoch
    batch.push(2); // version
    batch.extend(crc32c(&body).to_be_bytes());
    batch.extend(body);
    batch
}

fn sized(bytes: &mut Vec<u8>, part: &[u8]) {
    bytes.extend(varint(part.len() as i64));
    bytes.extend(part);
}

/// Zigzag, seven bits a byte.
fn varint(number: i64) -> Vec<u8> {
    let mut rest = ((number << 1) ^ (number >> 63)) as u64;
    let mut bytes = Vec::new();
    while rest >= 0x80 {
        bytes.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
    bytes
}

fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 }
        })
    };
    !bytes.iter().fold(!0, step)
}
