//! Ways of cooking the tables.

use crate::judge;
use crate::world::{self, World};
use audit::{Config, Verdict};

/// What is planted, by which SQL, and the invariants that must be false.
pub type Planted = (&'static str, &'static str, &'static [&'static str]);

/// `{n}` stands for the id of order n.
const IN_TABLES: &[Planted] = &[
    (
        "a deleted order",
        "delete from orders where order_id = {7}",
        &["order-missing", "metric-unexpected", "metric-differs"],
    ),
    (
        "an order that nobody placed",
        "insert into orders select gen_random_uuid(), customer_id, status, currency, total_minor, \
            lines, reason, shipment, 9, 9, created_at, updated_at from orders where order_id = {1}",
        &["order-without-record"],
    ),
    (
        "an order with two rows",
        "insert into orders select order_id, customer_id, status, currency, total_minor, \
            lines, reason, shipment, 9, 9, created_at, updated_at from orders where order_id = {1}",
        &["order-doubled"],
    ),
    (
        "a changed total",
        "update orders set total_minor = total_minor + 1 where order_id = {1}",
        &["order-content"],
    ),
    (
        "a changed line",
        "update orders set lines = jsonb_set(lines, '{0,quantity}', '3') where order_id = {1}",
        &["order-content"],
    ),
    (
        "another customer",
        "update orders set customer_id = 'c-3' where order_id = {1}",
        &["order-content"],
    ),
    (
        "another source record",
        "update orders set source_offset = source_offset + 1000 where order_id = {1}",
        &["order-content"],
    ),
    (
        "an order that moved in time",
        "update orders set created_at = created_at + interval '1 second' where order_id = {1}",
        &["order-content"],
    ),
    (
        "a payment that never ended",
        "update orders set status = 'RESERVED' where order_id = {9}; \
         delete from payments where order_id = {9}; \
         update stock set sold = sold - 3, reserved = 3 where sku = 'p-1'; \
         update sales_metric_shards set value = value + 1 where dimension = 'RESERVED'; \
         update sales_metric_shards set value = value - 1 where dimension = 'PAID' and shard = 0; \
         update sales_metric_shards set value = value - 300 where dimension = 'EUR' and shard = 1; \
         delete from sales_metric_shards where dimension = 'EUR 2026-11-21T08:47Z'",
        &["not-terminal", "event-unexpected"],
    ),
    (
        "two swapped statuses",
        "update orders set status = 'SHIPPED' where order_id = {1}; \
         update orders set status = 'PAID', shipment = null where order_id = {2}",
        // The same sums, but other orders.
        &[
            "status-without-request",
            "refused-event-missing",
            "refused-event-unexpected",
            "event-missing",
            "event-unexpected",
        ],
    ),
    (
        "a cancellation in other words",
        "update orders set reason = '{\"code\":\"requested\",\"text\":\"changed\"}' where order_id = {5}",
        &["status-reason", "event-content"],
    ),
    (
        "a reason that does not fit",
        "update orders set reason = '{\"code\":\"requested\"}' where order_id = {4}",
        &["status-reason", "payment-status", "metric-unexpected", "event-content"],
    ),
    (
        "stock refused that was there",
        "update orders set reason = jsonb_set(reason, '{available}', '100') where order_id = {3}",
        &["rejected-without-cause", "event-content"],
    ),
    (
        "stock refused long after it came",
        "update processed_events set processed_at = now() - interval '1 hour' where topic like '%stock'; \
         update orders set status = 'REJECTED', reason = '{\"code\":\"insufficient_stock\", \
            \"productId\":\"p-1\",\"requested\":3,\"available\":2}' where order_id = {9}; \
         delete from payments where order_id = {9}; \
         update stock set sold = sold - 3, available = available + 3 where sku = 'p-1'",
        &[
            "rejected-without-cause",
            "metric-unexpected",
            "metric-differs",
            "event-missing",
            "event-unexpected",
        ],
    ),
    (
        "another product refused than was ordered",
        "update orders set reason = jsonb_set(reason, '{productId}', '\"p-1\"') where order_id = {3}",
        &["status-reason", "event-content"],
    ),
    (
        "a lost dead letter",
        "delete from dead_letters where code = 'no_value'",
        &["dead-letter-missing"],
    ),
    (
        "a dead letter of a good record",
        "insert into dead_letters select topic, partition, \"offset\", null, null, '[]', 'no_value', \
            '', now(), now() from processed_events where event_id = {1}",
        &["dead-letter-unexpected"],
    ),
    (
        "altered bytes of a dead letter",
        "update dead_letters set value = value || '\\x20' where code = 'unknown_type'",
        &["dead-letter-content"],
    ),
    (
        "an altered header of a dead letter",
        "update dead_letters set headers = jsonb_set(headers, '{0,0}', '\"ce_version\"') \
            where code = 'unknown_type'",
        &["dead-letter-content"],
    ),
    (
        "an untrue reason of a dead letter",
        "update dead_letters set code = 'too_large' where code = 'unknown_type'",
        &["dead-letter-content", "dlq-record-content"],
    ),
    (
        "an unpublished dead letter",
        "update dead_letters set published_at = null where code = 'bad_key'",
        &["dead-letter-unpublished"],
    ),
    (
        "a lost refusal",
        "delete from refused_events where event_type = 'order.shipped.v1' and subject = {4}::text",
        &["refused-event-missing"],
    ),
    (
        "a refusal of nothing",
        "insert into refused_events values ('orders', 0, 0, {1}, 'order.created.v1', {1}::text, \
            'illegal_step')",
        &["refused-event-unexpected"],
    ),
    (
        "a refusal for another reason",
        "update refused_events set reason = 'unknown_order' where reason = 'illegal_step' \
            and subject = {4}::text",
        &["refused-event-unexpected"],
    ),
    (
        "a shipment refused in the very commit that captured its payment",
        "update payments set decided_at = (select processed_at from processed_events \
            where event_id = {113}) where order_id = {2}",
        &["refused-event-unexpected"],
    ),
    (
        "a cancellation both done and refused",
        "insert into refused_events select topic, partition, \"offset\", event_id, \
            'order.cancel_requested.v1', {6}::text, 'illegal_step' \
            from processed_events where event_id = {111}",
        &["status-without-request", "refused-event-unexpected"],
    ),
    (
        "another body let pass",
        "delete from refused_events where reason = 'body_mismatch'",
        &["body-mismatch-unflagged"],
    ),
    (
        "a skipped offset",
        "delete from processed_events where event_id = {7}; \
         delete from orders where order_id = {7}; \
         update sales_metric_shards set value = value - 1 where metric_name = 'orders_total' and shard = 0; \
         update sales_metric_shards set value = value - 1 where dimension = 'REJECTED'; \
         update sales_metric_shards set value = value - 1 where dimension = '2026-11-21T08:46Z'; \
         delete from sales_metric_shards where dimension = 'unknown_product'",
        &["order-missing", "processed-event-missing"],
    ),
    (
        "a lost adjustment",
        "delete from processed_events where event_id = {102}",
        &["processed-event-missing"],
    ),
    (
        "an event processed from nowhere",
        "insert into processed_events select gen_random_uuid(), topic, partition, \"offset\", epoch, \
            body_hash, now() from processed_events where event_id = {1}",
        &["processed-event-unexpected"],
    ),
    (
        "another body processed",
        "update processed_events set body_hash = decode(repeat('00', 16), 'hex') \
            where event_id = {1}",
        &["processed-event-unexpected"],
    ),
    (
        "progress behind the log",
        "update partition_progress set next_offset = next_offset - 1 where partition = 0 \
            and topic like '%orders'",
        &["progress-behind-log"],
    ),
    (
        "progress beyond the log",
        "update partition_progress set next_offset = next_offset + 1 where partition = 1 \
            and topic like '%stock'",
        &["progress-beyond-log"],
    ),
    (
        "a commit by an older owner",
        "update processed_events set epoch = 3 where \"offset\" = 0",
        &["epoch-order"],
    ),
    (
        "one piece too many",
        "update stock set available = available + 1, received = received + 1 where sku = 'p-1'",
        &["stock-conservation"],
    ),
    (
        "one piece sold and still there",
        "update stock set available = available + 1, sold = sold - 1 where sku = 'p-1'",
        &["stock-conservation", "metric-differs"],
    ),
    ("a lost product", "delete from stock where sku = 'p-2'", &["stock-missing", "metric-missing"]),
    (
        "a product that was never stocked",
        "insert into stock (sku, available, received) values ('p-9', 0, 0)",
        &["stock-unexpected"],
    ),
    ("a lost payment", "delete from payments where order_id = {8}", &["payment-missing"]),
    (
        "a payment without an order",
        "insert into payments select gen_random_uuid(), status, currency, amount_minor, reason, \
            decided_at, updated_at from payments where order_id = {1}",
        &["payment-without-order"],
    ),
    (
        "a payment of a rejected order",
        "insert into payments select {3}, status, currency, 10000, reason, decided_at, updated_at \
            from payments where order_id = {1}",
        &["payment-status"],
    ),
    (
        "a refund that was not paid back",
        "update payments set status = 'CAPTURED' where order_id = {5}",
        &["payment-status"],
    ),
    (
        "an open refund",
        "update payments set status = 'REFUND_PENDING' where order_id = {5}",
        &["refund-pending"],
    ),
    (
        "a cent too much",
        "update payments set amount_minor = amount_minor + 1 where order_id = {1}",
        &["payment-amount"],
    ),
    (
        "a doubled metric",
        "update sales_metric_shards set value = value * 2 where metric_name = 'rejects'",
        &["metric-differs"],
    ),
    (
        "a metric with other decimals",
        "update sales_metric_shards set digits = 0 where metric_name = 'revenue_total'",
        &["metric-differs"],
    ),
    (
        "a lost metric",
        "delete from sales_metric_shards where dimension = 'insufficient_stock'",
        &["metric-missing"],
    ),
    (
        "a metric of nothing",
        "insert into sales_metric_shards values ('rejects', 'bad_weather', 0, 1, 0, now())",
        &["metric-unexpected"],
    ),
    (
        "an outbox row left over",
        "insert into outbox (topic, partition, events) values ('orders', 0, '[]')",
        &["outbox-not-empty"],
    ),
];

