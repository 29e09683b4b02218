//! Servers as plain processes of this machine: what is needed is found or
//! installed, prepared in the stack's folder, started, watched and stopped.

mod alone;
mod apt;
pub mod classes;
pub mod install;
pub mod kafka;
pub mod port;
pub mod postgres;
pub mod process;
pub mod standby;
pub mod user;
