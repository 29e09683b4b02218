-- Orders and their payments: one row each, written only by the owner of the
-- order's partition.

create type order_status as enum
    ('RESERVED', 'PAID', 'SHIPPED', 'REJECTED', 'PAYMENT_FAILED', 'CANCELLED');

create table orders (
    order_id         uuid primary key,
    customer_id      text not null,
    status           order_status not null,
    currency         text not null check (currency ~ '^[A-Z]{3}$'),
    -- Minor units (cents for EUR); 15 digits survive a JSON number.
    total_minor      bigint not null check (total_minor between 0 and 999999999999999),
    -- [{"sku": …, "quantity": …, "price_minor": …}]
    lines            jsonb not null,
    -- Why it is no sale: {"code": …}, with what explains the code.
    reason           jsonb,
    -- How it travels, once shipped: {"carrier": …, "trackingId": …}
    shipment         jsonb,
    source_partition integer not null,
    source_offset    bigint not null,
    created_at       timestamptz not null,
    updated_at       timestamptz not null,
    -- No two orders come from one record; also how a new owner of a partition
    -- finds its unsettled orders.
    unique (source_partition, source_offset),
    check ((status in ('REJECTED', 'PAYMENT_FAILED', 'CANCELLED')) = (reason is not null)),
    check (shipment is null or status = 'SHIPPED')
-- Every order is updated soon after its insert, together with its neighbours.
-- With half of each page free the new version stays in the page, and no index
-- is touched: 20 µs an order become 8, and table and indexes are smaller.
) with (fillfactor = 50);

-- Keyset pages of one customer's orders.
create index orders_by_customer on orders (customer_id, order_id);

-- The same table of legal steps as in the contract crate. The condition is
-- evaluated without a function call; the function runs only to refuse.
create function refuse_status_step() returns trigger language plpgsql as $$
begin
    raise exception 'order % cannot go from % to %', old.order_id, old.status, new.status
        using errcode = 'check_violation';
end $$;

create trigger orders_status_step before update of status on orders
    for each row
    when (not ((old.status = 'RESERVED' and new.status in ('PAID', 'PAYMENT_FAILED', 'CANCELLED'))
            or (old.status = 'PAID' and new.status in ('SHIPPED', 'CANCELLED'))))
    execute function refuse_status_step();

create type payment_status as enum ('CAPTURED', 'DECLINED', 'REFUND_PENDING', 'REFUNDED');

create table payments (
    order_id     uuid primary key,
    status       payment_status not null,
    currency     text not null,
    amount_minor bigint not null check (amount_minor between 0 and 999999999999999),
    -- The provider's word, for declined payments.
    reason       text,
    decided_at   timestamptz not null,
    updated_at   timestamptz not null,
    check ((status = 'DECLINED') = (reason is not null))
) with (fillfactor = 90);

-- Refunds that were promised and not yet confirmed; nearly always empty.
create index payments_refund_pending on payments (order_id) where status = 'REFUND_PENDING';
