-- What did a customer order lately? (psql -v customer=c-1)
select order_id, status, currency, total_minor, reason ->> 'code' as reason, created_at
from orders
where customer_id = :'customer'
order by order_id desc
limit 20;
