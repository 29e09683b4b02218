-- A client may order for 9,999,999,999,999.99: some ten thousand such orders are more
-- minor units than a bigint holds. The rows are few, so a wider sum costs nothing.

drop view sales_metrics;
alter table sales_metric_shards alter column value type numeric;

create view sales_metrics as
    select metric_name, dimension,
           -- Exact, and written with the decimals of the currency: 70.50.
           round(sum(value) / 10::numeric ^ max(digits), max(digits)) as value,
           max(updated_at) as updated_at
    from sales_metric_shards
    where metric_name <> 'top_products'
    group by metric_name, dimension
    having sum(value) <> 0
    union all
    select 'top_products', sku, sold::numeric, updated_at from stock where sold <> 0;
