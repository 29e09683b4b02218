-- A small shop at 08:50 UTC: two days of orders in every status, one currency with and one
-- without decimals, one of everything that can wait or fail. The books agree.

-- Queries ask now(); inside this schema the answer stands still.
create schema frozen;
create function frozen.now() returns timestamptz stable language sql
    as $$ select timestamptz '2026-11-21 08:50:00+00' $$;
set local search_path = frozen, public, pg_catalog;
set local timezone = 'UTC';

insert into orders (order_id, customer_id, status, currency, total_minor, lines, reason, shipment,
                    source_partition, source_offset, created_at, updated_at) values
    ('01990000-0000-7000-8000-000000000001', 'c-1', 'PAID', 'EUR', 7050,
     '[{"sku":"p-1","quantity":2,"price_minor":1025},{"sku":"p-2","quantity":1,"price_minor":5000}]',
     null, null, 0, 10, '2026-11-21 08:46:10+00', '2026-11-21 08:46:11+00'),
    ('01990000-0000-7000-8000-000000000002', 'c-1', 'SHIPPED', 'EUR', 2050,
     '[{"sku":"p-1","quantity":1,"price_minor":1025},{"sku":"p-1","quantity":1,"price_minor":1025}]',
     null, '{"carrier":"Post"}', 1, 20, '2026-11-21 08:47:00+00', '2026-11-21 08:48:00+00'),
    ('01990000-0000-7000-8000-000000000003', 'c-2', 'RESERVED', 'EUR', 5000,
     '[{"sku":"p-2","quantity":1,"price_minor":5000}]',
     null, null, 0, 11, '2026-11-21 08:45:00+00', '2026-11-21 08:45:00+00'),
    ('01990000-0000-7000-8000-000000000004', 'c-2', 'REJECTED', 'JPY', 10800,
     '[{"sku":"p-3","quantity":9,"price_minor":1200}]',
     '{"code":"insufficient_stock","productId":"p-3","requested":9,"available":5}', null,
     0, 12, '2026-11-21 08:46:30+00', '2026-11-21 08:46:30+00'),
    ('01990000-0000-7000-8000-000000000005', 'c-1', 'PAYMENT_FAILED', 'EUR', 3000,
     '[{"sku":"p-1","quantity":3,"price_minor":1000}]',
     '{"code":"card_expired"}', null, 0, 13, '2026-11-21 08:47:30+00', '2026-11-21 08:47:31+00'),
    ('01990000-0000-7000-8000-000000000006', 'c-3', 'CANCELLED', 'EUR', 5000,
     '[{"sku":"p-2","quantity":1,"price_minor":5000}]',
     '{"code":"requested","text":"too late"}', null,
     1, 21, '2026-11-20 10:00:00+00', '2026-11-21 08:40:00+00'),
    ('01990000-0000-7000-8000-000000000007', 'c-3', 'PAID', 'JPY', 1200,
     '[{"sku":"p-3","quantity":1,"price_minor":1200}]',
     null, null, 1, 22, '2026-11-21 08:46:59+00', '2026-11-21 08:47:01+00'),
    ('01990000-0000-7000-8000-000000000008', 'c-2', 'RESERVED', 'EUR', 1000,
     '[{"sku":"p-1","quantity":1,"price_minor":1000}]',
     null, null, 1, 23, '2026-11-21 08:49:59+00', '2026-11-21 08:49:59+00'),
    -- With an Idempotency-Key, and cancelled before its payment.
    ('f3990000-0000-8000-8000-000000000009', 'c-1', 'CANCELLED', 'EUR', 5000,
     '[{"sku":"p-2","quantity":1,"price_minor":5000}]',
     '{"code":"requested"}', null, 1, 18, '2026-11-21 08:10:00+00', '2026-11-21 08:40:00+00'),
    -- Paid, then cancelled.
    ('01990000-0000-7000-8000-000000000010', 'c-2', 'CANCELLED', 'EUR', 1000,
     '[{"sku":"p-1","quantity":1,"price_minor":1000}]',
     '{"code":"requested"}', null, 1, 19, '2026-11-21 08:41:00+00', '2026-11-21 08:44:00+00');

insert into payments (order_id, status, currency, amount_minor, reason, decided_at, updated_at) values
    ('01990000-0000-7000-8000-000000000001', 'CAPTURED', 'EUR', 7050, null,
     '2026-11-21 08:46:11+00', '2026-11-21 08:46:11+00'),
    ('01990000-0000-7000-8000-000000000002', 'CAPTURED', 'EUR', 2050, null,
     '2026-11-21 08:47:03+00', '2026-11-21 08:47:03+00'),
    ('01990000-0000-7000-8000-000000000005', 'DECLINED', 'EUR', 3000, 'card_expired',
     '2026-11-21 08:47:31+00', '2026-11-21 08:47:31+00'),
    ('01990000-0000-7000-8000-000000000006', 'REFUND_PENDING', 'EUR', 5000, null,
     '2026-11-20 10:00:01+00', '2026-11-21 08:40:00+00'),
    ('01990000-0000-7000-8000-000000000007', 'CAPTURED', 'JPY', 1200, null,
     '2026-11-21 08:47:01+00', '2026-11-21 08:47:01+00'),
    ('f3990000-0000-8000-8000-000000000009', 'REFUNDED', 'EUR', 5000, null,
     '2026-11-21 08:40:00+00', '2026-11-21 08:40:01+00'),
    ('01990000-0000-7000-8000-000000000010', 'REFUNDED', 'EUR', 1000, null,
     '2026-11-21 08:41:02+00', '2026-11-21 08:44:01+00');

