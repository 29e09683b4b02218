-- Do the sales metrics agree with the orders they sum up? No row means yes.
-- Reads every order.
with sums as (
    select 'orders_total' as metric_name, '' as dimension, count(*)::numeric as value from orders
    union all
    select 'orders_by_status', status::text, count(*) from orders group by status
    union all
    select 'orders_per_minute', to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI"Z"'),
           count(*) from orders group by 2
    union all
    select 'rejects', reason ->> 'code', count(*) from orders where reason is not null group by 2
    union all
    select 'revenue_total', currency, sum(total_minor) from orders
    where status in ('PAID', 'SHIPPED') group by currency
    union all
    select 'revenue_per_minute',
           currency || ' ' || to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI"Z"'),
           sum(total_minor) from orders where status in ('PAID', 'SHIPPED') group by 2
    union all
    select 'top_products', line ->> 'sku', sum((line ->> 'quantity')::bigint)
    from orders cross join lateral jsonb_array_elements(lines) as line
    where status in ('PAID', 'SHIPPED') group by 2
), metrics as (
    select metric_name, dimension, sum(value) as value
    from sales_metric_shards where metric_name <> 'top_products' group by metric_name, dimension
    union all
    select 'top_products', sku, sold from stock
)
select metric_name, dimension, coalesce(m.value, 0) as in_metrics, coalesce(s.value, 0) as in_orders
from metrics m full join sums s using (metric_name, dimension)
where coalesce(m.value, 0) <> coalesce(s.value, 0)
order by metric_name, dimension;
