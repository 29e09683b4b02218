//! Runs scenarios one after another on one stack. After one that was not clean
//! the next begins with a fresh stack: its books must not be blamed twice.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use stack::turn::Turn;

use crate::args::{Args, Command, RunArgs};
use crate::catalogue::catalogue;
use crate::mutation;
use crate::needs::Needs;
use crate::play;
use crate::report::{Outcome, Report, tell};
use crate::scenario::{Scenario, combination};
use crate::squad::{Programs, Replaced};
use crate::world::{self, World};

/// Exit code of a run that Ctrl-C ended.
const EXIT_INTERRUPTED: u8 = 130;

/// Carries out what was typed; gives the exit code.
pub(crate) async fn run(args: Args) -> Result<u8> {
    let _turn = match args.command {
        Command::List => None,
        Command::Run(_) => Some(turn("cargo faults run")?),
        Command::Mutations(_) => Some(turn("cargo faults mutations")?),
    };
    let stop = service::shutdown::on_signal()?;
    let work = async {
        match &args.command {
            Command::List => {
                for scenario in catalogue() {
                    println!("{:<28} {}", scenario.name, scenario.what);
                }
                Ok(0)
            }
            Command::Run(args) => {
                let report = rounds(args).await?;
                tell(&report, args.json.as_deref())?;
                Ok(u8::from(!report.clean))
            }
            Command::Mutations(args) => mutation::run(args).await,
        }
    };
    tokio::select! {
        code = work => code,
        () = stop.cancelled() => {
            eprintln!("interrupted; everything the harness started ends with it");
            Ok(EXIT_INTERRUPTED)
        }
    }
}

fn turn(command: &str) -> Result<Turn> {
    Turn::take(&stack::place::folder(world::STACK), command)
}

/// One thing to run: a name, and scenarios with their begin.
pub(crate) type Plan = (String, Vec<(Duration, Scenario)>);

async fn rounds(args: &RunArgs) -> Result<Report> {
    let seed = args.is_random().then(|| args.seed.unwrap_or_else(|| fastrand::u64(0..1_000_000)));
    let mut scenarios = Vec::new();
    let mut player = Player::new(args.rate, None)?;
    match seed {
        None => {
            for name in chosen(&args.names) {
                scenarios.push(player.play(&alone(&name)?).await);
            }
        }
        Some(seed) => {
            let (rate, duration) = (args.rate, humantime::format_duration(args.duration));
            eprintln!(
                "seed {seed}; again with: cargo faults run random --seed {seed} --rate {rate} --duration {duration}"
            );
            let (mut chance, begin) = (fastrand::Rng::with_seed(seed), Instant::now());
            while begin.elapsed() < args.duration {
                scenarios.push(player.play(&random_plan(&mut chance)).await);
            }
        }
    }
    if let (Err(error), Some(last)) = (player.end().await, scenarios.last_mut()) {
        last.wrong.push(format!("at the end: {error:#}"));
    }
    Ok(Report::new(args.rate, seed, scenarios))
}

fn chosen(names: &[String]) -> Vec<String> {
    if names.iter().any(|name| name == "all") {
        return catalogue().iter().map(|scenario| scenario.name.to_owned()).collect();
    }
    names.to_vec()
}

/// One scenario by name.
///
/// # Errors
/// There is none of that name.
pub(crate) fn alone(name: &str) -> Result<Plan> {
    let found = catalogue().into_iter().find(|scenario| scenario.name == name);
    let scenario = found.with_context(|| format!("no scenario {name}"))?;
    Ok((name.to_owned(), vec![(Duration::ZERO, scenario)]))
}

fn random_plan(chance: &mut fastrand::Rng) -> Plan {
    let parts = combination(chance, &catalogue());
    let names: Vec<_> = parts.iter().map(|(_, scenario)| scenario.name).collect();
    (names.join(" + "), parts)
}

