-- Secrets that are bound to hosts: handlers get no text, but what is sent to those hosts alone. Additive.

alter table millrace.secret add column hosts text[] constraint secret_hosts_some check (cardinality(hosts) > 0);
comment on column millrace.secret.hosts is 'The hosts that it is sent to alone, each with its port unless that is 443; null where handlers get it as text.';

-- Whoever sets a secret gives it another version, which the trigger of before tells, with its hosts. This is for who changes nothing else.
create constraint trigger audit_hosts after update of hosts on millrace.secret deferrable initially deferred
  for each row when (old.hosts is distinct from new.hosts
    and (old.name, old.version, old.jobs, old.source, old.sealed) is not distinct from (new.name, new.version, new.jobs, new.source, new.sealed))
  execute function millrace.audit_secret();
