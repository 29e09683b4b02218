//! The services of the demo: all started, all ready, drained at the end. They
//! die with the demo, unless they are kept.

use std::path::Path;

use stack::service::{self, Launch, Life, Service};
use stack::usage::Usage;

/// What runs beside the stack.
pub(crate) const SERVICES: [&str; 3] = ["ingest", "processor", "notifier"];
/// The audit that looks on.
pub(crate) const WATCH: &str = "audit";
/// What the notifier told, among the logs.
pub(crate) const TOLD: &str = "notifications.jsonl";
/// Where its admin port usually is.
const WATCH_PORT: u16 = 9083;

/// The running services.
pub(crate) struct Services {
    running: Vec<Service>,
    /// What every program of ours must know.
    pub(crate) env: Vec<(String, String)>,
}

impl Services {
    /// Starts these services and waits until each is ready.
    pub(crate) async fn start(
        names: &[&'static str],
        folder: &Path,
        logs: &Path,
        mut env: Vec<(String, String)>,
        life: Life,
    ) -> anyhow::Result<Self> {
        let listen = format!("127.0.0.1:{}", service::free_port(WATCH_PORT)?);
        service::set(&mut env, "AUDIT_ADMIN_LISTEN", listen);
        let mut running = Vec::with_capacity(names.len());
        for &name in names {
            let (program, args) = (folder.join(name), arguments(name, logs));
            let launch = Launch { name, program: &program, args, env: &env, logs, life };
            running.push(Service::start(&launch)?);
        }
        for service in &mut running {
            service.wait_until_ready().await?;
        }
        Ok(Self { running, env })
    }

    /// Process ids by name.
    pub(crate) fn pids(&self) -> Vec<(&'static str, u32)> {
        self.running.iter().filter_map(|service| Some((service.name(), service.pid()?))).collect()
    }

    /// What each service has used so far.
    pub(crate) fn usage(&self) -> Vec<(String, Usage)> {
        let name = |name| if name == WATCH { "audit --watch" } else { name };
        let named = |service: &Service| (name(service.name()).to_owned(), service.usage());
        self.running.iter().map(named).collect()
    }

    /// The metrics page of the audit that looks on, if one does.
    pub(crate) async fn watched(&self) -> anyhow::Result<Option<String>> {
        match self.running.iter().find(|service| service.name() == WATCH) {
            Some(watch) => watch.metrics().await.map(Some),
            None => Ok(None),
        }
    }

    /// Fails when a service has ended by itself.
    pub(crate) fn check(&mut self) -> anyhow::Result<()> {
        self.running.iter_mut().try_for_each(Service::check)
    }

    /// Drains and ends all services, in the order of the flow.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        for service in &mut self.running {
            service.stop().await?;
        }
        Ok(())
    }
}

fn arguments(name: &str, logs: &Path) -> Vec<String> {
    match name {
        "processor" => vec!["run".to_owned()],
        WATCH => vec!["--watch".to_owned()],
        "notifier" => {
            let told = logs.join(TOLD);
            vec!["--sink".to_owned(), format!("file:{}", told.display())]
        }
        _ => Vec::new(),
    }
}
