//! docker-compose.yml is what Compose accepts and what our programs know, on
//! machines where no engine can say so.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Map, Value};
use stack::place::workspace;

const SCHEMA: &str = include_str!("compose-spec/compose-spec.json");
const OUR_IMAGE: &str = "ordermill:local";

#[test]
fn the_file_follows_the_compose_specification() {
    let validator = jsonschema::validator_for(&serde_json::from_str(SCHEMA).unwrap()).unwrap();
    let errors: Vec<_> = validator
        .iter_errors(&file())
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert_eq!(errors, [""; 0]);

    // The check bites: an unknown key and an unknown condition are found.
    let mut wrong = file();
    wrong["services"]["ingest"]["heathcheck"] = Value::Bool(true);
    wrong["services"]["ingest"]["depends_on"]["prepare"]["condition"] = "service_well".into();
    assert!(!validator.is_valid(&wrong));
}

#[test]
fn every_image_is_pinned_and_every_service_is_checked_or_ends_by_itself() {
    for (name, service) in services() {
        let image = service["image"].as_str().unwrap();
        let tag = image.rsplit_once(':').unwrap().1;
        assert!(
            image == OUR_IMAGE || tag.contains(|letter: char| letter.is_ascii_digit()),
            "{image}"
        );
        let ends = ["prepare", "loadgen"].contains(&name.as_str());
        assert_eq!(service.get("healthcheck").is_some(), !ends, "{name}");
    }
    let kafka = format!("apache/kafka:{}", stack::native::kafka::VERSION);
    assert_eq!(services()["kafka"]["image"], kafka);
}

#[test]
fn our_services_run_our_programs_with_variables_and_topics_they_know() {
    for (name, service) in ours() {
        let program = service["command"][0].as_str().unwrap().to_owned();
        let folders = [program.clone(), format!("crates/{program}")];
        let source =
            folders.iter().any(|folder| workspace().join(folder).join("src/main.rs").exists());
        assert!(source, "{name} runs {program}, which is no program of ours");
        for (variable, value) in environment(&service) {
            let known = stack::env::KNOWN.iter().find(|known| known.name == variable);
            let known = known.unwrap_or_else(|| panic!("{name}: nobody reads {variable}"));
            if variable.ends_with("_TOPIC") {
                assert_eq!(value, known.default, "{name}");
            }
            if variable.ends_with("_LISTEN") {
                let port = known.default.rsplit_once(':').unwrap().1;
                assert_eq!(value, format!("0.0.0.0:{port}"), "{name}");
            }
        }
    }
}

#[test]
fn addresses_name_services_that_exist_and_the_ports_they_listen_on() {
    let kafka = environment(&services()["kafka"]);
    let listener = |listeners: &str| -> String {
        let all = &kafka.iter().find(|(name, _)| name == listeners).unwrap().1;
        all.split(',').next().unwrap().rsplit_once("//").unwrap().1.to_owned()
    };
    assert_eq!(listener("KAFKA_ADVERTISED_LISTENERS"), "kafka:19092");
    assert_eq!(listener("KAFKA_LISTENERS"), ":19092");
    let database = stack::native::postgres::url(5432).replace("127.0.0.1", "postgres");
    for (name, service) in services() {
        for (variable, value) in environment(&service) {
            match variable.as_str() {
                "KAFKA_BROKERS" | "KAFKA_CLUSTERS_0_BOOTSTRAPSERVERS" => {
                    assert_eq!(value, "kafka:19092", "{name}");
                }
                "DATABASE_URL" | "DATABASE_READ_URL" => assert_eq!(value, database, "{name}"),
                "INGEST_URL" => assert_eq!(value, "http://ingest:8080"),
                _ => {}
            }
        }
        for (needed, _) in service["depends_on"].as_object().into_iter().flatten() {
            assert!(services().contains_key(needed), "{name} depends on {needed}");
        }
    }
}

#[test]
fn ports_are_published_on_the_loopback_under_variables_we_know() {
    let mut published = BTreeSet::new();
    for (name, service) in services() {
        for port in service["ports"].as_array().into_iter().flatten() {
            let port = port.as_str().unwrap();
            let rest =
                port.strip_prefix("127.0.0.1:${").unwrap_or_else(|| panic!("{name}: {port}"));
            let (variable, rest) = rest.split_once(":-").unwrap();
            let (host, inside) = rest.split_once("}:").unwrap();
            published.insert((variable.to_owned(), host.parse::<u16>().unwrap()));
            // Only the topics page has another port outside: ingest has 8080.
            assert!(host == inside || name == "kafka-ui", "{port}");
        }
    }
    let known = stack::env::PUBLISHED.map(|(name, port)| (name.to_owned(), port));
    assert_eq!(published, BTreeSet::from(known));
    let text = text();
    let used = text.split("${").skip(1).map(|rest| rest.split(['}', ':']).next().unwrap());
    for variable in used {
        assert!(stack::env::PUBLISHED.iter().any(|(name, _)| *name == variable), "{variable}");
    }
}

