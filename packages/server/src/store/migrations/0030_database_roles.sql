-- additive: partitions can be made and dropped by a role that does not own them, as the processes have that `millrace roles` makes.
-- What changes tables runs with the rights of their owner, and is closed to everybody else: as it was, it took the owner's rights in any case.

alter function millrace.make_partition(text, date, date, integer) security definer set search_path = pg_catalog, pg_temp;
alter function millrace.retire_partition(text, text, integer, boolean) security definer set search_path = pg_catalog, pg_temp;
revoke execute on function millrace.make_partition(text, date, date, integer), millrace.retire_partition(text, text, integer, boolean)
  from public;
-- Entries are written by the processes, and by whoever owns the tables, and by nobody who was only let in to ask for runs.
revoke execute on function millrace.note_audit(text, text, jsonb, jsonb) from public;
