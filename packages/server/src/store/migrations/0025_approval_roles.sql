-- additive
-- Approvals that need a key of a role.

alter table millrace.waiter
  add column role text,
  add constraint waiter_role_known check (role in ('operator', 'editor', 'admin')) not valid;
comment on column millrace.waiter.role is 'Of an approval: the least role of a key that may answer; then no link does. Null: whoever may operate, or has a link.';
