//! Configuration: what the user typed, checked, as what the pipeline needs.

mod describe;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::{Args, ValueEnum};
use service::args::{DatabaseArgs, KafkaArgs, duration, time_limit};

use crate::payment::{
    BreakerConfig, CashierConfig, HttpProvider, Provider, Simulator, SimulatorConfig,
};
use crate::work::WorkerConfig;

/// Arguments of `processor run`.
#[derive(Args, Clone)]
pub struct RunArgs {
    /// Kafka.
    #[command(flatten)]
    pub kafka: KafkaArgs,
    /// PostgreSQL.
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// Consumer group; processors of one group share the partitions
    #[arg(long, env = "PROCESSOR_GROUP", default_value = "processor")]
    pub group: String,
    /// Address of /livez, /readyz and /metrics
    #[arg(long, env = "PROCESSOR_ADMIN_LISTEN", default_value = "127.0.0.1:9081")]
    pub admin_listen: SocketAddr,
    /// Workers, each with one connection to PostgreSQL; by default one for two cores, because workers
    /// that share the cores with the database wait for each other's locks on popular products
    #[arg(long, env = "PROCESSOR_WORKERS", default_value_t = half_of_the_cores())]
    pub workers: usize,
    /// Records of one transaction at most
    #[arg(long, env = "PROCESSOR_BATCH_MAX", default_value_t = 3000)]
    pub batch_max: usize,
    /// Time from one transaction of a busy worker to the next, unless a full batch waits; up to three
    /// times as long when transactions are slow
    #[arg(long, env = "PROCESSOR_COMMIT_INTERVAL", default_value = "10ms", value_parser = duration)]
    pub commit_interval: Duration,
    /// Records waiting for one worker at most
    #[arg(long, env = "PROCESSOR_QUEUE_RECORDS", default_value_t = 8192)]
    pub queue_records: usize,
    /// Bytes of records waiting for one worker at most
    #[arg(long, env = "PROCESSOR_QUEUE_BYTES", default_value_t = 16 * 1024 * 1024)]
    pub queue_bytes: usize,
    /// Charges and refunds of one worker waiting for an answer at most
    #[arg(long, env = "PROCESSOR_UNSETTLED_MAX", default_value_t = 20_000)]
    pub unsettled_max: usize,
    /// Dead letters of one worker within ten seconds that stop the process when they outnumber
    /// readable records: a broken deployment must not move a topic into the dead letters; 0 is no limit
    #[arg(long, env = "PROCESSOR_DEAD_LETTER_LIMIT", default_value_t = 1000)]
    pub dead_letter_limit: usize,
    /// How long a stop waits for payments and acknowledgements
    #[arg(long, env = "PROCESSOR_DRAIN_DEADLINE", default_value = "10s", value_parser = duration)]
    pub drain_deadline: Duration,
    /// Payment.
    #[command(flatten)]
    pub payment: PaymentArgs,
    /// How long processed events are remembered; longer than the topics keep records
    #[arg(long, env = "PROCESSOR_RETENTION", default_value = "8d", value_parser = time_limit)]
    pub retention: Duration,
}

/// Who takes the money.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum ProviderKind {
    /// A seeded simulation in this process
    Simulator,
    /// An HTTP service at --payment-url. `POST /charges {"orderId","amount","currency"}` answers
    /// `{"status":"captured"}` or `{"status":"declined","reason"}`, `POST /refunds` with the same body
    /// answers 200; both carry the order id as Idempotency-Key, and what gets no such answer is asked again.
    /// A charge that comes after the refund of its key, however late, must be declined
    Http,
}

