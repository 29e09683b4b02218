//! Where servers come from: addresses that are given, and Docker Compose.

use std::fs;
use std::process::Command;

use crate::support::{Place, script, stderr};

#[test]
fn given_addresses_are_used_and_only_prepared() {
    let (own, user) = (Place::new(), Place::new());
    own.ok(&["up"]);
    let brokers = own.variable("KAFKA_BROKERS");
    let database = own.variable("DATABASE_URL").replace("/orders", "/given");

    let output = user
        .stack(&["up"])
        .env("KAFKA_BROKERS", &brokers)
        .env("DATABASE_URL", &database)
        .env("ORDERS_TOPIC", "given-orders")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stderr(&output).contains(&database));
    assert!(user.status().is_none());
    assert!(!user.dir.exists());

    // The same topic again, with more partitions: it is left as it is.
    let output = user
        .stack(&["up", "--partitions", "given-orders=9"])
        .env("KAFKA_BROKERS", &brokers)
        .env("DATABASE_URL", &database)
        .output()
        .unwrap();
    let said = "topic given-orders has 4 partitions, not the 9 asked for, and is left as it is";
    assert!(stderr(&output).contains(said), "{}", stderr(&output));

    // A stack's own addresses in the environment do not make it a stranger's.
    let eval = "eval \"$(\"$STACK\" --dir \"$DIR\" env)\" && \"$STACK\" --dir \"$DIR\" up && echo $INGEST_URL";
    let output = Command::new("sh")
        .args(["-c", eval])
        .env("STACK", env!("CARGO_BIN_EXE_stack"))
        .env("DIR", &own.dir)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "http://127.0.0.1:8080\n");
    assert!(own.status().is_some_and(|status| status.pinned));
}

#[test]
fn a_shell_that_knows_one_stack_can_bring_up_another() {
    let (one, other) = (Place::new(), Place::new());
    one.ok(&["up"]);
    let commands = "eval \"$(\"$STACK\" --dir \"$ONE\" env)\" && \"$STACK\" --dir \"$OTHER\" up && \
                    eval \"$(\"$STACK\" --dir \"$OTHER\" env)\" && \
                    echo $KAFKA_BROKERS $DATABASE_URL $DATABASE_READ_URL";
    let output = Command::new("sh")
        .args(["-c", commands])
        .env("STACK", env!("CARGO_BIN_EXE_stack"))
        .env("ONE", &one.dir)
        .env("OTHER", &other.dir)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let database = other.variable("DATABASE_URL");
    let printed = format!("{} {database} {database}\n", other.variable("KAFKA_BROKERS"));
    assert_eq!(String::from_utf8_lossy(&output.stdout), printed);
    assert!(other.status().is_some_and(|status| status.servers.len() == 2));
    assert!(one.variable("KAFKA_BROKERS") != other.variable("KAFKA_BROKERS"));
}

#[test]
fn compose_is_used_when_an_engine_answers_and_stopped_in_the_end() {
    let (servers, place) = (Place::new(), Place::new());
    servers.ok(&["up"]);
    let bin = place.dir.with_file_name("bin");
    let calls = place.dir.with_file_name("calls");
    script(
        &bin,
        "docker",
        &format!(
            "echo \"$* KAFKA_PORT=$KAFKA_PORT POSTGRES_PORT=$POSTGRES_PORT\" >> {}",
            calls.display()
        ),
    );
    let port = |address: String| address.rsplit_once(':').unwrap().1.replace("/orders", "");
    let kafka = port(servers.variable("KAFKA_BROKERS"));
    let postgres = port(servers.variable("DATABASE_URL"));

    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let output = place
        .stack(&["up", "--kafka-port", &kafka, "--postgres-port", &postgres])
        .env("PATH", path)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(place.status().unwrap().servers[0].pid, None);
    place.ok(&["down"]);

    let calls = fs::read_to_string(calls).unwrap();
    let file = stack::place::workspace().join("docker-compose.yml");
    let project = calls.split_whitespace().find(|word| word.starts_with("ordermill-stack-"));
    let compose = format!("compose --project-name {} --file {}", project.unwrap(), file.display());
    let none = "KAFKA_PORT= POSTGRES_PORT=";
    let expected = [
        format!("compose version {none}"),
        format!("info {none}"),
        format!(
            "{compose} up --detach --wait kafka postgres KAFKA_PORT={kafka} POSTGRES_PORT={postgres}"
        ),
        format!("{compose} down {none}"),
    ];
    assert_eq!(calls.lines().collect::<Vec<_>>(), expected);
}
