//! Every metric of the gateway. Names and labels are part of its interface: a
//! test pins them.

mod meter;

pub use meter::{Meter, Reporter};
use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Time from head to answer, by `route` and `status`.
pub const REQUEST_SECONDS: &str = "http_server_request_duration_seconds";
/// Orders that are in the log and were answered with 202.
pub const ORDERS_ACCEPTED: &str = "orders_accepted_total";
/// Open connections.
pub const CONNECTIONS: &str = "http_server_connections";
/// Writes that wait for the broker's acknowledgement.
pub const IN_FLIGHT: &str = "ingest_writes_in_flight";
/// Writes refused at once, by `reason`: `in_flight`, `queue_full`, `broker_away`.
pub const REFUSED: &str = "ingest_writes_refused_total";
/// Records that the producer gave up.
pub const DELIVERY_ERRORS: &str = "ingest_delivery_errors_total";
/// Producers replaced after a fatal error.
pub const PRODUCER_RESTARTS: &str = "ingest_producer_restarts_total";
/// Reads refused because too many wait for the database.
pub const READS_REFUSED: &str = "ingest_reads_refused_total";
/// Reads that the database failed.
pub const READ_ERRORS: &str = "ingest_read_errors_total";

/// Puts the descriptions into the exposition.
pub fn describe() {
    describe_histogram!(REQUEST_SECONDS, Unit::Seconds, "Time from head to answer");
    describe_counter!(ORDERS_ACCEPTED, "Orders in the log and answered with 202");
    describe_gauge!(CONNECTIONS, "Open connections");
    describe_gauge!(IN_FLIGHT, "Writes that wait for the broker's acknowledgement");
    describe_counter!(REFUSED, "Writes refused at once, by reason");
    describe_counter!(DELIVERY_ERRORS, "Records that the producer gave up");
    describe_counter!(PRODUCER_RESTARTS, "Producers replaced after a fatal error");
    describe_counter!(READS_REFUSED, "Reads refused because too many wait for the database");
    describe_counter!(READ_ERRORS, "Reads that the database failed");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_dashboards_know_stay() {
        let names = [
            REQUEST_SECONDS,
            ORDERS_ACCEPTED,
            CONNECTIONS,
            IN_FLIGHT,
            REFUSED,
            DELIVERY_ERRORS,
            PRODUCER_RESTARTS,
            READS_REFUSED,
            READ_ERRORS,
        ];
        assert_eq!(
            names,
            [
                "http_server_request_duration_seconds",
                "orders_accepted_total",
                "http_server_connections",
                "ingest_writes_in_flight",
                "ingest_writes_refused_total",
                "ingest_delivery_errors_total",
                "ingest_producer_restarts_total",
                "ingest_reads_refused_total",
                "ingest_read_errors_total",
            ]
        );
    }
}
