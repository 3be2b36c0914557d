-- additive
-- Flows: the nodes of a job, so that its graph is known before a run has begun. A process of the version before registers jobs
-- without it; each run records the graph that it began with as a step of its own. And the id under which large values are kept elsewhere.

alter table millrace.job add column graph jsonb;
comment on column millrace.job.graph is 'The nodes of a flow, each with its rule and those that it comes after. Null for other jobs.';

create table millrace.installation (
  id uuid primary key default gen_random_uuid()
);
comment on table millrace.installation is
  'One row: the id of this database, under which it keeps large values of steps elsewhere, so that two databases that share a place leave each other alone.';
insert into millrace.installation default values;
