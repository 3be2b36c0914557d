-- additive
-- Limits of a queue that code defines, beside those that hold: what an operator has set stands until it is taken back.

set local lock_timeout = '5s';

alter table millrace.queue
  add column defined jsonb,
  add column limited_by text;
comment on column millrace.queue.defined is 'The limits that code gives the queue, {concurrency, rate}; null for a queue that no code defines.';
comment on column millrace.queue.limited_by is 'Who has set limits instead of the code; null while those of the code hold.';
