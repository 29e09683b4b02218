//! What each command does, with the library that demo and tests use too.

use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use stack::compose::Compose;
use stack::native::postgres;
use stack::native::process;
use stack::protocol::{Request, VERSION};
use stack::state::State;
use stack::{Hold, Options, Progress, Server, Source, env, lease, logs, program, supervisor};

use crate::cli::{Cli, Command, Up};
use crate::report;

/// Carries out what was typed.
pub fn run(cli: Cli) -> Result<ExitCode> {
    let options = cli.options()?;
    let mut progress = Progress::stderr();
    match cli.command {
        Command::Up(up) => bring_up(&up, options, &mut progress)?,
        Command::Run { up, command } => return run_command(&up, options, &command),
        Command::Down { purge } => down(&options, purge, &mut progress)?,
        Command::Status => printed(|out| report::status(&options.dir, out))?,
        Command::Env => printed(|out| print_env(&options, out))?,
        Command::Logs { server, follow } => {
            let servers = server.map_or(Server::ALL.to_vec(), |server| vec![server]);
            printed(|out| Ok(logs::show(&options.dir, &servers, follow, out)?))?;
        }
        Command::Kill { server, signal } => {
            lease::command(&options.dir, &Request::Signal(server, signal), &mut progress)?;
        }
        Command::Start { server } => {
            lease::command(&options.dir, &Request::Start(server), &mut progress)?;
        }
        Command::Supervise { protocol, .. } if protocol != VERSION => {
            bail!("this program speaks protocol {VERSION}, its caller {protocol}");
        }
        Command::Supervise { stay: false, .. } => program::detach(&options.dir)?,
        Command::Supervise { stay: true, .. } => {
            // A new session: Ctrl-C and the end of the terminal are not meant for it.
            let _ = rustix::process::setsid();
            supervisor::run(&options.dir)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn bring_up(up: &Up, mut options: Options, progress: &mut Progress) -> Result<()> {
    up.apply(&mut options);
    options.hold = Hold::Pinned;
    let stack = stack::up(&options, progress)?;
    progress.clear();
    eprintln!("up in {:.1} s", progress.elapsed_seconds());
    eprintln!("  Kafka       {}", stack.brokers());
    eprintln!("  PostgreSQL  {}", stack.database_url());
    eprintln!("  folder      {}", stack.dir().display());
    eprintln!("use it: eval \"$(cargo stack env)\"     stop it: cargo stack down");
    Ok(())
}

/// The command dies with us, however we end; the lease then ends too.
fn run_command(up: &Up, mut options: Options, command: &[String]) -> Result<ExitCode> {
    up.apply(&mut options);
    let stack = stack::up(&options, &mut Progress::stderr())?;
    let mut command = process::tied(command, "TERM", None);
    let status = command.envs(stack.env()).status().context("cannot run the command")?;
    stack.release()?;
    // A signal has no code of its own; shells use 128 and more for it.
    let code = status.code().unwrap_or(128);
    Ok(u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from))
}

fn down(options: &Options, purge: bool, progress: &mut Progress) -> Result<()> {
    let was_up = lease::down(&options.dir, progress)?;
    // Containers outlive a supervisor that was killed, and their volumes every `down`.
    if State::load(&options.dir).source == Source::Compose && (purge || !was_up) {
        remove_containers(options, purge, progress)?;
    }
    progress.clear();
    eprintln!("{}", if was_up { "stopped" } else { "was not running" });
    if !purge || !options.dir.exists() {
        return Ok(());
    }
    if !State::exists(&options.dir) {
        bail!("{} is not a stack's folder; nothing removed", options.dir.display());
    }
    std::fs::remove_dir_all(&options.dir)
        .with_context(|| format!("cannot remove {}", options.dir.display()))?;
    eprintln!("removed {}", options.dir.display());
    Ok(())
}

fn remove_containers(options: &Options, purge: bool, progress: &mut Progress) -> Result<()> {
    progress.step("removing containers");
    let compose = Compose::new(&options.dir);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async { if purge { compose.purge().await } else { compose.stop().await } })
}

fn print_env(options: &Options, out: &mut impl Write) -> Result<()> {
    let state = State::load(&options.dir);
    let brokers = env::given("KAFKA_BROKERS")
        .or_else(|| state.kafka_port.map(|port| format!("127.0.0.1:{port}")));
    let database_url =
        env::given("DATABASE_URL").or_else(|| state.postgres_port.map(postgres::url));
    let (Some(brokers), Some(database_url)) = (brokers, database_url) else {
        bail!("there is no stack in {} yet; start it with `cargo stack up`", options.dir.display());
    };
    for (name, value) in env::exports(&brokers, &database_url) {
        writeln!(out, "export {name}={}", env::quoted(&value))?;
    }
    Ok(())
}

/// Prints to standard output; a reader that leaves early (`logs | head`) is no failure.
fn printed(print: impl FnOnce(&mut io::StdoutLock<'static>) -> Result<()>) -> Result<()> {
    let mut out = io::stdout().lock();
    let result = print(&mut out).and_then(|()| Ok(out.flush()?));
    match result {
        Err(error)
            if error
                .downcast_ref::<io::Error>()
                .is_some_and(|error| error.kind() == ErrorKind::BrokenPipe) =>
        {
            Ok(())
        }
        result => result,
    }
}
