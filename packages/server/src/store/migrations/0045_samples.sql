-- What waits and runs is looked at once a minute, where three looked: for charts, for rules for alerts, and for how fast queues drain. What was seen is in
-- standing_minute, by job and queue; queue_sample says that somebody looked, so that a queue without a row had nothing. And what runs failed is counted already,
-- so dead letters need no signal of their own, which each batch that fails wrote. Not additive: a scheduler and a maintenance of the version before write to what is no more.

drop function millrace.sample_queues();
alter table millrace.queue_sample drop column depths;
comment on table millrace.queue_sample is 'That somebody looked what stands, once in a minute: what was seen is in standing_minute, and what workers had started since the row before is here.';
comment on column millrace.queue_sample.starts is 'Runs that workers have started since the row before, by queue; 0 where there is none.';
comment on table millrace.standing_minute is 'What waited and ran when somebody looked in each of the last minutes; no row where nothing did.';

drop table millrace.alert_sample;
delete from millrace.alert_signal where kind = 'dead letter';
comment on table millrace.alert_signal is 'Occurrences by schedule that were missed or late, when they came to be.';

-- Busy tables come last.
drop trigger signalled on millrace.dead_letter;
drop function millrace.signal_dead_letters();
