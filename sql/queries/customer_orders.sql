-- What did a customer order lately? (psql -v customer=c-1)
-- By time: the id of an order with an Idempotency-Key is a hash. Reads every order of the customer.
select order_id, status, currency, total_minor, reason ->> 'code' as reason, created_at
from orders
where customer_id = :'customer'
order by created_at desc, order_id desc
limit 20;
