//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};
use service::args::duration;

use crate::catalogue::catalogue;

/// Breaks the pipeline on purpose while orders come in, heals it, and has the
/// books audited. Real programs, a real Kafka, a real PostgreSQL.
#[derive(Parser, Debug)]
#[command(
    name = "cargo faults",
    version,
    after_help = "Examples:\n  cargo faults list\n  cargo faults run processor-kill broker-kill\n  cargo faults run all --json faults.json\n  \
                  cargo faults run random --seed 7 --duration 10m\n  cargo faults mutations\n\n\
                  Exit codes: 0 all clean, 1 some scenario was not or something failed, 2 wrong usage, 130 interrupted"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Print every scenario and what it does
    List,
    /// Run scenarios by name, `all`, or `random` combinations of them
    Run(RunArgs),
    /// Break the source on purpose, one mistake at a time, and show which scenario and which
    /// invariant notice it
    Mutations(MutationArgs),
}

#[derive(clap::Args, Debug, Clone)]
pub(crate) struct MutationArgs {
    /// Names of mutations [default: all]
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// Orders per second while faults happen
    #[arg(long, env = "FAULTS_RATE", default_value_t = 500)]
    pub(crate) rate: u32,
    /// Write the results as JSON to this file
    #[arg(long, env = "FAULTS_JSON", value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

#[derive(clap::Args, Debug, Clone)]
pub(crate) struct RunArgs {
    /// Names of scenarios, `all` or `random`
    #[arg(required = true, value_name = "NAME", value_parser = known_name)]
    pub(crate) names: Vec<String>,
    /// Orders per second while faults happen
    #[arg(long, env = "FAULTS_RATE", default_value_t = 500)]
    pub(crate) rate: u32,
    /// Seed of `random`, printed with its results [default: drawn]
    #[arg(long, env = "FAULTS_SEED")]
    pub(crate) seed: Option<u64>,
    /// How long `random` goes on
    #[arg(long, env = "FAULTS_DURATION", value_parser = duration, default_value = "5m")]
    pub(crate) duration: Duration,
    /// Write the results as JSON to this file
    #[arg(long, env = "FAULTS_JSON", value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

fn known_name(name: &str) -> Result<String, String> {
    let known = ["all", "random"].contains(&name)
        || catalogue().iter().any(|scenario| scenario.name == name);
    let error = || format!("there is no scenario {name}; `cargo faults list` shows all");
    known.then(|| name.to_owned()).ok_or_else(error)
}
