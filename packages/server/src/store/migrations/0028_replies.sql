-- additive: answers to requests with an Idempotency-Key, to be given again.

create table millrace.reply (
  route text not null,
  caller text not null,
  key text not null,
  fingerprint bytea not null constraint reply_fingerprint_sha256 check (length(fingerprint) = 32),
  status smallint,
  location text,
  body text,
  made text,
  at timestamptz not null default clock_timestamp(),
  primary key (route, caller, key)
);
create index reply_at on millrace.reply (at);
comment on table millrace.reply is 'What a request with an Idempotency-Key was answered, in the transaction that did what it asked. Whoever sends it again gets the same.';
comment on column millrace.reply.fingerprint is 'SHA-256 of the address and the body.';
comment on column millrace.reply.body is 'The bytes of the answer; null for one that is not kept, because it shows a secret.';
comment on column millrace.reply.made is 'What was made, where the answer is not kept.';

-- The key is this transaction's until it ends; or it was another's, and the answer is there. While another holds it, this
-- waits, two seconds at the most (lock_not_available).
create function millrace.claim_reply(of_route text, of_caller text, of_key text, of_fingerprint bytea)
returns table (claimed boolean, fingerprint bytea, status smallint, location text, body text, made text)
language plpgsql set lock_timeout = '2s' as $$
begin
  loop
    insert into millrace.reply (route, caller, key, fingerprint) values (of_route, of_caller, of_key, of_fingerprint)
    on conflict do nothing;
    if found then
      return query select true, of_fingerprint, null::smallint, null::text, null::text, null::text;
      return;
    end if;
    return query select false, r.fingerprint, r.status, r.location, r.body, r.made
      from millrace.reply r where r.route = of_route and r.caller = of_caller and r.key = of_key;
    if found then return; end if;
    -- It was forgotten between the two statements.
  end loop;
end $$;
