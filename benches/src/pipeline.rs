//! Gateway, processor and notifier on a stocked stack, and a meter on all that runs.

use stack::service::Service;

use crate::bed::Bed;
use crate::cost::{Meter, Reach};
use crate::goods;

/// The running services.
pub struct Pipeline {
    services: Vec<Service>,
    /// Reads their clocks and the servers'.
    pub meter: Meter,
}

impl Pipeline {
    /// Stocks the shelves and starts the services.
    ///
    /// # Errors
    /// One does not get ready.
    pub async fn start(bed: &Bed, env: &[(String, String)]) -> anyhow::Result<Self> {
        goods::stock(bed).await?;
        let notified = format!("file:{}", bed.file("notifications.jsonl").display());
        let services = vec![
            bed.serve("ingest", &[], env).await?,
            bed.serve("processor", &["run"], env).await?,
            bed.serve("notifier", &["--sink", &notified], env).await?,
        ];
        let mut meter = Meter::of_servers(&bed.stack);
        for service in &services {
            meter.add(service.name(), service.pid(), Reach::Process);
        }
        Ok(Self { services, meter })
    }

    /// Fails when one has ended by itself.
    ///
    /// # Errors
    /// With the end of its log.
    pub fn check(&mut self) -> anyhow::Result<()> {
        self.services.iter_mut().try_for_each(Service::check)
    }

    /// Drains and ends them.
    ///
    /// # Errors
    /// One does not end cleanly.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        for service in &mut self.services {
            service.stop().await?;
        }
        Ok(())
    }
}
