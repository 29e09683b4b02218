//! Kafka headers: CloudEvents 1.0 in the binary mode of its Kafka binding
//! (attributes as `ce_` headers, the data as the value), a plain `traceparent`,
//! and the origin of a dead letter.

/// `1.0`
pub const SPEC_VERSION: &str = "ce_specversion";
/// Identity of the event; dedupe key of its consumers.
pub const ID: &str = "ce_id";
/// Who says it: `/ingest`, `/processor`.
pub const SOURCE: &str = "ce_source";
/// The event type, such as `order.created.v1`.
pub const TYPE: &str = "ce_type";
/// When it happened, RFC 3339 in UTC.
pub const TIME: &str = "ce_time";
/// The order id or SKU it is about.
pub const SUBJECT: &str = "ce_subject";
/// Media type of the value.
pub const CONTENT_TYPE: &str = "content-type";
/// W3C trace context.
pub const TRACEPARENT: &str = "traceparent";

/// The only CloudEvents version written and read.
pub const SPEC_VERSION_VALUE: &str = "1.0";
/// The only media type of values.
pub const JSON: &str = "application/json";

/// Dead letters: topic of the record.
pub const DLQ_TOPIC: &str = "x-dlq-original-topic";
/// Dead letters: partition of the record.
pub const DLQ_PARTITION: &str = "x-dlq-original-partition";
/// Dead letters: offset of the record.
pub const DLQ_OFFSET: &str = "x-dlq-original-offset";
/// Dead letters: the reason as a closed word.
pub const DLQ_CODE: &str = "x-dlq-error-code";
/// Dead letters: the reason in words, at most 1 KiB.
pub const DLQ_MESSAGE: &str = "x-dlq-error-message";
