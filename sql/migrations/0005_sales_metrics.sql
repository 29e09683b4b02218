-- Analytics. One counter row per writer shard, so that owners of different
-- partitions never wait for each other on a counter; the view sums them.

create table sales_metric_shards (
    metric_name text not null,
    dimension   text not null,
    -- The partition whose owner writes the row.
    shard       integer not null,
    -- Counts, pieces or minor units.
    value       bigint not null,
    -- Decimals of a money metric; 0 for counts.
    digits      smallint not null default 0,
    updated_at  timestamptz not null default now(),
    primary key (metric_name, dimension, shard)
) with (fillfactor = 50);
alter table sales_metric_shards set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

create view sales_metrics as
    select metric_name, dimension,
           -- Exact, and written with the decimals of the currency: 70.50.
           round(sum(value)::numeric / 10::numeric ^ max(digits), max(digits)) as value,
           max(updated_at) as updated_at
    from sales_metric_shards
    group by metric_name, dimension
    having sum(value) <> 0;
