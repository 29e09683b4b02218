//! Finds what native servers need, and installs what is missing when it may:
//! Debian's packages as root, Kafka's jars with Maven.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use tokio::process::Command;

use super::alone::alone;
use super::{apt, kafka, process};
use crate::options::Server;
use crate::place;
use crate::supervisor::Teller;

/// What Maven is asked for.
const POM: &str = include_str!("../../kafka/pom.xml");

/// Kafka 4 runs on Java 17 or later.
const JAVA_MAJOR: u32 = 17;

/// What the wanted servers are run with.
#[derive(Debug)]
pub struct Programs {
    /// The folder with PostgreSQL's binaries.
    pub postgres_bin: PathBuf,
    /// The `java` to run Kafka with.
    pub java: PathBuf,
    /// The folder with Kafka's jars.
    pub jars: PathBuf,
}

/// Finds everything the wanted servers need; installs what is missing, in one go.
///
/// # Errors
/// With the command to run, when something is missing and we may not install it.
pub async fn prepare(servers: &[Server], data: &Path, teller: &Teller) -> Result<Programs> {
    let missing = missing_packages(servers, data).await;
    if !missing.is_empty() {
        apt::refuse_others(&missing)?;
        let wait = || teller.step("waiting for another stack that installs packages");
        let _alone = alone("apt.lock", wait).await?;
        // That one may have installed them.
        let missing = missing_packages(servers, data).await;
        if !missing.is_empty() {
            apt::install(&missing, teller).await?;
        }
    }
    let mut programs =
        Programs { postgres_bin: PathBuf::new(), java: PathBuf::new(), jars: PathBuf::new() };
    if servers.contains(&Server::Postgres) {
        programs.postgres_bin =
            find_postgres(data).context("PostgreSQL is installed, but its binaries are nowhere")?;
    }
    if servers.contains(&Server::Kafka) {
        programs.java = find_java().await.context("Java is installed, but `java` is nowhere")?;
        programs.jars = kafka_jars(teller).await?;
    }
    Ok(programs)
}

/// Debian packages for what was not found.
async fn missing_packages(servers: &[Server], data: &Path) -> Vec<&'static str> {
    let mut missing = Vec::new();
    if servers.contains(&Server::Postgres) && find_postgres(data).is_none() {
        missing.push("postgresql");
    }
    if servers.contains(&Server::Kafka) {
        if find_java().await.is_none() {
            missing.push("openjdk-17-jre-headless");
        }
        if !jars_folder().is_dir() && on_path("mvn").is_none() {
            missing.push("maven");
        }
    }
    missing
}

fn jars_folder() -> PathBuf {
    place::cache().join(format!("kafka-{}", kafka::VERSION))
}

/// The folder with Kafka's jars; fetched by Maven the first time.
async fn kafka_jars(teller: &Teller) -> Result<PathBuf> {
    let jars = jars_folder();
    if jars.is_dir() {
        return Ok(jars);
    }
    let wait = || teller.step("waiting for another stack that fetches Kafka");
    let _alone = alone("lock", wait).await?;
    if !jars.is_dir() {
        fetch(&place::cache(), &jars, teller).await?;
    }
    Ok(jars)
}

async fn fetch(cache: &Path, jars: &Path, teller: &Teller) -> Result<()> {
    teller.step(&format!("fetching Kafka {} with Maven (once, 43 MB)", kafka::VERSION));
    let pom = cache.join("pom.xml");
    fs::write(&pom, POM)?;
    let unfinished = cache.join(format!("kafka-{}.unfinished", kafka::VERSION));
    drop(fs::remove_dir_all(&unfinished));
    // A stack that is stopped meanwhile leaves no Maven behind. It would leave apt-get to
    // its end: a package that is half installed is worse.
    let mvn = process::tied(&["mvn".to_owned()], "TERM", None);
    let output = Command::from(mvn)
        .args(["--quiet", "--batch-mode", "--file"])
        .arg(&pom)
        .args(["dependency:copy-dependencies", "-DincludeScope=runtime"])
        .arg(format!("-DoutputDirectory={}", unfinished.display()))
        .stdin(Stdio::null())
        .output()
        .await
        .context("cannot run mvn")?;
    if !output.status.success() {
        bail!("Maven could not fetch Kafka's jars; it said:\n  {}", last_words(&output.stdout));
    }
    fs::rename(&unfinished, jars).context("cannot move Kafka's jars into place")
}

/// A cluster can only be run by the version that made it; a new one by any.
fn find_postgres(data: &Path) -> Option<PathBuf> {
    const INSTALLED: &str = "/usr/lib/postgresql";
    if let Ok(version) = fs::read_to_string(data.join("PG_VERSION")) {
        let bin = Path::new(INSTALLED).join(version.trim()).join("bin");
        if is_postgres(&bin) {
            return Some(bin);
        }
    }
    let on_path = on_path("postgres")
        .and_then(|postgres| Some(postgres.canonicalize().ok()?.parent()?.to_path_buf()));
    let folders = fs::read_dir(INSTALLED).into_iter().flatten().flatten();
    let mut installed: Vec<(u32, PathBuf)> = folders
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    installed.sort();
    let newest_first = installed.into_iter().rev().map(|(_, bin)| bin);
    on_path.into_iter().chain(newest_first).find(|bin| is_postgres(bin))
}

fn is_postgres(bin: &Path) -> bool {
    bin.join("postgres").exists() && bin.join("initdb").exists()
}

pub(super) fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// A `java` that is new enough: the one on PATH, else an installed one.
async fn find_java() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib/jvm").into_iter().flatten().flatten();
    let installed = folders.map(|entry| entry.path().join("bin/java"));
    for java in on_path("java").into_iter().chain(installed.filter(|java| java.exists())) {
        if java_major(&java).await.is_some_and(|major| major >= JAVA_MAJOR) {
            return Some(java);
        }
    }
    None
}

/// The JDK's `release` file answers at once; `java -version` starts a JVM.
async fn java_major(java: &Path) -> Option<u32> {
    let home = java.canonicalize().ok()?.parent()?.parent()?.to_path_buf();
    if let Ok(release) = fs::read_to_string(home.join("release")) {
        return parse_java_major(release.lines().find(|line| line.starts_with("JAVA_VERSION="))?);
    }
    let output = Command::new(java).arg("-version").output().await.ok()?;
    parse_java_major(String::from_utf8_lossy(&output.stderr).lines().next()?)
}

/// The major version from a line with a quoted version, `1.8.0_401` and `17.0.15` alike.
fn parse_java_major(line: &str) -> Option<u32> {
    let version = line.split('"').nth(1)?;
    let mut numbers = version.split(['.', '-', '+']).map(str::parse);
    match numbers.next()?.ok()? {
        1 => numbers.next()?.ok(),
        major => Some(major),
    }
}

pub(super) fn last_words(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(15)..].join("\n  ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn java_versions_old_and_new_are_understood() {
        assert_eq!(parse_java_major("JAVA_VERSION=\"17.0.15\""), Some(17));
        assert_eq!(parse_java_major("openjdk version \"21-ea\" 2023"), Some(21));
        assert_eq!(parse_java_major("java version \"1.8.0_401\""), Some(8));
        assert_eq!(parse_java_major("no version here"), None);
    }
}
