-- Which records could nobody read, and why?
select code, count(*) as records, count(*) filter (where published_at is null) as unpublished,
       max(died_at) as latest,
       (array_agg(topic || '/' || partition || '/' || "offset" order by died_at desc, "offset" desc))[1]
           as latest_record,
       (array_agg(message order by died_at desc, "offset" desc))[1] as latest_message
from dead_letters
group by code
order by records desc, code;
