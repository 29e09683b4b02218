-- Which ten products sell best?
select dimension as sku, value as pieces_sold
from sales_metrics
where metric_name = 'top_products'
order by pieces_sold desc, sku
limit 10;
