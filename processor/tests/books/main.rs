//! The processor against a real Kafka and a real PostgreSQL: what each kind of
//! record does to the books, once.

#![cfg(test)]

mod dlq;
mod ends;
mod faults;
mod logs;
mod outcomes;
mod pressure;
mod servers;
mod standstill;
mod strays;
mod world;
