//! The command line: what a person types, and which part of the library does it.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args, Parser, Subcommand};
use stack::native::postgres;
use stack::protocol::Request;
use stack::state::State;
use stack::{
    Hold, Options, PartitionOverride, Ports, Progress, Server, Signal, Source, compose, env, lease,
    logs, place, program, supervisor,
};

use crate::report;

const EXAMPLES: &str = "\
Examples:
  cargo stack up                          both servers, topics and schema; they stay up
  eval \"$(cargo stack env)\"               every program of ours now finds them
  cargo stack up --partitions orders=8    the orders topic with 8 partitions, when it is new
  cargo stack --name other up             a second stack beside the first
  cargo stack logs kafka -f               follow the broker's log
  cargo stack down --purge                stop, and remove data and logs

Servers are looked for in this order: the addresses in KAFKA_BROKERS and
DATABASE_URL; Docker Compose, when an engine answers; native processes
(PostgreSQL's own binaries, Kafka on the JDK), whose packages are installed
when we are root.

Exit codes: 0 done, 1 failed (the message says why), 2 wrong usage.";

/// Brings Kafka and PostgreSQL up for Ordermill, and looks after them.
#[derive(Debug, Parser)]
#[command(name = "stack", bin_name = "cargo stack", version, after_help = EXAMPLES)]
pub struct Cli {
    #[command(flatten)]
    folder: Folder,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
struct Folder {
    /// Name of the stack: stacks of different names run side by side.
    #[arg(long, global = true, env = "ORDERMILL_NAME", default_value = "default")]
    name: String,
    /// Folder of the stack, instead of NAME in ORDERMILL_HOME (default: .ordermill here).
    #[arg(long, global = true, env = "ORDERMILL_DIR")]
    dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start what does not run, create missing topics, migrate; the stack stays until `down`.
    Up(Up),
    /// Stop the servers; their data stay unless --purge.
    Down {
        /// Also remove the stack's folder: data, logs and remembered ports.
        #[arg(long, env = "ORDERMILL_PURGE")]
        purge: bool,
    },
    /// Show addresses, processes, memory, disk.
    Status,
    /// Print `export NAME=value` for every name our programs understand.
    Env,
    /// Show the servers' own logs.
    Logs {
        /// One server; both when not given.
        server: Option<Server>,
        /// Go on with what is added, until Ctrl-C.
        #[arg(short, long)]
        follow: bool,
    },
    /// Send a signal to a server, for fault tests.
    Kill {
        /// Which server.
        server: Server,
        /// KILL and TERM return when it has ended; STOP freezes it, CONT lets it go on.
        #[arg(long, env = "ORDERMILL_SIGNAL", ignore_case = true, default_value = "KILL")]
        signal: Signal,
    },
    /// Start a server again that has ended, with its data and on its port.
    Start {
        /// Which server.
        server: Server,
    },
    /// Own the servers of a stack (started by the other commands).
    #[command(hide = true)]
    Supervise {
        /// Be the process that stays, instead of starting it.
        #[arg(long)]
        stay: bool,
    },
}

#[derive(Debug, Args)]
struct Up {
    /// Port of the Kafka broker; a free one, remembered, when not given.
    #[arg(long, env = "ORDERMILL_KAFKA_PORT")]
    kafka_port: Option<u16>,
    /// Port of PostgreSQL; a free one, remembered, when not given.
    #[arg(long, env = "ORDERMILL_POSTGRES_PORT")]
    postgres_port: Option<u16>,
    /// Partitions of a topic that is created, as TOPIC=COUNT; more topics are created too.
    #[arg(long, env = "ORDERMILL_PARTITIONS", value_delimiter = ',', value_name = "TOPIC=COUNT")]
    partitions: Vec<PartitionOverride>,
    /// Who may provide the servers.
    #[arg(long, env = "ORDERMILL_SERVERS", default_value = "auto")]
    servers: Source,
}

/// Carries out what was typed.
pub fn run(cli: Cli) -> Result<()> {
    let dir = match cli.folder.dir {
        Some(dir) => std::path::absolute(dir)?,
        None => place::folder(&cli.folder.name),
    };
    let mut options = Options { dir, hold: Hold::Pinned, ..Options::named("") };
    let mut progress = Progress::stderr();
    match cli.command {
        Command::Up(up) => bring_up(&up, options, &mut progress),
        Command::Down { purge } => down(&options, purge, &mut progress),
        Command::Status => report::status(&options.dir),
        Command::Env => print_env(&options),
        Command::Logs { server, follow } => {
            let servers = server.map_or(Server::ALL.to_vec(), |server| vec![server]);
            shown(logs::show(&options.dir, &servers, follow, &mut std::io::stdout().lock()))
        }
        Command::Kill { server, signal } => {
            let request = Request::Signal(server, signal);
            lease::command(&options.dir, &request, &mut progress)
        }
        Command::Start { server } => {
            options.topics.clear();
            lease::command(&options.dir, &Request::Start(server), &mut progress)
        }
        Command::Supervise { stay: false } => program::detach(&options.dir),
        Command::Supervise { stay: true } => {
            // A new session: Ctrl-C and the end of the terminal are not meant for it.
            let _ = rustix::process::setsid();
            supervisor::run(&options.dir)
        }
    }
}

fn bring_up(up: &Up, mut options: Options, progress: &mut Progress) -> Result<()> {
    options.source = up.servers;
    options.ports = Ports { kafka: up.kafka_port, postgres: up.postgres_port };
    options.override_partitions(&up.partitions);
    let stack = stack::up(&options, progress)?;
    progress.clear();
    eprintln!("up in {:.1} s", progress.elapsed_seconds());
    eprintln!("  Kafka       {}", stack.brokers());
    eprintln!("  PostgreSQL  {}", stack.database_url());
    eprintln!("  folder      {}", stack.dir().display());
    eprintln!("use it: eval \"$(cargo stack env)\"     stop it: cargo stack down");
    Ok(())
}

fn down(options: &Options, purge: bool, progress: &mut Progress) -> Result<()> {
    let was_up = lease::down(&options.dir, progress)?;
    progress.clear();
    eprintln!("{}", if was_up { "stopped" } else { "was not running" });
    if !purge {
        return Ok(());
    }
    if !State::exists(&options.dir) {
        if options.dir.exists() {
            bail!("{} is not a stack's folder; nothing removed", options.dir.display());
        }
        return Ok(());
    }
    if State::load(&options.dir).source == Source::Compose {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(compose::Compose::new(&options.dir).purge())?;
    }
    std::fs::remove_dir_all(&options.dir)
        .with_context(|| format!("cannot remove {}", options.dir.display()))?;
    eprintln!("removed {}", options.dir.display());
    Ok(())
}

fn print_env(options: &Options) -> Result<()> {
    let state = State::load(&options.dir);
    let brokers = env::set("KAFKA_BROKERS")
        .or_else(|| state.kafka_port.map(|port| format!("127.0.0.1:{port}")));
    let database_url = env::set("DATABASE_URL").or_else(|| state.postgres_port.map(postgres::url));
    let (Some(brokers), Some(database_url)) = (brokers, database_url) else {
        bail!("there is no stack in {} yet; start it with `cargo stack up`", options.dir.display());
    };
    for (name, value) in env::exports(&brokers, &database_url) {
        println!("export {name}={}", quoted(&value));
    }
    Ok(())
}

/// A value as a shell reads it back unchanged.
fn quoted(value: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:@,=".contains(letter);
    if !value.is_empty() && value.chars().all(plain) {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\'', r"'\''"))
}

/// A reader that leaves early (`logs | head`) is no failure.
fn shown(result: std::io::Result<()>) -> Result<()> {
    match result {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn values_are_quoted_only_when_a_shell_would_change_them() {
        assert_eq!(quoted("127.0.0.1:9092"), "127.0.0.1:9092");
        assert_eq!(quoted("a b'c"), r"'a b'\''c'");
        assert_eq!(quoted(""), "''");
    }
}
