-- additive: a run may carry the trace in which it was asked for. What does not say one is as before, and costs as much.

-- Functions as they are but for what is said here. Their texts are taken from the database, because whatever has changed them before is to stay.
create function pg_temp.patch(name text, find text, put text) returns void
  language plpgsql
  as $$
  declare
    old text := pg_get_functiondef(name::regproc);
    new text := replace(old, find, put);
  begin
    if new = old then
      raise exception 'migration 37 does not find in % what it changes: %', name, find;
    end if;
    execute new;
  end $$;

-- Anybody may write anything for a context: what is too long for one is cut, and none.
do $$
  begin
    perform pg_temp.patch('millrace.enqueue_many',
      'i.trigger, i.correlation_id, i.rerun_of' || e'\n',
      'i.trigger, i.correlation_id, i.rerun_of, left(i.trace_context, 600) as trace_context' || e'\n');
    perform pg_temp.patch('millrace.enqueue_many', 'rerun_of uuid))', 'rerun_of uuid, trace_context text))');
    perform pg_temp.patch('millrace.enqueue_many', 'correlation_id, rerun_of, ord)', 'correlation_id, rerun_of, trace_context, ord)');
    perform pg_temp.patch('millrace.enqueue_many', 'correlation_id, rerun_of, expires_at)', 'correlation_id, rerun_of, expires_at, trace_context)');
    perform pg_temp.patch('millrace.enqueue_many',
      'greatest(due_at, clock_timestamp()) + ttl' || e'\n', 'greatest(due_at, clock_timestamp()) + ttl, trace_context' || e'\n');

    perform pg_temp.patch('millrace.enqueue_one', 'idempotency_key, expires_at)', 'idempotency_key, expires_at, trace_context)');
    perform pg_temp.patch('millrace.enqueue_one',
      $put$item ->> 'key', expires)$put$, $put$item ->> 'key', expires, left(item ->> 'trace_context', 600))$put$);

    -- A chain may be endless: each of its runs begins a trace, which refers to that of the run before.
    perform pg_temp.patch('millrace.continue_as_new', $put$'correlation_id', old.correlation_id,$put$,
      $put$'correlation_id', old.correlation_id, 'trace_context', '~' || ltrim(old.trace_context, '~'),$put$);
  end $$;

comment on function millrace.enqueue_many is
  'Accepts a list of {job, input, queue, priority, due_at or delay_ms, ttl_ms, key, trigger, correlation_id, rerun_of, trace_context}; all but job may be absent. Answers one row an item, in order.';

alter table millrace.run add column trace_context text;
comment on column millrace.run.trace_context is
  'The trace in which the run was asked for, where that is recorded: a W3C traceparent, and after a blank the tracestate; before it ~ where the run only refers to that trace.';

select pg_temp.patch('millrace.open_gated_lease', 'round(u.waited))::text', 'round(u.waited), r.trace_context)::text');

drop function pg_temp.patch(text, text, text);
