//! The command line: what a person can type.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use stack::{Options, PartitionOverride, Ports, Server, Signal, Source, place};

const EXAMPLES: &str = "\
Examples:
  cargo stack up                          both servers, topics and schema; they stay up
  eval \"$(cargo stack env)\"               every program of ours now finds them
  cargo stack up --partitions orders=8    the orders topic with 8 partitions, when it is new
  cargo stack --name other up             a second stack beside the first
  cargo stack run -- sh -c 'psql $DATABASE_URL'   servers while one command runs
  cargo stack logs kafka -f               follow the broker's log
  cargo stack down --purge                stop, and remove data and logs

Servers are looked for in this order: the addresses in KAFKA_BROKERS and
DATABASE_URL, unless `env` or `run` set them; Docker Compose, when an engine answers; native processes
(PostgreSQL's own binaries, Kafka on the JDK), whose packages are installed
when we are root.

Exit codes: 0 done, 1 failed (the message says why), 2 wrong usage; `run` exits
with the code of its command.";

/// Brings Kafka and PostgreSQL up for Ordermill, and looks after them.
#[derive(Debug, Parser)]
#[command(name = "stack", bin_name = "cargo stack", version, after_help = EXAMPLES)]
pub struct Cli {
    #[command(flatten)]
    folder: Folder,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Args)]
struct Folder {
    /// Name of the stack: stacks of different names run side by side.
    #[arg(long, global = true, env = "ORDERMILL_NAME", default_value = "default")]
    name: String,
    /// Folder of the stack, instead of NAME under `ORDERMILL_HOME` (default: .ordermill of the
    /// checkout, or a folder below /tmp where PostgreSQL's user cannot enter that).
    #[arg(long, global = true, env = "ORDERMILL_DIR")]
    dir: Option<PathBuf>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start what does not run, create missing topics, migrate; the stack stays until `down`.
    Up(Up),
    /// Run a command with our variables set; what was started for it stops with it.
    Run {
        #[command(flatten)]
        up: Up,
        /// The command and its arguments.
        #[arg(required = true, last = true, value_name = "COMMAND")]
        command: Vec<String>,
    },
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
        /// What the caller speaks.
        #[arg(long)]
        protocol: u32,
    },
}

/// How servers are brought up.
#[derive(Debug, Args)]
pub struct Up {
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

impl Cli {
    /// The stack that was named, with its folder made absolute: the supervisor works elsewhere.
    pub fn options(&self) -> std::io::Result<Options> {
        let dir = match &self.folder.dir {
            Some(dir) => std::path::absolute(dir)?,
            None => place::folder(&self.folder.name),
        };
        Ok(Options { dir, ..Options::named("") })
    }
}

impl Up {
    /// Adds what was asked for.
    pub fn apply(&self, options: &mut Options) {
        options.source = self.servers;
        options.ports = Ports { kafka: self.kafka_port, postgres: self.postgres_port };
        options.override_partitions(&self.partitions);
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
}