#[tokio::test]
async fn what_is_planted_in_the_tables_is_found_under_its_own_name() {
    let world = World::honest("audit-tables").await;
    // Most of the time of a small audit is waiting for servers.
    let (first, rest) = IN_TABLES.split_at(IN_TABLES.len() / 3);
    let (second, third) = rest.split_at(rest.len() / 2);
    let wrong = tokio::join!(plant(&world, first), plant(&world, second), plant(&world, third));
    let wrong = [wrong.0, wrong.1, wrong.2].concat();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Plants one after the other in one copy; gives what was not found rightly.
async fn plant(world: &World, planted: &[Planted]) -> Vec<String> {
    let mut copy = world.copy().await;
    let config = Config { database_url: copy.url.clone(), ..world.config() };
    let mut wrong = Vec::new();
    for (what, sql, expected) in planted {
        copy.spoil(&with_ids(sql)).await;
        judge(what, &config, expected, &mut wrong).await;
    }
    copy.spoil("").await;
    assert_eq!(audit::run(&config).await.verdict, Verdict::Clean, "nothing is left behind");
    wrong
}

/// What is found at least once.
pub fn names() -> impl Iterator<Item = &'static str> {
    IN_TABLES.iter().flat_map(|(.., names)| names.iter().copied())
}

/// Everything that is planted.
pub fn all() -> &'static [Planted] {
    IN_TABLES
}

/// Puts ids where `{n}` stands.
pub fn with_ids(sql: &str) -> String {
    let mut sql = sql.to_owned();
    for number in (1..=10).chain(100..120) {
        sql = sql.replace(&format!("{{{number}}}"), &format!("'{}'::uuid", world::id(number)));
    }
    sql
}
