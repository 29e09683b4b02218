//! Starts a gateway in this process, on ports of its own.

use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::Duration;

use clap::Parser;
use ingest::{Config, Sockets};
use metrics_exporter_prometheus::PrometheusHandle;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use service::telemetry;
use testkit::{Bed, wait_until_named};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::http::request;

pub const ORDER: &str = r#"{"customerId":"c-1","items":[{"productId":"p-1","quantity":2,"price":10},{"productId":"p-2","quantity":1,"price":50}]}"#;

pub type Mock = MockCluster<'static, DefaultProducerContext>;

/// A broker that lives in this process and does what it is told.
pub fn mock() -> Mock {
    let mock = MockCluster::new(1).unwrap();
    mock.create_topic("orders", 4, 1).unwrap();
    mock.create_topic("stock", 2, 1).unwrap();
    mock
}

/// A running gateway.
pub struct Gateway {
    pub http: SocketAddr,
    pub admin: SocketAddr,
    pub stop: CancellationToken,
    pub run: JoinHandle<anyhow::Result<()>>,
}

impl Gateway {
    /// Starts with these arguments; does not wait for a broker.
    pub async fn start(args: &[&str]) -> Self {
        telemetry::init_logs();
        let workers: &[&str] = if args.contains(&"--workers") { &[] } else { &["--workers", "2"] };
        let config = Config::parse_from([&["ingest"], workers, args].concat());
        let bind = || TcpListener::bind("127.0.0.1:0");
        let sockets = Sockets { http: bind().await.unwrap(), admin: bind().await.unwrap() };
        let http = sockets.http.local_addr().unwrap();
        let admin = sockets.admin.local_addr().unwrap();
        let stop = CancellationToken::new();
        let run = tokio::spawn(ingest::run(config, sockets, metrics(), stop.clone()));
        Self { http, admin, stop, run }
    }

    /// Starts on a mock broker and waits until it is ready.
    pub async fn on_mock(mock: &Mock, args: &[&str]) -> Self {
        let brokers = mock.bootstrap_servers();
        let gateway = Self::start(&[&["--brokers", &brokers], args].concat()).await;
        gateway.ready().await;
        gateway
    }

    /// Starts on real servers and waits until it is ready.
    pub async fn on_bed(bed: &Bed, args: &[&str]) -> Self {
        let bed_args = [
            "--brokers",
            &bed.brokers,
            "--database-url",
            &bed.database_url,
            "--orders-topic",
            &bed.topics.orders,
            "--stock-topic",
            &bed.topics.stock,
        ];
        let gateway = Self::start(&[&bed_args, args].concat()).await;
        gateway.ready().await;
        gateway
    }

    pub async fn is_ready(&self) -> bool {
        request(self.admin, "GET", "/readyz", "").await.status == 200
    }

    pub async fn ready(&self) {
        wait_until_named("readiness", Duration::from_secs(20), async || self.is_ready().await)
            .await;
    }

    pub async fn unready(&self) {
        let unready = async || !self.is_ready().await;
        wait_until_named("the end of readiness", Duration::from_secs(20), unready).await;
    }

    /// The value of a metric line that starts with this.
    pub async fn metric(&self, start: &str) -> Option<f64> {
        let text = request(self.admin, "GET", "/metrics", "").await.body;
        let line = text.lines().find(|line| line.starts_with(start))?.to_owned();
        line.rsplit(' ').next()?.parse().ok()
    }

    /// Stops and waits for the drain.
    pub async fn stop(self) {
        self.stop.cancel();
        self.run.await.unwrap().unwrap();
    }
}

/// One recorder for all gateways of this process.
fn metrics() -> PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| telemetry::install_metrics().unwrap()).clone()
}
