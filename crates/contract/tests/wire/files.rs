//! The schema and golden files, and the reader a golden record is meant for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use contract::event::{self, EventType, Outcome};
use contract::inbound::{Inbound, Parts, decode_order_record, decode_stock_record};
use contract::order::Scratch;
use jsonschema::Validator;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// A record as it lies in Kafka.
#[derive(Deserialize, Clone)]
pub struct Golden {
    pub key: String,
    pub headers: BTreeMap<String, String>,
    /// The exact bytes.
    pub value: Box<RawValue>,
}

/// What our code makes of a record.
#[derive(PartialEq, Debug)]
pub enum Read {
    In(Inbound),
    Out(Outcome),
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

pub fn golden(name: &str) -> Golden {
    let text = std::fs::read_to_string(folder("golden").join(format!("{name}.json"))).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Every golden with its file's name.
pub fn goldens() -> Vec<(String, Golden)> {
    let mut names: Vec<_> = std::fs::read_dir(folder("golden"))
        .unwrap()
        .map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    names.into_iter().map(|name| (name.clone(), golden(&name))).collect()
}

pub fn schema(name: &str) -> Value {
    let text =
        std::fs::read_to_string(folder("schemas").join(format!("{name}.schema.json"))).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

pub fn validator(name: &str) -> Validator {
    let schema = schema(name);
    jsonschema::draft202012::meta::validate(&schema).unwrap();
    jsonschema::draft202012::new(&schema).unwrap()
}

impl Golden {
    pub fn kind(&self) -> EventType {
        EventType::parse(&self.headers["ce_type"]).unwrap()
    }

    pub fn parsed(&self) -> Value {
        serde_json::from_str(self.value.get()).unwrap()
    }

    /// Reads the record with another value in its place.
    pub fn read_with(&self, value: &[u8]) -> Result<Read, String> {
        if self.headers["ce_source"] == "/processor" {
            let read = event::read(self.kind(), value).map(Read::Out);
            return read.map_err(|error| error.to_string());
        }
        let header = |name: &str| self.headers.get(name).map(String::as_bytes);
        let parts = Parts {
            key: Some(self.key.as_bytes()),
            value: Some(value),
            version: header("ce_specversion"),
            id: header("ce_id"),
            kind: header("ce_type"),
            time: header("ce_time"),
        };
        let read = match self.kind() {
            EventType::StockAdjusted => decode_stock_record(parts),
            _ => decode_order_record(parts, &mut Scratch::default()),
        };
        read.map(Read::In).map_err(|error| error.to_string())
    }

    pub fn read(&self) -> Read {
        self.read_with(self.value.get().as_bytes()).unwrap()
    }
}
