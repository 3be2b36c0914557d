-- additive: fewer index entries for whoever fires. Each firing moves a schedule and adds to the ledger; rows of the ledger come
-- in the order of time, so for the pruner one entry for many pages is enough, and schedules are rarely looked for by job.
drop index millrace.schedule_job;
drop index millrace.occurrence_age;
create index occurrence_age on millrace.occurrence using brin (nominal) with (pages_per_range = 32);
