-- When an operator last put the record back on its topic (processor dlq redrive).
alter table dead_letters add column redriven_at timestamptz;