#[test]
fn health_checks_of_our_services_ask_their_own_admin_port() {
    for name in ["ingest", "processor", "notifier"] {
        let service = &services()[name];
        let variable = format!("{}_ADMIN_LISTEN", name.to_uppercase());
        let listens = environment(service).into_iter().find(|(found, _)| *found == variable);
        let port = listens.unwrap().1.rsplit_once(':').unwrap().1.to_owned();
        let asks = service["healthcheck"]["test"].as_array().unwrap().last().unwrap();
        assert_eq!(*asks, format!("http://127.0.0.1:{port}/readyz"));
    }
}

#[test]
fn data_are_on_named_volumes_where_the_images_keep_them() {
    let volumes = |name: &str| services()[name]["volumes"].clone();
    assert_eq!(volumes("kafka"), serde_json::json!(["kafka-data:/var/lib/kafka/data"]));
    assert_eq!(volumes("postgres"), serde_json::json!(["postgres-data:/var/lib/postgresql"]));
    let declared: Vec<_> = file()["volumes"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(declared, ["kafka-data", "postgres-data"]);
}

#[test]
fn our_image_is_built_by_one_service_that_the_others_wait_for() {
    let builds = |(name, service): &(String, Value)| match &service["build"] {
        Value::Null => None,
        _ => Some(name.clone()),
    };
    assert_eq!(ours().iter().filter_map(builds).collect::<Vec<_>>(), ["prepare"]);
}

#[test]
fn containers_have_the_settings_of_native_servers() {
    let native = include_str!("../../kafka/server.properties");
    let own = [
        "LISTENERS",
        "ADVERTISED_LISTENERS",
        "LISTENER_SECURITY_PROTOCOL_MAP",
        "LOG_DIRS",
        "HEAP_OPTS",
        "JVM_PERFORMANCE_OPTS",
        "CONTROLLER_QUORUM_VOTERS",
    ];
    let kafka = environment(&services()["kafka"]);
    for (variable, value) in &kafka {
        let setting = variable.strip_prefix("KAFKA_").unwrap();
        let line = format!("{}={value}", setting.to_lowercase().replace('_', "."));
        assert!(own.contains(&setting) || native.lines().any(|found| found == line), "{line}");
    }
    let settings = native.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).count();
    assert_eq!(kafka.len(), settings + 2, "only the two of the JVM are not in the file");

    let native = include_str!("../../postgres/postgresql.conf");
    for flag in services()["postgres"]["command"].as_array().unwrap().iter().skip(1) {
        let (name, value) = flag.as_str().unwrap()[2..].split_once('=').unwrap();
        let line = format!("{name} = {value}");
        let computed = ["shared_buffers", "wal_compression"].contains(&name);
        assert!(computed || native.lines().any(|found| found == line), "{line}");
    }
}

#[test]
fn the_image_is_pinned_builds_every_program_and_does_not_run_as_root() {
    let dockerfile = fs::read_to_string(workspace().join("Dockerfile")).unwrap();
    let images: Vec<_> = dockerfile.lines().filter_map(|line| line.strip_prefix("FROM ")).collect();
    assert_eq!(images, ["rust:1.95.0-bookworm AS build", "debian:12.12-slim"]);
    let last_user = dockerfile.lines().rfind(|line| line.starts_with("USER ")).unwrap();
    assert_eq!(last_user, "USER 10001:10001");
    assert!(dockerfile.contains("cargo build --release --locked --workspace --bins"));
    assert!(dockerfile.contains("STOPSIGNAL SIGTERM"));
    let ignored = fs::read_to_string(workspace().join(".dockerignore")).unwrap();
    for folder in ["target", ".git", ".ordermill"] {
        assert!(ignored.lines().any(|line| line == folder), "{folder}");
    }
}

fn text() -> String {
    fs::read_to_string(workspace().join("docker-compose.yml")).unwrap()
}

fn file() -> Value {
    serde_saphyr::from_str(&text()).unwrap()
}

fn services() -> Map<String, Value> {
    file()["services"].as_object().unwrap().clone()
}

fn ours() -> Vec<(String, Value)> {
    services().into_iter().filter(|(_, service)| service["image"] == OUR_IMAGE).collect()
}

fn environment(service: &Value) -> Vec<(String, String)> {
    let variables = service["environment"].as_object().into_iter().flatten();
    variables.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
}
