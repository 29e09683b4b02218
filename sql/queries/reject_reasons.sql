-- Why do orders become no sale, and which share of all orders is that?
select r.dimension as reason, r.value as orders,
       round(100 * r.value / nullif(t.value, 0), 2) as percent_of_orders
from sales_metrics r
left join sales_metrics t on t.metric_name = 'orders_total'
where r.metric_name = 'rejects'
order by orders desc, reason;
