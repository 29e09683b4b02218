-- Is the money we took the money of the orders that are paid? difference_minor must be 0.
-- Reads every order.
with paid as (
    select currency, count(*) as orders, sum(total_minor) as minor
    from orders where status in ('PAID', 'SHIPPED') group by currency
), captured as (
    select currency, count(*) as payments, sum(amount_minor) as minor
    from payments where status = 'CAPTURED' group by currency
)
select currency, coalesce(p.orders, 0) as paid_orders, coalesce(c.payments, 0) as captures,
       coalesce(p.minor, 0) as paid_minor, coalesce(c.minor, 0) as captured_minor,
       coalesce(c.minor, 0) - coalesce(p.minor, 0) as difference_minor
from paid p full join captured c using (currency)
order by currency;
