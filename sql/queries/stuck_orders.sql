-- Which orders have waited for their payment for more than a minute?
-- Unsettled orders lie at or above resume_offset, so this reads few rows. The topic may have any
-- name: it is the one that the newest order of the partition came from, whose event is kept at
-- least as long as an order of the partition is unsettled.
select o.order_id, o.customer_id, o.source_partition as partition, o.source_offset as "offset",
       date_trunc('second', now() - o.created_at) as waiting, p.owner
from partition_progress p
cross join lateral (
    select order_id from orders
    where source_partition = p.partition order by source_offset desc limit 1
) as newest
join processed_events e on e.event_id = newest.order_id and e.topic = p.topic
join orders o on o.source_partition = p.partition and o.source_offset >= p.resume_offset
where o.status = 'RESERVED' and o.created_at < now() - interval '1 minute'
order by waiting desc, o.order_id
limit 100;
