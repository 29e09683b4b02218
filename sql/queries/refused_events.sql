-- Which readable events changed nothing in the last day, and why?
select event_type, reason, count(*) as events, max(refused_at) as latest,
       (array_agg(subject order by refused_at desc, "offset" desc))[1] as latest_subject
from refused_events
where refused_at > now() - interval '1 day'
group by event_type, reason
order by events desc, event_type, reason;
