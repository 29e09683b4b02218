//! Dead letters in the hands of a person: list them, look at one, and put them
//! back on their topic once the cause is mended.
//!
//! A redriven record keeps key, value and headers, and so its event id: when it
//! was processed meanwhile, dedupe passes it over.

mod choose;
mod letter;
mod redrive;

use anyhow::Context as _;
use clap::Subcommand;
use service::args::{DatabaseArgs, KafkaArgs};
use sqlx::{Connection, PgConnection};

use choose::Order;
pub use choose::{Choice, Place};
pub use letter::Letter;
pub use redrive::Redrive;

/// What a person does with dead letters.
#[derive(Subcommand)]
pub enum DlqCommand {
    /// List dead letters, newest first
    List {
        /// Which of them.
        #[command(flatten)]
        choice: Choice,
        /// Most lines
        #[arg(long, default_value_t = 50)]
        limit: i64,
        /// Where they are.
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Show one with its headers and value
    Show {
        /// Where it was, such as orders/3/1234
        place: Place,
        /// Where they are.
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Put dead letters back on their topic; says what it would do unless told --yes
    Redrive(Redrive),
}

/// Carries a command out; gives what is to be printed.
///
/// # Errors
/// A server does not answer, what was named does not exist, or not all could be redriven.
pub async fn run(command: DlqCommand) -> anyhow::Result<String> {
    match command {
        DlqCommand::List { choice, limit, database } => {
            let mut connection = connect(&database).await?;
            let letters =
                choose::choose(&mut connection, &choice, Order::NewestFirst, limit).await?;
            let lines: Vec<_> = letters.iter().map(Letter::line).collect();
            Ok(if lines.is_empty() { "no dead letters".to_owned() } else { lines.join("\n") })
        }
        DlqCommand::Show { place, database } => {
            let mut connection = connect(&database).await?;
            Ok(choose::one(&mut connection, &place).await?.to_string())
        }
        DlqCommand::Redrive(redrive) => redrive.run().await,
    }
}

async fn connect(database: &DatabaseArgs) -> anyhow::Result<PgConnection> {
    PgConnection::connect(&database.database_url)
        .await
        .context("cannot reach PostgreSQL; is DATABASE_URL right, and is it up?")
}

/// What a redrive needs of the command line.
#[derive(clap::Args, Clone)]
pub struct Servers {
    #[command(flatten)]
    kafka: KafkaArgs,
    #[command(flatten)]
    database: DatabaseArgs,
}
