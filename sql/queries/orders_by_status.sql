-- How many orders stand in each status?
select dimension as status, value as orders
from sales_metrics
where metric_name = 'orders_by_status'
order by orders desc, status;
