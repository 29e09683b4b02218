-- What was read, by whom, and what came of records that changed nothing.

create table partition_progress (
    topic         text not null,
    partition     integer not null,
    -- Raised by every claim; a transaction with an older epoch changes nothing.
    epoch         bigint not null default 0,
    -- The first offset whose effects are not in these tables.
    next_offset   bigint not null default 0,
    -- No record below has work left over (an unanswered charge or refund).
    resume_offset bigint not null default 0,
    -- Counts the owner's commits; reading it back tells whether a commit whose
    -- answer was lost took place.
    commit_seq    bigint not null default 0,
    owner         text,
    updated_at    timestamptz not null default now(),
    primary key (topic, partition),
    check (resume_offset <= next_offset)
) with (fillfactor = 50);
alter table partition_progress
    set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

-- Every event that had its effect, so that it never has it again.
create table processed_events (
    event_id     uuid primary key,
    topic        text not null,
    partition    integer not null,
    "offset"     bigint not null,
    -- Of the owner that processed it.
    epoch        bigint not null,
    -- First 16 bytes of SHA-256 over the record's value: the same id with
    -- another body is not the same event.
    body_hash    bytea not null,
    processed_at timestamptz not null default now()
);
alter table processed_events set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.2);

-- Readable events that were refused: an illegal step, an unknown order, a
-- correction below zero, a known event id with another body.
create table refused_events (
    topic      text not null,
    partition  integer not null,
    "offset"   bigint not null,
    event_id   uuid not null,
    event_type text not null,
    subject    text not null,
    reason     text not null,
    refused_at timestamptz not null default now(),
    primary key (topic, partition, "offset")
);

-- Records that nobody could read, bytes untouched.
create table dead_letters (
    topic        text not null,
    partition    integer not null,
    "offset"     bigint not null,
    key          bytea,
    value        bytea,
    -- [[name, value in base64], …]: header values are bytes.
    headers      jsonb not null,
    code         text not null,
    message      text not null,
    died_at      timestamptz not null default now(),
    -- Null until the broker acknowledged the copy on the dead letter topic.
    published_at timestamptz,
    primary key (topic, partition, "offset")
);
create index dead_letters_unpublished on dead_letters (topic, partition, "offset") where published_at is null;
