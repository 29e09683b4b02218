//! Writes the tables of the honest world.

use sqlx::PgConnection;

use super::script::{ADJUSTMENTS, ORDERS, REQUESTS};
use super::topics::{POISON, headers, poison_id};
use super::{World, hash, id, run};

/// Pieces and money, added up on paper. Some metrics have two writers.
const SUMS: &str = "
insert into stock (sku, available, reserved, sold, received) values
    ('p-1', 982, 0, 18, 1000), ('p-2', 3, 0, 1, 4);
insert into sales_metric_shards (metric_name, dimension, shard, value, digits) values
    ('orders_total', '', 0, 6, 0), ('orders_total', '', 1, 4, 0),
    ('orders_by_status', 'RESERVED', 0, 0, 0),
    ('orders_by_status', 'PAID', 0, 4, 0), ('orders_by_status', 'PAID', 1, -1, 0),
    ('orders_by_status', 'SHIPPED', 0, 1, 0), ('orders_by_status', 'REJECTED', 0, 2, 0),
    ('orders_by_status', 'PAYMENT_FAILED', 1, 1, 0), ('orders_by_status', 'CANCELLED', 1, 3, 0),
    ('revenue_total', 'EUR', 0, 7000, 2), ('revenue_total', 'EUR', 1, 750, 2),
    ('revenue_total', 'JPY', 0, 1000, 0),
    ('orders_per_minute', '2026-11-21T08:46Z', 0, 8, 0),
    ('orders_per_minute', '2026-11-21T08:47Z', 0, 2, 0),
    ('revenue_per_minute', 'EUR 2026-11-21T08:46Z', 0, 7450, 2),
    ('revenue_per_minute', 'EUR 2026-11-21T08:47Z', 0, 300, 2),
    ('revenue_per_minute', 'JPY 2026-11-21T08:47Z', 0, 1000, 0),
    ('rejects', 'insufficient_stock', 0, 1, 0), ('rejects', 'unknown_product', 0, 1, 0),
    ('rejects', 'insufficient_funds', 0, 1, 0), ('rejects', 'requested', 0, 3, 0);";

impl World {
    pub(super) async fn write_tables(&self) {
        let mut connection = self.bed.connect().await;
        let topics = self.bed.topics.clone();
        run(&mut connection, SUMS).await;
        for order in &ORDERS {
            let put = &self.put[order.name];
            let id = id(order.number);
            insert_order(&mut connection, order, (put.partition, put.offset)).await;
            self.insert_processed(&mut connection, &topics.orders, &id, order.name).await;
            if let Some((status, reason)) = order.payment {
                let sql = "insert into payments values ($1::uuid, $2::payment_status, $3, $4, $5, now(), now())";
                sqlx::query(sql)
                    .bind(&id)
                    .bind(status)
                    .bind(order.currency)
                    .bind(order.total_minor)
                    .bind(reason)
                    .execute(&mut connection)
                    .await
                    .unwrap();
            }
        }
        self.insert_requests(&mut connection).await;
        self.insert_mismatch(&mut connection).await;
        self.insert_dead_letters(&mut connection).await;
        self.insert_progress(&mut connection).await;
    }

    async fn insert_requests(&self, connection: &mut PgConnection) {
        for (number, name, key, kind, _, refused) in ADJUSTMENTS.iter().chain(&REQUESTS) {
            let topics = &self.bed.topics;
            let topic = if kind.starts_with("stock") { &topics.stock } else { &topics.orders };
            let id = id(*number);
            self.insert_processed(connection, topic, &id, name).await;
            if let Some(reason) = refused {
                let put = &self.put[name];
                let place = (topic.as_str(), put.partition, put.offset);
                let (id, subject) = (id.as_str(), &key.text());
                let refused = Refused { place, id, kind, subject, reason };
                insert_refused(connection, &refused).await;
            }
        }
    }

    async fn insert_mismatch(&self, connection: &mut PgConnection) {
        let put = &self.put["paid otherwise"];
        let place = (self.bed.topics.orders.as_str(), put.partition, put.offset);
        let (id, kind) = (&id(1), "order.created.v1");
        let refused = Refused { place, id, kind, subject: id, reason: "body_mismatch" };
        insert_refused(connection, &refused).await;
    }

