-- additive
-- A run's row grows by some 40 bytes when it is settled, and all rows of a page are settled at once, so that none of the old
-- ones can be pruned in between. At 55 % every fourth row found no room on its page, and took the index along: a settlement then costs
-- a fifth more, and the table grows to more than it has at 45 %. Pages that are there already stay as they are.

do $$
  declare
    child text;
  begin
    for child in select inhrelid::regclass::text from pg_inherits where inhparent = 'millrace.run'::regclass loop
      execute format('alter table %s set (fillfactor = 45)', child);
    end loop;
  end $$;

create or replace function millrace.ensure_partitions(from_day date, days integer, span integer, of_parent text default null) returns integer
  language plpgsql
  -- Whoever waits for the lock holds up everybody behind him: rather try again later.
  set lock_timeout = '100ms'
  as $$
  declare
    parent record;
    day date;
    until_day date;
    there record;
    made integer := 0;
  begin
    for parent in
      select * from (values ('run', 45), ('attempt', 100), ('event', 100), ('log', 100), ('progress', 70)) p(name, fill)
      where of_parent is null or p.name = of_parent
    loop
      day := from_day;
      while day < from_day + days loop
        select (p.from_at at time zone 'UTC')::date as from_day, (p.to_at at time zone 'UTC')::date as to_day into there
        from millrace.partition p
        where p.parent = parent.name and (p.to_at at time zone 'UTC')::date > day order by p.from_at limit 1;
        if there.from_day <= day then
          day := there.to_day;
          continue;
        end if;
        -- To the end of its span, counted from a Monday; or to where the next one begins.
        until_day := least(day + span - mod(day - date '1970-01-05', span), there.from_day);
        begin
          perform millrace.make_partition(parent.name, day, until_day, parent.fill);
          made := made + 1;
          day := until_day;
        exception when check_violation then
          -- Too many rows for a move are in the default partition; it keeps the day.
          day := day + 1;
        end;
      end loop;
    end loop;
    return made;
  end $$;
