-- The newest record of the lane that could be read: whoever claims the lane asks the log
-- for it, since a topic that was made anew may have grown past next_offset.
alter table partition_progress
    add column newest_offset   bigint,
    add column newest_event_id uuid,
    add check ((newest_offset is null) = (newest_event_id is null));
