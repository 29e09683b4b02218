//! A small honest world: ten orders with every outcome there is, written to the
//! topics and tables as gateway and processor would have, by the test's own
//! hand. No code of theirs and none of the audit's is used; every sum below was
//! added up on paper.

mod script;
mod tables;
mod topics;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use audit::{Config, Progress, Receipts, Settle};
use contract::topic::Topics;
use sha2::{Digest, Sha256};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use testkit::Bed;

pub use script::{Event, events};
pub use topics::{DeadLetter, headers};

/// Where a record was put, and its value.
#[derive(Clone, Debug)]
pub struct Put {
    pub partition: i32,
    pub offset: i64,
    pub value: Option<Vec<u8>>,
}

/// The world: its place, and where its records lie.
pub struct World {
    pub bed: Bed,
    pub put: HashMap<&'static str, Put>,
    pub folder: tempfile::TempDir,
}

/// The id of the order with that number; requests have numbers from 100.
pub fn id(number: u32) -> String {
    format!("01990000-0000-7000-8000-{number:012}")
}

/// First 16 bytes of SHA-256.
pub fn hash(value: &[u8]) -> Vec<u8> {
    Sha256::digest(value)[..16].to_vec()
}

impl World {
    /// Writes everything.
    pub async fn honest(name: &str) -> Self {
        let bed = Bed::builder(name).partitions("orders", 2).partitions("order_events", 2);
        let bed = bed.start().await;
        let folder = tempfile::tempdir().unwrap();
        let mut world = Self { bed, put: HashMap::new(), folder };
        world.write_inputs().await;
        world.write_told(&world.bed.topics.order_events, &script::events()).await;
        let dlq = world.bed.topics.dlq.clone();
        world.write_dead_letters(&dlq, &world.dead_letters()).await;
        world.write_tables().await;
        world
    }

    /// The audit of this world, as it should be.
    pub fn config(&self) -> Config {
        let topics = &self.bed.topics;
        Config {
            brokers: self.bed.brokers.clone(),
            topics: Topics {
                orders: topics.orders.clone(),
                stock: topics.stock.clone(),
                order_events: topics.order_events.clone(),
                dlq: topics.dlq.clone(),
            },
            database_url: self.bed.database_url.clone(),
            receipts: Receipts::Files(vec![self.receipts("honest", &self.receipt_lines())]),
            settle: Settle::AsIs,
            retention: Duration::from_secs(3600),
            progress: Progress::Silent,
        }
    }

    /// A receipts file with these lines.
    pub fn receipts(&self, name: &str, lines: &[String]) -> PathBuf {
        let path = self.folder.path().join(format!("{name}.csv"));
        let header = "order_id,partition,offset,body_hash,status".to_owned();
        let text: Vec<_> =
            std::iter::once(&header).chain(lines).map(|l| format!("{l}\n")).collect();
        std::fs::write(&path, text.concat()).unwrap();
        path
    }

    /// What the sender was told: every order, the retry of the first, and all that was
    /// asked of orders.
    pub fn receipt_lines(&self) -> Vec<String> {
        let orders = script::ORDERS.iter().map(|order| (id(order.number), order.name));
        let requests = script::REQUESTS.iter().map(|(_, name, key, ..)| (key.text(), *name));
        let line = |(order_id, name): (String, &str)| {
            let put = &self.put[name];
            let hash = hash(put.value.as_deref().unwrap_or_default());
            let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{order_id},{},{},{hex},202", put.partition, put.offset)
        };
        orders.chain([(id(1), "paid again")]).chain(requests).map(line).collect()
    }

    /// A copy of the database that can be spoiled.
    pub async fn copy(&self) -> Copy {
        let options = PgConnectOptions::from_str(&self.bed.database_url).unwrap();
        let database = options.get_database().unwrap();
        let name = format!("copy-{}", uuid::Uuid::new_v4().simple());
        let mut server = options.clone().database("postgres").connect().await.unwrap();
        run(&mut server, &format!("create database \"{name}\" template \"{database}\"")).await;
        server.close().await.unwrap();
        let url = options.clone().database(&name).to_url_lossy().to_string();
        let mut connection = PgConnection::connect(&url).await.unwrap();
        run(&mut connection, UNGUARDED).await;
        Copy { url, connection }
    }
}

/// Keeps the tables as they are, and takes off what would forbid to spoil them.
const UNGUARDED: &str = "
    set session_replication_role = replica;
    alter table stock drop constraint stock_check;
    alter table orders drop constraint orders_check;
    alter table orders drop constraint orders_pkey;
    alter table payments drop constraint payments_check;
    alter table partition_progress drop constraint partition_progress_check;
    create schema vault;
    do $$ declare kept name; begin
        for kept in select tablename from pg_tables where schemaname = 'public' loop
            execute format('create table vault.%I as table public.%I', kept, kept);
        end loop;
    end $$;";

/// Brings the tables back to what they were.
const RESTORED: &str = "
    do $$ declare kept name; begin
        for kept in select tablename from pg_tables where schemaname = 'vault' loop
            execute format('delete from public.%I', kept);
            if kept <> 'outbox' then
                execute format('insert into public.%I table vault.%I', kept, kept);
            end if;
        end loop;
    end $$;";

/// A copy of the world's database; it goes with the test servers.
pub struct Copy {
    pub url: String,
    connection: PgConnection,
}

impl Copy {
    /// Undoes what was planted before, and plants this.
    pub async fn spoil(&mut self, sql: &str) {
        run(&mut self.connection, &format!("begin; {RESTORED} {sql}; commit;")).await;
    }
}

/// Runs statements.
pub async fn run(connection: &mut PgConnection, sql: &str) {
    let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await;
    done.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// The program under test.
pub fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_audit"))
}
