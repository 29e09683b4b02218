//! Our own programs: started, signalled, stopped, by name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use rustix::process::Signal;
use stack::service::{Launch, Life, Service, free_port, set};
use tokio::time::{Instant, sleep};

use crate::notices::{Excuse, TELL_PATIENCE};
use crate::scenario::Program;

const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// A program, and the folder that it comes from instead of the usual one.
pub(crate) type Replaced = (&'static str, PathBuf);

/// Where the programs come from.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    pub(crate) folder: PathBuf,
    pub(crate) replaced: Option<Replaced>,
}

impl Programs {
    fn file(&self, name: &str) -> PathBuf {
        let other = self.replaced.as_ref().filter(|(replaced, _)| *replaced == name);
        other.map_or(&self.folder, |(_, folder)| folder).join(name)
    }
}

/// The programs that run.
pub(crate) struct Squad {
    programs: Programs,
    logs: PathBuf,
    env: Vec<(String, String)>,
    running: BTreeMap<Program, Service>,
    /// Last words of programs that ended before somebody wanted to end them.
    deserted: Vec<String>,
    /// Metrics of programs as they were frozen.
    frozen: BTreeMap<Program, String>,
    /// What the notifier may have left out since it was last asked.
    excuse: Excuse,
}

impl Squad {
    pub(crate) fn new(programs: Programs, logs: PathBuf, env: Vec<(String, String)>) -> Self {
        // The notifier appends, and nobody asks for what it told in another world.
        let _missing = std::fs::remove_file(told(&logs));
        let (running, frozen) = (BTreeMap::new(), BTreeMap::new());
        let (deserted, excuse) = (Vec::new(), None);
        Self { programs, logs, env, running, deserted, frozen, excuse }
    }

