//! The services of the demo: all started, all ready, drained at the end. They
//! die with the demo, however it ends, until they are detached.

use std::path::{Path, PathBuf};

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
    programs: PathBuf,
    logs: PathBuf,
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
    ) -> anyhow::Result<Self> {
        let listen = format!("127.0.0.1:{}", service::free_port(WATCH_PORT)?);
        service::set(&mut env, "AUDIT_ADMIN_LISTEN", listen);
        let (programs, logs) = (folder.to_owned(), logs.to_owned());
        let mut services = Self { running: Vec::new(), programs, logs, env };
        services.start_all(names, Life::WithCaller).await?;
        Ok(services)
    }

    async fn start_all(&mut self, names: &[&'static str], life: Life) -> anyhow::Result<()> {
        let Self { running, programs, logs, env } = self;
        for &name in names {
            let (program, args) = (programs.join(name), arguments(name, logs));
            let launch = Launch { name, program: &program, args, env, logs, life };
            // From the first on among those that end with the demo.
            running.push(Service::start(&launch)?);
        }
        for service in running {
            service.wait_until_ready().await?;
        }
        Ok(())
    }

    /// Starts all of them again, so that they outlive the demo: what begins with it ends
    /// with it.
    pub(crate) async fn detach(&mut self) -> anyhow::Result<()> {
        let names: Vec<_> = self.running.iter().map(Service::name).collect();
        for mut service in std::mem::take(&mut self.running) {
            if let Err(error) = service.stop().await {
                // A watch with findings ends so, and they are to be looked at.
                eprintln!("{error:#}");
            }
        }
        self.start_all(&names, Life::OnItsOwn).await
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

    /// Leaves them running.
    pub(crate) fn keep(mut self) {
        self.running.clear();
    }

    /// Drains and ends all services, in the order of the flow.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        for service in &mut self.running {
            service.stop().await?;
        }
        Ok(())
    }
}

/// What was detached would outlive a demo that breaks off before its end.
impl Drop for Services {
    fn drop(&mut self) {
        for service in &self.running {
            service.ask_to_end();
        }
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A program that never says that it is ready, and tells its process id.
    fn never_ready(folder: &Path) {
        let program = folder.join("ingest");
        fs::write(&program, "#!/bin/sh\necho $$\nexec sleep 600\n").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    }

    async fn first_line(log: &Path) -> String {
        loop {
            let text = fs::read_to_string(log).unwrap_or_default();
            if let Some((line, _)) = text.split_once('\n') {
                return line.to_owned();
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn detached_services_end_with_a_demo_that_breaks_off() {
        let folder = std::env::temp_dir().join(format!("ordermill-demo-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        never_ready(&folder);
        let (env, log) = (service::environment(Vec::new()).unwrap(), folder.join("ingest.log"));
        let mut services =
            Services { running: Vec::new(), programs: folder.clone(), logs: folder.clone(), env };
        let pid = tokio::select! {
            _ = services.start_all(&["ingest"], Life::OnItsOwn) => panic!(),
            pid = first_line(&log) => pid,
        };
        drop(services);
        let stat = || fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let lives = || !stat().is_empty() && !stat().contains(") Z ");
        for _look in 0..1_000 {
            if !lives() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        assert!(!lives(), "{pid} still runs");
        fs::remove_dir_all(&folder).unwrap();
    }
}
