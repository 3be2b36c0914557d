-- additive: what a run logs says in which of its steps it was said.

alter table millrace.log add column step text;
comment on column millrace.log.step is 'The step in which it was said; null for what the handler says outside of steps.';