/// Puts what the programs and servers of a world that has ended had to say beside the
/// results of its last round: the next world writes its own.
fn keep_logs(files: &Path) -> Result<()> {
    let programs = files.with_file_name(world::LOGS);
    let stack = programs.ancestors().nth(2).context("a round's folder is in that of its stack")?;
    let keep = |logs: &Path, name: &str| {
        let kept = files.join(name);
        let _missing = std::fs::remove_dir_all(&kept);
        std::fs::rename(logs, &kept).with_context(|| format!("cannot keep {}", logs.display()))
    };
    keep(&programs, world::LOGS)?;
    keep(&stack.join("logs"), "servers")
}

/// Plays rounds on one stack while they are clean.
pub(crate) struct Player {
    rate: u32,
    programs: Programs,
    world: Option<World>,
    played: usize,
}

impl Player {
    /// One that has played nothing yet; what cannot be built is known before the first round.
    ///
    /// # Errors
    /// The programs do not build.
    pub(crate) fn new(rate: u32, replaced: Option<Replaced>) -> Result<Self> {
        let folder = stack::build::programs(&world::PROGRAMS)?;
        let programs = Programs { folder, replaced };
        Ok(Self { rate, programs, world: None, played: 0 })
    }

    /// Plays a round. One that breaks off is an outcome too: it must not take those of
    /// the rounds before with it.
    pub(crate) async fn play(&mut self, plan: &Plan) -> Outcome {
        self.played += 1;
        let (name, parts) = plan;
        eprintln!("{:>3}  {name}", self.played);
        let missing = parts.iter().find_map(|(_, scenario)| scenario.needs.missing());
        if let Some(why) = missing {
            eprintln!("     skipped: {why}");
            return Outcome::skipped(name, why);
        }
        let outcome = self.play_through(plan).await;
        match outcome.recovery.after_s {
            _ if !outcome.is_clean() => {
                outcome.reasons().for_each(|reason| eprintln!("     {reason}"));
            }
            Some(after) => eprintln!("     clean, recovered in {after:.1} s"),
            None => eprintln!("     as it should"),
        }
        outcome
    }

    async fn play_through(&mut self, (name, parts): &Plan) -> Outcome {
        let alone = parts.iter().any(|(_, scenario)| scenario.is_alone());
        let (mut world, left) = match self.world(parts, alone).await {
            Ok(world) => world,
            Err(error) => return Outcome::begun(name).broken_off(&error),
        };
        let files = world.files(self.played, &name.replace(" + ", "+"));
        let round = play::Round { name, parts, files: &files, rate: self.rate };
        let mut outcome = play::play(&mut world, &round).await;
        outcome.wrong.extend(left);
        if outcome.is_clean() && !alone {
            self.world = Some(world);
        } else {
            // What is wrong with it was said already.
            let _outcome = world.end().await;
        }
        if !outcome.is_clean() {
            eprintln!("     NOT CLEAN; see {}", files.display());
            outcome.wrong.extend(keep_logs(&files).err().map(|error| format!("{error:#}")));
        }
        outcome
    }

    /// The one that is there, or a fresh one and how the one before did not end well.
    async fn world(
        &mut self,
        parts: &[(Duration, Scenario)],
        alone: bool,
    ) -> Result<(World, Option<String>)> {
        let left = match self.world.take() {
            Some(world) if !alone => return Ok((world, None)),
            Some(world) => world.end().await.err(),
            None => None,
        };
        let needs = parts.iter().map(|(_, scenario)| scenario.needs);
        let disk = needs.into_iter().find(|needs| matches!(needs, Needs::SmallDisk(_)));
        let world = World::create(self.programs.clone(), disk.unwrap_or(Needs::Nothing)).await?;
        Ok((world, left.map(|error| format!("at the end of the rounds before: {error:#}"))))
    }

    /// Ends everything, whatever state it is in.
    pub(crate) async fn discard(self) {
        let _outcome = self.end().await;
    }

    async fn end(self) -> Result<()> {
        match self.world {
            Some(world) => world.end().await,
            None => Ok(()),
        }
    }
}
