-- How long do customers wait from placing an order to the word on their payment?
-- Of the orders of the last hour, by the clocks of gateway and processor. One that was cancelled
-- counts when it had been paid before: else its payment was decided by the cancellation itself.
select count(*) as orders,
       percentile_disc(0.5) within group (order by p.decided_at - o.created_at) as half_within,
       percentile_disc(0.95) within group (order by p.decided_at - o.created_at) as p95,
       max(p.decided_at - o.created_at) as longest
from orders o join payments p using (order_id)
where o.created_at >= now() - interval '1 hour'
  and (o.status <> 'CANCELLED' or p.decided_at < o.updated_at);
