-- Effects: before a step touches the world, that it is about to is on record, a row of `waiter`; the receipt, which is a checkpoint,
-- takes its place. Where one was begun and has no receipt, a person may be asked. And steps in transactions of the caller's own.
-- Not additive: the checks of two busy tables change.

alter table millrace.step
  drop constraint step_kind_known,
  add constraint step_kind_known
    check (kind in ('step', 'sleep', 'event', 'call', 'fan-out', 'effect', 'transaction', 'approval'));

alter table millrace.waiter
  drop constraint waiter_kind_known,
  add constraint waiter_kind_known
    check (kind in ('step', 'sleep', 'event', 'call', 'fan-out', 'effect', 'transaction', 'approval')),
  add column attempt smallint,
  add column tries integer,
  add column began_at timestamptz,
  add column error_class text,
  add column error_message text,
  add column error_at timestamptz,
  add column doubt bigint,
  add column doubt_at timestamptz,
  add column happened boolean,
  add constraint waiter_effect_whole
    check ((kind = 'effect') = (attempt is not null and tries is not null and began_at is not null)),
  add constraint waiter_doubt_whole check ((doubt is null) = (doubt_at is null));
comment on column millrace.waiter.attempt is 'Of an effect: the attempt that has begun it last, at began_at; before that, it was begun tries - 1 times.';
comment on column millrace.waiter.error_class is 'Of an effect: what the last try that threw has thrown.';
comment on column millrace.waiter.doubt is 'Of an effect of which a person must say whether it happened: grows in the order in which they came in doubt.';
comment on column millrace.waiter.happened is 'What the person said. What an effect that happened gave is in value, in the form of a step''s.';

create sequence millrace.doubt_number;
create unique index waiter_doubt on millrace.waiter (doubt) where doubt is not null and met_at is null;

create function millrace.effect_key(run uuid, name text, ordinal integer) returns text
  language sql immutable parallel safe
  as $$ select run || '-' || left(encode(sha256(convert_to(ordinal || ':' || name, 'UTF8')), 'hex'), 32) $$;
comment on function millrace.effect_key is 'The idempotency key of an effect, as its function is told it: the same in every attempt.';

create function millrace.doubted(run uuid) returns text
  language sql stable
  as $$
    select string_agg(case when place > 3 then '…' else
        'effect ' || to_json(name)::text || case when ordinal > 1 then ' (' || ordinal || ')' else '' end || ' happened (began '
        || to_char(began_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') || ', attempt ' || attempt
        || coalesce(', last error ' || error_class || ': ' || left(error_message, 200), '') || ')' end, ' and whether ' order by place)
    from (
      select *, row_number() over (order by doubt) as place from millrace.waiter
      where run_id = run and doubt is not null and met_at is null
    ) w
    where place <= 4
  $$;
comment on function millrace.doubted is 'Of which effects of a run nobody knows whether they happened, in words; null for none.';

-- As for millrace.complete, the row of the run is the token: every end of an attempt counts it up, so an attempt that was superseded
-- finds another number, or is told so by 40001. It is locked until the transaction ends, so the attempt cannot end before; and as
-- recording is the last thing that is done in the transaction, that is short.
create function millrace.keep_step(run_id uuid, attempt integer, lease_id bigint, worker_id integer, name text, ordinal integer,
    seq integer, took_ms float8, value jsonb)
  returns void
  language plpgsql
  security definer set search_path = pg_catalog, pg_temp
  as $$
  #variable_conflict use_column
  declare
    final millrace.run_state;
    at timestamptz := clock_timestamp();
    patience text := current_setting('idle_in_transaction_session_timeout');
  begin
    perform from millrace.lease l
    where l.id = keep_step.lease_id and l.worker_id = keep_step.worker_id and l.run_ids @> array[keep_step.run_id]
    for key share;
    if found then
      perform from millrace.run r
      where r.id = keep_step.run_id and r.state is null and r.attempts = keep_step.attempt - 1
      for no key update;
    end if;
    if not found then
      select r.state into final from millrace.run r where r.id = keep_step.run_id;
      if final is not null then
        raise exception 'run % is % already', run_id, final using errcode = 'ML021';
      end if;
      raise exception 'attempt % of run % has lost its lease', attempt, run_id using errcode = 'ML020';
    end if;
    insert into millrace.step (run_id, name, ordinal, kind, seq, attempt, started_at, finished_at, value)
    values (keep_step.run_id, keep_step.name, keep_step.ordinal, 'transaction', keep_step.seq, keep_step.attempt,
      at - keep_step.took_ms * interval '1 millisecond', at, keep_step.value)
    on conflict do nothing;
    if not found then
      raise exception 'transaction % (%) of run % is on record already', quote_literal(name), ordinal, run_id using errcode = 'ML060';
    end if;

    -- Nobody may give the run to another worker while the transaction is open; so it must not stay open for ever.
    if patience::interval = interval '0' or patience::interval > interval '30 seconds' then
      perform set_config('idle_in_transaction_session_timeout', '30s', true);
    end if;
  end $$;
revoke execute on function millrace.keep_step from public;
comment on function millrace.keep_step is
  'Records a checkpoint inside the caller''s transaction, through the lease of the attempt that makes it. Raises ML020 when the lease is gone, ML021 when the run has ended, ML060 when it is on record.';