/// Arguments about payment.
#[derive(Args, Clone, Debug)]
pub struct PaymentArgs {
    /// Payment provider
    #[arg(long, env = "PAYMENT_PROVIDER", value_enum, default_value = "simulator")]
    pub payment_provider: ProviderKind,
    /// Base URL of the HTTP provider; http only, a proxy beside the processor speaks TLS
    #[arg(long, env = "PAYMENT_URL", default_value = "http://127.0.0.1:8090")]
    pub payment_url: String,
    /// Simulator: share of charges captured
    #[arg(long, env = "PAYMENT_SUCCESS", default_value_t = 0.9)]
    pub payment_success: f64,
    /// Simulator: median time to an answer
    #[arg(long, env = "PAYMENT_LATENCY", default_value = "5ms", value_parser = duration)]
    pub payment_latency: Duration,
    /// Simulator: share of questions without an answer although the charge took place
    #[arg(long, env = "PAYMENT_TIMEOUTS", default_value_t = 0.0)]
    pub payment_timeouts: f64,
    /// Simulator: no answers from FROM to TO after start, such as 30s..90s
    #[arg(long, env = "PAYMENT_OUTAGE", value_parser = span)]
    pub payment_outage: Option<(Duration, Duration)>,
    /// Simulator: decides which orders are declined
    #[arg(long, env = "PAYMENT_SEED", default_value_t = 1)]
    pub payment_seed: u64,
    /// How long one question may take
    #[arg(long, env = "PAYMENT_DEADLINE", default_value = "2s", value_parser = time_limit)]
    pub payment_deadline: Duration,
    /// Questions asked at the same time by one worker
    #[arg(long, env = "PAYMENT_CONCURRENCY", default_value_t = 2048)]
    pub payment_concurrency: usize,
}

fn half_of_the_cores() -> usize {
    (std::thread::available_parallelism().map_or(1, usize::from) / 2).clamp(1, 64)
}

fn span(text: &str) -> Result<(Duration, Duration), String> {
    let (from, to) = text.split_once("..").ok_or("write FROM..TO, such as 30s..90s")?;
    let (from, to) = (duration(from)?, duration(to)?);
    if from < to { Ok((from, to)) } else { Err("an outage must end after it begins".to_owned()) }
}

impl RunArgs {
    /// Checks what clap cannot.
    ///
    /// # Errors
    /// Names the first argument that makes no sense.
    pub fn check(&self) -> anyhow::Result<()> {
        ensure!((1..=64).contains(&self.workers), "--workers must be 1 to 64, is {}", self.workers);
        ensure!(
            (1..=5000).contains(&self.batch_max),
            "--batch-max must be 1 to 5000, is {}",
            self.batch_max
        );
        ensure!(
            self.queue_records >= 16,
            "--queue-records must be at least 16, is {}",
            self.queue_records
        );
        ensure!(self.queue_bytes >= 1, "--queue-bytes must be at least 1, is 0");
        ensure!(
            self.unsettled_max >= self.batch_max,
            "--unsettled-max must be at least --batch-max"
        );
        let share = |name: &str, value: f64| {
            ensure!((0.0..=1.0).contains(&value), "{name} must be between 0 and 1, is {value}");
            Ok(())
        };
        share("--payment-success", self.payment.payment_success)?;
        share("--payment-timeouts", self.payment.payment_timeouts)?;
        ensure!(
            (1..=65_536).contains(&self.payment.payment_concurrency),
            "--payment-concurrency must be 1 to 65536, is {}",
            self.payment.payment_concurrency
        );
        Ok(())
    }

    /// Bounds of each worker.
    pub fn worker(&self) -> WorkerConfig {
        WorkerConfig {
            // No batch is larger than what can wait for it.
            batch_max: self.batch_max.min(self.queue_records),
            commit_interval: self.commit_interval,
            unsettled_max: self.unsettled_max,
            unacknowledged_max: 64,
            dead_letter_limit: self.dead_letter_limit,
            drain_deadline: self.drain_deadline,
        }
    }
}

impl PaymentArgs {
    /// The provider.
    ///
    /// # Errors
    /// The URL of the HTTP provider cannot be used.
    pub fn provider(&self) -> anyhow::Result<Provider> {
        Ok(match self.payment_provider {
            ProviderKind::Simulator => Provider::Simulator(Simulator::new(SimulatorConfig {
                seed: self.payment_seed,
                success: self.payment_success,
                latency: self.payment_latency,
                timeouts: self.payment_timeouts,
                outage: self.payment_outage,
            })),
            ProviderKind::Http => Provider::Http(
                HttpProvider::new(&self.payment_url).context("cannot use --payment-url")?,
            ),
        })
    }

    /// Bounds of the cashiers.
    pub fn cashier(&self) -> CashierConfig {
        CashierConfig {
            concurrency: self.payment_concurrency,
            deadline: self.payment_deadline,
            retry: (Duration::from_millis(50), Duration::from_secs(5)),
        }
    }

    /// When to stop asking.
    pub fn breaker(&self) -> BreakerConfig {
        BreakerConfig { failures_to_open: 50, open_for: Duration::from_secs(1), probes: 10 }
    }
}
