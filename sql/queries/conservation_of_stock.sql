-- Do the books of every product agree with its orders? No row means yes.
-- Set aside must be what RESERVED orders hold, sold what PAID and SHIPPED ones do; that
-- available + reserved + sold = received is a constraint of the table. Reads every order.
with held as (
    select line ->> 'sku' as sku,
           sum((line ->> 'quantity')::bigint) filter (where o.status = 'RESERVED') as reserved,
           sum((line ->> 'quantity')::bigint) filter (where o.status in ('PAID', 'SHIPPED')) as sold
    from orders o cross join lateral jsonb_array_elements(o.lines) as line
    where o.status in ('RESERVED', 'PAID', 'SHIPPED')
    group by 1
)
select sku, s.available, s.received,
       coalesce(s.reserved, 0) as reserved, coalesce(h.reserved, 0) as reserved_by_orders,
       coalesce(s.sold, 0) as sold, coalesce(h.sold, 0) as sold_by_orders
from stock s full join held h using (sku)
where (coalesce(s.reserved, 0), coalesce(s.sold, 0))
      is distinct from (coalesce(h.reserved, 0), coalesce(h.sold, 0))
order by sku;
