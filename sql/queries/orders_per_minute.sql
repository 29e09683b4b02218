-- How many orders came in, minute by minute, in the last hour of business?
select dimension as minute, value as orders
from sales_metrics
where metric_name = 'orders_per_minute'
order by minute desc
limit 60;
