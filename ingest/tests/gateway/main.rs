//! The gateway over real sockets: against librdkafka's mock broker where faults
//! are injected, against real Kafka and PostgreSQL where what is written and
//! read matters.

mod drain;
mod hostile;
mod http;
mod outage;
mod reads;
mod start;
mod writes;
