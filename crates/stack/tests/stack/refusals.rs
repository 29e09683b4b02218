//! What cannot work is said clearly, and what was started for it is stopped.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use crate::support::{Place, stderr, wait_until};

#[test]
fn a_port_that_is_taken_is_named_with_its_server() {
    let place = Place::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let said = place.fails(&["up", "--postgres-port", &port.to_string()]);
    let expected = format!(
        "error: port {port} on 127.0.0.1, asked for PostgreSQL, is taken by another program"
    );
    assert!(said.contains(&expected), "{said}");
}

#[test]
fn a_server_that_does_not_start_is_quoted() {
    let place = Place::new();
    place.ok(&["up"]);
    place.ok(&["down"]);
    let properties = place.dir.join("kafka/data/meta.properties");
    let text = fs::read_to_string(&properties).unwrap();
    fs::write(&properties, text.replace("node.id=1", "node.id=7")).unwrap();
    let said = place.fails(&["up"]);
    assert!(
        said.contains("error: Kafka exited with code 1 while starting; the last lines of"),
        "{said}"
    );
    assert!(said.contains("Stored node id 7 doesn't match"), "{said}");
    wait_until("the end of the other server", || place.status().is_none());
    place.ok(&["down"]);

    fs::write(&properties, text).unwrap();
    fs::write(place.dir.join("postgres/data/global/pg_control"), "damaged").unwrap();
    let said = place.fails(&["up"]);
    assert!(said.contains("error: PostgreSQL was ended by signal 6 while starting"), "{said}");
    assert!(said.contains("PANIC:  could not read file \"global/pg_control\""), "{said}");
}

#[test]
fn a_folder_that_postgresql_cannot_reach_is_refused() {
    if !rustix::process::getuid().is_root() {
        return;
    }
    let place = Place::new();
    let above = place.dir.parent().unwrap();
    fs::set_permissions(above, fs::Permissions::from_mode(0o700)).unwrap();
    let said = place.fails(&["up"]);
    assert!(said.contains("other users cannot reach"), "{said}");
    assert!(said.contains("ORDERMILL_HOME"), "{said}");
}

#[test]
fn commands_for_a_stack_that_does_not_run_say_how_to_start_it() {
    let place = Place::new();
    for arguments in [&["status"][..], &["env"], &["kill", "kafka"], &["start", "kafka"]] {
        let said = place.fails(arguments);
        assert!(said.contains("start it with `cargo stack up`"), "{arguments:?}: {said}");
    }
    let output = place.run(&["down"]);
    assert!(output.status.success());
    assert_eq!(stderr(&output), "stopping\nwas not running\n");
}

#[test]
fn a_folder_that_is_not_a_stacks_is_not_removed() {
    let place = Place::new();
    fs::create_dir_all(&place.dir).unwrap();
    fs::write(place.dir.join("precious"), "").unwrap();
    let said = place.fails(&["down", "--purge"]);
    assert!(said.contains("is not a stack's folder; nothing removed"), "{said}");
    let said = place.fails(&["up"]);
    assert!(said.contains("holds precious, which is no stack's"), "{said}");
    let left: Vec<_> = fs::read_dir(&place.dir).unwrap().flatten().map(|e| e.file_name()).collect();
    assert_eq!(left, ["precious"]);
}
