//! What a database error means for the batch that met it, by SQLSTATE class
//! (PostgreSQL, appendix A).

use sqlx::postgres::PgDatabaseError;

/// What to do next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Remedy {
    /// Run the whole transaction again on this connection: a deadlock, a lock
    /// or statement time-out, a serialisation failure.
    Retry,
    /// The connection or the server is unwell: connect again and retry for as
    /// long as it takes. After a COMMIT it is unknown whether it took place.
    Reconnect,
    /// PostgreSQL refuses a value: find the record by halving the batch.
    Bisect,
    /// Retrying cannot help and no record is to blame: stop loudly.
    Stop,
}

/// The remedy for an error.
pub fn remedy(error: &sqlx::Error) -> Remedy {
    match error {
        sqlx::Error::Database(database) => by_code(database.code().as_deref().unwrap_or_default()),
        // What is stored or asked is not what this version knows, on any connection.
        sqlx::Error::Configuration(_)
        | sqlx::Error::InvalidArgument(_)
        | sqlx::Error::TypeNotFound { .. }
        | sqlx::Error::ColumnNotFound(_)
        | sqlx::Error::ColumnIndexOutOfBounds { .. }
        | sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::Decode(_)
        | sqlx::Error::Encode(_) => Remedy::Stop,
        // Input/output, TLS, protocol: the connection's state is unknown.
        _ => Remedy::Reconnect,
    }
}

fn by_code(code: &str) -> Remedy {
    match code {
        // serialization_failure, deadlock_detected, lock_not_available, query_canceled
        "40001" | "40P01" | "55P03" | "57014" => Remedy::Retry,
        // cached plan must not change result type; a transaction left broken, idle or open
        // too long; a database that takes no connections
        "0A000" | "25P02" | "25P03" | "25P04" | "55000" => Remedy::Reconnect,
        // read_only_sql_transaction: a standby, until it is promoted
        "25006" | "40003" => Remedy::Reconnect,
        _ => match code.get(..2).unwrap_or_default() {
            // connection, operator intervention, resources, system error
            "08" | "57" | "53" | "58" | "XX" => Remedy::Reconnect,
            // data exception, integrity violation, cardinality violation
            "22" | "23" | "21" => Remedy::Bisect,
            _ => Remedy::Stop,
        },
    }
}

/// The SQLSTATE, when the server sent one.
pub fn code(error: &sqlx::Error) -> Option<String> {
    error.as_database_error().and_then(sqlx::error::DatabaseError::code).map(Into::into)
}

/// What the server adds to its message, such as the row that it refuses.
pub fn detail(error: &sqlx::Error) -> Option<&str> {
    error.as_database_error()?.try_downcast_ref::<PgDatabaseError>()?.detail()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_has_its_remedy() {
        for (code, expected) in [
            ("40P01", Remedy::Retry),
            ("55P03", Remedy::Retry),
            ("57P01", Remedy::Reconnect),
            ("53300", Remedy::Reconnect),
            ("08006", Remedy::Reconnect),
            ("25006", Remedy::Reconnect),
            ("25P03", Remedy::Reconnect),
            ("25P04", Remedy::Reconnect),
            ("55000", Remedy::Reconnect),
            ("22021", Remedy::Bisect),
            ("23514", Remedy::Bisect),
            ("42P01", Remedy::Stop),
            ("28P01", Remedy::Stop),
            ("3D000", Remedy::Stop),
        ] {
            assert_eq!(by_code(code), expected, "{code}");
        }
    }
}
