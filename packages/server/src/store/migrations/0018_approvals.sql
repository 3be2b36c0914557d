-- additive
-- Approvals: a step asks people, and waits for the answer of one. Processes of the version before go on beside it: nothing of theirs asks,
-- but their API cannot show the steps of a run that does.

create table millrace.link_secret (
  one boolean primary key default true constraint link_secret_is_one check (one),
  secret bytea not null constraint link_secret_length check (octet_length(secret) = 32)
);
revoke all on millrace.link_secret from public;
comment on table millrace.link_secret is
  'What links are signed with, in one row that all processes share. To have all links that were given refused, write another.';
-- Each uuid has 122 bits from the generator of PostgreSQL that is made for secrets.
insert into millrace.link_secret (secret)
select sha256(convert_to(string_agg(gen_random_uuid()::text, ''), 'UTF8')) from generate_series(1, 4);

create sequence millrace.approval_number;

alter table millrace.waiter
  add column ask text,
  add column details jsonb,
  add column approval bigint,
  add column links bytea[],
  add constraint waiter_approval_whole check ((kind = 'approval') = (ask is not null and approval is not null)) not valid;
comment on column millrace.waiter.ask is 'Of an approval: what people are asked. Their answer is in value: approved, by, via, note, at.';
comment on column millrace.waiter.details is 'Of an approval: whatever helps to decide.';
comment on column millrace.waiter.approval is 'Of an approval: grows in the order in which they were asked for.';
comment on column millrace.waiter.links is
  'Of an approval: the SHA-256 of a secret part of each link by which it may be answered; so who reads this table can make no link.';
create unique index waiter_approval on millrace.waiter (approval) where approval is not null and met_at is null;

create or replace function millrace.awaited(run uuid) returns text
  language sql stable
  as $$
    select string_agg(case when place > 3 then '…'
      when (w.wait).job is not null then millrace.awaited_children(w.wait)
      when (w.wait).ask is not null then 'approval ' || to_json((w.wait).name)::text
        || case when (w.wait).ordinal > 1 then ' (' || (w.wait).ordinal || ')' else '' end
        || ' (' || regexp_replace(left((w.wait).ask, 100), '\s+', ' ', 'g') || case when length((w.wait).ask) > 100 then '…' else '' end || ')'
      else 'event ' || (w.wait).event || coalesce(nullif(' with ' || (w.wait).match::text, ' with {}'), '') end, ' or ' order by place)
    from (
      select w as wait, row_number() over (order by w.asked_at, w.name, w.ordinal) as place
      from millrace.waiter w where w.run_id = run and (w.event is not null or w.job is not null or w.ask is not null) and w.met_at is null
    ) w
    where place <= 4
  $$;
comment on function millrace.awaited is 'For which events, runs and approvals the steps of a run wait, in words; null for none.';
