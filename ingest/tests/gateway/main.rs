//! The gateway over real sockets: against librdkafka's mock broker where faults
//! are injected, against real Kafka and PostgreSQL where what is written and
//! read matters.

#[cfg(test)]
mod drain;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod hostile_names;
#[cfg(test)]
mod http;
#[cfg(test)]
mod outage;
#[cfg(test)]
mod reads;
#[cfg(test)]
mod start;
#[cfg(test)]
mod writes;
