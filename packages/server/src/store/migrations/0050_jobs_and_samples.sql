-- additive: where the code of a job is and which secrets it wants, and what the thread of a worker was seen to do.

alter table millrace.job
  add column defined_in text,
  add column secrets text[] not null default '{}';
comment on column millrace.job.defined_in is 'The file and line where it is defined, seen from the folder of the process that registered it.';
comment on column millrace.job.secrets is 'The names of those that it declares.';

alter table millrace.worker
  add column sample_asked_at timestamptz,
  add column sample_asked_by text,
  add column sample_at timestamptz,
  add column sample jsonb;
comment on column millrace.worker.sample_asked_at is
  'Since when somebody waits to be told what its main thread does; it hears of it by its heartbeat. Null when nobody does.';
comment on column millrace.worker.sample is 'What its main thread was seen to do last: functions and places in the code, no values.';
