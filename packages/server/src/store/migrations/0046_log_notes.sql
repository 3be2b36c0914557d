-- additive: for who follows the logs of many runs, each statement that writes lines notes whose they are.

create table millrace.log_note (
  tx xid8 not null default pg_current_xact_id(),
  at timestamptz not null default clock_timestamp(),
  run_ids uuid[] not null,
  firsts bigint[] not null,
  lasts bigint[] not null,
  lines integer not null,
  primary key (tx, at)
);
create index log_note_at on millrace.log_note (at);
comment on table millrace.log_note is
  'Which lines a transaction has written to log: of each run a first and a last number. Whoever knows of which transactions they have seen the lines finds the others, in whichever order they commit. Kept for ten minutes.';
