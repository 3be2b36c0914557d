-- additive: what SQL enqueues may be as long as what is enqueued over the API.

-- The intake allows 256 KiB without spaces, of which PostgreSQL, which puts one after each comma and colon, makes half as many
-- again at the most. A claim answers the inputs of 500 runs in one text, and one input of a gigabyte, which a hundred
-- thousand numbers like 1e-16000 are when they are written out, would keep the whole parcel from ever being claimed.
create or replace function millrace.refuse_unreadable_input() returns trigger
  language plpgsql
  as $$
  declare
    longest constant int := 393216;
  begin
    if jsonb_path_exists(new.input, 'strict $.**{64} ? (@.type() == "array" || @.type() == "object")') then
      raise exception 'the input of a run of % is nested deeper than 64 levels', new.job using errcode = 'ML022';
    end if;
    if jsonb_path_exists(new.input,
        'strict $.** ? (@.type() == "number" && (@ > 1.7976931348623157e308 || @ < -1.7976931348623157e308))') then
      raise exception 'the input of a run of % has a number that no double holds', new.job using errcode = 'ML022';
    end if;
    if octet_length(new.input::text) > longest then
      raise exception 'the input of a run of % has more than % bytes of JSON, its numbers written out', new.job, longest
        using errcode = 'ML022', hint = 'Store the data, and pass a reference to it.';
    end if;
    return new;
  end $$;
