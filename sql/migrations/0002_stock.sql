-- Stock. The books balance in every row at every moment: what came in is
-- available, set aside for unpaid orders, or sold.

create table stock (
    sku        text primary key,
    available  bigint not null check (available >= 0),
    reserved   bigint not null default 0 check (reserved >= 0),
    sold       bigint not null default 0 check (sold >= 0),
    -- Sum of all adjustments: initial stock, restocks and corrections.
    received   bigint not null,
    -- Falling below this many available pieces is announced once.
    low_at     bigint not null default 10 check (low_at >= 0),
    updated_at timestamptz not null default now(),
    check (available + reserved + sold = received)
) with (fillfactor = 50);
alter table stock set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
