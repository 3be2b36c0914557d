-- additive: where runs that were lost before are executed, and what is known of what died.

alter table millrace.attempt add column evidence jsonb;
comment on column millrace.attempt.evidence is
  'Of a lost attempt that was executed away from others: what died (process, thread, worker), where the run was executed (process, thread, alone), exit code, signal, memory, last words. Null for one that had neighbours: it proves nothing.';

alter table millrace.lease add column alone uuid[] not null default '{}', add column apart uuid[] not null default '{}';
comment on column millrace.lease.alone is 'Those that run while nothing else does in their worker.';
comment on column millrace.lease.apart is 'Those that were lost before, and run in a process of their own.';

create function millrace.crashes(run uuid) returns table (proven integer, apart integer)
  language sql stable
  as $$
    select count(*) filter (where evidence ->> 'died' <> 'worker' or evidence ->> 'lane' = 'alone')::int,
      count(*)::int
    from millrace.attempt where run_id = run and outcome = 'lost' and evidence is not null
  $$;
comment on function millrace.crashes is
  'How often a run is proven to have ended what executed it, and how often it was lost at all while it was away from others.';
