-- additive
-- Retry budgets; fingerprints of dead letters; operations, which work on many dead letters at once.

-- ---------------------------------------------------------------------------------------------------------------------
-- Retry budgets: how many retries of one job may start in a window of time, over all workers.

create table millrace.retry_budget (
  job text primary key,
  budget integer not null,
  per_ms double precision not null,
  full_from timestamptz,
  full_until timestamptz
) with (fillfactor = 50);
comment on table millrace.retry_budget is
  'One row a job with a budget; whoever reserves locks it. Between full_from and full_until every window is full, so nobody looks there.';

create table millrace.retry_window (
  job text,
  starts_at timestamptz,
  taken integer not null,
  primary key (job, starts_at)
) with (fillfactor = 70);
comment on table millrace.retry_window is 'How many retries are due in each window that has any and is not over.';

create function millrace.keep_window(of_job text, slot timestamptz, used integer) returns void
  language sql
  as $$
    insert into millrace.retry_window (job, starts_at, taken) select of_job, slot, used where slot is not null
    on conflict (job, starts_at) do update set taken = excluded.taken
  $$;

-- Fixed windows, counted: a retry is reserved for an instant ahead, and later ones may want an earlier instant. A bucket
-- (GCRA, ITU-T I.371) knows one instant only, and would hold a retry of a second up behind one of an hour.
create function millrace.reserve_retries(of_job text, of_budget integer, of_per_ms double precision, wanted timestamptz[])
  returns timestamptz[]
  language plpgsql
  as $$
  declare
    per interval := of_per_ms * interval '1 millisecond';
    known record;
    answer timestamptz[] := '{}';
    due timestamptz;
    -- The window that is being filled, how many it has, and from where we walked to it.
    slot timestamptz;
    used integer := of_budget;
    walked_from timestamptz;
  begin
    insert into millrace.retry_budget (job, budget, per_ms) values (of_job, of_budget, of_per_ms) on conflict do nothing;
    select * into known from millrace.retry_budget where job = of_job for update;
    if (known.budget, known.per_ms) is distinct from (of_budget, of_per_ms) then
      known.full_from := null;
      known.full_until := null;
    end if;
    delete from millrace.retry_window where job = of_job and starts_at < clock_timestamp() - per;

    foreach due in array wanted loop
      if slot is null or date_bin(per, due, 'epoch') > slot then
        perform millrace.keep_window(of_job, slot, used);
        slot := date_bin(per, due, 'epoch');
        walked_from := slot;
        used := null;
      end if;
      while used is null or used >= of_budget loop
        if used is not null then
          perform millrace.keep_window(of_job, slot, used);
          slot := slot + per;
        end if;
        if slot >= known.full_from and slot < known.full_until then
          slot := known.full_until;
        end if;
        used := coalesce((select taken from millrace.retry_window where job = of_job and starts_at = slot), 0);
      end loop;
      used := used + 1;
      -- What was walked over is full: remembered, when it touches what is remembered, or that is over.
      if slot > walked_from then
        if walked_from <= known.full_until and slot >= known.full_from then
          known.full_from := least(known.full_from, walked_from);
          known.full_until := greatest(known.full_until, slot);
        elsif known.full_until is null or known.full_until <= clock_timestamp() then
          known.full_from := walked_from;
          known.full_until := slot;
        end if;
      end if;
      -- Put off: spread evenly over its window.
      answer := answer || case when slot > due then slot + per * ((used - 1)::float8 / of_budget) else due end;
    end loop;
    perform millrace.keep_window(of_job, slot, used);

    update millrace.retry_budget set budget = of_budget, per_ms = of_per_ms, full_from = known.full_from,
      full_until = known.full_until
    where job = of_job;
    return answer;
  end $$;
comment on function millrace.reserve_retries is
  'For retries of a job that want to start at these instants, in order: when they may, so that no window has more than the budget. Windows are counted from the epoch.';

-- ---------------------------------------------------------------------------------------------------------------------
-- Dead letters.

alter table millrace.dead_letter add column fingerprint text;
comment on column millrace.dead_letter.fingerprint is
  'The same for failures that one would mend together. Null for those that an older version recorded.';
