-- How far is each partition, who owns it, and how much work is left over in it?
-- unsettled: records from the first that had an open charge at the last commit to the newest
-- in the books; an idle partition keeps its last number until its next commit.
-- The end of the log is Kafka's to tell: the processor shows partition_lag_records at /metrics, and
-- kcat -b $KAFKA_BROKERS -Q -t orders:0:-1 gives the end of a partition.
select topic, partition, owner, epoch, next_offset,
       next_offset - resume_offset as unsettled,
       date_trunc('second', now() - updated_at) as since_last_commit
from partition_progress
order by topic, partition;
