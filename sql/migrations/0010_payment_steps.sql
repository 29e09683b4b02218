-- A payment goes one way, as the status of an order does: what was declined is never
-- captured, and what was given back stays so.

-- Of which table a step is, its trigger says; that of orders says nothing.
create or replace function refuse_status_step() returns trigger language plpgsql as $$
begin
    raise exception '% % cannot go from % to %',
        coalesce(tg_argv[0], 'order'), old.order_id, old.status, new.status
        using errcode = 'check_violation';
end $$;

create trigger payments_status_step before update of status on payments
    for each row
    when (not (old.status = new.status
            or (old.status = 'CAPTURED' and new.status in ('REFUND_PENDING', 'REFUNDED'))
            or (old.status = 'REFUND_PENDING' and new.status = 'REFUNDED')))
    execute function refuse_status_step('payment of order');
