-- How much did we earn in each of the last sixty minutes that had sales?
-- By the minute in which the order was placed; a cancelled order counts no more.
with revenue as (
    select split_part(dimension, ' ', 2) as minute,
           split_part(dimension, ' ', 1) as currency,
           value as revenue,
           dense_rank() over (order by split_part(dimension, ' ', 2) desc) as minutes_back
    from sales_metrics
    where metric_name = 'revenue_per_minute'
)
select minute, currency, revenue
from revenue
where minutes_back <= 60
order by minute desc, currency;