    /// Starts a program that does not run, with settings beside the usual ones. Does not
    /// wait until it is ready: what it needs may be broken.
    pub(crate) fn start(
        &mut self,
        program: Program,
        settings: Vec<(&'static str, String)>,
    ) -> Result<()> {
        let (name, folder) = (name_of(program), logs_of(&self.logs, program));
        let mut env = self.env.clone();
        for (variable, value) in settings {
            set(&mut env, variable, value);
        }
        if name == "processor" {
            set(&mut env, "PROCESSOR_ADMIN_LISTEN", format!("127.0.0.1:{}", free_port(0)?));
        }
        let told = format!("file:{}", told(&self.logs).display());
        let args: &[&str] = match program {
            Program::Processor(_) => &["run"],
            Program::Notifier => &["--sink", &told],
            Program::Ingest => &[],
        };
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        let program_file = self.programs.file(name);
        let life = Life::WithCaller;
        let launch = Launch { name, program: &program_file, args, env: &env, logs: &folder, life };
        self.running.insert(program, Service::start(&launch)?);
        Ok(())
    }

    pub(crate) fn runs(&self, program: Program) -> bool {
        self.running.contains_key(&program)
    }

    pub(crate) async fn wait_until_ready(&mut self) -> Result<()> {
        for service in self.running.values_mut() {
            service.wait_until_ready().await?;
        }
        Ok(())
    }

    /// Drains a program and waits for its end; nothing when it does not run.
    pub(crate) async fn stop(&mut self, program: Program) -> Result<()> {
        let Some(mut service) = self.take(program) else { return Ok(()) };
        let stopped = service.stop().await;
        if stopped.is_err() {
            self.excuse(program);
        }
        Ok(stopped?)
    }

    /// `kill -9`, and its end: the next one takes its ports. Nothing when it does not run.
    pub(crate) async fn kill(&mut self, program: Program) -> Result<()> {
        let killed = match self.take(program) {
            Some(service) => service.kill().await,
            None => Ok(()),
        };
        self.excuse(program);
        killed
    }

    /// What the notifier has in hand counts as told: it is lost with one that does not end
    /// in order.
    fn excuse(&mut self, program: Program) {
        if program == Program::Notifier {
            self.excuse = Some(SystemTime::now());
        }
    }

    /// What the notifier may have left out since the last call.
    pub(crate) fn take_excuse(&mut self) -> Excuse {
        self.excuse.take()
    }

    /// The file of notifications.
    pub(crate) fn told(&self) -> PathBuf {
        told(&self.logs)
    }

    /// Takes a program that is to be ended. The end of one that has ended by itself
    /// must not pass for the one that was wanted.
    fn take(&mut self, program: Program) -> Option<Service> {
        let words = self.deserter(program);
        self.deserted.extend(words);
        self.running.remove(&program)
    }

    /// Programs that do not get ready, with what they say.
    pub(crate) async fn unready(&mut self) -> Vec<String> {
        let mut unready = Vec::new();
        for service in self.running.values_mut() {
            let ready = service.wait_until_ready().await;
            unready.extend(ready.err().map(|error| format!("{error:#}")));
        }
        unready
    }

    /// SIGSTOP, and what it has counted until then; nothing when it does not run.
    pub(crate) async fn freeze(&mut self, program: Program) -> Result<()> {
        let Some(service) = self.running.get(&program) else { return Ok(()) };
        self.frozen.insert(program, service.metrics().await?);
        service.signal(Signal::STOP)?;
        self.excuse(program);
        Ok(())
    }

    /// SIGCONT; nothing when it does not run.
    pub(crate) fn thaw(&self, program: Program) -> Result<()> {
        self.running.get(&program).map_or(Ok(()), |service| service.signal(Signal::CONT))
    }

    /// That the notifier tells nothing any more, although orders come in.
    pub(crate) async fn silence(&self) -> Option<String> {
        let told = told(&self.logs);
        let length = || std::fs::metadata(&told).map_or(0, |file| file.len());
        let (begin, before) = (Instant::now(), length());
        while length() <= before {
            if begin.elapsed() > TELL_PATIENCE {
                return Some(format!("the notifier told nothing for {TELL_PATIENCE:?}"));
            }
            sleep(LOOK_INTERVAL).await;
        }
        None
    }

    /// The last words of programs that ended although nobody ended them, each once.
    pub(crate) fn deserters(&mut self) -> Vec<String> {
        let programs: Vec<_> = self.running.keys().copied().collect();
        let ended = programs.into_iter().filter_map(|program| self.deserter(program)).collect();
        [std::mem::take(&mut self.deserted), ended].concat()
    }

    /// The last words of a program if it has ended by itself; it is none of ours then.
    pub(crate) fn deserter(&mut self, program: Program) -> Option<String> {
        let error = self.running.get_mut(&program)?.check().err()?;
        self.running.remove(&program);
        Some(format!("{error:#}"))
    }

    /// Open files of each program that runs.
    pub(crate) fn open_files(&self) -> BTreeMap<Program, i64> {
        self.each(|pid| {
            i64::try_from(std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count()).ok()
        })
    }

    /// Private memory of each program that runs, in MiB.
    pub(crate) fn memory_mib(&self) -> BTreeMap<Program, i64> {
        self.each(|pid| i64::try_from(stack::usage::private_kib(pid) / 1024).ok())
    }

    /// The most memory that a program had since it was started, in MiB.
    ///
    /// # Errors
    /// It does not run.
    pub(crate) fn peak_mib(&self, program: Program) -> Result<u64> {
        let pid = self.running.get(&program).and_then(Service::pid);
        let pid = pid.with_context(|| format!("{program:?} does not run"))?;
        Ok(stack::usage::of_process(pid).peak_kib / 1024)
    }

    fn each(&self, look: impl Fn(u32) -> Option<i64>) -> BTreeMap<Program, i64> {
        let of = |(program, service): (&Program, &Service)| Some((*program, look(service.pid()?)?));
        self.running.iter().filter_map(of).collect()
    }

    /// How much a metric has risen since the program was frozen.
    ///
    /// # Errors
    /// The program was not frozen, does not run, or shows no metrics.
    pub(crate) async fn risen(&self, program: Program, name: &str) -> Result<f64> {
        let before = self.frozen.get(&program);
        let before = before.with_context(|| format!("{program:?} was not frozen"))?;
        let service =
            self.running.get(&program).with_context(|| format!("{program:?} does not run"))?;
        Ok(rise(name, before, &service.metrics().await?))
    }

    /// The environment that all programs share.
    pub(crate) fn env(&self) -> &[(String, String)] {
        &self.env
    }

    pub(crate) async fn stop_all(&mut self) -> Result<()> {
        let mut outcome = Ok(());
        while let Some((_, mut service)) = self.running.pop_first() {
            outcome = outcome.and(service.stop().await.map_err(Into::into));
        }
        outcome
    }
}

impl Drop for Squad {
    /// What is frozen would not hear that it is to end.
    fn drop(&mut self) {
        for service in self.running.values() {
            let _gone = service.signal(Signal::CONT);
        }
    }
}

/// How much a metric, summed over its labels, has risen from one page to the next.
fn rise(name: &str, before: &str, now: &str) -> f64 {
    // One that was never counted is not on the page.
    let value = |page| stack::service::metric(page, name).unwrap_or_default();
    value(now) - value(before)
}

/// The folder of what a program says.
fn logs_of(logs: &Path, program: Program) -> PathBuf {
    logs.join(format!("{program:?}"))
}

/// The file of notifications.
fn told(logs: &Path) -> PathBuf {
    logs_of(logs, Program::Notifier).join("notifications.jsonl")
}

fn name_of(program: Program) -> &'static str {
    match program {
        Program::Ingest => "ingest",
        Program::Processor(_) => "processor",
        Program::Notifier => "notifier",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_before_is_no_rise() {
        let (three, none) = ("fenced_total{worker=\"0\"} 3\n", "up 1\n");
        assert_eq!(rise("fenced_total", three, three), 0.0);
        assert_eq!(rise("fenced_total", none, three), 3.0);
        assert_eq!(rise("fenced_total", none, none), 0.0);
    }

    /// Ended, and nobody has asked for its status yet.
    fn is_zombie(pid: u32) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        stat.contains(") Z ")
    }

    #[tokio::test]
    async fn a_program_that_died_before_it_was_killed_is_told_once() {
        let folder = std::env::temp_dir().join(format!("ordermill-squad-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::os::unix::fs::symlink("/bin/false", folder.join("processor")).unwrap();
        let programs = Programs { folder: folder.clone(), replaced: None };
        let mut squad = Squad::new(programs, folder.join("logs"), Vec::new());
        let dead = Program::Processor(0);
        squad.start(dead, Vec::new()).unwrap();
        let pid = squad.running[&dead].pid().unwrap();
        while !is_zombie(pid) {
            sleep(LOOK_INTERVAL).await;
        }
        squad.kill(dead).await.unwrap();
        assert_eq!(squad.deserters(), ["processor ended (exit status: 1):\n"]);
        assert!(squad.deserters().is_empty() && squad.running.is_empty());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