insert into stock (sku, available, reserved, sold, received, low_at) values
    ('p-1', 95, 1, 4, 100, 10),
    ('p-2', 18, 1, 1, 20, 10),
    ('p-3', 4, 0, 1, 5, 10);

insert into partition_progress (topic, partition, epoch, next_offset, resume_offset, owner, updated_at) values
    ('orders', 0, 3, 20, 11, 'a:1', '2026-11-21 08:49:58+00'),
    ('orders', 1, 2, 24, 23, 'b:1', '2026-11-21 08:49:59+00'),
    ('stock', 0, 1, 3, 3, 'a:1', '2026-11-20 08:00:00+00');

insert into processed_events (event_id, topic, partition, "offset", epoch, body_hash, processed_at)
select order_id, 'orders', source_partition, source_offset, 2, '\x00', created_at from orders;

insert into refused_events (topic, partition, "offset", event_id, event_type, subject, reason, refused_at) values
    ('orders', 0, 14, '01990000-0000-7000-8000-0000000000e1', 'order.shipped.v1',
     '01990000-0000-7000-8000-000000000004', 'illegal_step', '2026-11-21 08:48:00+00'),
    ('orders', 0, 15, '01990000-0000-7000-8000-0000000000e2', 'order.shipped.v1',
     '01990000-0000-7000-8000-000000000005', 'illegal_step', '2026-11-21 08:49:00+00'),
    ('orders', 0, 16, '01990000-0000-7000-8000-0000000000e3', 'order.cancel_requested.v1',
     '01990000-0000-7000-8000-0000000000ff', 'unknown_order', '2026-11-21 08:49:00+00'),
    ('stock', 0, 1, '01990000-0000-7000-8000-0000000000e4', 'stock.adjusted.v1',
     'p-3', 'below_zero', '2026-11-19 08:00:00+00');

insert into dead_letters (topic, partition, "offset", key, value, headers, code, message, died_at, published_at) values
    ('orders', 0, 17, null, null, '[]', 'no_value', 'record has no value',
     '2026-11-21 08:49:10+00', '2026-11-21 08:49:11+00'),
    ('orders', 0, 18, 'x', '{', '[]', 'invalid_body', 'body: is not JSON',
     '2026-11-21 08:49:20+00', '2026-11-21 08:49:21+00'),
    ('orders', 0, 19, 'x', '[]', '[]', 'invalid_body', 'body: must be an object, is an array',
     '2026-11-21 08:49:30+00', null);

insert into outbox (topic, partition, events, created_at) values
    ('orders', 0, '[{"id":"a/inventory.reserved","type":"inventory.reserved.v1","subject":"a","data":{}},
                    {"id":"b/inventory.reserved","type":"inventory.reserved.v1","subject":"b","data":{}}]',
     '2026-11-21 08:49:50+00'),
    ('orders', 0, '[{"id":"a/payment.completed","type":"payment.completed.v1","subject":"a","data":{}}]',
     '2026-11-21 08:49:55+00'),
    ('orders', 1, '[{"id":"c/inventory.reserved","type":"inventory.reserved.v1","subject":"c","data":{}}]',
     '2026-11-21 08:49:59+00');

insert into sales_metric_shards (metric_name, dimension, shard, value, digits) values
    ('orders_total', '', 0, 4, 0), ('orders_total', '', 1, 6, 0),
    ('orders_by_status', 'RESERVED', 0, 1, 0), ('orders_by_status', 'RESERVED', 1, 1, 0),
    ('orders_by_status', 'PAID', 0, 1, 0), ('orders_by_status', 'PAID', 1, 1, 0),
    ('orders_by_status', 'SHIPPED', 1, 1, 0), ('orders_by_status', 'REJECTED', 0, 1, 0),
    ('orders_by_status', 'PAYMENT_FAILED', 0, 1, 0), ('orders_by_status', 'CANCELLED', 1, 3, 0),
    ('orders_per_minute', '2026-11-20T10:00Z', 1, 1, 0),
    ('orders_per_minute', '2026-11-21T08:10Z', 1, 1, 0), ('orders_per_minute', '2026-11-21T08:41Z', 1, 1, 0),
    ('orders_per_minute', '2026-11-21T08:45Z', 0, 1, 0),
    ('orders_per_minute', '2026-11-21T08:46Z', 0, 2, 0), ('orders_per_minute', '2026-11-21T08:46Z', 1, 1, 0),
    ('orders_per_minute', '2026-11-21T08:47Z', 0, 1, 0), ('orders_per_minute', '2026-11-21T08:47Z', 1, 1, 0),
    ('orders_per_minute', '2026-11-21T08:49Z', 1, 1, 0),
    ('revenue_total', 'EUR', 0, 7050, 2), ('revenue_total', 'EUR', 1, 2050, 2),
    ('revenue_total', 'JPY', 1, 1200, 0),
    ('revenue_per_minute', 'EUR 2026-11-20T10:00Z', 1, 0, 2),
    ('revenue_per_minute', 'EUR 2026-11-21T08:41Z', 1, 0, 2),
    ('revenue_per_minute', 'EUR 2026-11-21T08:46Z', 0, 7050, 2),
    ('revenue_per_minute', 'EUR 2026-11-21T08:47Z', 1, 2050, 2),
    ('revenue_per_minute', 'JPY 2026-11-21T08:46Z', 1, 1200, 0),
    ('rejects', 'insufficient_stock', 0, 1, 0), ('rejects', 'card_expired', 0, 1, 0),
    ('rejects', 'requested', 1, 3, 0);
