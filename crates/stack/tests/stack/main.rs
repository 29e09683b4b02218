//! The real program with real servers: one test binary, so that cargo runs as
//! many stacks at once as the machine has cores and no more.

#[cfg(test)]
mod broker;
#[cfg(test)]
mod compose_file;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod sources;
#[cfg(test)]
mod support;
