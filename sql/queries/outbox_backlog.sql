-- How many events are decided and not yet known to be on Kafka, and since when?
-- A few young rows per partition are the normal state; old ones mean a broker that is away.
select topic, partition, count(distinct outbox_id) as batches, count(*) as events,
       date_trunc('second', now() - min(created_at)) as oldest
from outbox_events
group by topic, partition
order by topic, partition;
