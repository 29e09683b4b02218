-- Events that are decided and perhaps not yet published: one row per commit
-- and lane. The lane is a partition of the input, so its owner is the only
-- publisher and ids rise in the order of its commits. A later commit deletes
-- the row once the broker has acknowledged every event in it.

create table outbox (
    id         bigint generated always as identity primary key,
    topic      text not null,
    partition  integer not null,
    -- JSON array of CloudEvents in structured form. Stored as it came, out of
    -- line and not compressed: it is read only after a crash.
    events     text not null,
    created_at timestamptz not null default now()
);
alter table outbox alter column events set storage external;
alter table outbox set (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0,
    toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 20000, toast.autovacuum_vacuum_cost_delay = 0);

-- One event a line, for people.
create view outbox_events as
    select o.id as outbox_id, o.topic, o.partition, o.created_at,
           e.event ->> 'id' as event_id, e.event ->> 'type' as event_type,
           e.event ->> 'subject' as subject, e.event -> 'data' as data
    from outbox o cross join lateral jsonb_array_elements(o.events::jsonb) as e(event);
