//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};
use service::args::duration;

use crate::catalogue::catalogue;
use crate::mutation;

/// Breaks the pipeline on purpose while orders come in, heals it, and has the
/// books audited. Real programs, a real Kafka, a real PostgreSQL.
#[derive(Parser, Debug)]
#[command(
    name = "cargo faults",
    version,
    after_help = "Examples:\n  cargo faults list\n  cargo faults run processor-kill broker-kill\n  cargo faults run all --json faults.json\n  \
                  cargo faults run random --seed 7 --duration 10m\n  cargo faults mutations\n\n\
                  Exit codes: 0 all clean, 1 some scenario was not, none could be played or something failed, 2 wrong usage, 130 interrupted"
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
    #[arg(value_name = "NAME", value_parser = known_mutation)]
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

impl Args {
    /// Those of the command line; wrong usage ends the process.
    pub(crate) fn from_words(words: impl Iterator<Item = OsString>) -> Self {
        Self::try_from_words(words).unwrap_or_else(|error| error.exit())
    }

    fn try_from_words(words: impl Iterator<Item = OsString>) -> Result<Self, clap::Error> {
        let args = Self::try_parse_from(words)?;
        match &args.command {
            Command::Run(run) if run.is_random() && run.names.len() > 1 => {
                let words = "random stands alone: it draws its scenarios";
                Err(Self::command().error(ErrorKind::ArgumentConflict, words))
            }
            _ => Ok(args),
        }
    }
}

impl RunArgs {
    /// Whether scenarios are drawn.
    pub(crate) fn is_random(&self) -> bool {
        self.names.iter().any(|name| name == "random")
    }
}

fn known_mutation(name: &str) -> Result<String, String> {
    let names: Vec<_> = mutation::names().collect();
    let error = || format!("there is no mutation {name}; there are {}", names.join(", "));
    names.contains(&name).then(|| name.to_owned()).ok_or_else(error)
}

fn known_name(name: &str) -> Result<String, String> {
    let known = ["all", "random"].contains(&name)
        || catalogue().iter().any(|scenario| scenario.name == name);
    let error = || format!("there is no scenario {name}; `cargo faults list` shows all");
    known.then(|| name.to_owned()).ok_or_else(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_none_are_wrong_usage() {
        let code = |line: &str| {
            let args = Args::try_from_words(line.split_whitespace().map(OsString::from));
            args.err().map(|error| error.exit_code())
        };
        for wrong in ["run nothing", "run", "run random poison", "mutations nothing"] {
            assert_eq!(code(&format!("faults {wrong}")), Some(2), "{wrong}");
        }
        for right in ["run poison replay", "run random", "mutations fence-removed", "mutations"] {
            assert_eq!(code(&format!("faults {right}")), None, "{right}");
        }
    }
}
