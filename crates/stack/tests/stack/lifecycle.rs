//! Whoever ends, and however: nothing is left running, and data and addresses stay.

use std::process::{Command, Stdio};

use stack::{Options, Progress, Schema, Server, Source};

use crate::broker::{partitions, records, write};
use crate::support::{Place, children_of, kill, lives, pid, script, wait_until};

#[test]
fn two_stacks_run_side_by_side_and_stop_one_by_one() {
    let (one, other) = (Place::new(), Place::new());
    let mut first = one.stack(&["up"]).stderr(Stdio::null()).spawn().unwrap();
    other.ok(&["up", "--partitions", "orders=3"]);
    assert!(first.wait().unwrap().success());

    let ones = one.processes();
    let others = other.status().unwrap();
    assert!(ones.len() > 3, "{ones:?}");
    assert!(one.variable("KAFKA_BROKERS") != other.variable("KAFKA_BROKERS"));
    assert!(one.variable("DATABASE_URL") != other.variable("DATABASE_URL"));
    assert_eq!(partitions(&one.variable("KAFKA_BROKERS"), "orders"), 4);
    assert_eq!(partitions(&other.variable("KAFKA_BROKERS"), "orders"), 3);
    assert_eq!(partitions(&one.variable("KAFKA_BROKERS"), "order-events"), 4);
    assert_eq!(partitions(&one.variable("KAFKA_BROKERS"), "stock"), 2);
    assert_eq!(partitions(&one.variable("KAFKA_BROKERS"), "orders.dlq"), 1);

    one.ok(&["down", "--purge"]);
    assert!(!one.dir.exists());
    wait_until("the end of the first", || ones.iter().all(|&pid| !lives(pid)));
    assert_eq!(other.status().unwrap(), others);
}

#[test]
fn a_killed_lease_holder_leaves_nothing_running() {
    let place = Place::new();
    let mut holder =
        place.stack(&["run", "--", "sleep", "1000"]).stderr(Stdio::null()).spawn().unwrap();
    wait_until("the lease", || place.status().is_some_and(|status| status.servers.len() == 2));
    wait_until("the command", || !children_of(holder.id()).is_empty());
    let command = children_of(holder.id())[0];
    let processes = place.processes();
    assert!(processes.len() > 3, "{processes:?}");

    holder.kill().unwrap();
    holder.wait().unwrap();
    wait_until("the end of everything", || {
        !lives(command) && processes.iter().all(|&pid| !lives(pid))
    });
}

#[test]
fn a_caller_killed_during_the_start_leaves_nothing_running() {
    let place = Place::new();
    let mut caller = place.stack(&["up"]).stderr(Stdio::null()).spawn().unwrap();
    let started = || place.dir.join("logs/kafka.log").exists();
    wait_until("the start of a server", started);
    let supervisor = std::fs::read_to_string(place.dir.join("supervisor.lock")).unwrap();
    let supervisor = supervisor.parse().unwrap();
    let servers = children_of(supervisor);

    caller.kill().unwrap();
    caller.wait().unwrap();
    wait_until("the end of everything", || {
        !lives(supervisor) && servers.iter().all(|&pid| !lives(pid))
    });
}

#[test]
fn a_stack_stopped_while_it_fetches_leaves_no_maven_running() {
    let place = Place::new();
    let top = place.dir.parent().unwrap();
    let (bin, fetches) = (top.join("bin"), top.join("fetches"));
    let mvn = format!("echo $$ >{}; exec sleep 1000", fetches.display());
    script(&bin, "mvn", &mvn);
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let mut up = place.stack(&["up", "--servers", "native"]);
    up.env("PATH", path).env("ORDERMILL_CACHE", top.join("cache")).stderr(Stdio::null());
    let mut up = up.spawn().unwrap();
    let fetching = || std::fs::read_to_string(&fetches).is_ok_and(|pid| pid.ends_with('\n'));
    wait_until("the fetch", fetching);
    let mvn = std::fs::read_to_string(&fetches).unwrap().trim().parse().unwrap();
    // It would start the stack again.
    up.kill().unwrap();
    up.wait().unwrap();
    place.ok(&["down"]);
    wait_until("the end of Maven", || !lives(mvn));
}

#[test]
fn a_stack_stays_between_the_users_that_one_process_brings() {
    let place = Place::new();
    let mut companion = Command::new("sleep").arg("1000").stdout(Stdio::null()).spawn().unwrap();
    let options = Options {
        dir: place.dir.clone(),
        source: Source::Native,
        topics: Vec::new(),
        schema: Schema::Untouched,
        companion: Some(companion.id()),
        ..Options::named("")
    };
    let first = stack::up(&options, &mut Progress::silent()).unwrap();
    let broker = first.pid(Server::Kafka);
    drop(first);
    wait_until("the end of the lease", || place.status().unwrap().leases == 1);
    let second = stack::up(&options, &mut Progress::silent()).unwrap();
    assert_eq!(second.pid(Server::Kafka), broker);
    let processes = place.processes();
    second.release().unwrap();

    companion.kill().unwrap();
    companion.wait().unwrap();
    wait_until("the end of everything", || processes.iter().all(|&pid| !lives(pid)));
}

#[test]
fn a_killed_supervisor_takes_its_servers_with_it_and_the_next_start_recovers() {
    let place = Place::new();
    place.ok(&["up"]);
    let address = place.variable("KAFKA_BROKERS");
    write(&address, "before");
    let processes = place.processes();

    kill(place.status().unwrap().supervisor_pid);
    wait_until("the end of everything", || processes.iter().all(|&pid| !lives(pid)));

    place.ok(&["up"]);
    assert_eq!(place.variable("KAFKA_BROKERS"), address);
    assert_eq!(records(&address), 1);
}

#[test]
fn a_killed_broker_comes_back_with_its_data_on_its_port() {
    let place = Place::new();
    place.ok(&["up"]);
    let address = place.variable("KAFKA_BROKERS");
    write(&address, "before");
    let before = place.status().unwrap();
    kill(pid(&before, Server::Kafka).unwrap());
    wait_until("the broker's end", || pid(&place.status().unwrap(), Server::Kafka).is_none());

    place.ok(&["up"]);
    let after = place.status().unwrap();
    assert_ne!(pid(&after, Server::Kafka), pid(&before, Server::Kafka));
    assert_eq!(pid(&after, Server::Postgres), pid(&before, Server::Postgres));
    assert_eq!(place.variable("KAFKA_BROKERS"), address);
    assert_eq!(records(&address), 1);
}

#[test]
fn servers_can_be_frozen_killed_and_started_again() {
    let place = Place::new();
    place.ok(&["up"]);
    let first = place.status().unwrap();

    place.ok(&["kill", "postgres", "--signal", "STOP"]);
    let state = |pid| std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let postmaster = pid(&first, Server::Postgres).unwrap();
    wait_until("the frozen server", || state(postmaster).contains(") T "));
    place.ok(&["kill", "postgres", "--signal", "CONT"]);
    wait_until("the thawed server", || !state(postmaster).contains(") T "));

    place.ok(&["kill", "postgres"]);
    assert!(!lives(postmaster));
    let ended = place.status().unwrap().servers[1].ended.clone();
    assert_eq!(ended.as_deref(), Some("was ended by signal 9"));
    assert!(place.fails(&["kill", "postgres"]).contains("PostgreSQL does not run"));
    place.ok(&["start", "postgres"]);
    assert!(pid(&place.status().unwrap(), Server::Postgres).is_some());
    assert!(place.ok(&["status"]).contains("stays until `down`"));
}
