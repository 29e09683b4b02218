//! Requests in another partition than their order's: what is asked of an order
//! after partitions were added may lie anywhere.

use contract::OrderId;

use super::world::{Running, World, body, headers};

impl World {
    async fn send_to(&self, partition: i32, order_id: OrderId, kind: &str, body: &str) {
        let event_id = match kind {
            "order.created.v1" => order_id,
            _ => OrderId::mint(),
        };
        let (key, event_id) = (order_id.to_string(), event_id.to_string());
        let (place, value) = ((&*self.bed.topics.orders, partition), Some(body.as_bytes()));
        self.bed.produce_to(place, Some(key.as_bytes()), value, &headers(&event_id, kind)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_in_another_partition_is_settled_by_the_owner_of_the_order() {
    let mut world = World::new("strays").await;
    let flags = ["--workers", "2", "--payment-success", "1", "--payment-latency", "1s"];
    let processor = Running::start(&world.bed, &flags).await;
    world.stock("p-1", 10).await;
    let [early, late, shipped] = [OrderId::mint(), OrderId::mint(), OrderId::mint()];
    for (order_id, quantity) in [(early, 2), (late, 3), (shipped, 1)] {
        world.send_to(0, order_id, "order.created.v1", &body("p-1", quantity, "5")).await;
    }
    world.until_status(early, "RESERVED").await;
    world.send_to(1, early, "order.cancel_requested.v1", "{}").await;
    world.until_status(late, "PAID").await;
    world.until_status(shipped, "PAID").await;
    world.send_to(1, late, "order.cancel_requested.v1", "{}").await;
    world.send_to(1, shipped, "order.shipped.v1", "{}").await;
    let statuses = "select string_agg(status::text, ' ' order by status::text) from orders";
    world.until(statuses, "CANCELLED CANCELLED SHIPPED").await;

    let payments = "select string_agg(concat_ws(' ', status, amount_minor), ';' order by amount_minor) from payments";
    world.until(payments, "CAPTURED 500;REFUNDED 1000;REFUNDED 1500").await;
    let stock = "select concat_ws(' ', available, reserved, sold, received) from stock";
    assert_eq!(world.text(stock).await, "9 0 1 10");
    world.until_published().await;
    assert_eq!(world.told(early).await, ["inventory.reserved.v1", "order.cancelled.v1"]);
    for (order_id, last) in [(late, "order.cancelled.v1"), (shipped, "order.shipped.v1")] {
        let steps = ["inventory.reserved.v1", "payment.completed.v1", last];
        assert_eq!(world.told(order_id).await, steps);
    }
    processor.stop().await;
}
