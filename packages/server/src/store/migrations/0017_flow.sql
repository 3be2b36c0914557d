-- additive
-- Flows: the nodes of a job, so that its graph is known before a run has begun. A process of the version before registers jobs
-- without it; each run records the graph that it began with as a step of its own.

alter table millrace.job add column graph jsonb;
comment on column millrace.job.graph is 'The nodes of a flow, each with its rule and those that it comes after. Null for other jobs.';
