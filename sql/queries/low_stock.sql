-- Which products are about to run out?
select sku, available, reserved, low_at
from stock
where available < low_at
order by available, sku
limit 100;
