-- Which refunds have we promised and not yet made?
select p.order_id, o.customer_id, p.currency, p.amount_minor,
       date_trunc('second', now() - p.updated_at) as waiting
from payments p left join orders o using (order_id)
where p.status = 'REFUND_PENDING'
order by waiting desc, p.order_id
limit 100;