    async fn insert_processed(
        &self,
        connection: &mut PgConnection,
        topic: &str,
        id: &str,
        name: &str,
    ) {
        let put = &self.put[name];
        let sql = "insert into processed_events values ($1::uuid, $2, $3, $4, $5, $6, now())";
        // The partition changed hands twice.
        let epoch = match put.offset {
            0 => 1_i64,
            1 => 2,
            _ => 4,
        };
        sqlx::query(sql)
            .bind(id)
            .bind(topic)
            .bind(put.partition)
            .bind(put.offset)
            .bind(epoch)
            .bind(hash(put.value.as_deref().unwrap_or_default()))
            .execute(connection)
            .await
            .unwrap();
    }

    async fn insert_dead_letters(&self, connection: &mut PgConnection) {
        for (n, (name, stock, key, kind, value, code)) in POISON.iter().enumerate() {
            let (put, topics) = (&self.put[name], &self.bed.topics);
            let topic = if *stock { &topics.stock } else { &topics.orders };
            let id = poison_id(n);
            let (mut names, mut values) = (Vec::new(), Vec::new());
            for (name, value) in headers(&id, kind, "2026-11-21T08:48:00Z") {
                names.push(name);
                values.push(value);
            }
            let sql = "insert into dead_letters select $1, $2, $3, $4, $5, \
                (select jsonb_agg(jsonb_build_array(name, encode(value, 'base64'))) \
                 from unnest($6::text[], $7::bytea[]) as h(name, value)), \
                $8, 'in words', now(), now()";
            sqlx::query(sql)
                .bind(topic)
                .bind(put.partition)
                .bind(put.offset)
                .bind(key.as_bytes())
                .bind(value.map(str::as_bytes))
                .bind(names)
                .bind(values)
                .bind(*code)
                .execute(&mut *connection)
                .await
                .unwrap();
        }
    }

    async fn insert_progress(&self, connection: &mut PgConnection) {
        for topic in [&self.bed.topics.orders, &self.bed.topics.stock] {
            let records = self.bed.read_all(topic).await;
            for partition in 0..2 {
                let count = records.iter().filter(|r| r.partition == partition).count();
                let sql = "insert into partition_progress \
                    (topic, partition, epoch, next_offset, resume_offset, owner) \
                    values ($1, $2, 5, $3, $3, 'me')";
                sqlx::query(sql)
                    .bind(topic)
                    .bind(partition)
                    .bind(i64::try_from(count).unwrap())
                    .execute(&mut *connection)
                    .await
                    .unwrap();
            }
        }
    }
}

async fn insert_order(
    connection: &mut PgConnection,
    order: &super::script::Order,
    (partition, offset): (i32, i64),
) {
    let sql = "insert into orders values ($1::uuid, $2, $3::order_status, $4, $5, $6::jsonb, \
        $7::jsonb, $8::jsonb, $9, $10, $11::timestamptz, now())";
    sqlx::query(sql)
        .bind(id(order.number))
        .bind(order.customer)
        .bind(order.status)
        .bind(order.currency)
        .bind(order.total_minor)
        .bind(order.lines_json())
        .bind(order.reason)
        .bind(order.shipment)
        .bind(partition)
        .bind(offset)
        .bind(order.created_at())
        .execute(connection)
        .await
        .unwrap();
}

async fn insert_refused(connection: &mut PgConnection, refused: &Refused<'_>) {
    let (topic, partition, offset) = refused.place;
    let sql = "insert into refused_events values ($1, $2, $3, $4::uuid, $5, $6, $7, now())";
    sqlx::query(sql)
        .bind(topic)
        .bind(partition)
        .bind(offset)
        .bind(refused.id)
        .bind(refused.kind)
        .bind(refused.subject)
        .bind(refused.reason)
        .execute(connection)
        .await
        .unwrap();
}

struct Refused<'a> {
    place: (&'a str, i32, i64),
    id: &'a str,
    kind: &'a str,
    subject: &'a str,
    reason: &'a str,
}
