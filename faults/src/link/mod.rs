//! The links between programs and servers. Each runs through a proxy of the
//! harness, always, so that a scenario can cut it, slow it, or hold it at a named
//! moment without touching programs or servers.

mod carry;
mod frame;
mod moment;
mod proxy;

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::sync::watch;

pub(crate) use self::moment::Moment;
use self::moment::Release;
use self::proxy::{Proxy, Route};
use crate::scenario::Program;

/// A link, named after who dials whom.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Link {
    ClientIngest,
    IngestKafka,
    ProcessorKafka,
    ProcessorPostgres,
    NotifierKafka,
}

/// How bytes get through a link.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Weather {
    #[default]
    Clear,
    /// Connections are reset, and so are new ones.
    Cut,
    /// What the dialler says does not arrive; the other direction works.
    Mute,
    /// What the dialler is told does not arrive; the other direction works.
    Deaf,
    /// Nothing arrives either way, and nobody is told.
    Clogged,
    /// Both directions take this many milliseconds.
    Slow(u16),
    /// The first bytes of everything said come one at a time.
    Crumbs,
}

/// The languages whose messages a proxy can tell apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Speech {
    Http,
    Kafka,
    Postgres,
}

/// How long a moment is waited for while nothing else can be done: what another fault
/// has broken may have to be healed first.
const MOMENT_MAX: Duration = Duration::from_secs(8);

const ALL: [(Link, Speech); 5] = [
    (Link::ClientIngest, Speech::Http),
    (Link::IngestKafka, Speech::Kafka),
    (Link::ProcessorKafka, Speech::Kafka),
    (Link::ProcessorPostgres, Speech::Postgres),
    (Link::NotifierKafka, Speech::Kafka),
];

/// Every link of one world.
pub(crate) struct Links {
    proxies: Vec<(Link, Proxy)>,
    database_url: String,
}

impl Links {
    /// Proxies in front of these servers.
    ///
    /// # Errors
    /// No port is free, or an address names none.
    pub(crate) async fn new(brokers: &str, database_url: &str, ingest: &str) -> Result<Self> {
        let mut proxies = Vec::new();
        for (link, speech) in ALL {
            let server = match speech {
                Speech::Http => port(ingest)?,
                Speech::Kafka => port(brokers)?,
                Speech::Postgres => port(database_url)?,
            };
            proxies.push((link, Proxy::start(Route { speech, server }).await?));
        }
        Ok(Self { proxies, database_url: database_url.to_owned() })
    }

    /// What a program is told instead of the servers' own addresses.
    ///
    /// # Errors
    /// An address names no port.
    pub(crate) fn env(&self, program: Program) -> Result<Vec<(&'static str, String)>> {
        let brokers = |link| ("KAFKA_BROKERS", format!("127.0.0.1:{}", self.proxy(link).port));
        Ok(match program {
            Program::Ingest => vec![brokers(Link::IngestKafka)],
            Program::Notifier => vec![brokers(Link::NotifierKafka)],
            Program::Processor(_) => {
                let server = format!(":{}/", port(&self.database_url)?);
                let proxy = format!(":{}/", self.proxy(Link::ProcessorPostgres).port);
                let url = self.database_url.replace(&server, &proxy);
                vec![brokers(Link::ProcessorKafka), ("DATABASE_URL", url)]
            }
        })
    }

    /// Where clients find the gateway.
    pub(crate) fn ingest_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.proxy(Link::ClientIngest).port)
    }

    /// Changes the weather of a link.
    pub(crate) fn set(&self, link: Link, weather: Weather) {
        self.proxy(link).weather.send_replace(weather);
    }

    /// Waits until a processor is about to do this, and holds it there.
    ///
    /// # Errors
    /// The moment did not come yet; when it does, it is held for whoever asks again.
    pub(crate) async fn hold(&self, moment: Moment) -> Result<()> {
        let gate = &self.proxy(Link::ProcessorPostgres).gate;
        let held = tokio::time::timeout(MOMENT_MAX, gate.arm(moment)).await;
        held.with_context(|| format!("{moment:?} did not come"))
    }

    /// Resets the connections that are held.
    pub(crate) fn break_held(&self) {
        self.proxy(Link::ProcessorPostgres).gate.release(Release::Break);
    }

    /// Lets the connections that are held go on.
    pub(crate) fn let_go(&self) {
        self.proxy(Link::ProcessorPostgres).gate.release(Release::Pass);
    }

    /// Fair weather on all links.
    pub(crate) fn clear(&self) {
        for (_, proxy) in &self.proxies {
            proxy.weather.send_replace(Weather::Clear);
            proxy.gate.disarm();
            proxy.gate.release(Release::Break);
        }
    }

    fn proxy(&self, link: Link) -> &Proxy {
        // Every link has one: `new` makes them all.
        let found = self.proxies.iter().find(|(known, _)| *known == link);
        found.map_or(&self.proxies[0].1, |(_, proxy)| proxy)
    }
}

/// The port of `127.0.0.1:7` and of `scheme://user@127.0.0.1:7/path`.
fn port(address: &str) -> Result<u16> {
    let host = address.rsplit_once("://").map_or(address, |(_, rest)| rest);
    let host = host.split_once('/').map_or(host, |(host, _)| host);
    let port = host.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
    port.with_context(|| format!("{address} names no port"))
}

type Forecast = watch::Receiver<Weather>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_found_in_addresses_and_urls() {
        assert_eq!(port("127.0.0.1:9092").unwrap(), 9092);
        assert_eq!(port("postgres://u:p@127.0.0.1:5432/orders").unwrap(), 5432);
        assert_eq!(port("http://127.0.0.1:8080").unwrap(), 8080);
        assert!(port("nowhere").is_err());
    }
}
