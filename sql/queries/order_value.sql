-- How large is a sale: how many are there, and what do they bring on average and at most?
-- Reads every order. Major units need the digits of the currency, which the metrics carry once
-- it has brought something.
with digits as (
    select dimension as currency, max(digits) as digits
    from sales_metric_shards where metric_name = 'revenue_total' group by dimension
)
select o.currency, count(*) as sales,
       round(avg(o.total_minor) / 10::numeric ^ coalesce(d.digits, 0), coalesce(d.digits, 0)) as average,
       round(max(o.total_minor) / 10::numeric ^ coalesce(d.digits, 0), coalesce(d.digits, 0)) as largest
from orders o left join digits d using (currency)
where o.status in ('PAID', 'SHIPPED')
group by o.currency, d.digits
order by o.currency;
