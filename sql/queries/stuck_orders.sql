-- Which orders have waited for their payment for more than a minute?
-- Unsettled orders lie at or above resume_offset, so this reads few rows.
select o.order_id, o.customer_id, o.source_partition as partition, o.source_offset as "offset",
       date_trunc('second', now() - o.created_at) as waiting, p.owner
from partition_progress p
join orders o on o.source_partition = p.partition and o.source_offset >= p.resume_offset
where p.topic = 'orders' and o.status = 'RESERVED' and o.created_at < now() - interval '1 minute'
order by waiting desc, o.order_id
limit 100;
