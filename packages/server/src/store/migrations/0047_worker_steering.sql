-- additive: what a worker says of its process, and whether somebody has asked it to take nothing new.

alter table millrace.worker
  add column memory_bytes bigint,
  add column loop_lag_ms real,
  add column quieted_at timestamptz,
  add column quieted_by text;
comment on column millrace.worker.memory_bytes is 'Resident memory of its process, as it said last.';
comment on column millrace.worker.loop_lag_ms is 'How late its event loop was at the 99th percentile, as it said last.';
comment on column millrace.worker.quieted_at is
  'Since when it takes nothing new because somebody asked it to: its state is draining meanwhile, and it hears of it by its heartbeat. Null for one that drains because it is stopped.';
