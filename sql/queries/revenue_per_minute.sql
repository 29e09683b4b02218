-- How much did we earn in each of the last sixty minutes that had sales?
-- By the minute in which the order was placed; a cancelled order counts no more.
select split_part(dimension, ' ', 2) as minute,
       split_part(dimension, ' ', 1) as currency,
       value as revenue
from sales_metrics
where metric_name = 'revenue_per_minute'
order by minute desc, currency
limit 60;
