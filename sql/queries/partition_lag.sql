-- How far is each partition, who owns it, and how much work is left over in it?
-- unsettled: records from the first that had an open charge or refund at the last commit to the newest
-- in the books; an idle partition keeps its last number until its next commit.
-- The end of the log is Kafka's to tell: kafka-consumer-groups --describe --group processor.
select p.topic, p.partition, p.owner, p.epoch, p.next_offset,
       p.next_offset - p.resume_offset as unsettled,
       count(e.event_id) as events_last_minute,
       date_trunc('second', now() - p.updated_at) as since_last_commit
from partition_progress p
left join processed_events e
       on e.topic = p.topic and e.partition = p.partition
      and e.processed_at > now() - interval '1 minute'
group by p.topic, p.partition
order by p.topic, p.partition;
