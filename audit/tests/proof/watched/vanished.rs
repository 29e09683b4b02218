//! A watch whose PostgreSQL vanishes without a word.

use std::time::Duration;

use audit::error::Trouble;
use audit::{Begin, Config, Verdict, Watching};
use service::health::Health;
use testkit::{Way, wait_until_named};
use tokio_util::sync::CancellationToken;

use super::{config, level, open};
use crate::world::World;

async fn by_a_way(world: &World) -> (Config, Way) {
    let honest = config(&world.config());
    let way = Way::open(&honest.database_url).await;
    (Config { database_url: way.url(&honest.database_url), ..honest }, way)
}

#[tokio::test]
async fn one_step_fails_and_the_next_goes_on() {
    let world = World::honest("audit-vanish").await;
    let (config, way) = by_a_way(&world).await;
    let mut watch = open(&config).await;
    level(&mut watch).await;
    way.vanish();
    let step = watch.step_within(Duration::from_secs(1)).await;
    assert_eq!(step, Err(Trouble::Again("PostgreSQL: no answer within 1s".to_owned())));
    assert!(watch.lag_seconds() >= 1.0, "{}", watch.lag_seconds());
    level(&mut watch).await;
    assert!(watch.lag_seconds() < 1.0, "{}", watch.lag_seconds());
    assert_eq!((watch.standing().proved_orders, watch.standing().findings), (10, 0));
}

#[tokio::test]
async fn a_watch_without_its_last_step_is_not_clean() {
    let world = World::honest("audit-no-end").await;
    let (config, way) = by_a_way(&world).await;
    let (health, stop) = (Health::default(), CancellationToken::new());
    health.fail("watch", "no step was made yet");
    let admin_listen = ([127, 0, 0, 1], 0).into();
    let interval = Duration::from_millis(100);
    let watching = Watching { interval, from: Begin::Earliest, admin_listen };
    let end = async {
        let ready = async || !health.is_failing("watch");
        wait_until_named("the first step", Duration::from_secs(60), ready).await;
        way.vanish_for_good();
        stop.cancel();
    };
    let (report, ()) = tokio::join!(audit::watch::run(&config, &watching, &health, &stop), end);
    assert_eq!(report.verdict, Verdict::Unjudged, "{report}");
    assert!(report.missing[0].contains("the last step was not made"), "{report}");
}
